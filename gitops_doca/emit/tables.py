"""Format rows of cells as lines: columns that fit a terminal, pipes for Markdown."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field

from gitops_doca.core.dataclass import dataclass
from gitops_doca.emit.escape import Markdown, Printable, markdown_text, printable

_PIPE = re.compile(r"(?P<backslash>\\?)\|")
_GAP = "  "
_NARROWEST = 8
"""No column is cut to less, even where the terminal then breaks the lines."""
_SOFT = 16
"""The width of a soft column where a table is split."""

GREEN, YELLOW, RED = "\x1b[32m", "\x1b[33m", "\x1b[31m"
_RESET = "\x1b[0m"
Colours = Mapping[str, str]
"""The colour of each word that a cell may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How tables look: on a terminal they fit its width, elsewhere nothing is cut."""

    width: int | None = None
    """Columns of the terminal; None: as many as it takes."""
    coloured: bool = False
    wide: bool = False
    """Whether tables have every column, whole."""

    @property
    def room(self) -> int | None:
        """The columns that a table may take; None: as many as it takes."""
        return None if self.wide else self.width


PLAIN = Layout()


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of equally many cells, and what may be done so that they fit."""

    rows: Sequence[Sequence[str]]
    """The first has the heads."""
    each: str = ""
    """What a row is about. Columns that say the same in each row are then omitted, and told below."""
    keep: Collection[str] = ()
    """Heads of columns that stay all the same."""
    soft: Collection[str] = ()
    """Heads of columns that are cut before all others."""
    title: str | None = None
    """Head of a first column that may become lines between the rows."""
    split: bool = False
    """Whether the table may be split; each part has the first column."""
    colours: Colours = field(default_factory=dict)

    def lines(self, layout: Layout = PLAIN) -> list[str]:
        """Return the rows as lines with aligned columns.

        Cells that do not fit lose their beginning: the ends of versions, pools and folders say more.
        Words that have a colour stay whole.
        """
        rows, said = self.rows, ""
        if self.each and not layout.wide:
            rows, said = _without_repeats(rows, self.keep)
        shown = [list(map(printable, row)) for row in rows]
        natural = [max(map(_columns, column)) for column in zip(*shown, strict=True)]
        titles = None
        if self.title == rows[0][0] and not _fits(natural, layout.room):
            titles = [row[0] for row in shown]
            shown, natural = [row[1:] for row in shown], natural[1:]
        soft = [head in self.soft for head in shown[0]]
        lines: list[str] = []
        for columns in _parts(natural, soft, layout.room) if self.split else [range(len(natural))]:
            lines += [""] if lines else []
            lines += self._part([[row[column] for column in columns] for row in shown], titles, layout)
        return [*lines, *wrapped([f"every {self.each}: {said}"] if said else [], layout)]

    def _part(
        self, rows: Sequence[Sequence[str]], titles: Sequence[str] | None, layout: Layout
    ) -> Iterator[Printable]:
        soft = [head in self.soft for head in rows[0]]
        columns = list(zip(*rows, strict=True))
        states = [
            max((_columns(cell) for cell in column if cell in self.colours), default=0) for column in columns
        ]
        widths = _fit([max(map(_columns, column)) for column in columns], states, soft, layout.room)
        for number, row in enumerate(rows):
            if titles and number and (number == 1 or titles[number] != titles[number - 1]):
                title = f"{titles[number]}:"
                yield Printable(_cut(title, layout.room or _columns(title)))
            cells = [_cut(cell, width) for cell, width in zip(row, widths, strict=True)]
            pads = [" " * (width - _columns(cell)) for cell, width in zip(cells, widths, strict=True)]
            if layout.coloured and number:
                cells = [_paint(cell, self.colours) for cell in cells]
            yield Printable(_GAP.join(f"{c}{p}" for c, p in zip(cells, pads, strict=True)).rstrip())


def text_table(rows: Iterable[Sequence[str]]) -> list[str]:
    """Return rows of equally many cells as printable lines with aligned columns."""
    return Table(rows=list(rows)).lines()


def wrapped(notes: Iterable[str], layout: Layout, indent: str = "") -> Iterator[str]:
    """Yield notes as lines; on a terminal they break between words."""
    for note in notes:
        if layout.width is None:
            yield indent + note
        else:
            yield from _broken(printable(note), layout.width, indent)


def _broken(text: str, width: int, indent: str) -> Iterator[str]:
    """Yield a text as lines that break between words: a version or a pool stays whole."""
    first, *words = text.split(" ")
    line = indent + first
    for word in words:
        if _columns(line) + 1 + _columns(word) <= width:
            line += f" {word}"
        else:
            yield line
            line = f"{indent}  {word}"
    yield line


def _without_repeats(
    rows: Sequence[Sequence[str]], keep: Collection[str]
) -> tuple[Sequence[Sequence[str]], str]:
    """Return rows without the columns that say the same in each row, and what these say."""
    heads, *body = rows
    if len(body) < 2:  # noqa: PLR2004 (one row repeats nothing)
        return rows, ""
    columns = [(head, {row[number] for row in body}) for number, head in enumerate(heads)]
    same = {head: values.pop() for head, values in columns if len(values) == 1 and head not in keep}
    stay = [number for number, head in enumerate(heads) if head not in same]
    said = [f"{head.lower()} {value}" for head, value in same.items() if value.strip("-")]
    return [[row[number] for number in stay] for row in rows], ", ".join(said)


def _parts(widths: Sequence[int], soft: Sequence[bool], room: int | None) -> list[list[int]]:
    """Return the columns of each part of a table."""
    if room is None or _fits(widths, room):
        return [list(range(len(widths)))]
    # Soft columns take no more than they need to be told apart.
    first, *others = (min(width, _SOFT) if one else width for width, one in zip(widths, soft, strict=True))
    parts: list[list[int]] = [[]]
    first = used = min(first, room // 2)
    for column, width in enumerate(others, start=1):
        if parts[-1] and used + len(_GAP) + width > room:
            parts.append([])
            used = first
        parts[-1].append(column)
        used += len(_GAP) + width
    return [[0, *part] for part in parts]


def _fit(widths: Sequence[int], least: Sequence[int], soft: Sequence[bool], room: int | None) -> list[int]:
    """Return the widths of columns that share a room: soft ones give way first, then the widest."""
    fitted = list(widths)
    for limited in ([number for number, one in enumerate(soft) if one], range(len(widths))):
        most = max((fitted[number] for number in limited), default=0)
        while most > _NARROWEST and not _fits(fitted, room):
            most -= 1
            for number in limited:
                fitted[number] = min(fitted[number], max(most, least[number]))
    return fitted


def _fits(widths: Sequence[int], room: int | None) -> bool:
    return room is None or sum(widths) + len(_GAP) * (len(widths) - 1) <= room


def _cut(text: str, width: int) -> str:
    if _columns(text) <= width:
        return text
    start = max(len(text) - width + 1, 0)
    while _columns(text[start:]) >= width:
        start += 1
    return f"…{text[start:]}"


def _columns(text: str) -> int:
    """Return the columns that a terminal needs for a text."""
    if text.isascii():
        return len(text)
    # Only for other text: start-up counts.
    from unicodedata import category, east_asian_width

    wide = sum(east_asian_width(character) in ("W", "F") for character in text)
    return len(text) + wide - sum(category(character) in ("Mn", "Me") for character in text)


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
