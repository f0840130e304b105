"""Repeat a query until its answer is good or the time is over."""

import time
from collections.abc import Callable
from typing import TypeVar

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.diagnostics import PassingError

INTERVAL = 10.0
"""The most seconds between two tries: each reads all NIC nodes of a cluster."""
_TRIES = 10
"""The number of tries in a time that is short."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """A clock that can also sleep."""

    now: Callable[[], float] = time.monotonic
    """Seconds since an arbitrary moment."""
    sleep: Callable[[float], None] = time.sleep


def ask_until(
    ask: Callable[[], _T],
    is_good: Callable[[_T], bool],
    seconds: float,
    show: Callable[[_T | None, float], None],
    clock: Clock = Clock(),  # noqa: B008 (frozen value)
) -> _T:
    """Return the first good answer, or else the last one, which is asked for when the time is over.

    Without time there is one try. `show` gets each answer that is not good, None if there was none,
    and the seconds that are left. Raises the `PassingError` of the last try, and all other errors
    at once.
    """
    end = clock.now() + seconds
    interval = min(INTERVAL, seconds / _TRIES)
    while True:
        answer = None
        try:
            answer = ask()
            if is_good(answer) or clock.now() >= end:
                return answer
        except PassingError:
            if clock.now() >= end:
                raise
        left = end - clock.now()
        show(answer, left)
        clock.sleep(max(0.0, min(interval, left)))
