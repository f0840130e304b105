"""Limit work to a deadline, in threads that are abandoned when it has passed."""

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.resolve.lookup import Cause
from gitops_doca.net.request_errors import LookupFailedError

_K = TypeVar("_K")
_V = TypeVar("_V")


@dataclass(frozen=True, slots=True)
class Deadline:
    """The time at which a group of requests ends, on the monotonic clock."""

    seconds: float
    ends_at: float
    scope: str
    """Describes the limit in messages, after `no answer within the 5 s`."""

    @classmethod
    def after(cls, seconds: float, scope: str = "that all look-ups have together") -> "Deadline":
        """Return the deadline that many seconds from now."""
        return cls(seconds, time.monotonic() + seconds, scope)

    def within(self, seconds: float) -> "Deadline":
        """Return the deadline that many seconds from now, or this one if it is earlier."""
        return min(self, Deadline.after(seconds, self.scope), key=lambda deadline: deadline.ends_at)

    @property
    def left(self) -> float:
        """The seconds that are left, never negative."""
        return max(0.0, self.ends_at - time.monotonic())

    @property
    def error(self) -> LookupFailedError:
        """The error for work that the deadline ended."""
        return LookupFailedError(Cause.DEADLINE, f"no answer within the {self.seconds:g} s {self.scope}")

    def check(self) -> None:
        """Raise `LookupFailedError` when no time is left."""
        if not self.left:
            raise self.error


class DeadlineThreads(Generic[_K, _V]):
    """Daemon threads that call a function with each key, started at once.

    Those that hang at the deadline are abandoned, also when the program exits: a name server, or a
    server that sends a byte now and then, could block them for hours.
    """

    def __init__(
        self, work: Callable[[_K], _V], keys: Iterable[_K], deadline: Deadline, *, name: str, limit: int = 1
    ) -> None:
        self._work = work
        self._deadline = deadline
        self._stopped = False
        self._todo: queue.SimpleQueue[_K] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[_K, _V] | BaseException] = queue.SimpleQueue()
        self.total = 0
        for key in keys:
            self._todo.put(key)
            self.total += 1
        for number in range(min(limit, self.total)):
            try:
                threading.Thread(target=self._run, daemon=True, name=name).start()
            except RuntimeError:
                # The system has no room for another thread. Those that run do all the work.
                if number == 0:
                    raise MemoryError from None
                break

    def results(self) -> Iterator[tuple[_K, _V]]:
        """Yield each key with its result, as they complete, until the deadline.

        Raises what the function raises. When it ends, no more calls begin.
        """
        try:
            for _ in range(self.total):
                try:
                    result = self._done.get(timeout=self._deadline.left)
                except queue.Empty:
                    return
                if isinstance(result, BaseException):
                    raise result
                yield result
        finally:
            self._stopped = True

    def _run(self) -> None:
        while self._deadline.left and not self._stopped:
            try:
                key = self._todo.get_nowait()
            except queue.Empty:
                return
            try:
                self._done.put((key, self._work(key)))
            except BaseException as error:  # noqa: BLE001 (raised again in the thread that reads the results)
                self._done.put(error)
                return


class DeadlineThread(Generic[_V]):
    """One call of a function in a thread of its own."""

    def __init__(self, work: Callable[[], _V], deadline: Deadline, *, name: str) -> None:
        self._deadline = deadline
        self._threads = DeadlineThreads(lambda _: work(), [None], deadline, name=name)

    def result(self) -> _V:
        """Return what the function returns, or raise what it raises.

        Raises `LookupFailedError` when the deadline has passed.
        """
        for _, result in self._threads.results():
            return result
        raise self._deadline.error
