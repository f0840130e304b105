"""Clean up before a signal ends the run."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ENDING = {signal.SIGTERM: "terminated", signal.SIGHUP: "hung up"}


class StoppedError(BaseException):
    """A signal ends the run; like `KeyboardInterrupt`, it is not an `Exception`."""

    def __init__(self, number: int) -> None:
        super().__init__(_ENDING[signal.Signals(number)])
        self.exit_code = 128 + number
        """The exit code, as a shell reports it."""


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise `StoppedError` here at a signal that would end the process at once.

    A signal that the parent process ignores, as `nohup` does, stays ignored. A second signal
    changes nothing: cleaning up is quick.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _frame: FrameType | None) -> None:
        for one in handled:
            signal.signal(one, signal.SIG_IGN)
        raise StoppedError(number)

    handled = [number for number in _ENDING if signal.getsignal(number) is signal.SIG_DFL]
    for number in handled:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in handled:
            signal.signal(number, signal.SIG_DFL)
