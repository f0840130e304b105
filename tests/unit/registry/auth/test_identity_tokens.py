import base64
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.asking import REPOSITORY, look_up, repository_of, resolver
from fakes.registry import Auth, FakeRegistry, Fault
from gitops_doca.core.resolve.lookup import Cause, TagExists, TagMissing, TagUnknown

Config = Callable[..., Path]

IDENTITY = "identity"
SCOPE = f"repository:{REPOSITORY}:pull"


def _fake(**settings: object) -> FakeRegistry:
    auth = Auth(scheme="bearer", login=("0000", "identity"), identity="identity", **settings)  # type: ignore[arg-type]
    return FakeRegistry(tags={REPOSITORY: ["here"], "other": ["here"]}, auth=auth)


def _config(config: Config, fake: FakeRegistry, identity: str = IDENTITY) -> Path:
    user = base64.b64encode(b"0000:").decode()
    return config(auths={fake.host: {"auth": user, "identitytoken": identity}})


def test_an_identity_token_is_exchanged_by_post(config: Config) -> None:
    with _fake() as fake:
        assert isinstance(look_up(fake, registry_config=_config(config, fake)), TagExists)
        token = fake.requests[1]
        assert (token.method, token.authorization, token.query) == ("POST", "", {})
        assert token.headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert token.form == {
            "grant_type": ["refresh_token"],
            "service": ["fake"],
            "scope": [SCOPE],
            "client_id": ["gitops-doca"],
            "refresh_token": ["identity"],
        }


@pytest.mark.parametrize("status", [404, 405])
def test_a_token_server_without_post_is_queried_by_get(config: Config, status: int) -> None:
    with _fake() as fake:
        fake.fail("token", Fault(status=status))

        assert isinstance(look_up(fake, registry_config=_config(config, fake)), TagExists)
        assert [request.method for request in fake.requests] == ["GET", "POST", "GET", "HEAD"]
        sent = base64.b64encode(b"0000:identity").decode()
        assert fake.requests[2].authorization == f"Basic {sent}"


def test_an_identity_token_that_is_refused_is_unknown(config: Config) -> None:
    with _fake() as fake:
        file = _config(config, fake, "wrong")

        assert look_up(fake, registry_config=file) == TagUnknown(
            Cause.LOGIN,
            f"the token server {fake.host} answered 401 Unauthorized to the credentials from {file}",
        )


def test_an_identity_token_that_is_replaced_is_used_from_then_on(config: Config) -> None:
    with _fake(rotates=True) as fake:
        asked = resolver(registry_config=_config(config, fake))
        images = [repository_of(fake).tag("here"), repository_of(fake, "other").tag("here")]

        assert all(isinstance(result, TagExists) for result in asked.resolve(images).values())
        fake.expire_tokens()
        gone = repository_of(fake).tag("gone")
        assert asked.resolve([gone])[gone] == TagMissing()
        used = [request.form["refresh_token"] for request in fake.requests if request.method == "POST"]
        assert used == [["identity"], ["identity+"], ["identity++"]]


def test_a_realm_keeps_its_query_and_needs_no_service(config: Config) -> None:
    with _fake(challenges=('Bearer realm="{realm}?a=b#c"',)) as fake:
        assert isinstance(look_up(fake, registry_config=_config(config, fake)), TagExists)
        assert fake.requests[1].query == {"a": ["b"]}
        assert "service" not in fake.requests[1].form


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_an_identity_token_follows_no_redirect_to_another_host(config: Config, status: int) -> None:
    with _fake() as other, _fake() as fake:
        target = (("Location", f"{other.url}/token"),)
        fake.fail_always("token", Fault(status=status, headers=target))

        assert look_up(fake, registry_config=_config(config, fake)) == TagUnknown(
            Cause.POLICY, "a redirect that would take a token elsewhere was refused"
        )
        assert other.requests == []


def test_an_identity_token_follows_a_redirect_on_the_same_origin(config: Config) -> None:
    with _fake() as fake:
        fake.fail("token", Fault(status=307, headers=(("Location", "/token/v2"),)))

        assert isinstance(look_up(fake, registry_config=_config(config, fake)), TagExists)
        assert [request.path for request in fake.requests[1:3]] == ["/token", "/token/v2"]


@pytest.mark.usefixtures("names")
def test_an_identity_token_does_not_go_to_a_foreign_realm(config: Config) -> None:
    with _fake() as realm:
        realm.name = "tokens.test"
        with _fake(challenges=(f'Bearer realm="{realm.url}/token"',)) as fake:
            look_up(fake, registry_config=_config(config, fake))

            assert [(one.method, one.form, one.authorization) for one in realm.requests] == [("GET", {}, "")]


def test_a_registry_that_wants_a_password_is_sent_no_identity_token(config: Config) -> None:
    with FakeRegistry(tags={REPOSITORY: ["here"]}, auth=Auth(scheme="basic", login=("a", "b"))) as fake:
        file = _config(config, fake)

        assert look_up(fake, registry_config=file) == TagUnknown(
            Cause.LOGIN, f"{file} has an identity token for this registry, which wants a password"
        )
        assert fake.kinds == ["ping"]


def test_a_repository_that_wants_a_password_refuses_the_identity_token_of_its_registry(
    config: Config,
) -> None:
    with _fake() as fake:
        basic = Fault(status=401, headers=(("WWW-Authenticate", "Basic realm=a"),))
        fake.fail_always("head", basic)
        fake.fail_always("get", basic)
        file = _config(config, fake)

        assert look_up(fake, registry_config=file) == TagUnknown(
            Cause.LOGIN,
            f"401 Unauthorized: the registry does not accept the credentials from {file} for this repository",
        )


@pytest.mark.parametrize("order", [0, 1])
def test_of_basic_and_bearer_an_identity_token_answers_bearer(config: Config, order: int) -> None:
    both = ("Basic realm=a", 'Bearer realm="{realm}"')
    with _fake(challenges=both[::-1] if order else both) as fake:
        assert isinstance(look_up(fake, registry_config=_config(config, fake)), TagExists)


def test_bearer_is_answered_without_credentials_where_basic_comes_first() -> None:
    auth = Auth(scheme="bearer", challenges=("Negotiate", "Basic realm=a", 'Bearer realm="{realm}"'))
    with FakeRegistry(tags={REPOSITORY: ["here"]}, auth=auth) as fake:
        assert isinstance(look_up(fake), TagExists)


def test_a_password_answers_basic_where_bearer_names_no_realm(config: Config) -> None:
    auth = Auth(scheme="basic", login=("a", "b"), challenges=("Bearer service=x", "Basic realm=a"))
    with FakeRegistry(tags={REPOSITORY: ["here"]}, auth=auth) as fake:
        file = config(auths={fake.host: {"username": "a", "password": "b"}})

        assert isinstance(look_up(fake, registry_config=file), TagExists)


@pytest.mark.parametrize("challenge", ['Bearer realm="{realm}"', "Basic realm=a", "Bearer"])
def test_a_registry_token_is_sent_as_it_is(config: Config, challenge: str) -> None:
    with FakeRegistry(
        tags={REPOSITORY: ["here"]}, auth=Auth(scheme="bearer", challenges=(challenge,))
    ) as fake:
        fake.tokens["mine"] = [SCOPE]
        file = config(auths={fake.host: {"registrytoken": "mine"}})

        assert isinstance(look_up(fake, registry_config=file), TagExists)
        assert [(one.kind, one.authorization) for one in fake.requests] == [
            ("ping", ""),
            ("head", "Bearer mine"),
        ]


def test_a_registry_token_that_is_refused_is_not_exchanged(config: Config) -> None:
    with FakeRegistry(tags={REPOSITORY: ["here"]}, auth=Auth(scheme="bearer")) as fake:
        file = config(auths={fake.host: {"registrytoken": "old"}})

        assert look_up(fake, registry_config=file) == TagUnknown(
            Cause.LOGIN,
            "401 Unauthorized (UNAUTHORIZED): the registry does not accept the credentials from "
            f"{file} for this repository",
        )
        assert fake.count("token") == 0
