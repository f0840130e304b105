"""Format rows of cells as lines: columns that fit a terminal, pipes for Markdown."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import starmap

from gitops_doca.emit.escape import Markdown, Printable, markdown_text, printable

_PIPE = re.compile(r"(?P<backslash>\\?)\|")
_GAP = "  "
_NARROWEST = 8
"""No column is cut to less, even where the terminal then breaks the lines."""

GREEN, YELLOW, RED = "\x1b[32m", "\x1b[33m", "\x1b[31m"
_RESET = "\x1b[0m"
Colours = Mapping[str, str]
"""The colour of each word that a cell may be."""
_NONE: Colours = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How tables look: on a terminal they fit its width, elsewhere nothing is cut."""

    width: int | None = None
    """Columns of the terminal; None: as many as it takes."""
    coloured: bool = False
    wide: bool = False
    """Whether tables have every column, whole."""


PLAIN = Layout()


def text_table(
    rows: Iterable[Sequence[str]], layout: Layout = PLAIN, *, keys: int = 0, colours: Colours = _NONE
) -> list[Printable]:
    """Return rows of equally many cells, the first row their heads, as lines with aligned columns.

    Where they do not fit, the longest cells are cut in the middle, since versions and pools differ at both
    ends. With `keys` the table is split instead: each part has the first `keys` columns.
    """
    shown = [list(map(printable, row)) for row in rows]
    natural = [max(map(len, column)) for column in zip(*shown, strict=True)]
    room = None if layout.wide else layout.width
    lines: list[Printable] = []
    for columns in _parts(natural, keys, room):
        widths = _fit([natural[column] for column in columns], room)
        lines += [Printable("")] if lines else []
        for number, row in enumerate(shown):
            cells = [_cut(row[column], width) for column, width in zip(columns, widths, strict=True)]
            pads = [" " * (width - len(cell)) for cell, width in zip(cells, widths, strict=True)]
            if layout.coloured and number:
                cells = [_paint(cell, colours) for cell in cells]
            lines.append(Printable(_GAP.join(f"{c}{p}" for c, p in zip(cells, pads, strict=True)).rstrip()))
    return lines


def without_repeats(
    rows: Sequence[Sequence[str]], layout: Layout = PLAIN, *, keep: Collection[str] = ()
) -> tuple[list[Sequence[str]], str]:
    """Return rows without the columns that say the same in each row, and what these say.

    The columns of the heads in `keep` stay, and with fewer than two rows or `layout.wide` all.
    """
    heads, *body = rows
    if layout.wide or len(body) < 2:  # noqa: PLR2004 (one row repeats nothing)
        return list(rows), ""
    columns = [(head, {row[number] for row in body}) for number, head in enumerate(heads)]
    same = {head: values.pop() for head, values in columns if len(values) == 1 and head not in keep}
    stay = [number for number, head in enumerate(heads) if head not in same]
    said = starmap(
        "{} {}".format, ((head.lower(), value) for head, value in same.items() if value.strip("-"))
    )
    return [[row[number] for number in stay] for row in rows], ", ".join(said)


def _parts(widths: Sequence[int], keys: int, room: int | None) -> list[list[int]]:
    """Return the columns of each part of a table."""
    everything = list(range(len(widths)))
    if not keys or room is None or _length(widths) <= room:
        return [everything]
    lead = _length(_fit(widths[:keys], room * 2 // 3))
    parts: list[list[int]] = [[]]
    for column in everything[keys:]:
        width = lead + sum(widths[one] + len(_GAP) for one in (*parts[-1], column))
        if parts[-1] and width > room:
            parts.append([])
        parts[-1].append(column)
    return [[*everything[:keys], *part] for part in parts]


def _fit(widths: Sequence[int], room: int | None) -> list[int]:
    """Return the widths of columns that share a room: the widest give way first."""
    if room is None or _length(widths) <= room:
        return list(widths)
    most = max(widths)
    while most > _NARROWEST and _length([min(width, most) for width in widths]) > room:
        most -= 1
    return [min(width, most) for width in widths]


def _length(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _cut(text: str, width: int) -> str:
    if len(text) <= width:
        return text
    tail = (width - 1) // 2
    return f"{text[: width - 1 - tail]}…{text[len(text) - tail :]}"


def _paint(text: str, colours: Colours) -> str:
    colour = colours.get(text)
    return f"{colour}{text}{_RESET}" if colour else text


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
