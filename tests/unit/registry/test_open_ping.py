"""Registries whose `/v2/` is open to everybody, and that ask for a login where something is private."""

import base64
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.asking import REPOSITORY, list_tags, look_up, repository_of, resolver
from fakes.registry import Auth, FakeRegistry, Fault, errors, image
from gitops_doca.core.reference import Digest
from gitops_doca.core.resolve.lookup import (
    REPOSITORY_NOT_VISIBLE,
    Cause,
    ImagePlatforms,
    TagExists,
    TagList,
    TagMissing,
    TagUnknown,
)
from gitops_doca.registry.auth.pull_secrets import PullSecret

Config = Callable[..., Path]

LOGIN = ("me", "right")
ENTRY = {"username": LOGIN[0], "password": LOGIN[1]}
WRONG = {"username": LOGIN[0], "password": "wrong"}
SENT = f"Basic {base64.b64encode(b'me:right').decode()}"
REFUSED = f"Basic {base64.b64encode(b'me:wrong').decode()}"
SCOPE = f"repository:{REPOSITORY}:pull"
BASIC = Auth(scheme="basic", login=LOGIN, open_ping=True)
BEARER = Auth(scheme="bearer", login=LOGIN, open_ping=True)
ANYBODY = Auth(scheme="bearer", open_ping=True)
NOT_ASKED = "the registry sent no challenge that can be answered, so no credentials were sent"


def _fake(auth: Auth, **settings: object) -> FakeRegistry:
    return FakeRegistry(tags={REPOSITORY: ["here"]}, auth=auth, **settings)  # type: ignore[arg-type]


def _sent(fake: FakeRegistry) -> list[tuple[str, str]]:
    return [(request.kind, request.authorization) for request in fake.requests]


def _secret(fake: FakeRegistry, place: str, entry: dict[str, str]) -> PullSecret:
    return PullSecret(place=place, auths={fake.host: entry})


def _exists(fake: FakeRegistry) -> TagExists:
    return TagExists(Digest(fake.digest(REPOSITORY, "here")))


def test_a_password_answers_the_basic_challenge_of_a_manifest(config: Config) -> None:
    with _fake(BASIC) as fake:
        result = look_up(fake, registry_config=config(auths={fake.host: ENTRY}))

        assert result == _exists(fake)
        assert _sent(fake) == [("ping", ""), ("head", ""), ("head", SENT)]


def test_a_password_is_exchanged_by_the_bearer_challenge_of_a_manifest(config: Config) -> None:
    with _fake(BEARER) as fake:
        result = look_up(fake, registry_config=config(auths={fake.host: ENTRY}))

        assert result == _exists(fake)
        assert _sent(fake) == [("ping", ""), ("head", ""), ("token", SENT), ("head", "Bearer token-3")]
        assert fake.requests[2].query == {"service": ["fake"], "scope": [SCOPE]}


def test_anybody_fetches_a_token_by_the_challenge_of_a_manifest() -> None:
    with _fake(ANYBODY) as fake:
        assert look_up(fake) == _exists(fake)
        assert _sent(fake) == [("ping", ""), ("head", ""), ("token", ""), ("head", "Bearer token-3")]


def test_an_identity_token_is_exchanged_by_the_challenge_of_a_manifest(config: Config) -> None:
    with _fake(replace(BEARER, identity="identity")) as fake:
        entry = {"auth": base64.b64encode(b"0000:").decode(), "identitytoken": "identity"}

        assert look_up(fake, registry_config=config(auths={fake.host: entry})) == _exists(fake)
        assert [request.method for request in fake.requests] == ["GET", "HEAD", "POST", "HEAD"]
        assert fake.requests[2].form["refresh_token"] == ["identity"]


def test_a_registry_token_answers_any_challenge_of_a_manifest(config: Config) -> None:
    with _fake(ANYBODY) as fake:
        fake.tokens["mine"] = [SCOPE]
        file = config(auths={fake.host: {"registrytoken": "mine"}})

        assert look_up(fake, registry_config=file) == _exists(fake)
        assert _sent(fake) == [("ping", ""), ("head", ""), ("head", "Bearer mine")]


def test_a_helper_runs_after_the_challenge(config: Config, tmp_path: Path) -> None:
    program = tmp_path / "docker-credential-test"
    answer = json.dumps({"ServerURL": "x", "Username": LOGIN[0], "Secret": LOGIN[1]})
    program.write_text(f"#!/bin/sh\necho run >> '{tmp_path}/log'\necho '{answer}'\n")
    program.chmod(0o755)
    environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    with _fake(replace(BASIC, public=("open",))) as fake:
        fake.repositories["open"] = fake.repositories[REPOSITORY]
        asked = resolver(registry_config=config(credsStore="test"), environ=environ)
        asked.resolve([repository_of(fake, "open").tag("here")])
        before = (tmp_path / "log").exists()
        image = repository_of(fake).tag("here")

        assert asked.resolve([image]) == {image: _exists(fake)}
        assert (before, (tmp_path / "log").read_text()) == (False, "run\n")


def test_a_public_repository_is_never_sent_the_login_of_a_private_one(config: Config) -> None:
    with _fake(replace(BASIC, public=("open",))) as fake:
        fake.repositories["open"] = fake.repositories[REPOSITORY]
        images = [repository_of(fake).tag("here"), repository_of(fake, "open").tag("here")]
        asked = resolver(registry_config=config(auths={fake.host: ENTRY}))
        for image in images * 2:
            assert asked.resolve([image]) == {image: _exists(fake)}

        open_ones = [request.authorization for request in fake.requests if "/open/" in request.path]
        assert open_ones == ["", ""]


def test_a_missing_tag_is_missing_and_a_list_is_read_behind_a_challenge(config: Config) -> None:
    for auth in (BASIC, BEARER):
        with _fake(auth) as fake:
            file = config(auths={fake.host: ENTRY})

            assert look_up(fake, "gone", registry_config=file) == TagMissing()
            assert list_tags(fake, registry_config=file) == TagList(frozenset({"here"}), complete=True)


def test_a_list_alone_may_be_behind_a_challenge(config: Config) -> None:
    with FakeRegistry(tags={REPOSITORY: ["here"]}) as fake:
        fake.fail("list", errors(401, "UNAUTHORIZED"))
        fake.fail("list", Fault(status=401, headers=(("WWW-Authenticate", "Basic realm=a"),)))
        asked = resolver(registry_config=config(auths={fake.host: ENTRY}))
        asked.resolve([repository_of(fake).tag("here")])
        first, second = (asked.list_tags([repository_of(fake)])[repository_of(fake)] for _ in range(2))

        assert first == TagList(reason="401 Unauthorized (UNAUTHORIZED)")
        assert second == TagList(frozenset({"here"}), complete=True)
        assert _sent(fake)[1:] == [("head", ""), ("list", ""), ("list", ""), ("list", SENT)]


def test_a_challenge_of_the_list_that_cannot_be_answered_leaves_manifests_open() -> None:
    with FakeRegistry(tags={REPOSITORY: ["here"]}) as fake:
        challenge = (("WWW-Authenticate", 'Bearer realm="file:///token"'),)
        fake.fail_always("list", Fault(status=401, headers=challenge))
        asked, here = resolver(), repository_of(fake).tag("here")

        assert asked.list_tags([here.repository])[here.repository] == TagList(
            reason="the token realm is not a valid URL"
        )
        assert asked.resolve([here]) == {here: _exists(fake)}


@pytest.mark.parametrize("auth", [BASIC, BEARER])
def test_a_configuration_is_read_behind_a_challenge(config: Config, auth: Auth) -> None:
    manifest, blob = image()
    with FakeRegistry(tags={REPOSITORY: {"here": manifest}}, blobs=(blob,), auth=auth) as fake:
        here = repository_of(fake).tag("here")
        asked = resolver(registry_config=config(auths={fake.host: ENTRY}))

        assert asked.inspect([here]) == {
            here: ImagePlatforms(Digest(manifest.digest), frozenset({"linux/amd64"}))
        }
        assert fake.count("token") == (auth is BEARER)


def test_a_configuration_alone_may_be_behind_a_challenge(config: Config) -> None:
    manifest, blob = image()
    with FakeRegistry(tags={REPOSITORY: {"here": manifest}}, blobs=(blob,)) as fake:
        fake.fail("blob", Fault(status=401, headers=(("WWW-Authenticate", "Basic realm=a"),)))
        here = repository_of(fake).tag("here")
        asked = resolver(registry_config=config(auths={fake.host: ENTRY}))

        assert isinstance(asked.inspect([here])[here], ImagePlatforms)
        assert _sent(fake)[1:] == [("get", ""), ("blob", ""), ("blob", SENT)]


def test_storage_on_another_host_is_sent_no_login_for_its_challenge(config: Config) -> None:
    manifest, blob = image()
    with (
        FakeRegistry(auth=BASIC) as storage,
        FakeRegistry(tags={REPOSITORY: {"here": manifest}}, blobs=(blob,)) as fake,
    ):
        target = f"{storage.url}/v2/{REPOSITORY}/blobs/{manifest.config}"
        fake.fail_always("blob", Fault(status=307, headers=(("Location", target),)))
        here = repository_of(fake).tag("here")
        asked = resolver(registry_config=config(auths={fake.host: ENTRY, storage.host: ENTRY}))

        assert asked.inspect([here])[here] == TagUnknown(
            Cause.NO_CHALLENGE, f"401 Unauthorized for the image's configuration: {NOT_ASKED}"
        )
        assert _sent(storage) == [("blob", "")]


def test_pull_secrets_are_tried_in_turn_until_one_answers(config: Config) -> None:
    for auth in (BASIC, BEARER):
        with _fake(auth) as fake:
            secrets = (_secret(fake, "one", WRONG), _secret(fake, "two", ENTRY))
            file = config(auths={fake.host: {"username": "x", "password": "y"}})

            assert look_up(fake, pull_secrets=secrets, registry_config=file) == _exists(fake)
            assert look_up(fake, "gone", pull_secrets=secrets, registry_config=file) == TagMissing()


def test_all_that_was_refused_is_named() -> None:
    with _fake(BASIC) as fake:
        secrets = (_secret(fake, "one", WRONG), _secret(fake, "two", {"username": "x", "password": "y"}))

        assert look_up(fake, pull_secrets=secrets) == TagUnknown(
            Cause.LOGIN,
            "401 Unauthorized (UNAUTHORIZED): the registry does not accept the credentials from one, two "
            "for this repository",
        )


def test_without_a_login_the_challenge_is_not_queried_for_twice() -> None:
    with _fake(BASIC) as fake:
        assert look_up(fake) == TagUnknown(
            Cause.AUTH,
            "401 Unauthorized (UNAUTHORIZED): the registry wants credentials and there is no docker "
            "config.json; the repository is private or absent",
        )
        assert fake.kinds == ["ping", "head", "get"]


@pytest.mark.parametrize(
    "answer",
    [
        errors(403, "DENIED"),
        errors(401, "UNAUTHORIZED"),
        errors(404, "DENIED"),
        replace(errors(401, "DENIED"), headers=(("WWW-Authenticate", "Negotiate"),)),
        replace(errors(401, "DENIED"), headers=(("WWW-Authenticate", "Bearer service=s"),)),
        replace(errors(403, "DENIED"), headers=(("WWW-Authenticate", "Basic realm=a"),)),
    ],
)
def test_a_refusal_without_a_challenge_gets_no_login_and_says_so(answer: Fault) -> None:
    with FakeRegistry(tags={REPOSITORY: ["here"]}) as fake:
        fake.fail_always("head", answer)
        fake.fail_always("get", answer)
        secrets = (_secret(fake, "one", ENTRY), _secret(fake, "two", WRONG))
        result = look_up(fake, pull_secrets=secrets)

        assert isinstance(result, TagUnknown)
        assert (result.cause, result.reason.partition(": ")[2]) == (Cause.NO_CHALLENGE, NOT_ASKED)
        assert _sent(fake) == [("ping", ""), ("head", ""), ("get", "")]


def test_an_expired_token_is_renewed_and_the_first_one_may_be_too_old() -> None:
    with _fake(ANYBODY) as fake:
        wanted = (("WWW-Authenticate", f'Bearer realm="{fake.url}/token",scope="{SCOPE}"'),)
        asked, here = resolver(), repository_of(fake).tag("here")
        fake.fail("head", Fault(), Fault(status=401, headers=wanted))

        assert asked.resolve([here]) == {here: _exists(fake)}
        assert fake.kinds == ["ping", "head", "token", "head", "token", "head"]
        fake.expire_tokens()
        assert asked.resolve([here]) == {here: _exists(fake)}
        assert fake.count("token") == 3


def test_a_token_that_expires_without_a_challenge_is_renewed_by_the_one_before() -> None:
    with _fake(ANYBODY) as fake:
        asked, here = resolver(), repository_of(fake).tag("here")
        asked.resolve([here])
        fake.fail("head", Fault(status=403))
        fake.fail("get", errors(403, "DENIED", "the token has expired"))

        assert asked.resolve([here]) == {here: _exists(fake)}
        assert fake.kinds[4:] == ["head", "get", "token", "get"]


def test_a_challenge_for_ever_ends_after_one_newer_token() -> None:
    with _fake(ANYBODY) as fake:
        refusal = Fault(status=401, headers=(("WWW-Authenticate", f'Bearer realm="{fake.url}/token"'),))
        fake.fail_always("head", refusal)
        fake.fail_always("get", refusal)
        asked = resolver()
        images = [repository_of(fake).tag(f"tag{number}") for number in range(9)]
        result = [asked.resolve([image])[image] for image in images]

        assert {answer.cause for answer in result if isinstance(answer, TagUnknown)} == {Cause.AUTH}
        assert fake.kinds[:7] == ["ping", "head", "token", "head", "token", "head", "get"]
        assert fake.count("token") == 2


def test_a_registry_may_ask_in_another_way_than_its_ping(config: Config) -> None:
    with _fake(replace(BEARER, open_ping=False)) as fake:
        fake.fail("ping", Fault(status=401, headers=(("WWW-Authenticate", "Basic realm=a"),)))

        assert look_up(fake, registry_config=config(auths={fake.host: ENTRY})) == _exists(fake)
        assert _sent(fake) == [("ping", ""), ("head", SENT), ("token", SENT), ("head", "Bearer token-3")]


def test_forty_tags_cost_one_ping_and_one_token() -> None:
    with _fake(ANYBODY) as fake:
        images = [repository_of(fake).tag(f"tag{number}") for number in range(40)]

        assert set(resolver().resolve(images).values()) == {TagMissing()}
        assert (fake.count("ping"), fake.count("token")) == (1, 1)
        # Each of ten workers may have asked before the first challenge was answered.
        assert fake.count("head") <= 50


def test_forty_tags_share_a_token_server_that_is_down() -> None:
    with _fake(ANYBODY) as fake:
        fake.fail_always("token", Fault(status=503))
        images = [repository_of(fake).tag(f"tag{number}") for number in range(40)]
        result = resolver().resolve(images)

        reason = f"the token server {fake.host}: 503 Service Unavailable after 3 tries"
        assert set(result.values()) == {TagUnknown(Cause.TRANSIENT, reason)}
        assert fake.count("token") == 3


@pytest.mark.parametrize(
    ("realm", "cause", "reason"),
    [
        (
            "http://169.254.169.254/token",
            Cause.PRIVATE,
            "the token server 169.254.169.254 is on a private address, which was refused",
        ),
        ("file:///etc/passwd", Cause.POLICY, "the token realm is not a valid URL"),
        ("https://me:pw@r.example/", Cause.POLICY, "the token realm is not a valid URL"),
    ],
)
def test_the_realm_of_a_late_challenge_is_held_to_the_rules(
    config: Config, realm: str, cause: Cause, reason: str
) -> None:
    with _fake(replace(BEARER, challenges=(f'Bearer realm="{realm}"',))) as fake:
        file = config(auths={fake.host: ENTRY})

        assert look_up(fake, registry_config=file) == TagUnknown(cause, reason)
        assert _sent(fake) == [("ping", ""), ("head", "")]


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize("trusted", [False, True])
def test_a_foreign_realm_gets_a_login_only_when_it_is_trusted(config: Config, *, trusted: bool) -> None:
    with _fake(Auth(scheme="bearer", login=LOGIN)) as realm:
        realm.name = "tokens.test"
        with _fake(replace(BEARER, challenges=(f'Bearer realm="{realm.url}/token"',))) as fake:
            fake.tokens = realm.tokens
            hosts = frozenset({realm.host} if trusted else ())
            asked = resolver(registry_config=config(auths={fake.host: ENTRY}), trusted_realm_hosts=hosts)
            here = repository_of(fake).tag("here")
            result = asked.resolve([here])[here]

            refusal = TagUnknown(Cause.NOT_SENT, f"the token server {realm.host} answered 401 Unauthorized")
            assert result == (_exists(fake) if trusted else refusal)
            assert _sent(realm) == [("token", SENT if trusted else "")]
            assert len(asked.warnings) == (not trusted)


@pytest.mark.usefixtures("names")
def test_a_public_registry_has_no_private_token_server_by_a_late_challenge() -> None:
    with FakeRegistry(auth=Auth(scheme="bearer"), name="tokens.test") as realm:
        auth = replace(ANYBODY, challenges=(f'Bearer realm="{realm.url}/token"',))
        with _fake(auth, name="r.public") as fake:
            assert look_up(fake, insecure_registries=frozenset({fake.host})) == TagUnknown(
                Cause.PRIVATE, f"the token server {realm.host} is on a private address, which was refused"
            )
            assert realm.connections == 0


def test_a_repository_that_is_hidden_from_anonymous_requests_does_not_say_so(config: Config) -> None:
    with FakeRegistry() as fake:
        file = config(auths={fake.host: ENTRY})

        assert look_up(fake, registry_config=file) == TagUnknown(Cause.REPOSITORY, REPOSITORY_NOT_VISIBLE)


def test_a_repository_that_is_hidden_from_a_login_says_so(config: Config) -> None:
    with FakeRegistry(auth=BASIC) as fake:
        assert look_up(fake, registry_config=config(auths={fake.host: ENTRY})) == TagUnknown(
            Cause.REPOSITORY, REPOSITORY_NOT_VISIBLE, repository_hidden=True
        )
