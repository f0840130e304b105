"""The ways into one repository: one for each credential that matches it, tried until one opens."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gitops_doca.core.resolve.lookup import Cause
from gitops_doca.net.request_errors import NoAnswerError
from gitops_doca.registry.auth.authorization import Access
from gitops_doca.registry.auth.authorizer import Caller
from gitops_doca.registry.auth.credentials import HelperCall, Login, Unusable


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """One credential, or none, and what it was exchanged for."""

    caller: Caller
    access: Access


class Ways:
    """All ways, the one that was open last before the others; safe to share between threads."""

    def __init__(self, ways: Sequence[Way], unusable: Sequence[Unusable]) -> None:
        self._ways = tuple(ways)
        self._lock = threading.Lock()
        self._open: Way | None = None
        self.problems = tuple(found.reason for found in unusable)
        """Why entries for the repository could not be tried."""

    def in_order(self) -> tuple[Way, ...]:
        """Return each way once, the likeliest first."""
        with self._lock:
            first = self._open
        return self._ways if first is None else (first, *(way for way in self._ways if way is not first))

    def opened(self, way: Way) -> None:
        """Note that the registry let somebody in this way."""
        with self._lock:
            self._open = way


def make_ways(
    path: str, candidates: Sequence[Login | HelperCall | Unusable], access: Callable[[Caller], Access]
) -> Ways:
    """Return the ways of all candidates, or the anonymous one where there is no candidate.

    Raises `NoAnswerError` (auth) when there are candidates and none can be used: that is not anonymous.
    """
    unusable = [found for found in candidates if isinstance(found, Unusable)]
    usable = [found for found in candidates if not isinstance(found, Unusable)]
    if unusable and not usable:
        raise NoAnswerError(Cause.AUTH, "; ".join(found.reason for found in unusable))
    alone = len(candidates) <= 1
    callers = [Caller(shown=found, path=path, alone=alone) for found in usable or (None,)]
    return Ways([Way(caller, access(caller)) for caller in callers], unusable)
