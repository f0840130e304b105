"""The ping of a registry: which scheme it speaks, and what it wants to see."""

from collections.abc import Callable
from dataclasses import dataclass

from gitops_doca.core.resolve.lookup import Cause
from gitops_doca.net.addresses import AddressPolicy
from gitops_doca.net.origins import Origin, parse_origin
from gitops_doca.net.request_errors import LookupFailedError, UnavailableError, cause_of, status_text
from gitops_doca.net.transport import Reply, Request, Transport
from gitops_doca.registry.auth.challenges import Challenge, parse_challenges

_OK, _UNAUTHORIZED = 200, 401


@dataclass(frozen=True, slots=True, kw_only=True)
class PingResult:
    """What the ping found."""

    scheme: str
    """The one that is spoken at the registry's own host and port."""
    end: Origin
    """Where the ping ended; only redirects on the same host are followed."""
    inside: bool
    """It was reached at an address that is not public."""
    challenges: tuple[Challenge, ...]
    """None of them: `/v2/` is open to everybody; a repository may ask for a login all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """How to ping a registry."""

    host: str
    transport: Transport
    address_policy: Callable[[Origin], AddressPolicy]
    may_be_plain: bool
    """Plain http is allowed."""

    def __call__(self) -> PingResult:
        """Ping by https; by http only where that is allowed and https is not spoken."""
        scheme = "https"
        reply = self._probe() if self.may_be_plain else self._ping(scheme)
        if reply is None:
            scheme = "http"
            reply = self._ping(scheme)
        end = parse_origin(reply.url)
        return PingResult(
            scheme=scheme,
            end=end,
            inside=self.transport.reached_private_address(end),
            challenges=_challenges(reply),
        )

    def _probe(self) -> Reply | None:
        """Ping once by https; None if nobody speaks it, an error for a certificate that is not trusted."""
        try:
            return self._ping("https", once=True)
        except UnavailableError as error:
            answered = error.answered
        return self._ping("https") if answered else None

    def _ping(self, scheme: str, *, once: bool = False) -> Reply:
        request = Request(
            method="GET",
            url=f"{scheme}://{self.host}/v2/",
            headers={"Accept": "application/json"},
            address_policy=self.address_policy,
            once=once,
        )
        return self.transport.fetch(request)


def _challenges(reply: Reply) -> tuple[Challenge, ...]:
    if reply.status == _OK:
        return ()
    if reply.status != _UNAUTHORIZED:
        raise LookupFailedError(cause_of(reply.status), f"{status_text(reply.status)} for /v2/")
    challenges = parse_challenges(reply.headers.getlist("WWW-Authenticate"))
    known = tuple(_without_scope(one) for one in challenges if one.scheme in {"basic", "bearer"})
    if not known:
        raise LookupFailedError(
            Cause.AUTH, f"{status_text(reply.status)} for /v2/ without a Basic or Bearer challenge"
        )
    return known


def _without_scope(challenge: Challenge) -> Challenge:
    """Drop a scope: it would be for `/v2/` itself, and a token is wanted for a repository."""
    kept = {name: value for name, value in challenge.parameters.items() if name != "scope"}
    return Challenge(challenge.scheme, kept)
