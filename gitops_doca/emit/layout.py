"""Rows of cells as lines: columns for a terminal, pipes for Markdown."""

from collections.abc import Iterable, Sequence


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of equally many cells as lines whose cells stand below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def markdown(rows: Iterable[Sequence[str]], *, numbers: Iterable[int] = ()) -> list[str]:
    """Return the lines of a Markdown table, the first row its head.

    `numbers` are columns that are set to the right.
    """
    head, *body = rows
    right = set(numbers)
    rule = ["---:" if column in right else "---" for column in range(len(head))]
    return ["| " + " | ".join(map(escape_pipe, row)) + " |" for row in (head, rule, *body)]


def escape_pipe(text: str) -> str:
    """Keep a text inside its cell."""
    return text.replace("|", "\\|")
