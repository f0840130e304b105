"""What one registry's requests carry: a login as it is, or the token that it is exchanged for."""

from collections.abc import Callable, Sequence

from gitops_doca.core.lookup import Cause
from gitops_doca.registry.challenges import Challenge, choose, parse_challenges
from gitops_doca.registry.credentials import Keychain
from gitops_doca.registry.failures import NoAnswerError
from gitops_doca.registry.grants import Grant, Once
from gitops_doca.registry.logins import HelperCall, IdentityToken, Login, Password, RegistryToken
from gitops_doca.registry.ping import PingResult
from gitops_doca.registry.realms import Realm
from gitops_doca.registry.tokens import TokenRequest, TokenServer
from gitops_doca.registry.transport import Reply

_UNAUTHORIZED = 401
_STALE = {400, 401, 403}


class Authorizer:
    """Answers the challenges of one registry."""

    def __init__(
        self,
        pinged: Once[PingResult],
        rules: Callable[[PingResult], Realm],
        tokens: TokenServer,
        keychain: Keychain,
        warn: Callable[[str], None],
    ) -> None:
        self._pinged = pinged
        self._rules = rules
        self._tokens = tokens
        self._keychain = keychain
        self._warn = warn

    def first(self, shown: Login | HelperCall | None, path: str, *, alone: bool) -> Grant:
        """Return what a repository's requests carry; a helper is asked only by a registry that wants a login.

        `alone`: there is nothing else to show, so a helper that has nothing leaves one anonymous.
        Raises `NoAnswerError`: of class auth when this login does not help, and another might.
        """
        challenges = self._pinged.get().challenges
        if not challenges:
            return Grant(standing="the registry wanted no credentials before, so it was sent none")
        login = self._login(shown)
        if isinstance(shown, HelperCall) and login is None and not alone:
            raise NoAnswerError(Cause.AUTH, f"the credential helper that {shown.place} names has no login")
        return self._answer(challenges, shown, login, (_scope(path),))

    def renewal(
        self, shown: Login | HelperCall | None, path: str, grant: Grant, reply: Reply
    ) -> Callable[[], Grant] | None:
        """Return how to get past a reply that may mean that a grant is too old; None for any other reply.

        A token is renewed after a 401, by the challenge in it, and after a status that says `expired`; a
        helper is asked again after the latter.
        """
        expired = reply.status in _STALE and b"expired" in reply.body.lower()
        challenges = parse_challenges(reply.headers.getlist("WWW-Authenticate"))
        asked = choose([one for one in challenges if one.scheme == "bearer"], None)
        if reply.status == _UNAUTHORIZED and grant.exchanged and asked is not None:
            again: tuple[Challenge, ...] = (asked,)
        elif expired and (grant.exchanged or isinstance(shown, HelperCall)):
            again = self._pinged.get().challenges
        else:
            return None
        named = again[0].parameters.get("scope", "").split()
        scopes = tuple(dict.fromkeys([*named, _scope(path)]))

        def renew() -> Grant:
            return self._answer(again, shown, self._login(shown, anew=expired), scopes)

        return renew

    def _login(self, shown: Login | HelperCall | None, *, anew: bool = False) -> Login | None:
        if not isinstance(shown, HelperCall):
            return shown
        return self._keychain.ask_anew(shown) if anew else self._keychain.ask(shown)

    def _answer(
        self,
        challenges: Sequence[Challenge],
        shown: Login | HelperCall | None,
        login: Login | None,
        scopes: tuple[str, ...],
    ) -> Grant:
        standing = self._standing(shown, login)
        if isinstance(login, RegistryToken):
            return Grant(authorization=f"Bearer {login.token}", credentials_sent=True, standing=standing)
        challenge = choose(challenges, login)
        if challenge is None:
            if any(one.scheme == "bearer" for one in challenges):
                raise NoAnswerError(Cause.AUTH, "401 with a Bearer challenge that names no realm")
            if isinstance(login, IdentityToken):
                what = "has an identity token for this registry, which wants a password"
                raise NoAnswerError(Cause.AUTH, f"{login.place} {what}")
            return Grant(standing=standing)
        if challenge.scheme == "basic" and isinstance(login, Password):
            return Grant(authorization=login.authorization, credentials_sent=True, standing=standing)
        return self._exchange(challenge, scopes, login, standing)

    def _exchange(
        self, challenge: Challenge, scopes: tuple[str, ...], login: Login | None, standing: str
    ) -> Grant:
        rules = self._rules(self._pinged.get())
        wanted = TokenRequest(challenge=challenge, scopes=scopes, login=login, rules=rules)
        realm, sent = wanted.origin().authority, wanted.sends_credentials()
        if login is not None and not sent:
            standing = f"the credentials were not sent to its token server {realm}"
            self._warn(
                f"the credentials for {rules.registry.authority} were not sent to its token server {realm}; "
                f"--trusted-realm-host {realm} allows it"
            )
        return Grant(
            authorization=f"Bearer {self._tokens.fetch(wanted)}",
            credentials_sent=sent,
            exchanged=True,
            standing=standing,
        )

    def _standing(self, shown: Login | HelperCall | None, login: Login | None) -> str:
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
