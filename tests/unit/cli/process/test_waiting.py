"""Asking again, by a clock that takes no time."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest

from gitops_doca.cli.process.waiting import Clock, ask_until
from gitops_doca.core.diagnostics import Category, Diagnostic, GenerationError, PassingError

OUTAGE = PassingError((Diagnostic(category=Category.UNKNOWN, message="503"),))
REFUSAL = GenerationError((Diagnostic(category=Category.UNKNOWN, message="403"),))


@dataclass
class Run:
    """Asks a script of answers, each of which takes `takes` seconds; the last one repeats."""

    script: Iterable[str | Exception]
    takes: float = 0.0
    time: float = 1000.0
    slept: list[float] = field(default_factory=list)
    shown: list[tuple[str | None, float]] = field(default_factory=list)
    asked: int = 0

    def ask(self) -> str:
        found = list(self.script)
        answer = found[min(self.asked, len(found) - 1)]
        self.asked += 1
        self.time += self.takes
        if isinstance(answer, Exception):
            raise answer
        return answer

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds

    def until_good(self, seconds: float) -> str:
        clock = Clock(now=lambda: self.time, sleep=self.sleep)

        def show(answer: str | None, left: float) -> None:
            return self.shown.append((answer, left))

        return ask_until(self.ask, lambda answer: answer == "good", seconds, show, clock)


def test_a_good_answer_ends_it() -> None:
    run = Run(["bad", "bad", "good"])

    assert run.until_good(600) == "good"
    assert (run.asked, run.slept) == (3, [10, 10])
    assert run.shown == [("bad", 600), ("bad", 590)]


def test_the_last_answer_is_one_of_when_the_time_is_over() -> None:
    run = Run(["bad"])

    assert run.until_good(105) == "bad"
    assert (run.asked, run.slept, run.time) == (12, [10] * 10 + [5], 1105)


def test_a_short_time_is_divided_into_ten() -> None:
    run = Run(["bad"])

    assert run.until_good(5) == "bad"
    assert (run.asked, run.slept, run.time) == (11, [0.5] * 10, 1005)


@pytest.mark.parametrize("answer", ["bad", "good"])
def test_without_time_it_asks_once_and_shows_nothing(answer: str) -> None:
    run = Run([answer])

    assert run.until_good(0) == answer
    assert (run.asked, run.slept, run.shown) == (1, [], [])


def test_an_outage_is_asked_through() -> None:
    run = Run([OUTAGE, "bad", OUTAGE, "good"])

    assert run.until_good(600) == "good"
    assert run.shown == [(None, 600), ("bad", 590), (None, 580)]


def test_an_outage_at_the_end_is_told() -> None:
    run = Run(["bad", OUTAGE])

    with pytest.raises(PassingError):
        run.until_good(100)
    assert (run.asked, run.time) == (11, 1100)


def test_an_outage_without_time_to_wait_is_told_at_once() -> None:
    run = Run([OUTAGE, "good"])

    with pytest.raises(PassingError):
        run.until_good(0)
    assert run.asked == 1


@pytest.mark.parametrize("before", [[], ["bad"], [OUTAGE]])
def test_what_will_not_pass_ends_it_at_once(before: list[str | Exception]) -> None:
    run = Run([*before, REFUSAL, "good"])

    with pytest.raises(GenerationError) as failed:
        run.until_good(600)
    assert failed.value is REFUSAL
    assert run.asked == len(before) + 1


def test_an_answer_that_takes_longer_than_the_time_is_the_last() -> None:
    run = Run(["bad"], takes=40)

    assert run.until_good(30) == "bad"
    assert (run.asked, run.slept) == (1, [])


def test_the_time_that_answers_take_counts() -> None:
    run = Run(["bad"], takes=40)

    assert run.until_good(100) == "bad"
    assert (run.slept, run.time) == ([10, 10], 1140)
