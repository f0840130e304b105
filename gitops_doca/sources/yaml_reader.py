"""Read YAML as a stream of parser events, and build only what is selected."""

from collections.abc import Iterator
from typing import Any

from _ruamel_yaml import CParser
from ruamel.yaml.error import MarkedYAMLError, YAMLError, YAMLStreamError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from gitops_doca.sources.located import Document, LocatedDict, LocatedList, typed_items
from gitops_doca.sources.scalars import resolve_plain
from gitops_doca.sources.selection import ALL, KEYS, NOTHING, Selection, below
from gitops_doca.sources.syntax import Readable, SyntaxProblem

_MAX_DEPTH = 100
_MAX_ALIASED = 100_000
_MERGE = "<<"
_START = (MappingStartEvent, SequenceStartEvent)
_END = (MappingEndEvent, SequenceEndEvent)
_STRING_TAG = "tag:yaml.org,2002:str"
_CORE_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq")
)


def read_yaml(stream: Readable, file: str, selection: Selection) -> Iterator[Document]:
    """Yield each document of a stream, and of a list under `items` each item instead.

    Raises `SyntaxProblem` for text that is no YAML, a key that stands twice, a tag that is not of YAML's
    core, an alias that expands without bound, and nesting deeper than 100.
    """
    try:
        yield from _Walk(stream, file, selection).documents()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise SyntaxProblem(mark.line + 1 if mark else 0, f"is no valid YAML: {_reason(error)}") from None
    except (YAMLError, YAMLStreamError, UnicodeDecodeError):
        raise SyntaxProblem(0, "is no YAML text: it holds bytes that UTF-8 text cannot hold") from None


def _reason(error: MarkedYAMLError) -> str:
    # libyaml's own words are fixed sentences; an anchor's name in them comes from the file.
    return (
        " ".join(part for part in (error.context, error.problem) if part).partition("'")[0].strip()
        or "syntax"
    )


class _Walk:
    def __init__(self, stream: Readable, file: str, selection: Selection) -> None:
        self._next = CParser(stream).get_event
        self._file = file
        self._selection = selection
        self._anchors: dict[str, Any] = {}
        self._sizes: dict[str, int] = {}
        self._built = 0
        self._aliased = 0
        self._items: list[Document] = []

    def documents(self) -> Iterator[Document]:
        while True:
            event = self._next()
            match event:
                case StreamEndEvent() | None:
                    return
                case StreamStartEvent() | DocumentEndEvent():
                    continue
                case DocumentStartEvent():
                    self._anchors, self._sizes, self._built, self._aliased = {}, {}, 0, 0
                case MappingStartEvent():
                    yield from self._object(event)
                case _:
                    value = self._build(event, self._selection, 1)
                    if value is not None:
                        yield Document(value, self._file, event.start_mark.line + 1)

    def _object(self, start: Any) -> Iterator[Document]:  # noqa: ANN401 (an event of the C parser)
        """Yield the document, or when it is a list its items one by one, without holding them all."""
        line = start.start_mark.line + 1
        found = LocatedDict()
        listed = False
        pending: list[Document] = []
        for key, event in self._entries(found):
            if key == "items" and isinstance(event, SequenceStartEvent):
                listed = True
                for item in self._sequence(self._selection, 2):
                    document = Document(item[0], self._file, item[1])
                    if isinstance(item[0], dict) and "kind" not in item[0]:
                        pending.append(document)
                    else:
                        yield document
            else:
                self._value(found, key, event, below(self._selection, key), 1)
        if listed:
            yield from typed_items(found, pending)
        else:
            yield Document(found, self._file, line)

    def _entries(self, found: LocatedDict) -> Iterator[tuple[str, Any]]:
        """Yield each key and the event that starts its value; notes the key's line."""
        while True:
            event = self._next()
            if type(event) is MappingEndEvent:
                return
            line = event.start_mark.line + 1
            if type(event) is not ScalarEvent:
                raise SyntaxProblem(line, "has a key that is no plain text")
            key: str = event.value
            if key in found.lines and key != _MERGE:
                raise SyntaxProblem(
                    line, f"has a key twice in one mapping (first on line {found.lines[key]})"
                )
            found.lines[key] = line
            yield key, self._next()

    def _value(self, found: LocatedDict, key: str, event: Any, part: Selection, depth: int) -> None:  # noqa: ANN401
        if key == _MERGE:
            self._merge(found, self._build(event, ALL, depth + 1), event.start_mark.line + 1)
            return
        if part == NOTHING:
            self._skip(event)
            return
        value = found[key] = self._build(event, part, depth + 1)
        if type(event) is ScalarEvent and not isinstance(value, str):
            found.texts[key] = event.value
        elif key in found.texts:
            del found.texts[key]

    def _build(self, event: Any, selection: Selection, depth: int) -> Any:  # noqa: ANN401
        if depth > _MAX_DEPTH:
            raise SyntaxProblem(event.start_mark.line + 1, f"is nested deeper than {_MAX_DEPTH} levels")
        self._built += 1
        kind = type(event)
        if kind is AliasEvent:
            return self._alias(event)
        if event.tag is not None and event.tag not in _CORE_TAGS:
            raise SyntaxProblem(
                event.start_mark.line + 1, "has a tag (!...) that would build an object; remove it"
            )
        before = self._built
        value: Any
        if kind is ScalarEvent:
            value = self._scalar(event)
        elif kind is SequenceStartEvent:
            value = LocatedList()
            for item, line, text in self._sequence(selection, depth):
                if text is not None:
                    value.texts[len(value)] = text
                value.append(item)
                value.lines.append(line)
        else:
            value = self._mapping(selection, depth)
        if event.anchor:
            self._anchors[event.anchor] = value
            self._sizes[event.anchor] = self._built - before + 1
        return value

    def _scalar(self, event: Any) -> Any:  # noqa: ANN401
        # implicit[0]: plain and without a tag, so the text decides the type.
        if event.implicit[0] and event.tag is None:
            return resolve_plain(event.value)
        if event.tag in {None, _STRING_TAG}:
            return event.value
        return resolve_plain(event.value)

    def _sequence(self, selection: Selection, depth: int) -> Iterator[tuple[Any, int, str | None]]:
        while True:
            event = self._next()
            if type(event) is SequenceEndEvent:
                return
            value = self._build(event, selection, depth + 1)
            scalar = type(event) is ScalarEvent and not isinstance(value, str)
            yield value, event.start_mark.line + 1, event.value if scalar else None

    def _mapping(self, selection: Selection, depth: int) -> LocatedDict:
        found = LocatedDict()
        for key, event in self._entries(found):
            if selection == KEYS:
                found[key] = None
                self._skip(event)
            else:
                self._value(found, key, event, below(selection, key), depth)
        return found

    def _skip(self, event: Any) -> None:  # noqa: ANN401
        depth = 1 if type(event) in _START else 0
        following = self._next
        while depth:
            kind = type(following())
            if kind in _START:
                depth += 1
            elif kind in _END:
                depth -= 1

    def _alias(self, event: Any) -> Any:  # noqa: ANN401
        line = event.start_mark.line + 1
        if event.anchor not in self._anchors:
            raise SyntaxProblem(line, "has an alias (*...) to nothing that is read here; write the value out")
        self._aliased += self._sizes[event.anchor]
        self._built += self._sizes[event.anchor]
        if self._aliased > _MAX_ALIASED:
            raise SyntaxProblem(line, f"expands its aliases (*...) to more than {_MAX_ALIASED:,} values")
        return self._anchors[event.anchor]

    def _merge(self, found: LocatedDict, merged: Any, line: int) -> None:  # noqa: ANN401
        for source in merged if isinstance(merged, list) else [merged]:
            if not isinstance(source, LocatedDict):
                raise SyntaxProblem(line, "merges (<<) something that is no mapping")
            for key, value in source.items():
                if key not in found:
                    found[key] = value
                    # A later key of the mapping itself may still override a merged one.
                    if key in source.texts:
                        found.texts[key] = source.texts[key]
