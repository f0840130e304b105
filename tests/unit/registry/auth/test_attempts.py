import base64
from collections.abc import Callable
from pathlib import Path

from fakes.asking import REPOSITORY, list_tags, look_up, repository_of, resolver
from fakes.registry import Auth, FakeRegistry, Fault, errors
from gitops_doca.core.resolve.lookup import (
    REPOSITORY_NOT_VISIBLE,
    Cause,
    TagExists,
    TagList,
    TagMissing,
    TagUnknown,
)
from gitops_doca.registry.auth.pull_secrets import PullSecret

Config = Callable[..., Path]

RIGHT, WRONG = ("me", "right"), ("me", "wrong")


def _entry(login: tuple[str, str]) -> dict[str, str]:
    return {"username": login[0], "password": login[1]}


def _secret(fake: FakeRegistry, place: str, login: tuple[str, str]) -> PullSecret:
    return PullSecret(place=place, auths={fake.host: _entry(login)})


def _fake(scheme: str) -> FakeRegistry:
    return FakeRegistry(tags={REPOSITORY: ["here"]}, auth=Auth(scheme=scheme, login=RIGHT))  # type: ignore[arg-type]


def _basic(login: tuple[str, str]) -> str:
    return f"Basic {base64.b64encode(':'.join(login).encode()).decode()}"


def test_a_refusal_counts_after_all_credentials_were_tried(config: Config) -> None:
    for scheme in ("basic", "bearer"):
        with _fake(scheme) as fake:
            secrets = (_secret(fake, "one", WRONG), _secret(fake, "two", ("other", "wrong")))
            file = config(auths={fake.host: _entry(RIGHT)})

            assert isinstance(look_up(fake, pull_secrets=secrets, registry_config=file), TagExists)
            assert look_up(fake, "gone", pull_secrets=secrets, registry_config=file) == TagMissing()


def test_pull_secrets_come_before_the_config_and_the_right_one_stays(config: Config) -> None:
    with _fake("basic") as fake:
        secrets = (_secret(fake, "one", WRONG), _secret(fake, "two", RIGHT))
        file = config(auths={fake.host: _entry(("config", "pw"))})
        asked = resolver(pull_secrets=secrets, registry_config=file)
        for tag in ("here", "gone", "here"):
            asked.resolve([repository_of(fake).tag(tag)])
        sent = [request.authorization for request in fake.requests[1:]]

        assert sent == [_basic(WRONG), _basic(WRONG), *[_basic(RIGHT)] * 4]


def test_all_that_was_tried_is_named_and_nothing_of_it_shown(config: Config) -> None:
    with _fake("basic") as fake:
        secrets = (_secret(fake, "one.yaml (Secret a)", WRONG), _secret(fake, "two.yaml", ("x", "y")))
        file = config(auths={fake.host: _entry(("config", "pw"))})

        assert look_up(fake, pull_secrets=secrets, registry_config=file) == TagUnknown(
            Cause.LOGIN,
            "401 Unauthorized (UNAUTHORIZED): the registry does not accept the credentials from "
            f"one.yaml (Secret a), two.yaml, {file} for this repository",
        )


def test_a_token_server_that_refuses_all_is_named_with_each(config: Config) -> None:
    with _fake("bearer") as fake:
        file = config(auths={fake.host: _entry(WRONG)})
        said = f"the token server {fake.host} answered 401 Unauthorized to the credentials from"

        assert look_up(fake, pull_secrets=(_secret(fake, "one", WRONG),), registry_config=file) == TagUnknown(
            Cause.LOGIN, f"{said} one; {said} {file}"
        )


def test_what_cannot_be_used_is_passed_over_while_something_else_can() -> None:
    with _fake("basic") as fake:
        broken = PullSecret(place="broken", auths={fake.host: {"auth": "%"}})

        assert isinstance(look_up(fake, pull_secrets=(broken, _secret(fake, "two", RIGHT))), TagExists)
        assert look_up(fake, pull_secrets=(broken, _secret(fake, "two", WRONG))) == TagUnknown(
            Cause.LOGIN,
            "401 Unauthorized (UNAUTHORIZED): the registry does not accept the credentials from two for this "
            "repository; broken has an auth for this registry that is not base64",
        )


def test_credentials_that_cannot_be_used_are_never_taken_for_none() -> None:
    with FakeRegistry(tags={REPOSITORY: ["here"]}, auth=Auth(scheme="bearer")) as fake:
        broken = PullSecret(place="broken", auths={fake.host: {"auth": "%"}})

        assert look_up(fake, pull_secrets=(broken,)) == TagUnknown(
            Cause.CREDENTIALS, "broken has an auth for this registry that is not base64"
        )
        assert fake.requests == []


def test_every_candidate_that_cannot_be_used_is_named() -> None:
    with FakeRegistry(tags={REPOSITORY: ["here"]}, auth=Auth(scheme="bearer")) as fake:
        secrets = [PullSecret(place=place, auths={fake.host: {"auth": "%"}}) for place in ("one", "two")]

        assert look_up(fake, pull_secrets=tuple(secrets)) == TagUnknown(
            Cause.CREDENTIALS,
            "one has an auth for this registry that is not base64; "
            "two has an auth for this registry that is not base64",
        )


def test_where_credentials_match_no_request_is_anonymous() -> None:
    with FakeRegistry(tags={REPOSITORY: ["here"]}, auth=Auth(scheme="bearer", login=RIGHT)) as fake:
        look_up(fake, pull_secrets=(_secret(fake, "one", WRONG), _secret(fake, "two", ("x", "y"))))

        assert [request.authorization for request in fake.requests] == ["", _basic(WRONG), _basic(("x", "y"))]


def test_a_repository_that_is_hidden_from_one_login_may_be_there_for_another() -> None:
    with _fake("basic") as fake:
        fake.fail("head", Fault(status=404))
        fake.fail("get", errors(404, "NAME_UNKNOWN"))

        secrets = (_secret(fake, "one", WRONG), _secret(fake, "two", RIGHT))

        assert look_up(fake, "gone", pull_secrets=secrets) == TagMissing()


def test_of_several_refusals_the_one_about_the_repository_is_reported() -> None:
    with _fake("basic") as fake:
        fake.fail("head", Fault(status=404))
        fake.fail("get", errors(404, "NAME_UNKNOWN"))
        secrets = (_secret(fake, "one", WRONG), _secret(fake, "two", ("x", "y")))

        assert look_up(fake, pull_secrets=secrets) == TagUnknown(
            Cause.REPOSITORY, REPOSITORY_NOT_VISIBLE, repository_hidden=True
        )


def test_a_later_refusal_may_be_the_one_about_the_repository() -> None:
    with _fake("basic") as fake:
        fake.fail_always("head", Fault(status=404))
        fake.fail("get", errors(401, "UNAUTHORIZED"), errors(404, "NAME_UNKNOWN"))
        secrets = (_secret(fake, "one", WRONG), _secret(fake, "two", ("x", "y")))

        assert look_up(fake, pull_secrets=secrets) == TagUnknown(
            Cause.REPOSITORY, REPOSITORY_NOT_VISIBLE, repository_hidden=True
        )


def test_an_outage_ends_the_attempts() -> None:
    with _fake("basic") as fake:
        fake.fail_always("head", Fault(status=503))
        secrets = (_secret(fake, "one", WRONG), _secret(fake, "two", RIGHT))

        assert look_up(fake, pull_secrets=secrets) == TagUnknown(
            Cause.TRANSIENT, "503 Service Unavailable after 3 tries"
        )


def test_tag_lists_are_read_with_whatever_opens_the_repository() -> None:
    with _fake("basic") as fake:
        secrets = (_secret(fake, "one", WRONG), _secret(fake, "two", RIGHT))

        assert list_tags(fake, pull_secrets=secrets) == TagList(frozenset({"here"}), complete=True)


def test_a_token_that_has_expired_by_400_is_renewed_once() -> None:
    with FakeRegistry(tags={REPOSITORY: ["here"]}, auth=Auth(scheme="bearer")) as fake:
        expired = errors(400, "DENIED", "Your Authorization Token has Expired")
        fake.fail("head", Fault(status=400))
        fake.fail("get", expired)

        assert isinstance(look_up(fake), TagExists)
        assert fake.kinds == ["ping", "token", "head", "get", "token", "get"]


def test_a_password_that_has_expired_is_not_tried_again(config: Config) -> None:
    with _fake("basic") as fake:
        fake.fail_always("head", Fault(status=403))
        fake.fail_always("get", errors(403, "DENIED", "expired"))
        result = look_up(fake, registry_config=config(auths={fake.host: _entry(RIGHT)}))

        assert isinstance(result, TagUnknown)
        assert fake.kinds == ["ping", "head", "get"]
