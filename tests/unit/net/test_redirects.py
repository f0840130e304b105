import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.asking import REPOSITORY, list_tags, look_up
from fakes.registry import Auth, FakeRegistry, Fault
from gitops_doca.core.resolve.lookup import Cause, TagExists, TagList, TagUnknown

LOGIN = ("me", "secret")


def _to(target: str, status: int = 307) -> Fault:
    return Fault(status=status, headers=(("Location", target),))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_within_a_registry_is_followed(fake: FakeRegistry, status: int) -> None:
    fake.fail("head", _to(f"/v2/{REPOSITORY}/manifests/here?moved", status))

    assert isinstance(look_up(fake), TagExists)
    assert [request.method for request in fake.requests] == ["GET", "HEAD", "HEAD"]


def test_authorization_stays_with_its_origin(config: Callable[..., Path]) -> None:
    auth = Auth(scheme="basic", login=LOGIN)
    with FakeRegistry(tags={REPOSITORY: ["here"]}) as other, FakeRegistry(auth=auth) as fake:
        fake.fail_always("head", _to(f"{other.url}/v2/{REPOSITORY}/manifests/here"))
        file = config(auths={fake.host: {"username": LOGIN[0], "password": LOGIN[1]}})

        assert isinstance(look_up(fake, registry_config=file), TagExists)
        assert [request.authorization for request in other.requests] == [""]
        assert fake.requests[1].authorization != ""


def test_the_same_origin_keeps_authorization(config: Callable[..., Path]) -> None:
    with FakeRegistry(tags={REPOSITORY: ["here"]}, auth=Auth(scheme="basic", login=LOGIN)) as fake:
        fake.fail("head", _to(f"HTTP://127.0.0.1:{fake.port}/v2/{REPOSITORY}/manifests/here"))
        file = config(auths={fake.host: {"username": LOGIN[0], "password": LOGIN[1]}})

        assert isinstance(look_up(fake, registry_config=file), TagExists)


def test_a_challenge_from_another_host_gets_no_token() -> None:
    auth = Auth(scheme="bearer")
    with FakeRegistry(auth=auth) as other, FakeRegistry(auth=auth) as fake:
        fake.fail_always("head", _to(f"{other.url}/v2/{REPOSITORY}/manifests/here"))
        fake.fail_always("get", _to(f"{other.url}/v2/{REPOSITORY}/manifests/here"))
        result = look_up(fake)

        assert isinstance(result, TagUnknown)
        assert result.cause is Cause.AUTH
        assert [(request.kind, request.authorization) for request in other.requests] == [
            ("head", ""),
            ("get", ""),
        ]


@pytest.mark.parametrize("kind", ["ping", "head"])
def test_a_redirect_to_another_host_is_refused(fake: FakeRegistry, kind: str) -> None:
    fake.fail_always(kind, _to("https://evil.example:8443/v2/"))  # type: ignore[arg-type]

    assert look_up(fake) == TagUnknown(
        Cause.POLICY, "a redirect to another host, evil.example:8443, was refused"
    )


@pytest.mark.parametrize("target", ["file:///etc/passwd", "https://me:pw@127.0.0.1/", "http://127.0.0.1:x/"])
def test_a_redirect_to_what_is_no_address_is_refused(fake: FakeRegistry, target: str) -> None:
    fake.fail_always("head", _to(target))

    assert look_up(fake) == TagUnknown(Cause.POLICY, "a redirect to a URL that is not allowed")


def test_a_redirect_that_cannot_be_parsed_is_refused(fake: FakeRegistry) -> None:
    fake.fail_always("head", _to("http://[::1"))

    assert look_up(fake) == TagUnknown(Cause.POLICY, "a redirect to an address that is not valid")


def test_a_redirect_without_target_is_unknown(fake: FakeRegistry) -> None:
    fake.fail_always("head", Fault(status=302))

    assert look_up(fake) == TagUnknown(Cause.PROTOCOL, "302 Found without a Location")


def test_a_loop_of_redirects_ends(fake: FakeRegistry) -> None:
    fake.fail_always("head", _to(""))
    fake.fail_always("head", _to("?again"))

    assert look_up(fake) == TagUnknown(Cause.POLICY, "more than 5 redirects")
    assert fake.count("head") == 6


def test_a_redirect_from_https_to_http_is_refused(
    serving: Callable[..., ssl.SSLContext], ca_file: Path, fake: FakeRegistry
) -> None:
    with FakeRegistry(tags={REPOSITORY: ["here"]}, tls=serving("127.0.0.1")) as secure:
        secure.fail_always("head", _to(f"{fake.url}/v2/{REPOSITORY}/manifests/here"))

        assert look_up(secure, ca_file=ca_file) == TagUnknown(
            Cause.POLICY, "a redirect from https to http was refused"
        )
        assert fake.requests == []


def test_a_tag_list_on_another_host_is_not_read(fake: FakeRegistry) -> None:
    fake.fail_always("list", _to("https://evil.example/v2/"))

    assert list_tags(fake) == TagList()
