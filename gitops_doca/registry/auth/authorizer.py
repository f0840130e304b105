"""What one registry's requests carry: a login as it is, or the token that it is exchanged for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from gitops_doca.core.diagnostics import Diagnostic, Flag
from gitops_doca.core.resolve.lookup import Cause
from gitops_doca.net.request_errors import LookupFailedError
from gitops_doca.net.transport import Reply
from gitops_doca.registry.auth.authorization import Authorization, CachedResult
from gitops_doca.registry.auth.challenges import Challenge, answerable, choose, parse_challenges
from gitops_doca.registry.auth.credentials import (
    Credential,
    HelperCall,
    IdentityToken,
    Password,
    RegistryToken,
)
from gitops_doca.registry.auth.keychain import Keychain
from gitops_doca.registry.auth.token_servers import TokenServerPolicy
from gitops_doca.registry.auth.tokens import TokenRequest, TokenServer
from gitops_doca.registry.ping import PingResult

_UNAUTHORIZED = 401
_STALE = {400, 401, 403}
_UNASKED = Authorization(
    standing="the registry sent no challenge that can be answered, so no credentials were sent"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks a registry, and for which repository."""

    shown: Credential | HelperCall | None
    path: str
    alone: bool
    """There is nothing else to show: a credential helper that has no login leaves one anonymous."""


class Authorizer:
    """Answers the challenges of one registry."""

    def __init__(
        self,
        pinged: CachedResult[PingResult],
        rules: Callable[[PingResult], TokenServerPolicy],
        tokens: TokenServer,
        keychain: Keychain,
        warn: Callable[[Diagnostic], None],
    ) -> None:
        self._pinged = pinged
        self._rules = rules
        self._tokens = tokens
        self._keychain = keychain
        self._warn = warn

    def first(self, caller: Caller) -> Authorization:
        """Return what a repository's requests carry at first: nothing, unless the ping was challenged.

        Raises `LookupFailedError`: of class auth when this login does not help, and another might.
        """
        challenges = self._pinged.get().challenges
        if not challenges:
            return _UNASKED
        return self._answer(challenges, caller, self._login(caller))

    def following(
        self, caller: Caller, grant: Authorization, reply: Reply
    ) -> Callable[[], Authorization] | None:
        """Return how to get the grant that a reply asks for instead; None where it asks for no other.

        A 401 asks by the challenges in it. A status that says `expired` asks for a new token by the
        challenges before, and a helper for its login again. Raises `LookupFailedError` as `first` does.
        """
        expired = reply.status in _STALE and b"expired" in reply.body.lower()
        asked: tuple[Challenge, ...] = ()
        if reply.status == _UNAUTHORIZED:
            asked = answerable(parse_challenges(reply.headers.getlist("WWW-Authenticate")))
        if not asked and expired and (grant.exchanged or isinstance(caller.shown, HelperCall)):
            asked = grant.challenges
        if not asked:
            return None
        login = self._login(caller, anew=expired)
        if grant.challenges and choose(asked, login) is None:
            return None
        return lambda: self._answer(asked, caller, login)

    def _login(self, caller: Caller, *, anew: bool = False) -> Credential | None:
        """Return the login to show; a helper is asked only here, once a registry has sent a challenge."""
        shown = caller.shown
        if not isinstance(shown, HelperCall):
            return shown
        login = self._keychain.ask_anew(shown) if anew else self._keychain.ask(shown)
        if login is None and not caller.alone:
            raise LookupFailedError(
                Cause.AUTH, f"the credential helper that {shown.place} names has no login"
            )
        return login

    def _answer(
        self, challenges: tuple[Challenge, ...], caller: Caller, login: Credential | None
    ) -> Authorization:
        standing = self._standing(caller.shown, login)
        bare = Authorization(challenges=challenges, standing=standing)
        if isinstance(login, RegistryToken):
            return replace(bare, authorization=f"Bearer {login.token}", credentials_sent=True)
        challenge = choose(challenges, login)
        if challenge is None:
            if any(one.scheme == "bearer" for one in challenges):
                raise LookupFailedError(Cause.AUTH, "401 with a Bearer challenge that names no realm")
            if isinstance(login, IdentityToken):
                what = "has an identity token for this registry, which wants a password"
                raise LookupFailedError(Cause.AUTH, f"{login.place} {what}")
            return bare
        if challenge.scheme == "basic" and isinstance(login, Password):
            return replace(bare, authorization=login.authorization, credentials_sent=True)
        return self._exchange(challenge, caller.path, login, bare)

    def _exchange(
        self, challenge: Challenge, path: str, login: Credential | None, bare: Authorization
    ) -> Authorization:
        """Fetch a token; the scope that the challenge names comes first, as registries expect it."""
        rules = self._rules(self._pinged.get())
        named = challenge.parameters.get("scope", "").split()
        scopes = tuple(dict.fromkeys([*named, _scope(path)]))
        wanted = TokenRequest(challenge=challenge, scopes=scopes, login=login, rules=rules)
        realm, sent = wanted.origin().authority, wanted.sends_credentials()
        if login is not None and not sent:
            bare = replace(bare, standing=f"the credentials were not sent to its token server {realm}")
            registry = rules.registry.authority
            self._warn(
                Diagnostic(
                    category=None,
                    message=f"the credentials for {registry} were not sent to its token server {realm}",
                    remedy=("if it may have them, give ", Flag("--trusted-realm-host"), f" {realm}"),
                )
            )
        token = self._tokens.fetch(wanted)
        return replace(bare, authorization=f"Bearer {token}", credentials_sent=sent, exchanged=True)

    def _standing(self, shown: Credential | HelperCall | None, login: Credential | None) -> str:
        if login is not None:
            return refused_credentials([login.place])
        places = ", ".join(self._keychain.places)
        none = f"none match it in {places}" if places else "there is no docker config.json"
        if isinstance(shown, HelperCall):
            none = f"the credential helper that {shown.place} names has none"
        return f"the registry wants credentials and {none}; the repository is private or absent"


def refused_credentials(places: Sequence[str]) -> str:
    """Return the clause for a 401 or 403 in spite of credentials."""
    return f"the registry does not accept the credentials from {', '.join(places)} for this repository"


def _scope(path: str) -> str:
    return f"repository:{path}:pull"
