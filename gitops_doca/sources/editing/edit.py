"""Make changes in the text of a YAML file, and check that they are all that changed."""

from collections.abc import Sequence
from dataclasses import field
from typing import NamedTuple

from gitops_doca.core.dataclass import dataclass
from gitops_doca.sources.editing.changes import (
    AddKey,
    CannotEditError,
    Change,
    Edited,
    InsertItem,
    RemoveItem,
    RemoveKey,
    SetValue,
    TextEdit,
)
from gitops_doca.sources.editing.positions import Lines, Meaning, Node, Parsed, Root, parse
from gitops_doca.sources.editing.splices import Entries, Entry, Splice, entries_of
from gitops_doca.sources.editing.writing import Indents, Writer, meanings, text, text_meaning, writer
from gitops_doca.sources.reading.document import Path, spell
from gitops_doca.sources.reading.scalars import resolve_plain

_UTF8_MARK = b"\xef\xbb\xbf"
_MERGE = "<<"
_TEMPLATE = "a template ({{...}})"
_ANCHORED = ("text", "mapping", "list")
_INEXACT = "it cannot be written without a change of other values"
_OVERLAP = "two changes are about the same part of the file"


def edit(data: bytes, changes: Sequence[Change]) -> Edited:
    """Make changes, and check that exactly the intended values differ.

    All paths and indices are those of `data`. Comments outside of what is removed stay. Raises
    `CannotEditError` when the changes cannot be made exactly.
    """
    mark = _UTF8_MARK if data.startswith(_UTF8_MARK) else b""
    try:
        old = data[len(mark) :].decode()
    except UnicodeDecodeError:
        raise CannotEditError("the file has bytes that are not UTF-8", 1) from None
    try:
        parsed = parse(old)
    except CannotEditError:
        if "{{" not in old:
            raise
        line = Lines(old).number(old.index("{{"))
        raise CannotEditError(f"the file is {_TEMPLATE} that was not rendered", line) from None
    editor = _Editor(parsed, Lines(old))
    for change in changes:
        editor.add(change)
    editor.finish()
    new, expected, line = editor.result()
    try:
        exact = parse(new).meanings == expected
    except CannotEditError:
        exact = False
    if not exact:
        raise CannotEditError(_INEXACT, line)
    return Edited(data=mark + new.encode(), edits=tuple(editor.edits))


@dataclass(slots=True)
class _Group:
    """All changes of the entries of one list or mapping."""

    line: int
    path: Path
    root: Root
    node: Node
    entries: Sequence[Entry]
    removed: set[int] = field(default_factory=set)
    inserted: dict[int, list[list[str]]] = field(default_factory=dict)
    added: set[str] = field(default_factory=set)


class _Meanings(NamedTuple):
    """A part of the meanings that becomes another one."""

    start: int
    end: int
    new: tuple[Meaning, ...]


class _Editor:
    def __init__(self, parsed: Parsed, lines: Lines) -> None:
        self._parsed = parsed
        self._lines = lines
        self._groups: dict[int, _Group] = {}
        self._splices: list[tuple[int, Splice]] = []
        self._meanings: list[_Meanings] = []
        self._known_indents: dict[int, Indents] = {}
        self.edits: list[TextEdit] = []

    def add(self, change: Change) -> None:
        match change:
            case SetValue():
                self._set(change)
            case AddKey():
                self._add_key(change)
            case InsertItem():
                self._insert(change)
            case RemoveItem():
                group = self._group(change.line, change.path, "list")
                if not 0 <= change.index < len(group.entries):
                    raise CannotEditError(f"{_name((*change.path, change.index))} is not there", change.line)
                group.removed.add(change.index)
            case RemoveKey():
                self._remove_key(change.line, change.path)

    def finish(self) -> None:
        """Turn the groups into splices; a list without items goes with its key."""
        for group in list(self._groups.values()):
            if group.node.kind == "list" and len(group.removed) == len(group.entries) and not group.inserted:
                if not group.path or isinstance(group.path[-1], int):
                    raise CannotEditError(
                        f"{_name(group.path)} would be empty, and has no key that could go too",
                        group.node.line,
                    )
                self._remove_key(group.line, group.path)
                group.removed.clear()
        for group in self._groups.values():
            self._close(group)

    def result(self) -> tuple[str, list[Meaning], int]:
        """Return the new text, what it must mean, and the line of the first change."""
        # At one position the end of the inner value comes before that of the outer one.
        ordered = sorted(self._splices, key=lambda one: (one[1].start, one[1].end, -one[0]))
        whole, parts, at = self._lines.text, list[str](), 0
        for _, splice in ordered:
            if splice.start < at:
                raise CannotEditError(_OVERLAP, self._lines.number(splice.start))
            parts += (whole[at : splice.start], splice.text)
            at = splice.end
            self.edits += splice.edits
        new = self._lines.closed("".join((*parts, whole[at:])))
        line = self._lines.number(_line_position(ordered[0][1])) if ordered else 1
        expected, at = list[Meaning](), 0
        for start, end, added in sorted(self._meanings, key=lambda one: one[:2]):
            if start < at:
                raise CannotEditError(_OVERLAP, line)
            expected += self._parsed.meanings[at:start]
            expected += added
            at = end
        return new, expected + self._parsed.meanings[at:], line

    def _set(self, change: SetValue) -> None:
        root, chain = self._find(change.line, change.path)
        node, name = chain[-1], _name(change.path)
        if "{{" in node.text:
            raise CannotEditError(f"{name} is {_TEMPLATE}", node.line)
        if node.kind != "text":
            raise CannotEditError(f"{name} is a {node.kind}", node.line)
        if node.anchor is not None:
            raise CannotEditError(f"{name} has an anchor (&{node.anchor})", node.line)
        if node.tag is not None:
            raise CannotEditError(f"{name} has a tag ({node.tag})", node.line)
        if node.is_folded:
            raise CannotEditError(f"{name} is a block of text ({node.style})", node.line)
        flow = any(parent.flow for parent in chain)
        new = text(change.value, node.style or ('"' if root.node and root.node.flow else ""), flow=flow)
        if node.start == node.end:
            new = f" {new}"
        edits = (TextEdit(line=node.line, old=node.text, new=change.value),)
        self._splices.append((len(change.path), Splice(node.start, node.end, new, edits)))
        self._meanings.append(_Meanings(node.first, node.last, (text_meaning(change.value),)))

    def _add_key(self, change: AddKey) -> None:
        group = self._group(change.line, change.path, "mapping")
        path = (*change.path, change.key)
        present = group.root.indices(group.node)
        if change.key in present:
            value = group.entries[_index(group.root, group.node, path)].node
            if group.node.flow or value.start < value.end or change.key in group.added:
                plain = value.kind == "text" and not value.style
                empty = resolve_plain(value.text) is None if plain else not value.text
                what = "has no value: remove that line" if empty else "is there already"
                raise CannotEditError(f"{_name(path)} {what}", value.line)
            self._fill(group, change, value)
            return
        if change.key in group.added:
            raise CannotEditError(_OVERLAP, group.node.line)
        _check_merge(group)
        if group.node.flow:
            written = [self._writer(group).pair(change.key, change.value, None)]
        else:
            column = group.node.children[0].column
            written = self._writer(group).entry(change.key, change.value, column, None)
        group.added.add(change.key)
        new = (text_meaning(change.key), *meanings(change.value))
        self._insertion(group, len(group.entries), written, new)

    def _fill(self, group: _Group, change: AddKey, value: Node) -> None:
        """Give a key its value that is there without one."""
        lines, column = self._lines, group.node.children[0].column
        first, *more = self._writer(group).entry(change.key, change.value, column, None)
        group.added.add(change.key)
        edits = (TextEdit(line=value.line, old="", new="\n".join((first, *more))),)
        if more:
            at, line_break = lines.end(value.start), lines.break_at(value.start)
            splice = Splice(at, at, "".join(f"{line}{line_break}" for line in more), edits)
        else:
            head = " " * column + text(change.key, "", flow=False) + ":"
            splice = Splice(value.start, value.start, first.removeprefix(head), edits)
        self._splices.append((len(change.path) + 1, splice))
        self._meanings.append(_Meanings(value.first, value.last, tuple(meanings(change.value))))

    def _insert(self, change: InsertItem) -> None:
        group = self._group(change.line, change.path, "list")
        size = len(group.entries)
        index = change.index if 0 <= change.index < size else size
        like = group.entries[max(index - 1, 0)] if size else None
        node = like.node if like else None
        if group.node.flow:
            written = [self._writer(group).inline(change.value, node)]
        else:
            column = len(self._lines.before(group.entries[0].start))
            written = self._writer(group).item(change.value, column, node, _gap(self._lines, like))
        self._insertion(group, index, written, tuple(meanings(change.value)))

    def _insertion(self, group: _Group, index: int, written: list[str], new: tuple[Meaning, ...]) -> None:
        group.inserted.setdefault(index, []).append(written)
        at = group.entries[index].first if index < len(group.entries) else group.node.last - 1
        self._meanings.append(_Meanings(at, at, new))

    def _remove_key(self, line: int, path: Path) -> None:
        group = self._group(line, path[:-1], "mapping")
        _check_merge(group)
        group.removed.add(_index(group.root, group.node, path))

    def _close(self, group: _Group) -> None:
        entries = Entries(
            lines=self._lines,
            container=group.node,
            entries=group.entries,
            removed=frozenset(group.removed),
            inserted=group.inserted,
        )
        self._splices += ((len(group.path), splice) for splice in entries.splices())
        for index in group.removed:
            entry = group.entries[index]
            for kind, *rest in self._parsed.meanings[entry.first : entry.last]:
                if kind in _ANCHORED:
                    _check_shared(group.root, rest[0], entry, "what would be removed")
            self._meanings.append(_Meanings(entry.first, entry.last, ()))

    def _group(self, line: int, path: Path, kind: str) -> _Group:
        root, chain = self._find(line, path)
        node = chain[-1]
        if node.kind != kind:
            raise CannotEditError(f"{_name(path)} is not a {kind}", node.line)
        found = self._groups.get(id(node))
        if found is None:
            found = _Group(line, path, root, node, entries_of(self._lines, node))
            self._groups[id(node)] = found
        return found

    def _find(self, line: int, path: Path) -> tuple[Root, list[Node]]:
        """Return the document, and the values from its root to the one at a path."""
        root = self._parsed.root(line)
        if root.node is None or root.node.start == root.node.end:
            raise CannotEditError("the document is empty", line)
        chain = [root.node]
        for depth in range(len(path) + 1):
            node, name = chain[-1], _name(path[:depth])
            if node.kind == "alias":
                raise CannotEditError(f"{name} is an alias (*{node.text}), and others share it", node.line)
            if self._lines.text.startswith("{{", node.start):
                raise CannotEditError(f"{name} is {_TEMPLATE}", node.line)
            _check_shared(root, node.anchor, node, name)
            if depth < len(path):
                below = path[: depth + 1]
                chain.append(
                    node.children[_index(root, node, below) * 2 + 1]
                    if isinstance(path[depth], str)
                    else _item(node, below)
                )
        return root, chain

    def _writer(self, group: _Group) -> Writer:
        root = group.root.node or group.node
        return writer(self._indents(group.node), self._indents(root), quoted_keys=root.flow)

    def _indents(self, node: Node) -> Indents:
        found = self._known_indents.get(id(node))
        if found is None:
            found = self._known_indents[id(node)] = Indents(self._lines, node)
        return found


def _index(root: Root, node: Node, path: Path) -> int:
    """Return the index of the key that a path ends with in the mapping before it."""
    name = _name(path)
    keys = root.indices(node) if node.kind == "mapping" else {}
    found = keys.get(str(path[-1]), [])
    if len(found) > 1:
        raise CannotEditError(f"{name} is there twice", node.children[found[1] * 2].line)
    if not found:
        source = f", or comes from a merge key ({_MERGE})" if _MERGE in keys else ""
        raise CannotEditError(f"{name} is not there{source}", node.line)
    return found[0]


def _check_merge(group: _Group) -> None:
    """Raise `CannotEditError` where a key that comes or goes could hide or show a merged one."""
    if _MERGE in group.root.indices(group.node):
        name = _name(group.path)
        raise CannotEditError(
            f"{name} has a merge key ({_MERGE}), which can bring values from elsewhere", group.node.line
        )


def _item(node: Node, path: Path) -> Node:
    index = path[-1]
    if node.kind != "list" or not isinstance(index, int) or not 0 <= index < len(node.children):
        raise CannotEditError(f"{_name(path)} is not there", node.line)
    return node.children[index]


def _check_shared(root: Root, anchor: str | None, part: Node | Entry, name: str) -> None:
    """Raise `CannotEditError` if an alias outside of a part has an anchor that is in it."""
    aliases = root.aliases.get(anchor, []) if anchor else []
    if aliases and (aliases[0] < part.first or aliases[-1] >= part.last):
        node = part if isinstance(part, Node) else part.node
        raise CannotEditError(f"{name} has an anchor (&{anchor}), and others share it", node.line)


def _gap(lines: Lines, like: Entry | None) -> int:
    """Return the columns from the dash of an item to its content."""
    if like is None or lines.number(like.start) != like.node.line:
        return 2
    return max(like.node.column - len(lines.before(like.start)), 2)


def _line_position(splice: Splice) -> int:
    """Return a position in the line that is changed, or that new lines go behind."""
    return max(splice.start - 1, 0) if splice.start == splice.end else splice.start


def _name(path: Path) -> str:
    return spell(path) or "the document"
