"""When to try again, and when the time for all look-ups is over."""

import email.utils
import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from gitops_doca.core.resolve.lookup import Cause
from gitops_doca.net.request_errors import LookupFailedError

MAX_RETRY_AFTER = 30.0
"""Seconds that a registry may ask to wait."""

# RFC 9110 and, beyond it, 425 Too Early, nginx's 499 and a CDN's 52x; 501 and 505 will not change their mind.
_RETRYABLE = {408, 425, 429, 499, *range(500, 600)} - {501, 505}


def is_retryable(status: int) -> bool:
    """Say whether the same request may well succeed later."""
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
        """Return the seconds to wait after so many tries."""
        jitter = random.uniform(0.75, 1.25)  # noqa: S311 (spreads load, hides nothing)
        return self.base * float(2 ** (tried - 1)) * jitter


@dataclass(frozen=True, slots=True)
class Deadline:
    """One moment at which all look-ups end, by the monotonic clock."""

    seconds: float
    ends_at: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """Return the deadline so many seconds from now."""
        return cls(seconds, time.monotonic() + seconds)

    def within(self, seconds: float) -> "Deadline":
        """Return the deadline so many seconds from now, or this one if that is earlier."""
        return min(self, Deadline.after(seconds), key=lambda deadline: deadline.ends_at)

    @property
    def left(self) -> float:
        """Seconds that are left, never negative."""
        return max(0.0, self.ends_at - time.monotonic())

    @property
    def reason(self) -> str:
        """The clause for what the deadline cut off."""
        return f"no answer within the {self.seconds:g} s that all look-ups have together"

    def check(self) -> None:
        """Raise `LookupFailedError` when no time is left."""
        if not self.left:
            raise LookupFailedError(Cause.DEADLINE, self.reason)


def parse_retry_after(value: str) -> float | None:
    """Return the seconds that a Retry-After header asks for, 0 for a past date; None if it cannot be read."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        # Longer than any deadline; also keeps int() away from thousands of digits.
        return float(value) if len(value) < 10 else float("inf")  # noqa: PLR2004
    try:
        moment = email.utils.parsedate_to_datetime(value)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return max(0.0, (moment - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None
