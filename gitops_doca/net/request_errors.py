"""Turn exceptions of a request into a cause and a message without secrets."""

import http
import os
import re
import socket
import ssl
from collections.abc import Iterator

import requests
import urllib3.exceptions as urllib3_errors

from gitops_doca.core.resolve.lookup import Cause


class LookupFailedError(Exception):
    """A request without a usable answer; `cause` and `reason` are those of a `TagUnknown`."""

    def __init__(self, cause: Cause, reason: str) -> None:
        super().__init__(reason)
        self.cause = cause
        self.reason = reason


class UnavailableError(LookupFailedError):
    """The server could not be reached, or answered that it does not work now."""

    def __init__(
        self,
        cause: Cause,
        reason: str,
        *,
        tries: int | None = None,
        answered: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(cause, reason)
        self.tries = tries
        """How often to try at most; None leaves it to the retry policy."""
        self.answered = answered
        """There was an HTTP response, so the scheme and the port are right."""
        self.retry_after = retry_after
        """The seconds that the server asked to wait."""


def status_text(status: int) -> str:
    """Return a status as `503 Service Unavailable`; the phrase is the standard's, not the server's."""
    try:
        return f"{status} {http.HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def cause_of(status: int) -> Cause:
    """Return the cause of a failure that has this status."""
    match status:
        case http.HTTPStatus.UNAUTHORIZED | http.HTTPStatus.FORBIDDEN:
            return Cause.AUTH
        case http.HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
            return Cause.PROXY
        case _:
            outage = status >= http.HTTPStatus.INTERNAL_SERVER_ERROR
            return Cause.TRANSIENT if outage else Cause.PROTOCOL


def classify(error: Exception) -> LookupFailedError:
    """Return the error for an exception of requests, urllib3, ssl or the system."""
    chain = tuple(_chain(error))
    for rule in (_proxy, _certificate, _name, _tls, _content):
        failure = rule(chain)
        if failure is not None:
            return failure
    return _connection(chain)


_Chain = tuple[BaseException, ...]


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Walk an exception and those that it wraps: requests and urllib3 wrap in three ways."""
    seen: list[BaseException] = []
    todo: list[object] = [error]
    while todo:
        wrapped = todo.pop(0)
        if isinstance(wrapped, BaseException) and wrapped not in seen:
            seen.append(wrapped)
            todo += [*wrapped.args, getattr(wrapped, "reason", None), wrapped.__cause__]
    yield from seen


def _proxy(chain: _Chain) -> LookupFailedError | None:
    wrong = (requests.exceptions.InvalidProxyURL, urllib3_errors.ProxySchemeUnknown)
    if any(isinstance(e, wrong) for e in chain):
        return LookupFailedError(Cause.PROXY, "the address of the proxy is not valid")
    if any(isinstance(e, requests.exceptions.InvalidSchema) for e in chain):
        return LookupFailedError(Cause.PROXY, "this kind of proxy is not supported")
    for error in chain:
        tunnel = re.match(r"Tunnel connection failed: (\d{3})\b", str(error))
        if isinstance(error, OSError) and tunnel:
            status = int(tunnel[1])
            tries = None if status >= http.HTTPStatus.INTERNAL_SERVER_ERROR else 1
            return UnavailableError(Cause.PROXY, f"the proxy answered {status_text(status)}", tries=tries)
    if any(isinstance(e, (requests.exceptions.ProxyError, urllib3_errors.ProxyError)) for e in chain):
        return UnavailableError(Cause.PROXY, "the proxy cannot be reached")
    return None


# X509_V_ERR_* of OpenSSL's x509_vfy.h.
_CERTIFICATE = {
    9: (Cause.CERTIFICATE_TIME, "the certificate is not valid yet"),
    10: (Cause.CERTIFICATE_TIME, "the certificate has expired"),
    18: (Cause.TLS, "the certificate is not trusted (self-signed)"),
    19: (Cause.TLS, "the certificate is not trusted (unknown CA)"),
    20: (Cause.TLS, "the certificate is not trusted (unknown CA)"),
    21: (Cause.TLS, "the certificate is not trusted (unknown CA)"),
    62: (Cause.CERTIFICATE_NAME, "the certificate is for another host name"),
    64: (Cause.CERTIFICATE_NAME, "the certificate is for another address"),
}


def _certificate(chain: _Chain) -> LookupFailedError | None:
    for error in chain:
        if isinstance(error, ssl.SSLCertVerificationError):
            code = error.verify_code
            unknown = (Cause.TLS, f"the certificate cannot be verified (OpenSSL code {code})")
            return LookupFailedError(*_CERTIFICATE.get(code, unknown))
    return None


def _name(chain: _Chain) -> LookupFailedError | None:
    for error in chain:
        if isinstance(error, socket.gaierror):
            # EAI_AGAIN means that the name server failed, not that the name does not exist.
            later = error.errno == socket.EAI_AGAIN
            reason = "the name server does not answer" if later else "host name not found"
            return UnavailableError(Cause.DNS, reason, tries=2)
        if isinstance(error, (UnicodeError, urllib3_errors.LocationValueError)):
            return LookupFailedError(Cause.DNS, "the host name is not valid")
    return None


def _tls(chain: _Chain) -> LookupFailedError | None:
    for error in chain:
        if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
            return UnavailableError(Cause.TLS, "the connection was closed during the TLS handshake")
        if isinstance(error, ssl.SSLError):
            plain = error.reason in {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"}
            reason = "the server does not speak TLS" if plain else "the TLS handshake failed"
            return UnavailableError(Cause.TLS, reason, tries=1)
    return None


def _content(chain: _Chain) -> LookupFailedError | None:
    decoding = (requests.exceptions.ContentDecodingError, urllib3_errors.DecodeError)
    if any(isinstance(e, decoding) for e in chain):
        return LookupFailedError(Cause.PROTOCOL, "an answer that cannot be decoded")
    if isinstance(chain[0], ValueError):
        return LookupFailedError(Cause.PROTOCOL, "an address or a header that cannot be used")
    return None


def _connection(chain: _Chain) -> LookupFailedError:
    if any(isinstance(e, ConnectionRefusedError) for e in chain):
        return UnavailableError(Cause.TRANSIENT, "connection refused", tries=2)
    if any(
        isinstance(e, (requests.exceptions.ConnectTimeout, urllib3_errors.ConnectTimeoutError)) for e in chain
    ):
        return UnavailableError(Cause.TRANSIENT, "no connection in time")
    if any(isinstance(e, (TimeoutError, requests.Timeout, urllib3_errors.TimeoutError)) for e in chain):
        return UnavailableError(Cause.TRANSIENT, "no answer in time")
    closed = (urllib3_errors.ProtocolError, ConnectionError, requests.exceptions.ChunkedEncodingError)
    if any(isinstance(e, closed) for e in chain):
        return UnavailableError(Cause.TRANSIENT, "the connection was closed before the answer was complete")
    codes = [e.errno for e in chain if isinstance(e, OSError) and e.errno]
    return UnavailableError(Cause.TRANSIENT, os.strerror(codes[0]).lower() if codes else "the request failed")
