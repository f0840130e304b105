"""One registry as all threads share it: what may be asked of it, what it is shown, and a breaker."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from gitops_doca.core.diagnostics import Diagnostic
from gitops_doca.core.reference import Digest, Repository
from gitops_doca.core.resolve.lookup import Cause
from gitops_doca.net.addresses import ANY_ADDRESS, AddressPolicy, AddressScope
from gitops_doca.net.origins import Origin, is_loopback, parse_origin
from gitops_doca.net.request_errors import LookupFailedError, UnavailableError, cause_of, status_text
from gitops_doca.net.transport import LARGE, Reply, Request, Transport
from gitops_doca.registry.auth.attempts import CredentialAttempt, CredentialAttempts, make_ways
from gitops_doca.registry.auth.authorization import Authorization, AuthorizationCache, CachedResult
from gitops_doca.registry.auth.authorizer import Authorizer, Caller, refused_credentials
from gitops_doca.registry.auth.keychain import Keychain
from gitops_doca.registry.auth.token_servers import TokenServerPolicy
from gitops_doca.registry.auth.tokens import TokenServer
from gitops_doca.registry.oci_errors import error_codes
from gitops_doca.registry.options import RegistryOptions
from gitops_doca.registry.ping import Ping, PingResult

_BREAKS_AFTER = 3
_OK, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 200, 401, 403, 404
# Statuses with which a token that is too old is refused, too.
_DOUBTFUL = {400, _UNAUTHORIZED, _FORBIDDEN}
# To a challenge, and once more with a newer token.
_MAX_ANSWERS = 2
_HIDDEN = {"NAME_UNKNOWN", "UNAUTHORIZED", "DENIED"}


class Endpoint:
    """A registry that can be asked about its repositories.

    Raises `LookupFailedError` where it gives no reply.
    """

    def __init__(
        self,
        host: str,
        options: RegistryOptions,
        transport: Transport,
        keychain: Keychain,
        warn: Callable[[Diagnostic], None],
    ) -> None:
        self._host = host
        self._own = parse_origin(f"https://{host}")
        self._options = options
        self._transport = transport
        self._keychain = keychain
        self.warn = warn
        """Tells the user something that ends no look-up."""
        plain = is_loopback(self._own.host) or self._own.is_among(options.insecure_registries)
        ping = Ping(host=host, transport=transport, address_policy=self._same_host, may_be_plain=plain)
        self._pinged = CachedResult(ping)
        self._authorizer = Authorizer(self._pinged, self._rules, TokenServer(transport), keychain, warn)
        self._lock = threading.Lock()
        self._ways: dict[str, CredentialAttempts] = {}
        self._outages = 0
        self._broken = ""

    @property
    def origin(self) -> Origin:
        """Where the registry's own addresses are; pings when nobody has yet."""
        return parse_origin(self._url(""))

    def blob(self, repository: Repository, digest: Digest) -> bytes:
        """Return a blob's bytes, not yet verified; storage on other hosts is followed to, without a login."""
        target = f"/v2/{repository.path}/blobs/{digest}"
        reply, grant = self.ask("GET", repository, target, accept="*/*", cap=LARGE, elsewhere=True)
        if reply.status != _OK or reply.truncated:
            what = f"{status_text(reply.status)} for the image's configuration"
            cause = cause_of(reply.status)
            raise LookupFailedError(cause, f"{what}: {grant.standing}" if cause is Cause.AUTH else what)
        return reply.body

    def ask(
        self,
        method: str,
        repository: Repository,
        target: str,
        *,
        accept: str,
        cap: int,
        elsewhere: bool = False,
    ) -> tuple[Reply, Authorization]:
        """Return the reply to a path below `/v2/` of the repository's host, and what was shown to get it.

        All credentials that match are tried before a refusal counts, but not by HEAD: that may be refused
        where GET is not. `elsewhere`: redirects to other hosts are followed, though not into a private
        network from outside.
        """
        self._check_allowed(repository)
        ways = self._ways_into(repository.path)
        request = Request(
            method=method,
            url=self._url(target),
            headers={"Accept": accept},
            address_policy=self._any_host if elsewhere else self._same_host,
            cap=cap,
        )
        refusals: list[_Refusal] = []
        reasons: list[str] = []
        for way in ways.in_order():
            try:
                reply, grant = self._try(way, request)
            except LookupFailedError as error:
                if error.cause is not Cause.AUTH:
                    raise
                reasons.append(error.reason)
                continue
            if not _is_refused(reply):
                ways.opened(way)
                return reply, grant
            if method == "HEAD":
                return reply, grant
            refusals.append(_Refusal(way.caller, reply, grant))
            if not grant.challenges:
                # Nobody was asked who they are: another login would not be shown either.
                break
        return _best_refusal(refusals, [*reasons, *ways.problems])

    def _try(self, way: CredentialAttempt, request: Request) -> tuple[Reply, Authorization]:
        grant = way.access.grant()
        reply = self._send(request, grant)
        for _ in range(_MAX_ANSWERS):
            following = self._following(way, grant, reply)
            if following is None:
                break
            carried, grant = grant.authorization, following
            if grant.authorization in {"", carried}:
                break
            reply = self._send(request, grant)
        if reply.status not in _DOUBTFUL:
            way.access.accepted(grant)
        return reply, grant

    def _following(self, way: CredentialAttempt, grant: Authorization, reply: Reply) -> Authorization | None:
        """Return the grant that a reply asks for; None where it asks for none, or comes from elsewhere."""
        if parse_origin(reply.url) != self.origin:
            return None
        fetch = self._authorizer.following(way.caller, grant, reply)
        return None if fetch is None else way.access.renew(grant, fetch)

    def _check_allowed(self, repository: Repository) -> None:
        allowed = self._options.allowed_registries
        if allowed and not any(entry.covers(repository) for entry in allowed):
            where = f"{repository.registry}/{repository.path}"
            raise LookupFailedError(Cause.POLICY, f"{where} is not in the allowed registries")

    def _ways_into(self, path: str) -> CredentialAttempts:
        with self._lock:
            if path not in self._ways:

                def access(caller: Caller) -> AuthorizationCache:
                    return AuthorizationCache(lambda: self._authorizer.first(caller))

                self._ways[path] = make_ways(path, self._keychain.candidates(self._host, path), access)
            return self._ways[path]

    def _url(self, target: str) -> str:
        return f"{self._pinged.get().scheme}://{self._host}{target}"

    def _send(self, request: Request, grant: Authorization) -> Reply:
        with self._lock:
            if self._broken:
                raise LookupFailedError(
                    Cause.TRANSIENT, f"not asked after {_BREAKS_AFTER} failures in a row: {self._broken}"
                )
        if grant.authorization:
            request = replace(request, headers={**request.headers, "Authorization": grant.authorization})
        try:
            reply = self._transport.fetch(request)
        except UnavailableError as error:
            with self._lock:
                self._outages += 1
                if self._outages == _BREAKS_AFTER:
                    self._broken = error.reason
            raise
        with self._lock:
            self._outages = 0
        return reply

    def _own_reach(self) -> AddressPolicy:
        named = any(entry.names(self._host) for entry in self._options.allowed_registries)
        if named or not self._options.public_only:
            return ANY_ADDRESS
        return AddressPolicy(
            AddressScope.PUBLIC,
            f"{self._host} is on a private address and not in the allowed registries",
        )

    def _same_host(self, target: Origin) -> AddressPolicy:
        if target.host != self._own.host:
            raise LookupFailedError(
                Cause.POLICY, f"a redirect to another host, {target.authority}, was refused"
            )
        return self._own_reach()

    def _any_host(self, target: Origin) -> AddressPolicy:
        if target.host == self._own.host:
            return self._own_reach()
        if target.is_among(self._options.trusted_realm_hosts):
            return ANY_ADDRESS
        scope = AddressScope.ROUTED if self._pinged.get().inside else AddressScope.PUBLIC
        return AddressPolicy(scope, f"a redirect to a private address, {target.authority}, was refused")

    def _rules(self, pinged: PingResult) -> TokenServerPolicy:
        return TokenServerPolicy(
            registry=pinged.end,
            trusted=self._options.trusted_realm_hosts,
            inside=pinged.inside,
            own=self._own_reach(),
        )


def _is_refused(reply: Reply) -> bool:
    """Say whether somebody else might get another answer."""
    hidden = reply.status == _NOT_FOUND and bool(_HIDDEN.intersection(error_codes(reply)))
    return hidden or reply.status in {_UNAUTHORIZED, _FORBIDDEN}


@dataclass(frozen=True, slots=True)
class _Refusal:
    """What one caller was told."""

    caller: Caller
    reply: Reply
    grant: Authorization

    @property
    def place(self) -> str:
        """Where the login comes from that was refused; empty where none was asked for."""
        return self.caller.shown.place if self.caller.shown and self.grant.challenges else ""


def _best_refusal(refusals: Sequence[_Refusal], reasons: Sequence[str]) -> tuple[Reply, Authorization]:
    """Return the reply that says most, with a standing that names everything that was tried."""
    if not refusals:
        raise LookupFailedError(Cause.AUTH, "; ".join(dict.fromkeys(reasons)))
    # A registry that speaks of the repository has at least taken the login.
    best = max(refusals, key=lambda refusal: refusal.reply.status == _NOT_FOUND)
    if len(refusals) == 1 and not reasons:
        return best.reply, best.grant
    places = dict.fromkeys(refusal.place for refusal in refusals if refusal.place)
    standing = refused_credentials(tuple(places)) if places else best.grant.standing
    return best.reply, replace(best.grant, standing="; ".join(dict.fromkeys([standing, *reasons])))
