"""The authorization for a repository, fetched once for all threads."""

import threading
from collections.abc import Callable
from dataclasses import field
from typing import Generic, TypeVar

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.resolve.lookup import Cause
from gitops_doca.net.request_errors import LookupFailedError
from gitops_doca.registry.auth.challenges import Challenge

_T = TypeVar("_T")


class CachedResult(Generic[_T]):
    """The result of a function that the first thread calls, and for which all others wait."""

    def __init__(self, compute: Callable[[], _T]) -> None:
        self._compute = compute
        self._lock = threading.Lock()
        self._result: list[_T | LookupFailedError] = []

    def get(self) -> _T:
        """Return the result; raises the `LookupFailedError` of the function, each time."""
        with self._lock:
            if not self._result:
                try:
                    self._result.append(self._compute())
                except LookupFailedError as error:
                    self._result.append(error)
        result = self._result[0]
        if isinstance(result, LookupFailedError):
            raise LookupFailedError(result.cause, result.reason)
        return result


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """The value of the Authorization header of a repository's requests, and where it comes from."""

    header: str = field(default="", repr=False)
    """Empty: the requests are anonymous."""
    challenges: tuple[Challenge, ...] = ()
    """The challenges that it answers; none: the registry sent none yet."""
    credentials_sent: bool = False
    """The registry or its token server received credentials."""
    refusal: str = ""
    """The clause that explains a 401 or 403 in spite of this authorization."""
    cause: Cause = Cause.AUTH
    """The cause of such an answer."""


class AuthorizationCache:
    """The newest authorization of one attempt.

    An authorization for a challenge is refreshed only once until the registry has accepted it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest: CachedResult[Authorization] | None = None
        self._renewal: CachedResult[Authorization] | None = None
        """A refresh that failed; the newest stays in use."""
        self._unproven: Authorization | None = None
        """A refreshed authorization that was not accepted yet."""

    def get(self, fetch: Callable[[], Authorization]) -> Authorization:
        """Return the newest authorization, fetched by the first thread.

        Raises the `LookupFailedError` of the fetch, each time.
        """
        with self._lock:
            self._newest = self._newest or CachedResult(fetch)
            return self._newest.get()

    def mark_accepted(self, authorization: Authorization) -> None:
        """Allow another refresh, because the registry accepted this authorization."""
        with self._lock:
            if authorization is self._unproven:
                self._unproven = None

    def renew(self, stale: Authorization, fetch: Callable[[], Authorization]) -> Authorization | None:
        """Return a newer authorization than the stale one; None if that was refreshed and refused.

        Raises the `LookupFailedError` of the fetch, each time.
        """
        with self._lock:
            newest = self._newest.get() if self._newest else stale
            if newest is not stale:
                return newest
            if stale is self._unproven:
                return None
            self._renewal = self._renewal or CachedResult(fetch)
            renewed = self._renewal.get()
            self._newest, self._renewal = self._renewal, None
            # The first answer to a challenge is not a refresh.
            self._unproven = renewed if stale.challenges else None
            return renewed
