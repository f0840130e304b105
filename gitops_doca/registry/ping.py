"""Ping a registry to learn its scheme and its challenges."""

from collections.abc import Callable
from dataclasses import replace

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.resolve.lookup import Cause
from gitops_doca.net.addresses import AddressPolicy
from gitops_doca.net.origins import Origin, parse_origin
from gitops_doca.net.request_errors import LookupFailedError, UnavailableError, cause_of, status_text
from gitops_doca.net.transport import Reply, Request, Transport
from gitops_doca.registry.auth.challenges import SCHEMES, Challenge, parse_challenges

_OK, _UNAUTHORIZED = 200, 401


@dataclass(frozen=True, slots=True, kw_only=True)
class PingResult:
    """The result of a ping."""

    scheme: str
    """At the registry's own host and port."""
    origin: Origin
    """Where the ping ended, after redirects on the same host."""
    is_private: bool
    """The registry was reached at an address that is not public."""
    challenges: tuple[Challenge, ...]
    """Empty: `/v2/` is public, though a repository may still need credentials."""


def ping(
    host: str,
    transport: Transport,
    address_policy: Callable[[Origin], AddressPolicy],
    *,
    allow_http: bool,
) -> PingResult:
    """Ping a registry by https, or by http if it is allowed and the registry has no https."""
    request = Request(
        method="GET",
        url=f"https://{host}/v2/",
        headers={"Accept": "application/json"},
        address_policy=address_policy,
    )
    scheme, reply = _fetch(transport, request, allow_http=allow_http)
    origin = parse_origin(reply.url)
    return PingResult(
        scheme=scheme,
        origin=origin,
        is_private=transport.reached_private_address(origin),
        challenges=_challenges(reply),
    )


def _fetch(transport: Transport, request: Request, *, allow_http: bool) -> tuple[str, Reply]:
    """Return the registry's scheme and reply; raises for an untrusted certificate."""
    if allow_http:
        try:
            return "https", transport.fetch(replace(request, once=True))
        except UnavailableError as error:
            speaks_https = error.answered
        if not speaks_https:
            return "http", transport.fetch(replace(request, url=request.url.replace("https", "http", 1)))
    return "https", transport.fetch(request)


def _challenges(reply: Reply) -> tuple[Challenge, ...]:
    if reply.status == _OK:
        return ()
    if reply.status != _UNAUTHORIZED:
        raise LookupFailedError(cause_of(reply.status), f"{status_text(reply.status)} for /v2/")
    challenges = parse_challenges(reply.headers.getlist("WWW-Authenticate"))
    known = tuple(_without_scope(challenge) for challenge in challenges if challenge.scheme in SCHEMES)
    if not known:
        raise LookupFailedError(
            Cause.NO_CHALLENGE, f"{status_text(reply.status)} for /v2/ without a Basic or Bearer challenge"
        )
    return known


def _without_scope(challenge: Challenge) -> Challenge:
    """Remove the scope: it would be for `/v2/` itself, and tokens are needed for a repository."""
    kept = {name: value for name, value in challenge.parameters.items() if name != "scope"}
    return Challenge(challenge.scheme, kept)
