"""One registry as all threads share it: scheme, challenge, a token for each repository, and a breaker."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from gitops_doca.core.lookup import Cause
from gitops_doca.core.reference import Digest, Repository
from gitops_doca.registry.auth import Challenge, Realm, TokenRequest, fetch_token, parse_challenges
from gitops_doca.registry.credentials import Keychain, Login
from gitops_doca.registry.failures import NoAnswerError, OutageError, status_text
from gitops_doca.registry.grants import Access, Grant, Once
from gitops_doca.registry.options import RegistryOptions
from gitops_doca.registry.origins import Origin, is_internal, is_loopback, parse_origin
from gitops_doca.registry.transport import LARGE, Reply, Request, Transport

_BREAKS_AFTER = 3
_OK, _UNAUTHORIZED, _FORBIDDEN, _PROXY_AUTH = 200, 401, 403, 407


@dataclass(frozen=True, slots=True)
class _Door:
    """What the ping found."""

    scheme: str
    """The one that is spoken at the registry's own host and port."""
    end: Origin
    """Where the ping ended; only redirects on the same host are followed."""
    challenge: Challenge | None
    """None: the registry asks nobody who they are."""


class Endpoint:
    """A registry that can be asked about its repositories; raises `NoAnswerError` where it gives no reply."""

    def __init__(
        self,
        host: str,
        options: RegistryOptions,
        transport: Transport,
        keychain: Keychain,
        warn: Callable[[str], None],
    ) -> None:
        self._host = host
        self._options = options
        self._transport = transport
        self._keychain = keychain
        self.warn = warn
        """Tells the user something that ends no look-up."""
        self._door = Once(self._knock)
        self._lock = threading.Lock()
        self._accesses: dict[str, Access] = {}
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
            raise NoAnswerError(cause, f"{what}: {grant.standing}" if cause is Cause.AUTH else what)
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
    ) -> tuple[Reply, Grant]:
        """Return the reply to a path below `/v2/` of the repository's host, and what was shown to get it.

        `elsewhere`: redirects to other hosts are followed, though not into a private network from outside.
        """
        login = self._keychain.login(self._host, repository.path)
        access = self._access(repository.path, login)
        grant = access.grant()
        request = Request(
            method=method,
            url=self._url(target),
            headers={"Accept": accept},
            may_follow=self._any_host if elsewhere else self._same_host,
            cap=cap,
        )
        reply = self._send(request, grant)
        if reply.status == _UNAUTHORIZED and grant.authorization.startswith("Bearer "):
            renewed = self._renew(access, grant, reply, repository.path, login)
            if renewed is not None:
                grant, reply = renewed, self._send(request, renewed)
        if reply.status != _UNAUTHORIZED:
            access.accepted()
        return reply, grant

    def _url(self, target: str) -> str:
        return f"{self._door.get().scheme}://{self._host}{target}"

    def _send(self, request: Request, grant: Grant) -> Reply:
        with self._lock:
            if self._broken:
                raise NoAnswerError(
                    Cause.TRANSIENT, f"not asked after {_BREAKS_AFTER} failures in a row: {self._broken}"
                )
        if grant.authorization:
            request = replace(request, headers={**request.headers, "Authorization": grant.authorization})
        try:
            reply = self._transport.fetch(request)
        except OutageError as error:
            with self._lock:
                self._outages += 1
                if self._outages == _BREAKS_AFTER:
                    self._broken = error.reason
            raise
        with self._lock:
            self._outages = 0
        return reply

    def _same_host(self, target: Origin) -> None:
        if target.host != parse_origin(f"https://{self._host}").host:
            raise NoAnswerError(Cause.POLICY, f"a redirect to another host, {target.authority}, was refused")

    def _any_host(self, target: Origin) -> None:
        ours = parse_origin(f"https://{self._host}").host
        if is_internal(target.host) and not is_internal(ours):
            raise NoAnswerError(
                Cause.POLICY, f"a redirect to a private address, {target.authority}, was refused"
            )

    def _knock(self) -> _Door:
        """Ping by https; by http only where that is allowed and https is not spoken."""
        scheme = "https"
        reply = self._probe() if self._may_be_plain() else self._ping(scheme)
        if reply is None:
            scheme = "http"
            reply = self._ping(scheme)
        if reply.status == _OK:
            return _Door(scheme, parse_origin(reply.url), None)
        if reply.status != _UNAUTHORIZED:
            raise NoAnswerError(cause_of(reply.status), f"{status_text(reply.status)} for /v2/")
        for challenge in parse_challenges(reply.headers.getlist("WWW-Authenticate")):
            if challenge.scheme in {"basic", "bearer"}:
                return _Door(scheme, parse_origin(reply.url), challenge)
        raise NoAnswerError(
            Cause.AUTH, f"{status_text(reply.status)} for /v2/ without a Basic or Bearer challenge"
        )

    def _may_be_plain(self) -> bool:
        origin = parse_origin(f"https://{self._host}")
        return is_loopback(origin.host) or origin.is_among(self._options.insecure_registries)

    def _probe(self) -> Reply | None:
        """Ping once by https; None if nobody speaks it, an error for a certificate that is not trusted."""
        try:
            return self._ping("https", once=True)
        except OutageError as error:
            answered = error.answered
        return self._ping("https") if answered else None

    def _ping(self, scheme: str, *, once: bool = False) -> Reply:
        request = Request(
            method="GET",
            url=f"{scheme}://{self._host}/v2/",
            headers={"Accept": "application/json"},
            may_follow=self._same_host,
            once=once,
        )
        return self._transport.fetch(request)

    def _access(self, path: str, login: Login | None) -> Access:
        with self._lock:
            if path not in self._accesses:
                self._accesses[path] = Access(lambda: self._first_grant(path, login))
            return self._accesses[path]

    def _first_grant(self, path: str, login: Login | None) -> Grant:
        challenge = self._door.get().challenge
        if challenge is None:
            return Grant(standing="the registry wanted no credentials before, so it was sent none")
        if challenge.scheme == "bearer":
            return self._exchange(challenge, (_scope(path),), login)
        return Grant(
            authorization=login.authorization if login else "",
            credentials_sent=login is not None,
            standing=self._standing(login),
        )

    def _standing(self, login: Login | None, withheld_from: str = "") -> str:
        place = self._keychain.place
        if withheld_from:
            return f"the credentials were not sent to its token server {withheld_from}"
        if login is not None:
            return f"the registry does not accept the credentials from {place} for this repository"
        none = f"none match it in {place}" if place else "there is no docker config.json"
        return f"the registry wants credentials and {none}; the repository is private or absent"

    def _renew(
        self, access: Access, stale: Grant, reply: Reply, path: str, login: Login | None
    ) -> Grant | None:
        """Take the 401's own challenge, unless it came from elsewhere after a redirect."""
        challenges = parse_challenges(reply.headers.getlist("WWW-Authenticate"))
        challenge = next((c for c in challenges if c.scheme == "bearer"), None)
        if challenge is None or parse_origin(reply.url) != self.origin:
            return None
        named = challenge.parameters.get("scope", "").split()
        scopes = tuple(dict.fromkeys([*named, _scope(path)]))
        return access.renew(stale, lambda: self._exchange(challenge, scopes, login))

    def _exchange(self, challenge: Challenge, scopes: tuple[str, ...], login: Login | None) -> Grant:
        rules = Realm(self._door.get().end, self._options.trusted_realm_hosts)
        wanted = TokenRequest(challenge=challenge, scopes=scopes, login=login, rules=rules)
        realm, sent = wanted.origin().authority, wanted.sends_credentials()
        withheld_from = realm if login is not None and not sent else ""
        if withheld_from:
            self.warn(
                f"the credentials for {self._host} were not sent to its token server {realm}; "
                f"--trusted-realm-host {realm} allows it"
            )
        return Grant(
            authorization=f"Bearer {fetch_token(self._transport, wanted)}",
            credentials_sent=sent,
            standing=self._standing(login, withheld_from),
        )


def _scope(path: str) -> str:
    return f"repository:{path}:pull"


def cause_of(status: int) -> Cause:
    """Return why a status that settles nothing does not."""
    if status in {_UNAUTHORIZED, _FORBIDDEN}:
        return Cause.AUTH
    if status == _PROXY_AUTH:
        return Cause.PROXY
    return Cause.TRANSIENT if status >= 500 else Cause.PROTOCOL  # noqa: PLR2004
