"""One registry for all threads: addresses, authorizations, a circuit breaker."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.diagnostics import Diagnostic
from gitops_doca.core.reference import Digest, Repository
from gitops_doca.core.resolve.lookup import Cause
from gitops_doca.net.addresses import ANY_ADDRESS, AddressPolicy, AddressScope
from gitops_doca.net.origins import Origin, is_loopback, parse_origin
from gitops_doca.net.request_errors import LookupFailedError, UnavailableError, cause_of, status_text
from gitops_doca.net.transport import LARGE, Reply, Request, Transport
from gitops_doca.registry.auth.attempts import CredentialAttempt, CredentialAttempts
from gitops_doca.registry.auth.authorization import Authorization, CachedResult
from gitops_doca.registry.auth.authorizer import Authorizer, refused_credentials
from gitops_doca.registry.auth.keychain import Keychain
from gitops_doca.registry.auth.token_servers import TokenServerPolicy
from gitops_doca.registry.auth.tokens import TokenServer
from gitops_doca.registry.oci_errors import error_codes
from gitops_doca.registry.options import RegistryOptions
from gitops_doca.registry.ping import PingResult, ping

_BREAKS_AFTER = 3
_OK, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 200, 401, 403, 404
# An expired token may be refused with any of these.
_REFUSED = {400, _UNAUTHORIZED, _FORBIDDEN}
# For a challenge, and for a token that has expired.
_MAX_RENEWALS = 2
_HIDDEN = {"NAME_UNKNOWN", "UNAUTHORIZED", "DENIED"}


class Endpoint:
    """A registry and its repositories; its methods raise `LookupFailedError` if it sends no reply."""

    def __init__(
        self,
        host: str,
        options: RegistryOptions,
        transport: Transport,
        keychain: Keychain,
        warn: Callable[[Diagnostic], None],
    ) -> None:
        self._host = host
        self._host_origin = parse_origin(f"https://{host}")
        self._options = options
        self._transport = transport
        self._keychain = keychain
        self.warn = warn
        """Tells the user about a problem that ends no look-up."""
        allow_http = is_loopback(self._host_origin.host) or self._host_origin.is_among(
            options.insecure_registries
        )
        self._ping = CachedResult(
            lambda: ping(host, transport, self._same_host_policy, allow_http=allow_http)
        )
        self._authorizer = Authorizer(
            self._ping, self._token_server_policy, TokenServer(transport), keychain, warn
        )
        self._lock = threading.Lock()
        self._attempts: dict[str, CredentialAttempts] = {}
        self._failures = 0
        self._broken = ""

    @property
    def origin(self) -> Origin:
        """The origin of the registry's own URLs; the first call sends the ping."""
        return parse_origin(self._url(""))

    def fetch_blob(self, repository: Repository, digest: Digest) -> bytes:
        """Return a blob's unverified bytes; follows redirects to storage, without credentials."""
        target = f"/v2/{repository.path}/blobs/{digest}"
        reply, authorization = self.send("GET", repository, target, accept="*/*", cap=LARGE, other_hosts=True)
        if reply.status != _OK or reply.truncated:
            what = f"{status_text(reply.status)} for the image's configuration"
            if cause_of(reply.status) is Cause.AUTH:
                raise LookupFailedError(authorization.cause, f"{what}: {authorization.refusal}")
            raise LookupFailedError(cause_of(reply.status), what)
        return reply.body

    def credentials_used(self, repository: Repository) -> str | None:
        """Return the file of the credential that the registry accepted for a repository.

        Empty if it wanted none, None if it accepted no request. Raises `LookupFailedError` as
        `send` does for credentials that cannot be read.
        """
        return self._attempts_for(repository.path).used

    def send(
        self,
        method: str,
        repository: Repository,
        target: str,
        *,
        accept: str,
        cap: int,
        other_hosts: bool = False,
    ) -> tuple[Reply, Authorization]:
        """Return the reply for a path below `/v2/`, and the authorization that it was sent with.

        If the registry refuses a credential, the others for the repository are tried. A refused
        HEAD ends this, as GET may still be allowed. With `other_hosts`, redirects to other hosts
        are followed, but no public registry may redirect into a private network.
        """
        self._check_allowed(repository)
        attempts = self._attempts_for(repository.path)
        request = Request(
            method=method,
            url=self._url(target),
            headers={"Accept": accept},
            address_policy=self._other_host_policy if other_hosts else self._same_host_policy,
            cap=cap,
        )
        refusals: list[_Refusal] = []
        failures: list[LookupFailedError] = []
        for attempt in attempts.in_order():
            try:
                reply, authorization = self._try(attempt, request)
            except LookupFailedError as error:
                if not error.cause.concerns_credentials:
                    raise
                failures.append(error)
                continue
            if not _is_refused(reply):
                attempts.prefer(attempt, credentials_sent=authorization.credentials_sent)
                return reply, authorization
            if method == "HEAD":
                return reply, authorization
            refusals.append(_Refusal(attempt, reply, authorization))
            if not authorization.challenges:
                # The registry did not ask for credentials, so others would not be sent either.
                break
        return _best_refusal(refusals, [*failures, *attempts.problems])

    def _try(self, attempt: CredentialAttempt, request: Request) -> tuple[Reply, Authorization]:
        authorization = attempt.cache.get(lambda: self._authorizer.initial(attempt))
        reply = self._send(request, authorization)
        for _ in range(_MAX_RENEWALS):
            renewed = self._renew(attempt, authorization, reply)
            if renewed is None:
                break
            sent, authorization = authorization.header, renewed
            if renewed.header == sent:
                break
            reply = self._send(request, renewed)
        if reply.status not in _REFUSED:
            attempt.cache.mark_accepted(authorization)
        return reply, authorization

    def _renew(
        self, attempt: CredentialAttempt, authorization: Authorization, reply: Reply
    ) -> Authorization | None:
        """Return the authorization that a reply of the registry itself asks for, if it does."""
        if parse_origin(reply.url) != self.origin:
            return None
        fetch = self._authorizer.renewal(attempt, authorization, reply)
        return None if fetch is None else attempt.cache.renew(authorization, fetch)

    def _check_allowed(self, repository: Repository) -> None:
        allowed = self._options.allowed_registries
        if allowed and not any(entry.covers(repository) for entry in allowed):
            name = f"{repository.registry}/{repository.path}"
            raise LookupFailedError(Cause.NOT_ALLOWED, f"{name} is not in the allowed registries")

    def _attempts_for(self, path: str) -> CredentialAttempts:
        with self._lock:
            if path not in self._attempts:
                candidates = self._keychain.candidates(self._host, path)
                self._attempts[path] = CredentialAttempts(path, candidates)
            return self._attempts[path]

    def _url(self, target: str) -> str:
        return f"{self._ping.get().scheme}://{self._host}{target}"

    def _send(self, request: Request, authorization: Authorization) -> Reply:
        with self._lock:
            if self._broken:
                raise LookupFailedError(
                    Cause.TRANSIENT, f"not queried after {_BREAKS_AFTER} failures in a row: {self._broken}"
                )
        if authorization.header:
            request = replace(request, headers={**request.headers, "Authorization": authorization.header})
        try:
            reply = self._transport.fetch(request)
        except UnavailableError as error:
            with self._lock:
                self._failures += 1
                if self._failures == _BREAKS_AFTER:
                    self._broken = error.reason
            raise
        with self._lock:
            self._failures = 0
        return reply

    def _own_policy(self) -> AddressPolicy:
        named = any(entry.names(self._host) for entry in self._options.allowed_registries)
        if named or not self._options.public_only:
            return ANY_ADDRESS
        return AddressPolicy(
            AddressScope.PUBLIC,
            f"{self._host} is on a private address and not in the allowed registries",
            Cause.NOT_ALLOWED,
        )

    def _same_host_policy(self, target: Origin) -> AddressPolicy:
        if target.host != self._host_origin.host:
            raise LookupFailedError(
                Cause.POLICY, f"a redirect to another host, {target.authority}, was refused"
            )
        return self._own_policy()

    def _other_host_policy(self, target: Origin) -> AddressPolicy:
        if target.host == self._host_origin.host:
            return self._own_policy()
        if target.is_among(self._options.trusted_realm_hosts):
            return ANY_ADDRESS
        scope = AddressScope.ROUTED if self._ping.get().is_private else AddressScope.PUBLIC
        refusal = f"a redirect to a private address, {target.authority}, was refused"
        return AddressPolicy(scope, refusal, Cause.PRIVATE)

    def _token_server_policy(self, pinged: PingResult) -> TokenServerPolicy:
        return TokenServerPolicy(
            registry=pinged.origin,
            trusted=self._options.trusted_realm_hosts,
            is_private=pinged.is_private,
            own_addresses=self._own_policy(),
        )


def _is_refused(reply: Reply) -> bool:
    """Say whether another credential may get another reply."""
    hidden = reply.status == _NOT_FOUND and bool(_HIDDEN.intersection(error_codes(reply)))
    return hidden or reply.status in {_UNAUTHORIZED, _FORBIDDEN}


@dataclass(frozen=True, slots=True)
class _Refusal:
    """The reply to one attempt."""

    attempt: CredentialAttempt
    reply: Reply
    authorization: Authorization

    @property
    def place(self) -> str:
        """The file of the refused credential; empty if the registry asked for none."""
        credential = self.attempt.credential
        return credential.place if credential and self.authorization.challenges else ""


def _best_refusal(
    refusals: Sequence[_Refusal], failures: Sequence[LookupFailedError]
) -> tuple[Reply, Authorization]:
    """Return the most informative reply, with all refused credentials in its `refusal`."""
    reasons = dict.fromkeys(failure.reason for failure in failures)
    if not refusals:
        # The credentials that are tried first count most.
        raise LookupFailedError(failures[0].cause, "; ".join(reasons))
    # A registry that names the repository has accepted the credential.
    best = max(refusals, key=lambda refusal: refusal.reply.status == _NOT_FOUND)
    if len(refusals) == 1 and not reasons:
        return best.reply, best.authorization
    places = dict.fromkeys(refusal.place for refusal in refusals if refusal.place)
    refused = refused_credentials(tuple(places)) if places else best.authorization.refusal
    refusal = "; ".join(dict.fromkeys([refused, *reasons]))
    cause = Cause.LOGIN if places else best.authorization.cause
    return best.reply, replace(best.authorization, refusal=refusal, cause=cause)
