"""The ways into one repository: one for each credential that matches it, tried until one opens."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gitops_doca.core.resolve.lookup import Cause
from gitops_doca.net.request_errors import LookupFailedError
from gitops_doca.registry.auth.authorization import AuthorizationCache
from gitops_doca.registry.auth.authorizer import Caller
from gitops_doca.registry.auth.credentials import Credential, HelperCall, InvalidCredential


@dataclass(frozen=True, slots=True, eq=False)
class CredentialAttempt:
    """One credential, or none, and what it was exchanged for."""

    caller: Caller
    access: AuthorizationCache


class CredentialAttempts:
    """All ways, the one that was open last before the others; safe to share between threads."""

    def __init__(self, ways: Sequence[CredentialAttempt], unusable: Sequence[InvalidCredential]) -> None:
        self._ways = tuple(ways)
        self._lock = threading.Lock()
        self._open: CredentialAttempt | None = None
        self.problems = tuple(found.reason for found in unusable)
        """Why entries for the repository could not be tried."""

    def in_order(self) -> tuple[CredentialAttempt, ...]:
        """Return each way once, the likeliest first."""
        with self._lock:
            first = self._open
        return self._ways if first is None else (first, *(way for way in self._ways if way is not first))

    def opened(self, way: CredentialAttempt) -> None:
        """Note that the registry let somebody in this way."""
        with self._lock:
            self._open = way


def make_ways(
    path: str,
    candidates: Sequence[Credential | HelperCall | InvalidCredential],
    access: Callable[[Caller], AuthorizationCache],
) -> CredentialAttempts:
    """Return the ways of all candidates, or the anonymous one where there is no candidate.

    Raises `LookupFailedError` (auth) when there are candidates and none can be used: that is not anonymous.
    """
    unusable = [found for found in candidates if isinstance(found, InvalidCredential)]
    usable = [found for found in candidates if not isinstance(found, InvalidCredential)]
    if unusable and not usable:
        raise LookupFailedError(Cause.AUTH, "; ".join(found.reason for found in unusable))
    alone = len(candidates) <= 1
    callers = [Caller(shown=found, path=path, alone=alone) for found in usable or (None,)]
    return CredentialAttempts([CredentialAttempt(caller, access(caller)) for caller in callers], unusable)
