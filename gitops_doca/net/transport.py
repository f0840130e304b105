"""Send one request: TLS, proxies, size caps, retries and redirects; nothing else knows how."""

import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urljoin

import requests
import urllib3
from requests.adapters import HTTPAdapter

from gitops_doca import __version__
from gitops_doca.core.resolve.lookup import Cause
from gitops_doca.net.addresses import AddressPolicy, Zone
from gitops_doca.net.connect import CheckedConnector, InternalAddressError
from gitops_doca.net.origins import Origin, is_internal, parse_origin
from gitops_doca.net.proxies import proxy_for
from gitops_doca.net.request_errors import LookupFailedError, UnavailableError, classify, status_text
from gitops_doca.net.retry import (
    MAX_RETRY_AFTER,
    Deadline,
    RetryPolicy,
    is_retryable,
    parse_retry_after,
)
from gitops_doca.net.tls import TlsAdapter, ca_path, tls_context

SMALL = 64 * 1024
"""Cap in bytes for tokens, pings and errors."""
LARGE = 4 * 1024 * 1024
"""Cap in bytes for manifests and pages of tags."""
CONNECTIONS = 8
"""Connections kept to one host: as many as there are workers."""
_MAX_REDIRECTS = 5
_REDIRECTS = {301, 302, 303, 307, 308}
_OK = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, and how far it may go."""

    method: str
    url: str
    headers: Mapping[str, str]
    reach: Callable[[Origin], AddressPolicy]
    """Called for its own origin and that of every redirect, and says which addresses either may have.

    Raises `LookupFailedError` for an origin that is refused whatever its address."""
    body: str | None = field(default=None, repr=False)
    """A form; it goes to no other origin."""
    cap: int = SMALL
    """Bytes of the body of a 200; others are cut at `SMALL`."""
    once: bool = False
    """No second try."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A status with its body, decoded, up to the cap."""

    url: str
    status: int
    headers: urllib3.HTTPHeaderDict
    body: bytes
    truncated: bool

    def header(self, name: str) -> str:
        """Return a header's value, empty when it is absent."""
        return self.headers.get(name, "")


class Transport:
    """Sends requests until a deadline; safe to share between threads.

    `environ` is the only environment that is read, for proxies and CA certificates; `ca_file` comes
    before it.
    """

    def __init__(
        self, environ: Mapping[str, str], ca_file: Path | None, deadline: Deadline, retry: RetryPolicy
    ) -> None:
        self._environ = environ
        self._ca_file = ca_file
        self._deadline = deadline
        self._retry = retry
        self._lock = threading.Lock()
        self._context: ssl.SSLContext | None = None
        self._dialers = {zone: CheckedConnector(zone) for zone in Zone}
        self._adapters: dict[Zone, HTTPAdapter] = {}

    def fetch(self, request: Request) -> Reply:
        """Return the reply after retries and redirects, whatever its status.

        Authorization stays with the origin it was meant for. Raises `LookupFailedError`,
        after the last try its kind `UnavailableError`.
        """
        for _ in range(_MAX_REDIRECTS + 1):
            reply = self._persist(request)
            if reply.status not in _REDIRECTS:
                return reply
            target = _redirect_target(reply)
            here, there = parse_origin(request.url), _origin_of(target)
            if (here.scheme, there.scheme) == ("https", "http"):
                raise LookupFailedError(Cause.POLICY, "a redirect from https to http was refused")
            if here != there:
                request = _without_secrets(request)
            request = replace(request, url=target)
        raise LookupFailedError(Cause.POLICY, f"more than {_MAX_REDIRECTS} redirects")

    def reached_private_address(self, origin: Origin) -> bool:
        """Say whether an origin was reached at an address that is not public; not known behind a proxy."""
        return is_internal(origin.host) or self._dialers[Zone.ANY].reached_private_address(
            origin.host, origin.port
        )

    def _persist(self, request: Request) -> Reply:
        origin = parse_origin(request.url)
        reach = request.reach(origin)
        if not reach.zone.may_hold(origin.host):
            raise LookupFailedError(Cause.POLICY, reach.refusal)
        tried = 0
        while True:
            tried += 1
            wait: float | None = None
            try:
                reply = self._send(request, reach)
            except UnavailableError as failure:
                outage = failure
            else:
                if not is_retryable(reply.status):
                    return reply
                outage = _outage_of(reply, tried)
                wait = parse_retry_after(reply.header("Retry-After"))
            tries = self._retry.tries if outage.tries is None else min(outage.tries, self._retry.tries)
            if request.once or tried >= tries:
                raise outage
            self._pause(outage, tried, wait)

    def _pause(self, outage: UnavailableError, tried: int, wait: float | None) -> None:
        if wait is not None and wait > min(MAX_RETRY_AFTER, self._deadline.left):
            seconds = f"{wait:.0f} s" if wait < float("inf") else "too long"
            raise UnavailableError(
                outage.cause, f"{outage.reason}, and it asks to wait {seconds}", answered=outage.answered
            )
        seconds_to_wait = wait or self._retry.backoff(tried)
        if seconds_to_wait >= self._deadline.left:
            raise UnavailableError(
                outage.cause, f"{outage.reason}, with no time left to try again", answered=outage.answered
            )
        time.sleep(seconds_to_wait)

    def _send(self, request: Request, reach: AddressPolicy) -> Reply:
        self._deadline.check()
        adapter = self._adapter(reach.zone)
        left = self._deadline.left
        try:
            response = adapter.send(
                _prepare(request),
                stream=True,
                timeout=(min(self._retry.connect_timeout, left), min(self._retry.read_timeout, left)),
                proxies=self._proxies(request.url),
            )
            cap = request.cap if response.status_code == _OK else SMALL
            try:
                body, truncated = self._read(response, cap)
            finally:
                response.close()
        except InternalAddressError:
            raise LookupFailedError(Cause.POLICY, reach.refusal) from None
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            self._deadline.check()
            # The cause stays behind: it may quote the proxy's password or a token.
            raise classify(error) from None
        return Reply(
            url=request.url,
            status=response.status_code,
            headers=response.raw.headers,
            body=body,
            truncated=truncated,
        )

    def _proxies(self, url: str) -> dict[str, str]:
        target = parse_origin(url)
        proxy = proxy_for(target, self._environ)
        try:
            urllib3.util.parse_url(proxy or "")
        except urllib3.exceptions.LocationValueError:
            # Said here, since later it could be the registry's address as well.
            raise LookupFailedError(Cause.PROXY, "the address of the proxy is not valid") from None
        return {target.scheme: proxy} if proxy else {}

    def _read(self, response: requests.Response, cap: int) -> tuple[bytes, bool]:
        body = bytearray()
        for chunk in response.iter_content(16 * 1024):
            body += chunk
            if len(body) > cap:
                return bytes(body[:cap]), True
            self._deadline.check()
        return bytes(body), False

    def _adapter(self, zone: Zone) -> HTTPAdapter:
        """Return the adapter of a zone: a connection that one request may use is not for another's rules."""
        with self._lock:
            if self._context is None:
                self._context = tls_context(ca_path(self._environ, self._ca_file))
            if zone not in self._adapters:
                self._adapters[zone] = TlsAdapter(self._context, CONNECTIONS, self._dialers[zone])
            return self._adapters[zone]


def _prepare(request: Request) -> requests.PreparedRequest:
    headers = {
        "Accept-Encoding": "identity",
        "User-Agent": f"gitops-doca/{__version__}",
        **request.headers,
    }
    if request.body is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    return requests.Request(request.method, request.url, headers=headers, data=request.body).prepare()


def _without_secrets(request: Request) -> Request:
    if request.body is not None:
        raise LookupFailedError(Cause.POLICY, "a redirect that would take a token elsewhere was refused")
    kept = {name: value for name, value in request.headers.items() if name != "Authorization"}
    return replace(request, headers=kept)


def _redirect_target(reply: Reply) -> str:
    location = reply.header("Location")
    if not location:
        raise LookupFailedError(Cause.PROTOCOL, f"{status_text(reply.status)} that leads nowhere")
    try:
        return urljoin(reply.url, location)
    except ValueError:
        raise LookupFailedError(Cause.POLICY, "a redirect to an address that is not valid") from None


def _origin_of(target: str) -> Origin:
    try:
        return parse_origin(target)
    except ValueError:
        raise LookupFailedError(Cause.POLICY, "a redirect to an address that may not be asked") from None


def _outage_of(reply: Reply, tried: int) -> UnavailableError:
    after = f" after {tried} tries" if tried > 1 else ""
    return UnavailableError(Cause.TRANSIENT, f"{status_text(reply.status)}{after}", answered=True)
