"""The credentials to try for one repository, in order, until one is accepted."""

import threading
from collections.abc import Sequence
from dataclasses import field

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.resolve.lookup import Cause
from gitops_doca.net.request_errors import LookupFailedError
from gitops_doca.registry.auth.authorization import AuthorizationCache
from gitops_doca.registry.auth.credentials import (
    Credential,
    CredentialCandidate,
    HelperCall,
    InvalidCredential,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CredentialAttempt:
    """One credential for one repository, or none, and the authorization that it was exchanged for."""

    path: str
    """Of the repository."""
    credential: Credential | HelperCall | None
    is_only: bool
    """There is no other candidate: if a credential helper has no login, the request is anonymous.
    """
    cache: AuthorizationCache = field(default_factory=AuthorizationCache)


class CredentialAttempts:
    """The attempts of all candidates, or an anonymous one without candidates; thread-safe.

    Raises `LookupFailedError` (credentials) if there are candidates and all are invalid: they never make a
    request anonymous.
    """

    def __init__(self, path: str, candidates: Sequence[CredentialCandidate]) -> None:
        invalid = [candidate for candidate in candidates if isinstance(candidate, InvalidCredential)]
        usable = [candidate for candidate in candidates if not isinstance(candidate, InvalidCredential)]
        self.problems = tuple(LookupFailedError(Cause.CREDENTIALS, one.reason) for one in invalid)
        """Why candidates could not be tried."""
        if invalid and not usable:
            raise LookupFailedError(Cause.CREDENTIALS, "; ".join(one.reason for one in self.problems))
        is_only = len(candidates) <= 1
        self._attempts = [
            CredentialAttempt(path=path, credential=credential, is_only=is_only)
            for credential in usable or (None,)
        ]
        self._lock = threading.Lock()
        self._preferred: CredentialAttempt | None = None
        self._used: str | None = None

    def in_order(self) -> tuple[CredentialAttempt, ...]:
        """Return each attempt once, the one that was accepted last first."""
        with self._lock:
            return tuple(sorted(self._attempts, key=lambda attempt: attempt is not self._preferred))

    def prefer(self, attempt: CredentialAttempt, *, credentials_sent: bool) -> None:
        """Try an attempt before the others from now on, because the registry accepted it."""
        with self._lock:
            self._preferred = attempt
            self._used = attempt.credential.place if attempt.credential and credentials_sent else ""

    @property
    def used(self) -> str | None:
        """The file of the accepted credential, empty if none was sent; None: nothing was accepted."""
        with self._lock:
            return self._used
