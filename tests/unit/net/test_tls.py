import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fakes.asking import REPOSITORY, look_up
from fakes.registry import FakeRegistry, Fault, Wire
from gitops_doca.core.resolve.lookup import Cause, TagExists, TagUnknown

Serving = Callable[..., ssl.SSLContext]

pytestmark = pytest.mark.usefixtures("names")
UNTRUSTED = TagUnknown(Cause.TLS, "the certificate is not trusted (unknown CA)")


def _fake(tls: ssl.SSLContext | None, name: str = "127.0.0.1") -> FakeRegistry:
    return FakeRegistry(tags={REPOSITORY: ["here"]}, tls=tls, name=name)


def _plain_requests(fake: FakeRegistry) -> list[str]:
    return [request.path for request in fake.requests]


@pytest.mark.parametrize("name", ["registry.test", "127.0.0.1", "localhost"])
def test_a_certificate_of_the_users_ca_is_trusted(serving: Serving, ca_file: Path, name: str) -> None:
    with _fake(serving(name), name) as fake:
        assert isinstance(look_up(fake, ca_file=ca_file), TagExists)
        assert fake.kinds == ["ping", "head"]


def test_an_unknown_ca_is_never_a_reason_for_plain_http(serving: Serving) -> None:
    for name in ("registry.test", "127.0.0.1"):
        with _fake(serving(name), name) as fake:
            assert look_up(fake, insecure_registries=frozenset({fake.host})) == UNTRUSTED
            assert _plain_requests(fake) == []


def test_a_certificate_for_another_name_is_not_trusted(serving: Serving, ca_file: Path) -> None:
    with _fake(serving("other.test"), "registry.test") as fake:
        assert look_up(fake, ca_file=ca_file) == TagUnknown(
            Cause.CERTIFICATE_NAME, "the certificate is for another host name"
        )


def test_a_certificate_for_another_address_is_not_trusted(serving: Serving, ca_file: Path) -> None:
    with _fake(serving("127.0.0.2")) as fake:
        assert look_up(fake, ca_file=ca_file) == TagUnknown(
            Cause.CERTIFICATE_NAME, "the certificate is for another address"
        )


def test_an_expired_certificate_is_not_trusted(serving: Serving, ca_file: Path) -> None:
    past = datetime(2020, 1, 1, tzinfo=UTC)
    with _fake(serving("registry.test", not_before=past, not_after=past), "registry.test") as fake:
        assert look_up(fake, ca_file=ca_file) == TagUnknown(
            Cause.CERTIFICATE_TIME, "the certificate has expired"
        )


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_a_ca_from_the_environment_is_trusted(serving: Serving, ca_file: Path, variable: str) -> None:
    with _fake(serving("registry.test"), "registry.test") as fake:
        assert isinstance(look_up(fake, environ={variable: str(ca_file)}), TagExists)


def test_the_flag_beats_the_environment(serving: Serving, ca_file: Path) -> None:
    with _fake(serving("registry.test"), "registry.test") as fake:
        wrong = {"REQUESTS_CA_BUNDLE": "/nowhere", "SSL_CERT_FILE": "/nowhere"}

        assert isinstance(look_up(fake, ca_file=ca_file, environ=wrong), TagExists)


def test_the_environment_of_the_process_is_not_read(
    serving: Serving, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca_file))
    with _fake(serving("registry.test"), "registry.test") as fake:
        assert look_up(fake, environ={}) == UNTRUSTED


def test_a_ca_may_be_a_folder(serving: Serving, tmp_path: Path) -> None:
    with _fake(serving("registry.test"), "registry.test") as fake:
        assert look_up(fake, ca_file=tmp_path) == UNTRUSTED


@pytest.mark.parametrize(("content", "why"), [(None, "no such file"), (b"no PEM", "it has no certificate")])
def test_a_ca_file_that_cannot_be_used_is_named(
    serving: Serving, tmp_path: Path, content: bytes | None, why: str
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    with _fake(serving("127.0.0.1")) as fake:
        assert look_up(fake, ca_file=file) == TagUnknown(
            Cause.CA_FILE, f"the CA file {file} cannot be used: {why}"
        )
        assert _plain_requests(fake) == []


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "driver.localhost"])
def test_loopback_may_be_queried_without_tls(name: str) -> None:
    with _fake(None, name.replace("driver.localhost", "127.0.0.1")) as fake:
        assert isinstance(look_up(fake), TagExists)


def test_other_registries_are_not_queried_without_tls() -> None:
    with _fake(None, "registry.test") as fake:
        assert look_up(fake) == TagUnknown(Cause.TLS, "the server does not speak TLS")
        assert _plain_requests(fake) == []


@pytest.mark.parametrize("port", ["", ":{port}"])
def test_a_registry_that_may_be_insecure_is_queried_without_tls(port: str) -> None:
    with _fake(None, "registry.test") as fake:
        insecure = frozenset({"registry.test" + port.format(port=fake.port)})

        assert isinstance(look_up(fake, insecure_registries=insecure), TagExists)


def test_a_registry_that_may_be_insecure_on_another_port_is_not() -> None:
    with _fake(None, "registry.test") as fake:
        assert look_up(fake, insecure_registries=frozenset({"registry.test:1"})) == TagUnknown(
            Cause.TLS, "the server does not speak TLS"
        )


def test_loopback_with_tls_is_queried_by_tls_even_if_it_first_fails(serving: Serving, ca_file: Path) -> None:
    with _fake(serving("127.0.0.1")) as fake:
        fake.fail("ping", Fault(status=503), Fault(status=503))

        assert isinstance(look_up(fake, ca_file=ca_file), TagExists)
        assert fake.kinds == ["ping", "ping", "ping", "head"]


def test_a_host_name_that_is_not_found_is_unknown() -> None:
    with _fake(None, "registry.invalid") as fake:
        assert look_up(fake) == TagUnknown(Cause.DNS, "host name not found")


def test_a_host_name_that_is_invalid_is_unknown() -> None:
    with _fake(None, "a" * 70 + ".test") as fake:
        result = look_up(fake)

    assert isinstance(result, TagUnknown)
    assert result.cause is Cause.DNS


def test_a_greeting_that_is_cut_off_is_unknown(serving: Serving, ca_file: Path) -> None:
    with _fake(serving("registry.test"), "registry.test") as fake:
        fake.fail_always("ping", Fault(wire=Wire.RESET))

        assert look_up(fake, ca_file=ca_file) == TagUnknown(
            Cause.TRANSIENT, "the connection was closed before the answer was complete"
        )
