"""Find the parts of the text to replace so that entries of a list or mapping come or go."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from gitops_doca.core.dataclass import dataclass
from gitops_doca.sources.editing.changes import CannotEditError, TextEdit
from gitops_doca.sources.editing.positions import Lines, Node, dashes, skip_gap

_COMMENT_LINE = re.compile("[\n\r]\\s*#")
_CROWDED = "other parts of the file are on the same lines"
_COMMENTED = "a comment is between the values"


class Splice(NamedTuple):
    """A part of the text that becomes another one."""

    start: int
    end: int
    text: str
    edits: tuple[TextEdit, ...] = ()


class Entry(NamedTuple):
    """A list item, or a key with its value."""

    start: int
    """The position of its dash in block style."""
    end: int
    node: Node
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """The entries of a list or mapping, and what is to happen to them."""

    lines: Lines
    container: Node
    entries: Sequence[Entry]
    removed: frozenset[int]
    inserted: Mapping[int, Sequence[Sequence[str]]]
    """By the index of the entry that they go before, the lines of each new entry."""

    def splices(self) -> Iterator[Splice]:
        """Yield the parts to replace. Raises `CannotEditError`."""
        if self.container.flow:
            yield from _Flow(self).splices()
            return
        for index, added in self.inserted.items():
            yield self._insertion(index, added)
        for index in self.removed:
            yield self._removal(index)

    def refuse(self, reason: str, index: int) -> CannotEditError:
        """Return the error that an entry cannot be changed."""
        return CannotEditError(reason, self.lines.number(self.entries[index].start))

    def _insertion(self, index: int, added: Sequence[Sequence[str]]) -> Splice:
        lines = self.lines
        if index:
            # A comment above the next entry stays with it.
            before = self.entries[index - 1].end
            at, line_break = lines.end(before), lines.break_at(before)
        else:
            at = self.entries[0].start
            if not lines.starts_line(at):
                raise self.refuse(_CROWDED, 0)
            line_break, at = lines.break_at(at), self._above_comments(lines.start(at))
        new = "".join(f"{line}{line_break}" for entry in added for line in entry)
        edits = tuple(TextEdit(line=lines.number(at), old="", new="\n".join(entry)) for entry in added)
        return Splice(at, at, new, edits)

    def _above_comments(self, at: int) -> int:
        """Return where the comments begin that directly precede a line with the same indentation."""
        lines = self.lines
        pad = lines.text[at : self.entries[0].start]
        while at > 0:
            above = lines.start(at - 1)
            if not lines.text.startswith(f"{pad}#", above):
                break
            at = above
        return at

    def _removal(self, index: int) -> Splice:
        lines, entry = self.lines, self.entries[index]
        if len(self.removed) == len(self.entries) and not self.inserted:
            raise self.refuse("its mapping would have no key", index)
        start, end = lines.start(entry.start), lines.end(entry.end)
        edits = (removal_edit(lines, entry.start, start, end),)
        if lines.starts_line(entry.start):
            return Splice(start, end, "", edits)
        # The first entry is on the line of a dash or key: the next one takes its place.
        if index + 1 in self.removed or index + 1 >= len(self.entries):
            raise self.refuse(_CROWDED, index)
        following = self.entries[index + 1].start
        if between := lines.text[entry.end : following].strip():
            raise self.refuse(_COMMENTED if between.startswith("#") else _CROWDED, index)
        return Splice(entry.start, following, "", edits)


class _Flow:
    """The entries of a list or mapping in flow style: `[a, b]`."""

    def __init__(self, entries: Entries) -> None:
        self._all = entries
        self._lines = entries.lines
        self._text = entries.lines.text
        self._entries = entries.entries
        self._commas = [
            at if self._text.startswith(",", at := skip_gap(self._text, entry.end)) else None
            for entry in self._entries
        ]
        # By index: the last entry before it that stays, and whether none such is before it on its line.
        self._kept_before: list[int | None] = [None]
        self._leads: list[bool] = []
        for index, entry in enumerate(self._entries):
            stays = index not in entries.removed
            leads = not index or (self._leads[-1] and index - 1 in entries.removed)
            self._leads.append(leads or self._lines.starts_line(entry.start))
            self._kept_before.append(index if stays else self._kept_before[-1])
        self._first = next((index for index in range(len(self._entries)) if index not in entries.removed), 0)
        # The entries from here on are all removed.
        self._tail = len(self._entries)
        while self._tail - 1 in entries.removed:
            self._tail -= 1

    def splices(self) -> Iterator[Splice]:
        inserted = dict(self._all.inserted)
        size = len(self._entries)
        if not size:
            yield self._filled(inserted[0])
            return
        removed = self._all.removed
        if self._tail < size:
            late = [new for index in sorted(inserted) if index >= self._tail for new in inserted.pop(index)]
            if late:
                yield self._replaced(late)
            elif self._commas[-1] is None:
                yield from self._shortened()
            if late or self._commas[-1] is None:
                removed -= frozenset(range(self._tail, size))
        for index, added in sorted(inserted.items()):
            yield from self._inserted(index, added)
        for index in removed:
            yield self._removed(index)

    def _filled(self, added: Sequence[Sequence[str]]) -> Splice:
        start, close = self._all.container.opened, self._all.container.end - 1
        inside = self._text[start:close]
        end = start if inside.strip() else close
        new = ", ".join(entry[0] for entry in added)
        return Splice(start, end, new, self._additions(start, added))

    def _replaced(self, added: Sequence[Sequence[str]]) -> Splice:
        """Put new entries in the place of the last ones."""
        first, last = self._entries[self._tail], self._entries[-1]
        if self._has_comment_in_tail():
            raise self._all.refuse(_COMMENTED, self._tail)
        new = f",{self._space(self._tail)}".join(entry[0] for entry in added)
        gone = tuple(map(self._removal_edit, self._entries[self._tail :]))
        return Splice(first.start, last.end, new, (*gone, *self._additions(first.start, added)))

    def _inserted(self, index: int, added: Sequence[Sequence[str]]) -> Iterator[Splice]:
        lines, before = self._lines, self._kept_before[index]
        if before is None:
            at = self._entries[self._first].start
            new = "".join(f"{entry[0]},{self._space(self._first)}" for entry in added)
            yield Splice(at, at, new, self._additions(at, added))
            return
        end, comma = self._entries[before].end, self._commas[before]
        space = self._space(before)
        behind = end if comma is None else comma + 1
        if not lines.starts_line(self._entries[before].start) or not (
            lines.number(end) == lines.number(behind) and lines.ends_line(behind)
        ):
            new = "".join(f", {entry[0]}" for entry in added)
            yield Splice(end, end, new, self._additions(end, added))
            return
        # A comment at the end of the line stays with the entry before.
        at = lines.stop(behind)
        if comma is None:
            yield Splice(end, end, ",")
            new = ",".join(f"{space}{entry[0]}" for entry in added)
        else:
            new = "".join(f"{space}{entry[0]}," for entry in added)
        yield Splice(at, at, new, self._additions(lines.end(at), added))

    def _shortened(self) -> Iterator[Splice]:
        """Remove the last entries, and the comma before them: there is none behind them."""
        lines, tail, last = self._lines, self._tail, self._entries[-1]
        start, end = self._entries[tail].start, last.end
        whole_lines = lines.starts_line(start) and lines.ends_line(end)
        if _COMMENT_LINE.search(self._text, start, end) or (not whole_lines and self._has_comment_in_tail()):
            raise self._all.refuse(_COMMENTED, tail)
        before = self._commas[tail - 1] if tail else None
        if before is not None:
            yield Splice(before, before + 1, "")
        edits = tuple(map(self._removal_edit, self._entries[tail:]))
        if whole_lines:
            start, end = lines.start(start), lines.end(end)
        elif before is not None:
            start = lines.behind_blanks(start)
        yield Splice(start, end, "", edits)

    def _removed(self, index: int) -> Splice:
        """Remove an entry and the comma behind it."""
        lines, entry, comma = self._lines, self._entries[index], self._commas[index]
        end = entry.end if comma is None else comma + 1
        if "#" in self._text[entry.end : end]:
            raise self._all.refuse(_COMMENTED, index)
        start, edits = entry.start, (self._removal_edit(entry),)
        if lines.starts_line(start) and lines.ends_line(end):
            return Splice(lines.start(start), lines.end(end), "", edits)
        if self._leads[index]:
            end = lines.skip_blanks(end)
        else:
            start = lines.behind_blanks(start)
        return Splice(start, end, "", edits)

    def _has_comment_in_tail(self) -> bool:
        gaps = zip(self._entries[self._tail :], self._entries[self._tail + 1 :], strict=False)
        return any("#" in self._text[one.end : other.start] for one, other in gaps)

    def _space(self, index: int) -> str:
        """Return what separates a new entry from the comma beside an entry."""
        lines, start = self._lines, self._entries[index].start
        return f"{lines.break_at(start)}{lines.before(start)}" if lines.starts_line(start) else " "

    def _additions(self, at: int, added: Sequence[Sequence[str]]) -> tuple[TextEdit, ...]:
        return tuple(TextEdit(line=self._lines.number(at), old="", new=entry[0]) for entry in added)

    def _removal_edit(self, entry: Entry) -> TextEdit:
        return removal_edit(self._lines, entry.start, entry.start, entry.end)


def entries_of(lines: Lines, container: Node) -> list[Entry]:
    """Return the entries of a list or mapping."""
    if container.kind == "mapping":
        return [
            Entry(key.start, max(key.end, value.end), value, key.first, value.last)
            for key, value in container.pairs
        ]
    items = container.children
    starts = [item.start for item in items] if container.flow else dashes(lines.text, container)
    return [
        Entry(start, item.end, item, item.first, item.last) for start, item in zip(starts, items, strict=True)
    ]


def removal_edit(lines: Lines, at: int, start: int, end: int) -> TextEdit:
    """Return the edit that removes a part of the text."""
    old = "\n".join(lines.text[start:end].splitlines())
    return TextEdit(line=lines.number(at), old=old, new="")
