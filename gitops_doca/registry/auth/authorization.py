"""What the requests for a repository carry, found out once and shared by all threads."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from gitops_doca.net.request_errors import LookupFailedError
from gitops_doca.registry.auth.challenges import Challenge

_T = TypeVar("_T")


class CachedResult(Generic[_T]):
    """A value that the first thread computes and all others wait for; a failure is kept just so."""

    def __init__(self, compute: Callable[[], _T]) -> None:
        self._compute = compute
        self._lock = threading.Lock()
        self._found: list[_T | LookupFailedError] = []

    def get(self) -> _T:
        """Return the value; raises the `LookupFailedError` that there was instead, also the next time."""
        with self._lock:
            if not self._found:
                try:
                    self._found.append(self._compute())
                except LookupFailedError as error:
                    self._found.append(error)
        found = self._found[0]
        if isinstance(found, LookupFailedError):
            raise LookupFailedError(found.cause, found.reason)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """What a repository's requests carry."""

    authorization: str = field(default="", repr=False)
    challenges: tuple[Challenge, ...] = ()
    """The challenges that it answers; none: the registry has asked for nothing yet."""
    credentials_sent: bool = False
    """The registry, or its token server, has seen a login."""
    exchanged: bool = False
    """It is a token that a token server gave."""
    standing: str = ""
    """The clause that explains a 401 or 403 in spite of this grant."""


class AuthorizationCache:
    """One repository's grant; an answer to a challenge is renewed at most once without success."""

    def __init__(self, first: Callable[[], Authorization]) -> None:
        self._lock = threading.Lock()
        self._newest = CachedResult(first)
        self._next: CachedResult[Authorization] | None = None
        """What did not come when the newest was to be renewed; the newest stays in use."""
        self._doubtful: Authorization | None = None
        """A renewed grant that has not worked yet."""

    def grant(self) -> Authorization:
        """Return the newest authorization, fetched when the first thread asks.

        Raises as `CachedResult` does.
        """
        with self._lock:
            return self._newest.get()

    def accepted(self, grant: Authorization) -> None:
        """Note that the registry took a grant: when it expires, another may be fetched."""
        with self._lock:
            if grant is self._doubtful:
                self._doubtful = None

    def renew(self, stale: Authorization, fetch: Callable[[], Authorization]) -> Authorization | None:
        """Return a newer grant than the stale one; None if that is a renewed one that never worked.

        Raises the `LookupFailedError` that there was instead, and the same for the next who asks.
        """
        with self._lock:
            newest = self._newest.get()
            if newest is not stale:
                return newest
            if stale is self._doubtful:
                return None
            self._next = self._next or CachedResult(fetch)
            renewed = self._next.get()
            self._newest, self._next = self._next, None
            # The first answer to a challenge is as good as a first grant.
            self._doubtful = renewed if stale.challenges else None
            return renewed
