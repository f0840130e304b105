"""Read YAML as a stream of parser events, and build only what is selected."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from yaml.error import MarkedYAMLError, YAMLError
from yaml.events import (
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

from gitops_doca.sources.reading.document import Document, LocatedDict, LocatedList, typed_items
from gitops_doca.sources.reading.scalars import NotFiniteError, resolve_plain
from gitops_doca.sources.reading.selection import ALL, KEYS, NOTHING, Selection, below, keyless, prune
from gitops_doca.sources.reading.syntax import MAX_DEPTH, MAX_VALUE, TOO_LARGE, Readable, SyntaxProblem
from gitops_doca.sources.reading.yaml_events import event_source, reason

_MAX_SKIPPED_DEPTH = 1000  # libyaml takes quadratic time for nested brackets
_MAX_ALIASED = 100_000
_WEIGHT = 6
_MERGE = "<<"
_START = (MappingStartEvent, SequenceStartEvent)
_END = (MappingEndEvent, SequenceEndEvent)
_STRING_TAG = "tag:yaml.org,2002:str"
_CORE_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq")
)


def read_yaml(
    stream: Readable, file: str, selection: Selection, *, whole: bool = False
) -> Iterator[Document]:
    """Yield each document of a stream; for a list under `items`, unless `whole`, each item.

    Raises `SyntaxProblem` for text that is no YAML, a key that appears twice, a tag that is not of
    YAML's core, aliases that expand without bound or to what is not selected, nesting deeper than
    100, and a value above 8 MiB.
    """
    try:
        yield from _Walk(stream, file, selection, whole=whole).documents()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise SyntaxProblem(mark.line + 1 if mark else 0, f"is not valid YAML: {reason(error)}") from None
    except (YAMLError, UnicodeDecodeError):
        raise SyntaxProblem(0, "is not YAML text: it has bytes that are not UTF-8") from None


class _Anchored(NamedTuple):
    """A value that aliases may repeat."""

    value: Any
    selection: Selection
    """The selection with which it was built."""
    size: int
    height: int


class _Meter:
    """Stops libyaml, which reads a scalar or a comment to its end, however long."""

    def __init__(self, stream: Readable) -> None:
        self._read = stream.read
        self._bytes = 0
        self._line = 1

    def item(self, line: int) -> None:
        """Record that a list item or document is read, and that the next begins after this line."""
        self._bytes, self._line = 0, line

    def read(self, size: int = -1) -> bytes:
        chunk = self._read(size)
        self._bytes += len(chunk)
        if self._bytes > MAX_VALUE:
            raise SyntaxProblem(self._line, TOO_LARGE)
        return chunk


class _Walk:
    def __init__(self, stream: Readable, file: str, selection: Selection, *, whole: bool) -> None:
        self._meter = _Meter(stream)
        self._next = event_source(self._meter)
        self._file = file
        self._selection = selection
        self._whole = whole
        self._anchors: dict[str, _Anchored] = {}
        self._built = 0
        self._aliased = 0
        self._deepest = 0

    def documents(self) -> Iterator[Document]:
        while True:
            event = self._next()
            match event:
                case StreamEndEvent() | None:
                    return
                case StreamStartEvent() | DocumentEndEvent():
                    continue
                case DocumentStartEvent():
                    self._start(event)
                case MappingStartEvent() if not self._whole:
                    yield from self._object(event)
                case SequenceStartEvent() if not self._whole:
                    _check_tag(event)
                    for value, line, _ in self._sequence(self._selection, 1, metered=True):
                        yield Document(value, self._file, line)
                case _:
                    value = self._build(event, self._selection, 1)
                    # The end of the document: without it the text is not YAML, and the value must
                    # not be used.
                    self._next()
                    if value is not None:
                        yield Document(value, self._file, event.start_mark.line + 1)

    def _start(self, event: Any) -> None:  # noqa: ANN401 (an event of either parser)
        """Begin a document: anchors of the previous one end here."""
        line = event.start_mark.line + 1
        if event.tags:
            raise SyntaxProblem(line, "has a %TAG directive; remove it")
        self._anchors, self._aliased = {}, 0
        self._meter.item(line)

    def _object(self, start: Any) -> Iterator[Document]:  # noqa: ANN401
        """Yield the document, or the items of a list one by one, without keeping them all."""
        _check_tag(start)
        line = start.start_mark.line + 1
        mapping = LocatedDict()
        listed = False
        pending: list[Document] = []
        for key, event in self._entries(mapping):
            if key == "items" and isinstance(event, SequenceStartEvent):
                _check_tag(event)
                listed = True
                for item, at, _ in self._sequence(self._selection, 2, metered=True):
                    document = Document(item, self._file, at)
                    if isinstance(item, dict) and "kind" not in item:
                        pending.append(document)
                    else:
                        yield document
            else:
                self._value(mapping, key, event, self._selection, 1)
        if listed:
            yield from typed_items(mapping, pending)
        else:
            yield Document(mapping, self._file, line)

    def _entries(self, mapping: LocatedDict) -> Iterator[tuple[str, Any]]:
        """Yield each key and the event that starts its value; notes the key's line."""
        following, lines = self._next, mapping.lines
        while True:
            event = following()
            kind = type(event)
            if kind is MappingEndEvent:
                return
            line = event.start_mark.line + 1
            if kind is not ScalarEvent or (event.tag is not None and event.tag != _STRING_TAG):
                raise SyntaxProblem(line, "has a key that is not plain text")
            key: str = event.value
            if key in lines and key != _MERGE:
                raise SyntaxProblem(line, f"has a key twice in one mapping (first on line {lines[key]})")
            lines[key] = line
            yield key, following()

    def _value(self, mapping: LocatedDict, key: str, event: Any, selection: Selection, depth: int) -> None:  # noqa: ANN401
        """Add the value of a key to a mapping, as far as `selection` selects it."""
        if key == _MERGE:
            self._merge(mapping, self._build(event, selection, depth + 1), event.start_mark.line + 1)
            return
        part = below(selection, key)
        if part == NOTHING:
            if type(event) is not ScalarEvent:
                self._skip(event)
            return
        value = mapping[key] = self._build(event, part, depth + 1)
        if type(event) is ScalarEvent and not isinstance(value, str):
            mapping.texts[key] = event.value
        elif key in mapping.texts:
            del mapping.texts[key]

    def _build(self, event: Any, selection: Selection, depth: int) -> Any:  # noqa: ANN401
        self._reach(depth, event)
        # A long text counts more: each alias to it may be printed again.
        self._built += 1 + (len(event.value) >> _WEIGHT if type(event) is ScalarEvent else 0)
        if type(event) is AliasEvent:
            return self._alias(event, selection, depth)
        _check_tag(event)
        if not event.anchor:
            return self._node(event, selection, depth)
        before, outside, self._deepest = self._built, self._deepest, depth
        value = self._node(event, selection, depth)
        self._anchors[event.anchor] = _Anchored(
            value, selection, size=self._built - before + 1, height=self._deepest - depth
        )
        self._deepest = max(outside, self._deepest)
        return value

    def _node(self, event: Any, selection: Selection, depth: int) -> Any:  # noqa: ANN401
        kind = type(event)
        if kind is ScalarEvent:
            value = _scalar(event)
            return keyless(value) if selection == KEYS else value
        if kind is MappingStartEvent:
            return self._mapping(selection, depth)
        if selection == KEYS:
            self._skip(event)
            return keyless(event)
        sequence = LocatedList()
        # A list inside an item does not raise the item's limit; a whole document is not an item.
        for item, line, text in self._sequence(selection, depth, metered=self._whole):
            if text is not None:
                sequence.texts[len(sequence)] = text
            sequence.append(item)
            sequence.lines.append(line)
        return sequence

    def _reach(self, depth: int, event: Any) -> None:  # noqa: ANN401
        if depth > MAX_DEPTH:
            raise SyntaxProblem(event.start_mark.line + 1, f"is nested deeper than {MAX_DEPTH} levels")
        self._deepest = max(self._deepest, depth)

    def _sequence(
        self, selection: Selection, depth: int, *, metered: bool
    ) -> Iterator[tuple[Any, int, str | None]]:
        """Yield each item with its line, and a scalar's text; `metered`: each may have `MAX_VALUE`."""
        while True:
            event = self._next()
            if type(event) is SequenceEndEvent:
                return
            value = self._build(event, selection, depth + 1)
            scalar = type(event) is ScalarEvent and not isinstance(value, str)
            line = event.start_mark.line + 1
            if metered:
                self._meter.item(line)
            yield value, line, event.value if scalar else None

    def _mapping(self, selection: Selection, depth: int) -> LocatedDict:
        mapping = LocatedDict()
        for key, event in self._entries(mapping):
            if selection == KEYS and key != _MERGE:
                mapping[key] = None
                self._skip(event)
            else:
                self._value(mapping, key, event, selection, depth)
        return mapping

    def _skip(self, event: Any) -> None:  # noqa: ANN401
        depth = 1 if type(event) in _START else 0
        following = self._next
        while depth:
            kind = type(following())
            if kind in _START:
                depth += 1
                if depth > _MAX_SKIPPED_DEPTH:
                    line = event.start_mark.line + 1
                    raise SyntaxProblem(line, f"is nested deeper than {_MAX_SKIPPED_DEPTH:,} levels")
            elif kind in _END:
                depth -= 1

    def _alias(self, event: Any, selection: Selection, depth: int) -> Any:  # noqa: ANN401
        line = event.start_mark.line + 1
        anchored = self._anchors.get(event.anchor)
        if anchored is None or anchored.selection not in (ALL, selection):
            raise SyntaxProblem(line, "has an alias (*...) to a value that is not read; write the value out")
        self._reach(depth + anchored.height, event)
        self._aliased += anchored.size
        self._built += anchored.size
        if self._aliased > _MAX_ALIASED:
            raise SyntaxProblem(line, f"expands its aliases (*...) to more than {_MAX_ALIASED:,} values")
        return anchored.value if anchored.selection == selection else prune(anchored.value, selection)

    def _merge(self, mapping: LocatedDict, merged: Any, line: int) -> None:  # noqa: ANN401
        for source in merged if isinstance(merged, list) else [merged]:
            if not isinstance(source, dict):
                raise SyntaxProblem(line, "merges (<<) something that is not a mapping")
            texts = getattr(source, "texts", {})
            for key, value in source.items():
                # A later key of the mapping itself may still override a merged one.
                if key not in mapping:
                    mapping[key] = value
                    if key in texts:
                        mapping.texts[key] = texts[key]


def _check_tag(event: Any) -> None:  # noqa: ANN401
    if event.tag is not None and event.tag not in _CORE_TAGS:
        raise SyntaxProblem(
            event.start_mark.line + 1, "has a tag (!...) that would build an object; remove it"
        )


def _scalar(event: Any) -> Any:  # noqa: ANN401
    # implicit[0]: plain, so without a tag the text decides the type.
    if event.tag == _STRING_TAG or (event.tag is None and not event.implicit[0]):
        return event.value
    try:
        return resolve_plain(event.value)
    except NotFiniteError as error:
        raise SyntaxProblem(event.start_mark.line + 1, str(error)) from None
