"""Parse YAML into values that know where they are in the text."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import field
from io import BytesIO
from typing import Any

from yaml.error import MarkedYAMLError, YAMLError
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from gitops_doca.core.dataclass import dataclass
from gitops_doca.sources.editing.changes import CannotEditError
from gitops_doca.sources.reading.scalars import NotFiniteError, resolve_plain
from gitops_doca.sources.reading.yaml_events import event_source, reason

_MAX_DEPTH = 1000  # libyaml takes quadratic time for nested brackets
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
# Between two entries are only spaces, comments and one indicator.
_GAP = re.compile("(?:\\s|#[^\n\r\x85\u2028\u2029]*)*")
_BLANKS = re.compile("[ \t]*")
_FOLDED = ("|", ">")

Meaning = tuple[Any, ...]
"""One event without its position and style: two texts of the same meanings have the same values."""
END: Meaning = ("end",)


@dataclass(slots=True, eq=False)
class Node:
    """A value in the text. Positions are numbers of characters."""

    kind: str
    """`text`, `alias`, `mapping` or `list`."""
    start: int
    """Where it begins, or its anchor or tag; of a list in block style at its first dash."""
    end: int
    """Behind its last character; of a block scalar, without spaces and line breaks at its end."""
    line: int
    column: int
    first: int
    """The index of its first meaning."""
    last: int = 0
    """The index behind its last meaning."""
    opened: int = 0
    """Where the event that begins it ends: of a value in flow style behind its bracket."""
    flow: bool = False
    style: str | None = None
    """The quotes of a text, or the indicator of a block scalar; empty for a plain one."""
    text: str = ""
    """The value of a text, or the anchor of an alias."""
    anchor: str | None = None
    tag: str | None = None
    children: list["Node"] = field(default_factory=list)
    """The items of a list; of a mapping, its keys, each with its value behind it."""

    @property
    def is_folded(self) -> bool:
        """Say whether it is a block scalar."""
        return self.style in _FOLDED

    @property
    def pairs(self) -> Iterator[tuple["Node", "Node"]]:
        """The keys and values of a mapping."""
        return zip(self.children[::2], self.children[1::2], strict=True)


@dataclass(slots=True, eq=False)
class Root:
    """A YAML document of the text."""

    line: int
    node: Node | None = None
    aliases: dict[str, list[int]] = field(default_factory=dict)
    """Of each anchor the indices of the meanings that are aliases to it."""
    keys: dict[int, dict[str, list[int]]] = field(default_factory=dict)
    """By the identity of a mapping, the indices of each key; filled where it is asked for."""

    def indices(self, mapping: Node) -> dict[str, list[int]]:
        """Return the indices of the entries of a mapping by their key."""
        found = self.keys.get(id(mapping))
        if found is None:
            found = self.keys[id(mapping)] = {}
            for index, (key, _) in enumerate(mapping.pairs):
                if key.kind == "text":
                    found.setdefault(key.text, []).append(index)
        return found


@dataclass(slots=True, eq=False)
class Parsed:
    """A text and what it means."""

    roots: list[Root] = field(default_factory=list)
    meanings: list[Meaning] = field(default_factory=list)

    def root(self, line: int) -> Root:
        """Return the document that has a line, counted from 1."""
        at = bisect_right(self.roots, line, key=lambda root: root.line)
        if not self.roots:
            raise CannotEditError("the file is empty", line)
        return self.roots[max(at - 1, 0)]


class Lines:
    """The lines of a text, in which the last one has a line break too."""

    def __init__(self, text: str) -> None:
        found = _BREAK.search(text)
        self.line_break = found[0] if found and found[0] in ("\n", "\r\n", "\r") else "\n"
        self.is_open = not text.endswith(("\n", "\r", "\x85", "\u2028", "\u2029"))
        self.text = text + self.line_break if self.is_open else text
        self._starts = [0, *(match.end() for match in _BREAK.finditer(self.text))]

    def number(self, at: int) -> int:
        """Return the number of the line that has a position, counted from 1."""
        return bisect_right(self._starts, at)

    def start(self, at: int) -> int:
        """Return where the line of a position begins."""
        return self._starts[self.number(at) - 1]

    def end(self, at: int) -> int:
        """Return where the line after that of a position begins."""
        return self._starts[min(self.number(at), len(self._starts) - 1)]

    def stop(self, at: int) -> int:
        """Return where the line break is that ends the line of a position."""
        end = self.end(at)
        return end - len(self._final_break(end))

    def break_at(self, at: int) -> str:
        """Return the line break for a new line behind that of a position."""
        found = self._final_break(self.end(at))
        return found if found in ("\n", "\r\n", "\r") else self.line_break

    def before(self, at: int) -> str:
        """Return the text between the start of a line and a position in it."""
        return self.text[self.start(at) : at]

    def starts_line(self, at: int) -> bool:
        """Say whether only spaces are before a position in its line."""
        return self.skip_blanks(self.start(at)) >= at

    def ends_line(self, at: int) -> bool:
        """Say whether only spaces or a comment follow a position in its line."""
        rest = self.skip_blanks(at)
        return rest == self.stop(at) or self.text.startswith("#", rest)

    def skip_blanks(self, at: int) -> int:
        """Return the position of what follows spaces and tabs."""
        found = _BLANKS.match(self.text, at)
        return found.end() if found else at

    def behind_blanks(self, at: int) -> int:
        """Return where the spaces and tabs before a position begin."""
        while self.text.endswith((" ", "\t"), 0, at):
            at -= 1
        return at

    def closed(self, text: str) -> str:
        """Return a text without the line break that was added here."""
        if not self.is_open:
            return text
        return text.removesuffix("\n").removesuffix("\r") if text.endswith("\r\n") else text[:-1]

    def _final_break(self, end: int) -> str:
        return self.text[end - 2 : end] if self.text.endswith("\r\n", 0, end) else self.text[end - 1 : end]


def skip_gap(text: str, at: int) -> int:
    """Return the position of the next indicator or value, behind spaces and comments."""
    found = _GAP.match(text, at)
    return found.end() if found else at


def dashes(text: str, sequence: Node) -> list[int]:
    """Return where the dash of each item of a list in block style is."""
    # A list that is not indented below its key is begun by its first dash, any other one before it.
    first = sequence.opened if text.startswith("-", sequence.opened) else sequence.opened - 1
    return [first, *(skip_gap(text, item.end) for item in sequence.children[:-1])]


def parse(text: str) -> Parsed:
    """Parse a text, which has no byte order mark. Raises `CannotEditError`."""
    try:
        return _parse(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise CannotEditError(
            f"the file is not valid YAML: {reason(error)}", mark.line + 1 if mark else 1
        ) from None
    except (YAMLError, UnicodeError):
        raise CannotEditError("the file has characters that YAML does not allow", 1) from None


def _parse(text: str) -> Parsed:
    following = event_source(BytesIO(text.encode()))
    parsed, open_nodes = Parsed(), list[Node]()
    meanings = parsed.meanings
    while (event := following()) is not None:
        kind = type(event)
        if kind is DocumentStartEvent:
            parsed.roots.append(Root(event.start_mark.line + 1))
            meanings.append(("document", event.explicit, event.version, tuple((event.tags or {}).items())))
        elif kind is DocumentEndEvent:
            meanings.append(("document end", event.explicit))
        elif kind in (MappingEndEvent, SequenceEndEvent):
            meanings.append(END)
            node = open_nodes.pop()
            node.last = len(meanings)
            # A value in block style ends only where the next one begins.
            node.end = event.end_mark.index if node.flow else node.children[-1].end
        elif kind not in (StreamStartEvent, StreamEndEvent):
            node = _node(event, text, len(meanings))
            meanings.append(_meaning(event))
            _attach(node, parsed.roots[-1], open_nodes)
    return parsed


def _attach(node: Node, root: Root, open_nodes: list[Node]) -> None:
    """Put a node below the last one that is open, or as the value of the document."""
    if open_nodes:
        open_nodes[-1].children.append(node)
    else:
        root.node = node
    if node.kind == "alias":
        root.aliases.setdefault(node.text, []).append(node.first)
    if node.kind in ("mapping", "list"):
        open_nodes.append(node)
        if len(open_nodes) > _MAX_DEPTH:
            raise CannotEditError(f"the file is nested deeper than {_MAX_DEPTH:,} levels", node.line)


def _node(event: Any, text: str, first: int) -> Node:  # noqa: ANN401 (an event of either parser)
    start, end = event.start_mark, event.end_mark
    node = Node("alias", start.index, end.index, start.line + 1, start.column, first, first + 1, end.index)
    node.anchor = event.anchor
    match event:
        case AliasEvent():
            node.text, node.anchor = str(event.anchor), None
            return node
        case ScalarEvent():
            node.kind, node.text, node.style = "text", event.value, event.style or ""
            if node.is_folded:
                node.end = start.index + len(text[start.index : end.index].rstrip())
        case _:
            node.kind = "mapping" if isinstance(event, MappingStartEvent) else "list"
            node.flow = bool(event.flow_style)
    node.tag = event.tag
    return node


def _meaning(event: Any) -> Meaning:  # noqa: ANN401
    match event:
        case AliasEvent():
            return ("alias", event.anchor)
        case ScalarEvent():
            return ("text", event.anchor, event.tag, *_scalar(event))
        case MappingStartEvent():
            return ("mapping", event.anchor, event.tag)
        case _:
            return ("list", event.anchor, event.tag)


def _scalar(event: Any) -> tuple[str, Any]:  # noqa: ANN401
    if event.tag is not None or not event.implicit[0]:
        return ("str", event.value)
    try:
        value = resolve_plain(event.value)
    except NotFiniteError:
        return ("number", event.value)
    return (type(value).__name__, value)
