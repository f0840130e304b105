"""Format rows of cells as lines: columns for a terminal, pipes for Markdown."""

import re
from collections.abc import Iterable, Sequence

from gitops_doca.emit.escape import Markdown, markdown_text, printable

_PIPE = re.compile(r"(?P<backslash>\\?)\|")


def text_table(rows: Iterable[Sequence[str]]) -> list[str]:
    """Return rows of equally many cells as printable lines with aligned columns."""
    shown = [list(map(printable, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in shown
    ]


def text_cells(rows: Iterable[Sequence[str]]) -> list[list[Markdown]]:
    """Return rows of raw text as the cells of a Markdown table; `-` for empty ones."""
    return [[Markdown(text) if text == "-" else markdown_text(text) for text in row] for row in rows]


def markdown_table(rows: Iterable[Sequence[Markdown]], *, numbers: Iterable[int] = ()) -> list[str]:
    """Return the lines of a Markdown table, the first row its head.

    `numbers` are the columns that are right-aligned.
    """
    head, *body = rows
    right = set(numbers)
    rule = ["---:" if column in right else "---" for column in range(len(head))]
    return ["| " + " | ".join(map(_cell, row)) + " |" for row in (head, rule, *body)]


def items(notes: Iterable[str]) -> list[str]:
    """Return notes as a Markdown list after an empty line; nothing without notes."""
    lines = [f"- {markdown_text(note)}" for note in notes]
    return ["", *lines] if lines else []


def _cell(text: str) -> str:
    """Keep a pipe from ending its cell.

    Parsers disagree about a pipe after backslashes, so that one is written as an entity.
    """
    return _PIPE.sub(lambda match: r"\\x7c" if match["backslash"] else r"\|", text)
