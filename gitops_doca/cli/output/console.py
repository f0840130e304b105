"""Print to stderr: diagnostics, progress, and more with `-v`."""

import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

import click

from gitops_doca.core.diagnostics import Diagnostic, spell
from gitops_doca.emit.escape import printable, printable_lines

if TYPE_CHECKING:
    from gitops_doca.emit.tables import Layout

LIMIT = 4096
"""Bytes of diagnostics that a run prints: Argo CD shows them as one line."""
_HEAD_LIMIT = 1000
_CLEAR_LINE = "\r\x1b[K"


def print_diagnostics(diagnostics: Iterable[Diagnostic], *, flattened: bool = False) -> None:
    """Print diagnostics to stderr, errors first, at most `LIMIT` bytes of them."""
    text = format_diagnostics(sorted(diagnostics, key=lambda d: d.sort_key), flattened=flattened)
    if text:
        print_message(text, end="")


def print_message(text: str, end: str = "\n") -> None:
    """Write to stderr; if that is closed or full, only the exit code is left."""
    try:
        click.echo(text + end, err=True, nl=False)
    except OSError:
        silence(sys.stderr)


def silence(stream: TextIO) -> None:
    """Redirect an unwritable stream to /dev/null, or its buffer would fail again at exit."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def format_diagnostics(diagnostics: Sequence[Diagnostic], *, flattened: bool = False) -> str:
    """Return the diagnostics as text: all sentences if they fit, then details if there is room.

    `flattened` is for Argo CD, which shows the text as one line: the help comes before the details,
    and that of the first diagnostic before the sentences of others.
    """
    heads = [_head(diagnostic) for diagnostic in diagnostics]
    room = LIMIT - 80
    reserved = _size(_help(diagnostics[0])) if flattened and diagnostics else 0
    room -= reserved
    kept = 0
    for head in heads:
        if kept and len(head.encode()) + 1 > room:
            break
        room -= len(head.encode()) + 1
        kept += 1
    room += reserved
    lines: list[str] = []
    for diagnostic, head in list(zip(diagnostics, heads, strict=True))[:kept]:
        details, help = _fit(diagnostic, room)
        room -= _size(details) + _size(help)
        lines += [_coloured(head), *help, *details] if flattened else [_coloured(head), *details, *help]
    if kept < len(heads):
        rest = diagnostics[kept:]
        where = "gitops-doca check shows" if flattened else "gitops-doca check --report FILE writes"
        which = "the first" if any(diagnostic.more for diagnostic in rest) else "all"
        count = sum(diagnostic.more or 1 for diagnostic in rest)
        lines.append(f"... and {count} more; {where} {which} of them")
    return "".join(f"{line}\n" for line in lines)


def print_info(message: str) -> None:
    """Print what is shown only with `-v`."""
    print_message(f"info: {printable(message)}")


def progress(done: int, total: int) -> None:
    """Show the progress of look-ups, on a terminal only; clear the line at the end."""
    show_line("" if done >= total else f"looking up image tags: {done} of {total}")


def show_line(text: str) -> None:
    """Replace the line that was shown before, on a terminal only; an empty text clears it."""
    if _is_terminal(sys.stderr):
        print_message(_CLEAR_LINE + text, end="")


def _head(diagnostic: Diagnostic) -> str:
    label = f"error[{diagnostic.category.value}]" if diagnostic.category else "warning"
    place = str(diagnostic.place)
    text = printable(f"{label}: {place}: {diagnostic.message}" if place else f"{label}: {diagnostic.message}")
    return text if len(text) <= _HEAD_LIMIT else text[:_HEAD_LIMIT] + "..."


def _fit(diagnostic: Diagnostic, room: int) -> tuple[list[str], list[str]]:
    """Return the help, and as many details as fit; there is room for the help first."""
    help = _help(diagnostic)
    room -= _size(help)
    if room < 0:
        return [], []
    kept: list[str] = []
    for detail in diagnostic.details:
        line = f"  {printable(detail)}"
        if _size([line]) > room:
            break
        room -= _size([line])
        kept.append(line)
    else:
        return kept, help
    # The line that counts the rest needs room too.
    while True:
        rest = f"  ... and {len(diagnostic.details) - len(kept)} more"
        if _size([rest]) <= room:
            return [*kept, rest], help
        if not kept:
            return [], help
        room += _size([kept.pop()])


def _help(diagnostic: Diagnostic) -> list[str]:
    return [f"  help: {printable(spell(diagnostic.help))}"] if diagnostic.help else []


def _size(lines: Iterable[str]) -> int:
    return sum(len(line.encode()) + 1 for line in lines)


def table(rows: Iterable[tuple[str, str, str]]) -> str:
    """Return differences as lines: a word, the thing that differs, and a detail that may be empty."""
    lines = list(rows)
    width = max((len(word) for word, _, _ in lines), default=0)
    return printable_lines(
        "  ".join(part for part in (word.ljust(width), subject, detail) if part)
        for word, subject, detail in lines
    )


def _coloured(head: str) -> str:
    if not coloured(sys.stderr):
        return head
    label, colon, rest = head.partition(":")
    return click.style(label, fg="yellow" if label == "warning" else "red", bold=True) + colon + rest


def coloured(stream: TextIO | None) -> bool:
    """Say whether a stream has colour: a terminal's has, unless NO_COLOR is set (no-color.org).

    With FORCE_COLOR others have it too (force-color.org); NO_COLOR is stronger.
    """
    if os.environ.get("NO_COLOR"):
        return False
    return _is_terminal(stream) or bool(os.environ.get("FORCE_COLOR"))


def stdout_layout(*, wide: bool = False) -> "Layout":
    """Return how tables look on stdout: they fit a terminal, whose width COLUMNS may give."""
    from shutil import get_terminal_size

    from gitops_doca.emit.tables import Layout

    width = get_terminal_size().columns if _is_terminal(sys.stdout) else None
    return Layout(width=width, coloured=coloured(sys.stdout), wide=wide)


def _is_terminal(stream: TextIO | None) -> bool:
    # None when the program was started without it.
    return stream is not None and stream.isatty()
