"""Answer the challenges of one registry with credentials or tokens."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from gitops_doca.core.diagnostics import Diagnostic, Flag
from gitops_doca.core.resolve.lookup import Cause
from gitops_doca.net.request_errors import LookupFailedError
from gitops_doca.net.transport import Reply
from gitops_doca.registry.auth.attempts import CredentialAttempt
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
_WITHOUT_CHALLENGE = Authorization(
    refusal="the registry sent no challenge that can be answered, so no credentials were sent",
    cause=Cause.NO_CHALLENGE,
)


class Authorizer:
    """Makes the authorizations for one registry."""

    def __init__(
        self,
        ping: CachedResult[PingResult],
        token_server_policy: Callable[[PingResult], TokenServerPolicy],
        token_server: TokenServer,
        keychain: Keychain,
        warn: Callable[[Diagnostic], None],
    ) -> None:
        self._ping = ping
        self._token_server_policy = token_server_policy
        self._token_server = token_server
        self._keychain = keychain
        self._warn = warn

    def initial(self, attempt: CredentialAttempt) -> Authorization:
        """Return the authorization of the first request: none, unless the ping was challenged.

        Raises `LookupFailedError`, with a cause about credentials if another one may help.
        """
        challenges = self._ping.get().challenges
        if not challenges:
            return _WITHOUT_CHALLENGE
        return self._answer(challenges, attempt, self._credential(attempt))

    def renewal(
        self, attempt: CredentialAttempt, authorization: Authorization, reply: Reply
    ) -> Callable[[], Authorization] | None:
        """Return a function that fetches the authorization that a reply asks for, if it does.

        A 401 asks for it with its challenges. A status with the word `expired` asks for a new
        token, by the challenges before, and for the login that a helper has now. Raises
        `LookupFailedError` as `initial` does.
        """
        expired = reply.status in _STALE and b"expired" in reply.body.lower()
        challenges: tuple[Challenge, ...] = ()
        if reply.status == _UNAUTHORIZED:
            challenges = answerable(parse_challenges(reply.headers.getlist("WWW-Authenticate")))
        if not challenges and expired:
            challenges = authorization.challenges
        if not challenges:
            return None
        credential = self._credential(attempt, expired=expired)
        if authorization.challenges and choose(challenges, credential) is None:
            return None
        return lambda: self._answer(challenges, attempt, credential)

    def _credential(self, attempt: CredentialAttempt, *, expired: bool = False) -> Credential | None:
        """Return the credential to send; a helper runs only here, after a challenge."""
        if not isinstance(attempt.credential, HelperCall):
            return attempt.credential
        credential = self._keychain.run_helper(attempt.credential, again=expired)
        if credential is None and not attempt.is_only:
            raise LookupFailedError(
                Cause.AUTH, f"the credential helper that {attempt.credential.place} names has no login"
            )
        return credential

    def _answer(
        self, challenges: tuple[Challenge, ...], attempt: CredentialAttempt, credential: Credential | None
    ) -> Authorization:
        anonymous = Authorization(
            challenges=challenges,
            refusal=self._refusal(attempt, credential),
            cause=Cause.LOGIN if credential else Cause.AUTH,
        )
        if isinstance(credential, RegistryToken):
            return replace(anonymous, header=f"Bearer {credential.token}", credentials_sent=True)
        challenge = choose(challenges, credential)
        if challenge is None:
            if any(one.scheme == "bearer" for one in challenges):
                raise LookupFailedError(Cause.NO_CHALLENGE, "401 with a Bearer challenge that names no realm")
            if isinstance(credential, IdentityToken):
                what = "has an identity token for this registry, which wants a password"
                raise LookupFailedError(Cause.LOGIN, f"{credential.place} {what}")
            return anonymous
        if challenge.scheme == "basic" and isinstance(credential, Password):
            return replace(anonymous, header=credential.authorization, credentials_sent=True)
        return self._fetch_token(challenge, attempt.path, credential, anonymous)

    def _fetch_token(
        self, challenge: Challenge, path: str, credential: Credential | None, anonymous: Authorization
    ) -> Authorization:
        """Fetch a token; the scope of the challenge comes first, as registries expect it."""
        policy = self._token_server_policy(self._ping.get())
        challenged = challenge.parameters.get("scope", "").split()
        scopes = tuple(dict.fromkeys([*challenged, f"repository:{path}:pull"]))
        request = TokenRequest(challenge=challenge, scopes=scopes, credential=credential, policy=policy)
        server, sent = request.origin().authority, request.sends_credentials()
        if credential is not None and not sent:
            anonymous = replace(
                anonymous,
                refusal=f"the credentials were not sent to its token server {server}",
                cause=Cause.NOT_SENT,
            )
            self._warn(
                Diagnostic(
                    category=None,
                    message=f"the credentials for {policy.registry.authority} were not sent to its token "
                    f"server {server}",
                    help=("if it may have them, give ", Flag("--trusted-realm-host"), f" {server}"),
                )
            )
        token = self._token_server.fetch(request)
        return replace(anonymous, header=f"Bearer {token}", credentials_sent=sent)

    def _refusal(self, attempt: CredentialAttempt, credential: Credential | None) -> str:
        if credential is not None:
            return refused_credentials([credential.place])
        places = ", ".join(self._keychain.places)
        missing = f"none match it in {places}" if places else "there is no docker config.json"
        if isinstance(attempt.credential, HelperCall):
            missing = f"the credential helper that {attempt.credential.place} names has no login"
        return f"the registry wants credentials and {missing}; the repository is private or absent"


def refused_credentials(places: Sequence[str]) -> str:
    """Return the clause for a 401 or 403 in spite of credentials."""
    return f"the registry does not accept the credentials from {', '.join(places)} for this repository"
