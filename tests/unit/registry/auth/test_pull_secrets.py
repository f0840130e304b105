import base64
from typing import Any

import pytest

from gitops_doca.core.diagnostics import Diagnostic
from gitops_doca.core.reference import parse_repository
from gitops_doca.net.deadline import Deadline
from gitops_doca.registry.auth.credentials import CredentialCandidate, InvalidCredential, Password
from gitops_doca.registry.auth.keychain import Keychain
from gitops_doca.registry.auth.pull_secrets import PullSecret, key_matches, normal_key
from gitops_doca.registry.options import RegistryOptions

PLACE = "secret.yaml (Secret pull)"


def _entry(user: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:pw".encode()).decode()}


def _secret(*keys: str, place: str = PLACE) -> PullSecret:
    """Return a secret whose users are called like their keys, less what a user name cannot have."""
    return PullSecret(place=place, auths={key: _entry(key.replace(":", "_")) for key in keys})


def _candidates(repository: str, *secrets: PullSecret) -> tuple[tuple[CredentialCandidate, ...], list[str]]:
    warnings: list[Diagnostic] = []
    options = RegistryOptions(environ={}, pull_secrets=secrets)
    parsed = parse_repository(repository)
    keychain = Keychain(options, Deadline.after(5), warnings.append)
    return keychain.candidates(parsed.registry, parsed.path), [warning.message for warning in warnings]


def _users(repository: str, *secrets: PullSecret) -> list[str]:
    result, _ = _candidates(repository, *secrets)
    sent = [one.authorization for one in result if isinstance(one, Password)]
    assert len(sent) == len(result)
    return [base64.b64decode(one.removeprefix("Basic ")).decode().rpartition(":")[0] for one in sent]


@pytest.mark.parametrize(
    ("key", "normal"),
    [
        ("r.io", "r.io"),
        ("R.IO", "r.io"),
        ("r.io/", "r.io"),
        ("http://r.io", "r.io"),
        ("https://r.io/", "r.io"),
        ("https://r.io/v1/", "r.io"),
        ("https://r.io/v2/", "r.io"),
        ("r.io/v1/", "r.io"),
        ("https://r.io/v1", "r.io/v1"),
        ("https://r.io/v2/Team/x", "r.io/Team/x"),
        ("https://r.io/v3/", "r.io/v3/"),
        ("r.io/a/v1/", "r.io/a/v1/"),
        ("r.io:5000/a", "r.io:5000/a"),
        ("ftp://r.io", "ftp://r.io"),
    ],
)
def test_keys_without_scheme_and_version_of_the_api(key: str, normal: str) -> None:
    assert normal_key(key) == normal


@pytest.mark.parametrize(
    ("key", "repository"),
    [
        ("hello.example.io", "hello.example.io/a"),
        ("https://hello.example.io", "hello.example.io/a"),
        ("https://*.example.io", "prefix.example.io/a"),
        ("https://prefix.*.io", "prefix.example.io/a"),
        ("https://prefix.example.*", "prefix.example.io/a"),
        ("https://*.example.io/path", "prefix.example.io/path"),
        ("https://prefix.*.io/path", "prefix.example.io/path/below"),
        ("https://prefix.example.*/path", "prefix.example.io/path"),
        ("https://*.example.io:8888", "prefix.example.io:8888/a"),
        ("https://prefix.*.io:8888", "prefix.example.io:8888/a"),
        ("https://prefix.example.*:8888", "prefix.example.io:8888/a"),
        ("https://*.example.io/v1/", "prefix.example.io/path"),
        ("https://*.example.io/v2/", "prefix.example.io/path"),
        ("https://prefix.example.*/v1/path", "prefix.example.io/path"),
        ("prefix.example.io:1111", "prefix.example.io:1111/path"),
        ("*.example.io:1111", "prefix.example.io:1111/path"),
        ("r.io/par", "r.io/partial"),
        ("r.io/partial/", "r.io/partial/x"),
        ("pre[^a]ix.example.io", "prefix.example.io/a"),
        ("p?efix.example.io", "prefix.example.io/a"),
        ("[a-z]refix.example.io", "prefix.example.io/a"),
        ("localhost:5000", "localhost:5000/a"),
        ("[::1]:5000", "[::1]:5000/a"),
        ("127.0.0.1:5000", "127.0.0.1:5000/a"),
        ("127.0.0.*:5000", "127.0.0.1:5000/a"),
    ],
)
def test_a_key_matches_repositories_below_it_by_the_kubelets_rules(key: str, repository: str) -> None:
    parsed = parse_repository(repository)

    assert key_matches(normal_key(key), parsed.registry, parsed.path)


@pytest.mark.parametrize(
    ("key", "repository"),
    [
        ("https://hello.example.io", "world.example.org/foo/bar"),
        ("https://*.example.com", "prefix.example.io/a"),
        ("https://suffix.*.io", "prefix.example.io/a"),
        ("https://prefix.example.c*", "prefix.example.io/a"),
        ("https://prefix.*.io/path", "prefix.example.io/other/path"),
        ("https://*.io", "prefix.example.io/a"),
        ("*", "prefix.example.io/a"),
        ("*.*.*.*", "prefix.example.io/a"),
        ("pre[^f]ix.example.io", "prefix.example.io/a"),
        ("pre[!a]ix.example.io", "prefix.example.io/a"),
        ("r.io", "r.io:443/a"),
        ("r.io:443", "r.io/a"),
        ("r.io:*", "r.io:5000/a"),
        ("r.io/v1", "r.io/a"),
        ("r.io/a/b", "r.io/a"),
        ("r.io/a/", "r.io/a"),
        ("ftp://r.io", "r.io/a"),
        ("", "r.io/a"),
        ("[::1]", "[::1]:5000/a"),
        ("[", "r.io/a"),
    ],
)
def test_keys_that_do_not_match(key: str, repository: str) -> None:
    parsed = parse_repository(repository)

    assert not key_matches(normal_key(key), parsed.registry, parsed.path)


def test_longer_paths_come_before_shorter_ones() -> None:
    secret = _secret("r.io", "r.io/nested/repo", "r.io/nested", "r.io/other")

    assert _users("r.io/nested/repo", secret) == ["r.io/nested/repo", "r.io/nested", "r.io"]


def test_the_order_is_that_of_letters_not_of_length() -> None:
    assert _users("a.r.io/x", _secret("*.r.io/x", "a.r.io", "?.r.io/x")) == ["a.r.io", "?.r.io/x", "*.r.io/x"]


def test_the_order_of_keys_goes_over_all_secrets() -> None:
    assert _users("r.io/a/b", _secret("r.io"), _secret("r.io/a")) == ["r.io/a", "r.io"]


def test_of_one_key_the_first_secret_comes_first() -> None:
    first = PullSecret(place="one", auths={"r.io": _entry("first")})
    second = PullSecret(place="two", auths={"https://r.io/v1/": _entry("second"), "r.io": _entry("third")})

    assert _users("r.io/a", first, second)[0] == "first"
    assert sorted(_users("r.io/a", first, second)) == ["first", "second", "third"]
    assert _users("r.io/a", second, first)[-1] == "first"


def test_one_login_of_one_place_is_tried_once() -> None:
    secret = PullSecret(place=PLACE, auths={"r.io": _entry("me"), "https://r.io": _entry("me")})

    assert _users("r.io/a", secret) == ["me"]


@pytest.mark.parametrize(
    "repository", ["ubuntu", "docker.io/library/ubuntu", "index.docker.io/library/ubuntu"]
)
def test_docker_hub_has_two_names(repository: str) -> None:
    secret = _secret(
        "https://index.docker.io/v1/", "docker.io", "docker.io/library/ubuntu", "docker.io/other"
    )
    result, warnings = _candidates(repository, secret)

    assert [type(one) for one in result] == [Password] * 3
    assert _users(repository, secret) == [
        "docker.io/library/ubuntu",
        "docker.io",
        "https_//index.docker.io/v1/",
    ]
    assert warnings == []


def test_docker_hub_under_the_kubelets_name_alone_is_reported() -> None:
    _, warnings = _candidates("ubuntu", _secret("docker.io"))

    told = (
        "a pull secret has the credentials of Docker Hub under docker.io: the kubelet finds them, "
        "and the Network Operator only under https://index.docker.io/v1/"
    )
    assert warnings == [told]


def test_nothing_is_reported_about_other_registries() -> None:
    assert _candidates("r.io/a", _secret("docker.io")) == ((), [])


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        ({"auth": "s%cret"}, "has an auth for this registry that is not base64"),
        ("secret", "has an entry for this registry that docker would not write"),
        ({"username": "secret"}, "has a user name without a password for this registry, or the reverse"),
        (
            {"auth": base64.b64encode(b"secret").decode()},
            "has an auth for this registry that is not user:password",
        ),
    ],
)
def test_an_entry_that_cannot_be_used_names_its_secret(entry: Any, what: str) -> None:
    secret = PullSecret(place=PLACE, auths={"r.io": entry, "x.io": "rubbish"})

    assert _candidates("r.io/a", secret) == ((InvalidCredential(f"{PLACE} {what}"),), [])


def test_a_helper_in_a_pull_secret_is_never_run() -> None:
    secret = PullSecret(place=PLACE, auths={"credHelpers": {"r.io": "evil"}, "credsStore": "evil"})

    assert _candidates("r.io/a", secret) == ((), [])


def test_a_secret_does_not_show_itself() -> None:
    assert repr(_secret("r.io")) == f"PullSecret(place='{PLACE}')"
