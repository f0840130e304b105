import io
import sys
from contextlib import redirect_stderr

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gitops_doca.cli.output import console
from gitops_doca.cli.output.console import LIMIT, format_diagnostics, print_diagnostics, print_info, progress
from gitops_doca.core.diagnostics import Category, Diagnostic, Place

CLEAR = "\r\x1b[K"


class Terminal(io.TextIOWrapper):
    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)

    def written(self) -> str:
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue().decode()

    def isatty(self) -> bool:
        return True


def error(message: str = "no", **fields: object) -> Diagnostic:
    return Diagnostic(**{"category": Category.INPUT, "message": message, **fields})  # type: ignore[arg-type]


def test_a_diagnostic_is_its_sentence_then_details_then_the_help() -> None:
    place = Place("p.yaml", 3, "spec")
    found = error("it is wrong", place=place, details=("one", "two"), help="mend it")

    assert format_diagnostics([found, Diagnostic(category=None, message="hm")]) == (
        "error[input]: p.yaml:3: spec: it is wrong\n  one\n  two\n  help: mend it\nwarning: hm\n"
    )


def test_nothing_to_tell_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    print_diagnostics([])

    assert capsys.readouterr() == ("", "")


def test_errors_come_before_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    print_diagnostics([Diagnostic(category=None, message="w"), error("e")])

    assert capsys.readouterr() == ("", "error[input]: e\nwarning: w\n")


def test_what_a_terminal_would_act_on_is_escaped() -> None:
    found = error("\x1b[31m\r\n\x07\u202e\x9b\ud800ü", details=("\x1b]0;x",), help="\t")

    assert format_diagnostics([found]) == (
        "error[input]: \\x1b[31m\\r\\n\\x07\\u202e\\x9b\\ud800ü\n  \\x1b]0;x\n  help: \\t\n"
    )


def test_details_give_way_to_the_first_sentences_of_others() -> None:
    found = [error(f"{number:03} {'x' * 90}", details=("d" * 500,)) for number in range(35)]

    text = format_diagnostics(found)

    assert [line[14:17] for line in text.splitlines() if line.startswith("error")] == [
        f"{number:03}" for number in range(35)
    ]


def test_a_detail_without_room_is_counted_and_the_help_still_said() -> None:
    found = error(details=("short", "x" * 5000, "y"), help="mend it")

    assert format_diagnostics([found]) == "error[input]: no\n  short\n  ... and 2 more\n  help: mend it\n"


def test_what_does_not_fit_is_counted() -> None:
    text = format_diagnostics([error("x" * 2000) for _ in range(10)])

    assert [line[:20] for line in text.splitlines()] == [
        "error[input]: xxxxxx",
        "error[input]: xxxxxx",
        "error[input]: xxxxxx",
        "error[input]: xxxxxx",
        "... and 6 more; gito",
    ]


def test_the_line_that_counts_further_details_needs_room_too() -> None:
    many = [error("", details=("x" * 40,)) for _ in range(300)]

    assert len(format_diagnostics([*many, error("", more=250_000)]).encode()) <= LIMIT


TEXT = st.text(max_size=20) | st.integers(0, 5000).map(lambda n: "é" * n)


@given(
    st.lists(
        st.builds(
            Diagnostic,
            category=st.sampled_from([None, Category.INPUT]),
            message=TEXT,
            details=st.lists(TEXT, max_size=5).map(tuple),
            help=TEXT,
        ),
        max_size=60,
    )
)
@example([error("é" * 987), error("é" * 992, details=("",), help="x" * 24), error("x" * 26)])
def test_diagnostics_never_take_more_than_their_limit(found: list[Diagnostic]) -> None:
    text = format_diagnostics(found)

    assert len(text.encode()) <= LIMIT
    assert all(line.isprintable() for line in text.split("\n"))


def test_problems_that_were_not_kept_are_counted_too() -> None:
    found = [*(error("x" * 500, place=Place("a", line)) for line in range(20)), error("rest", more=249_900)]

    assert format_diagnostics(found).splitlines()[-1] == (
        "... and 249913 more; gitops-doca check --report FILE writes the first of them"
    )


def test_colour_is_for_a_terminal() -> None:
    with redirect_stderr(Terminal()) as terminal:
        print_diagnostics([error(), Diagnostic(category=None, message="w")])

    assert terminal.written() == (
        "\x1b[31m\x1b[1merror[input]\x1b[0m: no\n\x1b[33m\x1b[1mwarning\x1b[0m: w\n"
    )


def test_progress_is_one_line_that_is_cleared_at_the_end() -> None:
    with redirect_stderr(Terminal()) as terminal:
        for done in range(3):
            progress(done, 2)

    assert terminal.written() == (
        f"{CLEAR}looking up image tags: 0 of 2{CLEAR}looking up image tags: 1 of 2{CLEAR}"
    )


def test_progress_is_for_a_terminal_only(capsys: pytest.CaptureFixture[str]) -> None:
    progress(1, 2)

    assert capsys.readouterr() == ("", "")


def test_info_is_one_printable_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_info("node a\n\x1b[1m")

    assert capsys.readouterr() == ("", "info: node a\\n\\x1b[1m\n")


def test_a_program_without_stderr_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)

    print_diagnostics([error()])
    progress(1, 2)

    assert console.format_diagnostics([error()]) == "error[input]: no\n"
