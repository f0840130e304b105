"""Retry a request after a temporary failure."""

import random
import time
from collections.abc import Callable
from typing import NoReturn, TypeVar

import urllib3

from gitops_doca.core.dataclass import dataclass
from gitops_doca.net.deadline import Deadline
from gitops_doca.net.request_errors import UnavailableError

_MAX_RETRY_AFTER = 30.0
"""The longest wait in seconds that a server may ask for."""
_TOO_LONG = 6 * 3600

# RFC 9110, 425 Too Early, nginx's 499 and a CDN's 52x. 501 and 505 will be the same next time.
_RETRYABLE = {408, 425, 429, 499, *range(500, 600)} - {501, 505}
_T = TypeVar("_T")


def is_retryable(status: int) -> bool:
    """Say whether the same request may succeed later."""
    return status in _RETRYABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often a request is tried, and how long one try may take."""

    tries: int = 3
    base: float = 0.5
    """Seconds before the second try, doubled before each further one, with jitter of a quarter."""
    connect_timeout: float = 5.0
    read_timeout: float = 10.0
    """Seconds between two pieces of an answer, not for all of it."""

    def backoff(self, tried: int) -> float:
        """Return the seconds to wait after this many tries."""
        jitter = random.uniform(0.75, 1.25)  # noqa: S311 (spreads load, hides nothing)
        return self.base * float(2 ** (tried - 1)) * jitter

    def timeouts(self, deadline: Deadline) -> tuple[float, float]:
        """Return the time-outs to connect and to read that are left before a deadline."""
        left = deadline.left
        return min(self.connect_timeout, left), min(self.read_timeout, left)


def retry(send: Callable[[int], _T], policy: RetryPolicy, deadline: Deadline) -> _T:
    """Call `send` with the number of the try, again after each `UnavailableError`.

    Raises the last `UnavailableError`.
    """
    tried = 1
    while True:
        try:
            return send(tried)
        except UnavailableError as error:
            if tried >= min(policy.tries, error.tries or policy.tries):
                raise
            pause = _pause(error, policy.backoff(tried), deadline)
        time.sleep(pause)
        tried += 1


def _pause(failure: UnavailableError, backoff: float, deadline: Deadline) -> float:
    """Return the seconds until the next try; raises `UnavailableError` if there cannot be one."""
    wait = failure.retry_after
    if wait is not None and wait > min(_MAX_RETRY_AFTER, deadline.left):
        seconds = f"{wait:.0f} s" if wait < float("inf") else "too long"
        _give_up(failure, f"and it asks to wait {seconds}")
    pause = wait or backoff
    if pause >= deadline.left:
        _give_up(failure, "with no time left to try again")
    return pause


def _give_up(failure: UnavailableError, why: str) -> NoReturn:
    raise UnavailableError(failure.cause, f"{failure.reason}, {why}", answered=failure.answered) from None


def parse_retry_after(value: str) -> float | None:
    """Return the seconds of a Retry-After header, 0 for a past date; None if it is invalid.

    Six hours or more are infinite: urllib3 cuts longer waits to that.
    """
    try:
        # Dates are shorter than 40 characters, and int() refuses thousands of digits.
        seconds = urllib3.Retry().parse_retry_after(value.strip()[:40])
    except (urllib3.exceptions.InvalidHeader, ValueError, OverflowError):
        return None
    return float(seconds) if seconds < _TOO_LONG else float("inf")
