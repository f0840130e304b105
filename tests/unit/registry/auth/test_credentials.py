import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fakes.asking import look_up
from fakes.registry import FakeRegistry
from gitops_doca.core.reference import parse_repository
from gitops_doca.core.resolve.lookup import Cause, TagUnknown
from gitops_doca.net.deadline import Deadline
from gitops_doca.registry.auth.credentials import (
    Credential,
    CredentialCandidate,
    HelperCall,
    IdentityToken,
    InvalidCredential,
    Password,
    RegistryToken,
)
from gitops_doca.registry.auth.keychain import Keychain
from gitops_doca.registry.options import RegistryOptions

Config = Callable[..., Path]


def _auth(pair: str) -> str:
    return base64.b64encode(pair.encode()).decode()


def _entry(user: str) -> dict[str, str]:
    return {"auth": _auth(f"{user}:pw")}


def _keychain(file: Path | None, environ: Mapping[str, str] | None = None) -> Keychain:
    options = RegistryOptions(environ=environ or {}, registry_config=file)
    return Keychain(options, Deadline.after(5), lambda warning: pytest.fail(warning.message))


def _users(file: Path, repository: str) -> list[str]:
    parsed = parse_repository(repository)
    result = _keychain(file).candidates(parsed.registry, parsed.path)
    sent = [login.authorization for login in result if isinstance(login, Password)]
    assert len(sent) == len(result)
    return [base64.b64decode(one.removeprefix("Basic ")).decode().partition(":")[0] for one in sent]


def _candidates(file: Path) -> tuple[CredentialCandidate, ...]:
    return _keychain(file).candidates("r.example", "a/b")


@pytest.mark.parametrize(
    ("keys", "repository", "result"),
    [
        (["r.example"], "r.example/a", "r.example"),
        (["R.Example"], "r.example/a", "R.Example"),
        (["https://r.example"], "r.example/a", "https://r.example"),
        (["http://r.example/"], "r.example/a", "http://r.example/"),
        (["https://r.example/v1/"], "r.example/a", "https://r.example/v1/"),
        (["https://r.example/v2"], "r.example/a", "https://r.example/v2"),
        (["https://r.example/some/path"], "r.example/a", "https://r.example/some/path"),
        (["r.example:5000"], "r.example:5000/a", "r.example:5000"),
        (["r.example"], "r.example:5000/a", ""),
        (["r.example:5000"], "r.example/a", ""),
        (["example"], "r.example/a", ""),
        (["*.example"], "r.example/a", ""),
        (["r.example/a", "r.example"], "r.example/a/b", "r.example/a"),
        (["r.example", "r.example/a/b", "r.example/a"], "r.example/a/b/c", "r.example/a/b"),
        (["r.example/a/b"], "r.example/a/b", "r.example/a/b"),
        (["r.example/par"], "r.example/partial", ""),
        (["r.example/a/b"], "r.example/a", ""),
        (["https://r.example/v1/a", "r.example"], "r.example/a/b", "https://r.example/v1/a"),
        (["https://r.example", "r.example"], "r.example/a", "r.example"),
        (["https://index.docker.io/v1/", "docker.io"], "ubuntu", "https://index.docker.io/v1/"),
        (["docker.io"], "docker.io/library/ubuntu", "docker.io"),
        (["index.docker.io"], "ubuntu", "index.docker.io"),
        (["docker.io/library"], "ubuntu", "docker.io/library"),
        (["registry-1.docker.io"], "ubuntu", ""),
        (["https://index.docker.io/v1/"], "r.example/ubuntu", ""),
        ([], "r.example/a", ""),
    ],
)
def test_which_entry_is_meant(config: Config, keys: list[str], repository: str, result: str) -> None:
    users = [f"user{number}" for number in range(len(keys))]
    file = config(auths={key: _entry(user) for key, user in zip(keys, users, strict=True)})

    assert _users(file, repository)[:1] == ([users[keys.index(result)]] if result else [])


def test_all_entries_for_a_repository_are_found_the_most_specific_first(config: Config) -> None:
    keys = ["https://r.example/v1/", "r.example", "r.example/a", "x.example", "r.example/a/b"]
    file = config(auths={key: _entry(f"user{number}") for number, key in enumerate(keys)})

    assert _users(file, "r.example/a/b") == ["user4", "user2", "user1", "user0"]


@pytest.mark.parametrize(
    ("entry", "pair"),
    [
        ({"auth": _auth("me:pw")}, "me:pw"),
        ({"auth": _auth("me:pw").rstrip("=") + "\n"}, "me:pw"),
        ({"auth": _auth("me:p:w é")}, "me:p:w é"),
        ({"auth": _auth("$oauthtoken:pw\0")}, "$oauthtoken:pw"),
        ({"username": "me", "password": "p:w"}, "me:p:w"),
        ({"auth": _auth("me:pw"), "username": "other", "password": "other"}, "me:pw"),
        ({"auth": "", "username": "me", "password": "pw", "email": "x"}, "me:pw"),
    ],
)
def test_every_way_to_write_a_login(config: Config, entry: dict[str, str], pair: str) -> None:
    file = config(auths={"r.example": entry})

    assert _candidates(file) == (Password(f"Basic {_auth(pair)}", str(file)),)


@pytest.mark.parametrize("content", [{}, {"auths": None}, {"auths": {}}, {"auths": {"r.example": {}}}])
def test_a_config_without_a_login_is_anonymous(config: Config, content: dict[str, Any]) -> None:
    assert _candidates(config(**content)) == ()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ({"auths": []}, "is not a docker config.json: its auths is not an object"),
        ({"credHelpers": "x"}, "is not a docker config.json: its credHelpers is not an object"),
        (
            {"auths": {"r.example": "secret"}},
            "has an entry for this registry that docker would not write",
        ),
        (
            {"auths": {"r.example": {"auth": 5}}},
            "has an entry for this registry that docker would not write",
        ),
        (
            {"auths": {"r.example": {"auth": "s%cret"}}},
            "has an auth for this registry that is not base64",
        ),
        (
            {"auths": {"r.example": {"auth": "sécret"}}},
            "has an auth for this registry that is not base64",
        ),
        (
            {"auths": {"r.example": {"auth": _auth("secret")}}},
            "has an auth for this registry that is not user:password",
        ),
        (
            {"auths": {"r.example": {"auth": _auth(":secret")}}},
            "has an auth for this registry that is not user:password",
        ),
        (
            {"auths": {"r.example": {"username": "secret"}}},
            "has a user name without a password for this registry, or the reverse",
        ),
        (
            {"auths": {"r.example": {"identitytoken": "secret\r\nHost: x"}}},
            "has a token for this registry with characters that no token has",
        ),
        (
            {"auths": {"r.example": {"registrytoken": "sécret"}}},
            "has a token for this registry with characters that no token has",
        ),
        (
            {"auths": {"r.example": {"username": "me", "password": "secret\ud800"}}},
            "has a user name or a password that is not text",
        ),
        ({"credsStore": "../secret"}, "names an invalid credential helper"),
        ({"credsStore": 5}, "names an invalid credential helper"),
        ({"credHelpers": {"r.example": "a/b"}}, "names an invalid credential helper"),
        ({"credHelpers": {"r.example": "a b"}}, "names an invalid credential helper"),
    ],
)
def test_what_cannot_be_used_is_never_anonymous(
    fake: FakeRegistry, config: Config, content: dict[str, Any], what: str
) -> None:
    file = config(**content)

    assert _candidates(file) == (InvalidCredential(f"{file} {what}"),)
    file.write_text(file.read_text().replace("r.example", fake.host))
    assert look_up(fake, registry_config=file) == TagUnknown(Cause.CREDENTIALS, f"{file} {what}")
    assert fake.requests == []


@pytest.mark.parametrize(
    ("entry", "login"),
    [
        ({"identitytoken": "t"}, IdentityToken("t", "<token>", "")),
        ({"auth": _auth("0000:"), "identitytoken": "t"}, IdentityToken("t", "0000", "")),
        ({"auth": "%", "identitytoken": "t"}, IdentityToken("t", "<token>", "")),
        ({"registrytoken": "t", "identitytoken": "u"}, RegistryToken("t", "")),
    ],
)
def test_tokens_in_place_of_a_password(config: Config, entry: dict[str, str], login: Credential) -> None:
    file = config(auths={"r.example": entry})

    assert _candidates(file) == (replace(login, place=str(file)),)


def test_an_entry_that_cannot_be_used_hides_no_other(config: Config) -> None:
    file = config(auths={"r.example/a": {"auth": "%"}, "r.example": _entry("me")})

    assert _candidates(file) == (
        InvalidCredential(f"{file} has an auth for this registry that is not base64"),
        Password(f"Basic {_auth('me:pw')}", str(file)),
    )


@pytest.mark.parametrize(
    ("content", "repository", "name", "server"),
    [
        ({"credHelpers": {"r.example": "one"}, "credsStore": "all"}, "r.example/a", "one", "r.example"),
        ({"credHelpers": {"r.example:1": "one"}, "credsStore": "all"}, "r.example/a", "all", "r.example"),
        ({"credsStore": "all"}, "ubuntu", "all", "https://index.docker.io/v1/"),
        ({"credHelpers": {"docker.io": "hub"}}, "ubuntu", "hub", "docker.io"),
        ({"credHelpers": {"r.example:5000": "one"}}, "r.example:5000/a", "one", "r.example:5000"),
    ],
)
def test_which_helper_runs_for_which_server(
    config: Config, content: dict[str, Any], repository: str, name: str, server: str
) -> None:
    file, parsed = config(**content), parse_repository(repository)

    assert _keychain(file).candidates(parsed.registry, parsed.path) == (HelperCall(name, server, str(file)),)


@pytest.mark.parametrize("helpers", [{"r.example": ""}, {"x.example": "helper"}])
def test_an_empty_helper_stands_for_the_file(config: Config, helpers: dict[str, str]) -> None:
    file = config(credHelpers=helpers, auths={"r.example": _entry("me")})

    assert _candidates(file) == (Password(f"Basic {_auth('me:pw')}", str(file)),)


def test_what_other_registries_use_does_not_matter(config: Config) -> None:
    other = {"auths": {"x.example": {"auth": "%"}}, "credHelpers": {"x.example": "helper"}}

    assert _candidates(config(**other)) == ()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "is not valid JSON"),
        (b'{"auths": secret', "is not valid JSON"),
        (b"\xff\xfe\xfa", "is not valid JSON"),
        (b"[" * 100_000, "is not valid JSON"),
        (b"[]", "is not a docker config.json: its JSON is not an object"),
        (b" " * (4 * 1024 * 1024 + 1), "is too large for a docker config.json"),
    ],
)
def test_a_broken_file_is_unknown_for_every_registry(
    fake: FakeRegistry, tmp_path: Path, content: bytes, what: str
) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(content)

    assert look_up(fake, registry_config=file) == TagUnknown(Cause.CREDENTIALS, f"{file} {what}")
    assert fake.requests == []


def test_a_file_that_was_named_must_be_there(fake: FakeRegistry, tmp_path: Path) -> None:
    file = tmp_path / "absent.json"

    assert look_up(fake, registry_config=file) == TagUnknown(
        Cause.CREDENTIALS, f"{file} cannot be read: no such file or directory"
    )


def test_a_folder_that_was_named_is_no_file(fake: FakeRegistry, tmp_path: Path) -> None:
    assert look_up(fake, registry_config=tmp_path) == TagUnknown(
        Cause.CREDENTIALS, f"{tmp_path} cannot be read: is a directory"
    )


def test_a_default_file_that_cannot_be_read_is_unknown(fake: FakeRegistry, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    # Unlike a file without permissions it cannot be read by root either.
    file.symlink_to("/proc/self/mem")

    assert look_up(fake, environ={"DOCKER_CONFIG": str(tmp_path)}) == TagUnknown(
        Cause.CREDENTIALS, f"{file} cannot be read: input/output error"
    )


@pytest.mark.parametrize(
    ("present", "variables", "result"),
    [
        (["h/.docker/config.json"], ["HOME=h"], "h/.docker/config.json"),
        (["d/config.json", "h/.docker/config.json"], ["HOME=h", "DOCKER_CONFIG=d"], "d/config.json"),
        (["h/.docker/config.json"], ["HOME=h", "DOCKER_CONFIG=d"], ""),
        (["h/.docker/config.json"], [], ""),
        (["f"], ["REGISTRY_AUTH_FILE=f"], "f"),
        (["f", "h/.docker/config.json"], ["HOME=h", "REGISTRY_AUTH_FILE=f"], "h/.docker/config.json"),
        (["r/containers/auth.json"], ["XDG_RUNTIME_DIR=r"], "r/containers/auth.json"),
        (["x/containers/auth.json"], ["HOME=h", "XDG_CONFIG_HOME=x"], "x/containers/auth.json"),
        (["h/.config/containers/auth.json"], ["HOME=h"], "h/.config/containers/auth.json"),
        (["h/.docker/config.json/x", "f"], ["HOME=h", "REGISTRY_AUTH_FILE=f"], "f"),
        ([], ["HOME=h", "DOCKER_CONFIG=d", "REGISTRY_AUTH_FILE=f", "XDG_RUNTIME_DIR=r"], ""),
    ],
)
def test_where_the_default_file_is(
    tmp_path: Path, present: list[str], variables: list[str], result: str
) -> None:
    for name in present:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    environ = {name: str(tmp_path / value) for name, _, value in (v.partition("=") for v in variables)}

    assert _keychain(None, environ).places == ((str(tmp_path / result),) if result else ())


def test_a_default_place_that_cannot_be_looked_at_holds_nothing() -> None:
    assert _keychain(None, {"HOME": "/" + "x" * 5000}).places == ()


@pytest.mark.parametrize("entry", [_entry("me"), {"identitytoken": "secret"}, {"registrytoken": "secret"}])
def test_a_login_does_not_show_itself(config: Config, entry: dict[str, str]) -> None:
    (login,) = _candidates(config(auths={"r.example": entry}))

    assert "secret" not in repr(login)
    assert _auth("me:pw") not in repr(login)


def test_the_file_is_read_once(config: Config) -> None:
    file = config(auths={"r.example": _entry("me")})
    keychain = _keychain(file)
    first = keychain.candidates("r.example", "a")
    file.write_text(json.dumps({"auths": {}}))

    assert keychain.candidates("r.example", "a") == first
