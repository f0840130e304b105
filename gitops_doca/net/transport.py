"""Send requests with TLS, proxies, size limits, retries and redirects."""

import ssl
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field, replace
from pathlib import Path
from urllib.parse import urljoin

import requests
import urllib3
from requests.adapters import HTTPAdapter

from gitops_doca import __version__
from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.resolve.lookup import Cause
from gitops_doca.net.addresses import AddressPolicy, AddressScope
from gitops_doca.net.connect import CheckedConnector, RefusedAddressError
from gitops_doca.net.deadline import Deadline
from gitops_doca.net.origins import Origin, is_internal, parse_origin
from gitops_doca.net.proxies import proxy_for
from gitops_doca.net.request_errors import LookupFailedError, UnavailableError, classify, status_text
from gitops_doca.net.retry import RetryPolicy, is_retryable, parse_retry_after, retry
from gitops_doca.net.tls import TlsAdapter, ca_path, tls_context

SMALL = 64 * 1024
"""Limit in bytes for tokens, pings and errors."""
LARGE = 4 * 1024 * 1024
"""Limit in bytes for manifests and pages of tags."""
CONNECTIONS = 10
"""Connections that are kept to one host, one for each worker thread."""
_MAX_REDIRECTS = 5
_REDIRECTS = {301, 302, 303, 307, 308}
_OK = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, and the addresses that it may connect to."""

    method: str
    url: str
    headers: Mapping[str, str]
    address_policy: Callable[[Origin], AddressPolicy]
    """Called for the origin of the URL and of every redirect.

    Raises `LookupFailedError` for an origin that is refused whatever its address."""
    body: str | None = field(default=None, repr=False)
    """A form; it is not sent to another origin."""
    cap: int = SMALL
    """Bytes of the body of a 200 that are read; of other bodies `SMALL`."""
    once: bool = False
    """Send it without retries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A response, with its decoded body up to the cap."""

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

    Proxies and CA certificates come from `environ`, and no other environment is read. `ca_file` has
    priority.
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
        self._connectors = {scope: CheckedConnector(scope) for scope in AddressScope}
        self._adapters: dict[AddressScope, HTTPAdapter] = {}

    def fetch(self, request: Request) -> Reply:
        """Return the reply after retries and redirects, whatever its status.

        Authorization is sent to the first origin only. Raises `LookupFailedError`, and after the
        last try `UnavailableError`.
        """
        for _ in range(_MAX_REDIRECTS + 1):
            reply = self._send_with_retries(request)
            if reply.status not in _REDIRECTS:
                return reply
            target = _redirect_target(reply)
            source, destination = parse_origin(request.url), _origin_of(target)
            if (source.scheme, destination.scheme) == ("https", "http"):
                raise LookupFailedError(Cause.POLICY, "a redirect from https to http was refused")
            if source != destination:
                request = _without_secrets(request)
            request = replace(request, url=target)
        raise LookupFailedError(Cause.POLICY, f"more than {_MAX_REDIRECTS} redirects")

    def reached_private_address(self, origin: Origin) -> bool:
        """Say whether an origin was reached at an address that is not public; False behind a proxy."""
        return is_internal(origin.host) or self._connectors[AddressScope.ANY].reached_private_address(
            origin.host, origin.port
        )

    def _send_with_retries(self, request: Request) -> Reply:
        origin = parse_origin(request.url)
        policy = request.address_policy(origin)
        if not policy.scope.may_contain(origin.host):
            raise LookupFailedError(policy.cause, policy.refusal)

        def send(tried: int) -> Reply:
            reply = self._send(request, policy)
            if is_retryable(reply.status):
                raise _unavailable(reply, tried)
            return reply

        return retry(send, replace(self._retry, tries=1) if request.once else self._retry, self._deadline)

    def _send(self, request: Request, policy: AddressPolicy) -> Reply:
        self._deadline.check()
        adapter = self._adapter(policy.scope)
        try:
            response = adapter.send(
                _prepare(request),
                stream=True,
                timeout=self._retry.timeouts(self._deadline),
                proxies=self._proxies(request.url),
            )
            cap = request.cap if response.status_code == _OK else SMALL
            try:
                body, truncated = read_body(response.iter_content(16 * 1024), cap, self._deadline)
            finally:
                response.close()
        except RefusedAddressError:
            raise LookupFailedError(policy.cause, policy.refusal) from None
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            self._deadline.check()
            # Without the cause, which may quote the proxy's password or a token.
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
            # Later this error could mean the registry's address as well.
            raise LookupFailedError(Cause.PROXY, "the address of the proxy is not valid") from None
        return {target.scheme: proxy} if proxy else {}

    def _adapter(self, scope: AddressScope) -> HTTPAdapter:
        """Return the adapter of a scope; scopes do not share connections."""
        with self._lock:
            if self._context is None:
                self._context = tls_context(ca_path(self._environ, self._ca_file))
            if scope not in self._adapters:
                self._adapters[scope] = TlsAdapter(self._context, CONNECTIONS, self._connectors[scope])
            return self._adapters[scope]


def read_body(chunks: Iterable[bytes], cap: int, deadline: Deadline) -> tuple[bytes, bool]:
    """Return a body up to the cap, and whether there is more of it."""
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > cap:
            return bytes(body[:cap]), True
        deadline.check()
    return bytes(body), False


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
        raise LookupFailedError(Cause.PROTOCOL, f"{status_text(reply.status)} without a Location")
    try:
        return urljoin(reply.url, location)
    except ValueError:
        raise LookupFailedError(Cause.POLICY, "a redirect to an address that is not valid") from None


def _origin_of(target: str) -> Origin:
    try:
        return parse_origin(target)
    except ValueError:
        raise LookupFailedError(Cause.POLICY, "a redirect to a URL that is not allowed") from None


def _unavailable(reply: Reply, tried: int) -> UnavailableError:
    after = f" after {tried} tries" if tried > 1 else ""
    return UnavailableError(
        Cause.TRANSIENT,
        f"{status_text(reply.status)}{after}",
        answered=True,
        retry_after=parse_retry_after(reply.header("Retry-After")),
    )
