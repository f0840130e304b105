import errno
import socket
import ssl

import pytest
import requests
import urllib3

from gitops_doca.core.resolve.lookup import Cause
from gitops_doca.net.request_errors import UnavailableError, classify, status_text


def _wrapped(inner: Exception) -> requests.ConnectionError:
    """Wrap an exception as requests and urllib3 do."""
    reason = urllib3.exceptions.ProtocolError("failed", inner)
    pool = urllib3.HTTPSConnectionPool("me:secret@r.example")
    return requests.ConnectionError(urllib3.exceptions.MaxRetryError(pool, "/", reason))


def _certificate(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError("secret")
    error.verify_code = code
    return error


def _tls(reason: str) -> ssl.SSLError:
    error = ssl.SSLError("secret")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("inner", "cause", "reason"),
    [
        (socket.gaierror(socket.EAI_NONAME, "secret"), Cause.DNS, "host name not found"),
        (socket.gaierror(socket.EAI_AGAIN, "secret"), Cause.DNS, "the name server does not answer"),
        (ConnectionRefusedError("secret"), Cause.TRANSIENT, "connection refused"),
        (
            ConnectionResetError("secret"),
            Cause.TRANSIENT,
            "the connection was closed before the answer was complete",
        ),
        (TimeoutError("secret"), Cause.TRANSIENT, "no answer in time"),
        (urllib3.exceptions.ConnectTimeoutError("secret"), Cause.TRANSIENT, "no connection in time"),
        (ssl.SSLEOFError("secret"), Cause.TLS, "the connection was closed during the TLS handshake"),
        (_tls("WRONG_VERSION_NUMBER"), Cause.TLS, "the server does not speak TLS"),
        (_tls("TLSV1_ALERT_INTERNAL_ERROR"), Cause.TLS, "the TLS handshake failed"),
        (_certificate(9), Cause.CERTIFICATE_TIME, "the certificate is not valid yet"),
        (_certificate(10), Cause.CERTIFICATE_TIME, "the certificate has expired"),
        (_certificate(62), Cause.CERTIFICATE_NAME, "the certificate is for another host name"),
        (_certificate(64), Cause.CERTIFICATE_NAME, "the certificate is for another address"),
        (_certificate(18), Cause.TLS, "the certificate is not trusted (self-signed)"),
        (_certificate(23), Cause.TLS, "the certificate cannot be verified (OpenSSL code 23)"),
        (
            OSError("Tunnel connection failed: 407 secret"),
            Cause.PROXY,
            "the proxy answered 407 Proxy Authentication Required",
        ),
    ],
)
def test_what_requests_and_urllib3_wrap(inner: Exception, cause: Cause, reason: str) -> None:
    result = classify(_wrapped(inner))

    assert (result.cause, result.reason) == (cause, reason)


@pytest.mark.parametrize(
    ("error", "cause", "reason"),
    [
        (OSError(errno.EHOSTUNREACH, "secret"), Cause.TRANSIENT, "no route to host"),
        (OSError(errno.ENETUNREACH, "secret"), Cause.TRANSIENT, "network is unreachable"),
        (requests.RequestException("secret"), Cause.TRANSIENT, "the request failed"),
        (ValueError("secret"), Cause.PROTOCOL, "an address or a header that cannot be used"),
        (requests.exceptions.InvalidProxyURL("secret"), Cause.PROXY, "the address of the proxy is not valid"),
        (UnicodeError("secret"), Cause.DNS, "the host name is not valid"),
    ],
)
def test_what_comes_as_it_is(error: Exception, cause: Cause, reason: str) -> None:
    result = classify(error)

    assert (result.cause, result.reason) == (cause, reason)


def test_exceptions_that_cause_each_other_end() -> None:
    error, other = requests.ConnectionError(), OSError()
    error.__cause__, other.__cause__ = other, error

    assert classify(error).reason == "the request failed"


@pytest.mark.parametrize(("inner", "tries"), [(ConnectionRefusedError(), 2), (ConnectionResetError(), None)])
def test_how_often_it_is_worth_trying(inner: Exception, tries: int | None) -> None:
    result = classify(_wrapped(inner))

    assert isinstance(result, UnavailableError)
    assert result.tries == tries


@pytest.mark.parametrize(
    ("status", "text"), [(503, "503 Service Unavailable"), (522, "522"), (200, "200 OK")]
)
def test_statuses_are_named_by_the_standard(status: int, text: str) -> None:
    assert status_text(status) == text
