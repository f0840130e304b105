import threading
import time

import pytest

from fakes.asking import join_threads
from gitops_doca.core.resolve.lookup import Cause
from gitops_doca.net.deadline import Deadline, DeadlineThread, DeadlineThreads
from gitops_doca.net.request_errors import LookupFailedError

NUMBERS = range(20)


def square(number: int) -> int:
    return number * number


def allow_threads(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let so many threads of a test start, and no more."""
    start, started = threading.Thread.start, iter(range(count))

    def limited(thread: threading.Thread) -> None:
        if thread.name == "test" and next(started, None) is None:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)


def test_every_key_has_its_result() -> None:
    threads = DeadlineThreads(square, NUMBERS, Deadline.after(5), name="test", limit=4)

    assert threads.total == 20
    assert dict(threads.results()) == {number: square(number) for number in NUMBERS}


def test_no_keys_have_no_results_and_need_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    allow_threads(0, monkeypatch)

    assert list(DeadlineThreads(square, [], Deadline.after(5), name="test").results()) == []


def test_no_more_threads_than_the_limit_run() -> None:
    running: set[str] = set()

    def work(_: int) -> None:
        running.add(str(threading.get_ident()))
        time.sleep(0.01)

    list(DeadlineThreads(work, NUMBERS, Deadline.after(5), name="test", limit=3).results())

    assert len(running) == 3


def test_results_end_at_the_deadline() -> None:
    released = threading.Event()

    def work(number: int) -> int:
        if number == 1:
            released.wait(5)
        return number

    started = time.monotonic()
    threads = DeadlineThreads(work, [0, 1, 2], Deadline.after(0.2), name="test", limit=2)
    results = dict(threads.results())
    released.set()

    assert results == {0: 0, 2: 2}
    assert time.monotonic() - started < 2


def test_nothing_is_called_after_the_deadline() -> None:
    called: list[int] = []

    assert list(DeadlineThreads(called.append, NUMBERS, Deadline.after(0), name="test").results()) == []
    assert called == []


def test_an_exception_is_raised_where_the_results_are_read() -> None:
    def fail(number: int) -> None:
        raise ZeroDivisionError(number)

    with pytest.raises(ZeroDivisionError):
        list(DeadlineThreads(fail, NUMBERS, Deadline.after(5), name="test", limit=4).results())


def test_no_call_begins_after_one_failed() -> None:
    called: list[int] = []
    failed = threading.Event()

    def work(number: int) -> None:
        called.append(number)
        if number == 0:
            raise ZeroDivisionError
        failed.wait(5)

    threads = DeadlineThreads(work, NUMBERS, Deadline.after(5), name="stops", limit=2)
    with pytest.raises(ZeroDivisionError):
        list(threads.results())
    failed.set()
    join_threads("stops")

    assert called == [0, 1]


def test_one_thread_does_all_the_work_if_no_other_can_start(monkeypatch: pytest.MonkeyPatch) -> None:
    allow_threads(1, monkeypatch)
    threads = DeadlineThreads(square, NUMBERS, Deadline.after(5), name="test", limit=4)

    assert dict(threads.results()) == {number: square(number) for number in NUMBERS}


def test_no_thread_at_all_is_a_lack_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    allow_threads(0, monkeypatch)

    with pytest.raises(MemoryError):
        DeadlineThreads(square, NUMBERS, Deadline.after(5), name="test")


def test_one_call_has_its_result() -> None:
    assert DeadlineThread(lambda: 7, Deadline.after(5), name="test").result() == 7


def test_one_call_that_takes_too_long_says_whose_deadline_it_was() -> None:
    released = threading.Event()
    thread = DeadlineThread(
        lambda: released.wait(5), Deadline.after(0.1, "that all requests have together"), name="test"
    )

    with pytest.raises(LookupFailedError) as raised:
        thread.result()
    released.set()

    reason = "no answer within the 0.1 s that all requests have together"
    assert (raised.value.cause, raised.value.reason) == (Cause.DEADLINE, reason)
