"""Waits for what a server does in its own time."""

import time
from collections.abc import Callable

_SECONDS = 20


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait for the API server's own caches; an authorizer learns of a role a moment after it is written."""
    end = time.monotonic() + _SECONDS
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)
