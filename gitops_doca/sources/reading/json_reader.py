"""Read JSON one list item at a time, so that only one item is in memory."""

import codecs
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

from gitops_doca.sources.reading.document import Document, typed_items
from gitops_doca.sources.reading.scalars import INTEGERS, NotFiniteError, WrittenFloat
from gitops_doca.sources.reading.selection import ALL, NOTHING, Selection, below, prune
from gitops_doca.sources.reading.syntax import MAX_DEPTH, MAX_VALUE, TOO_LARGE, Readable, SyntaxProblem

_CHUNK = 1 << 18
_NUMBER_GAP = len("e+")
_SEPARATOR = "---"
_SPACE = re.compile(r"[ \t\r\n]*")


def _any_item(_document: Document) -> None:
    """Accept every item."""


def read_json(
    stream: Readable, file: str, selection: Selection, *, admit: Callable[[Document], None] = _any_item
) -> Iterator[Document]:
    """Yield each document of a stream of JSON values; for a list under `items`, each item.

    `admit` is called with each item of such a list, and may raise to end the reading. Raises
    `SyntaxProblem` for text that is not JSON, and for a single value above 8 MiB.
    """
    window = _Window(stream)
    while window.peek():
        if window.separator():
            continue
        if window.peek() == "[":
            for value, line in window.array():
                yield Document(_selected(value, selection, line), file, line)
        elif window.peek() == "{":
            yield from _object(window, file, selection, {}, selection, admit)
        else:
            window.fail("is not a JSON object")


def read_list(
    stream: Readable,
    file: str,
    selection: Selection,
    of_list: Mapping[str, Selection],
    *,
    admit: Callable[[Document], None] = _any_item,
) -> tuple[tuple[Document, ...], Mapping[str, Any]]:
    """Return the items of a list of the Kubernetes API, and the selected parts of the list.

    `admit` is as in `read_json`. Raises `SyntaxProblem` for anything but one JSON object whose kind
    ends in `List`.
    """
    window = _Window(stream)
    if window.peek() != "{":
        window.fail("is not a JSON object")
    head: dict[str, Any] = {}
    parts = {"kind": ALL, "apiVersion": ALL, **of_list}
    items = tuple(_object(window, file, selection, head, parts, admit))
    if not str(head.get("kind", "")).endswith("List") or window.peek():
        window.fail("is not a list of objects")
    # Without an array of items the list itself is what was read: an empty one may have null there.
    return (() if items and items[0].value is head else items), head


def read_list_head(stream: Readable, selection: Selection) -> Mapping[str, Any]:
    """Return the selected parts of a list before its items; raises `SyntaxProblem`."""
    window = _Window(stream)
    head: dict[str, Any] = {}
    for key in window.each_key():
        if key == "items":
            break
        line, value, part = window.line, window.value(), below(selection, key)
        if part != NOTHING:
            head[key] = _selected(value, part, line)
    return head


def _object(
    window: "_Window",
    file: str,
    selection: Selection,
    fields: dict[str, Any],
    of_list: Selection,
    admit: Callable[[Document], None],
) -> Iterator[Document]:
    """Yield the items of a list, or the object; `fields` gets what `of_list` selects besides."""
    line, size = window.line, 0
    listed = False
    pending: list[Document] = []
    for key in window.each_key():
        if key == "items" and window.peek() == "[":
            listed = True
            for value, at in window.array():
                document = Document(_selected(value, selection, at), file, at)
                admit(document)
                if isinstance(value, dict) and "kind" not in value:
                    pending.append(document)
                else:
                    yield document
        else:
            at, value, part = window.line, window.value(), below(of_list, key)
            size += window.size
            if size > MAX_VALUE:
                raise SyntaxProblem(line, TOO_LARGE)
            if part != NOTHING:
                fields[key] = _selected(value, part, at)
    if listed:
        yield from typed_items(fields, pending)
    else:
        yield Document(fields, file, line)


def _selected(value: object, selection: Selection, line: int) -> Any:  # noqa: ANN401 (any JSON value)
    try:
        selected = prune(value, selection)
    except RecursionError:
        raise SyntaxProblem(line, f"is nested deeper than {MAX_DEPTH} levels") from None
    try:
        return _checked(selected, line)
    except NotFiniteError as error:
        raise SyntaxProblem(line, str(error), final=True) from None


def _checked(value: Any, line: int, levels: int = MAX_DEPTH) -> Any:  # noqa: ANN401 (any JSON value)
    """Refuse what the YAML reader refuses too, and what no output can hold.

    Returns the value with numbers as Kubernetes reads them.
    """
    # Most values are ASCII strings: checking them here saves a call for each.
    if isinstance(value, str):
        _check_text(value, line)
    elif isinstance(value, dict):
        _check_depth(levels, line)
        for key, item in value.items():
            if not key.isascii():
                _check_text(key, line)
            if not (isinstance(item, str) and item.isascii()):
                value[key] = _checked(item, line, levels - 1)
    elif isinstance(value, list):
        _check_depth(levels, line)
        value[:] = [_checked(item, line, levels - 1) for item in value]
    elif isinstance(value, int | float):
        return _number(value)
    return value


def _check_text(text: str, line: int) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise SyntaxProblem(line, "has a string with half of a surrogate pair, which is not text") from None


def _check_depth(levels: int, line: int) -> None:
    if levels == 0:
        raise SyntaxProblem(line, f"is nested deeper than {MAX_DEPTH} levels")


def _number(number: Any) -> float:  # noqa: ANN401 (an integer or a float: float stands for both)
    """Return the number, or what Kubernetes reads for an integer beyond 64 bits.

    Raises `NotFiniteError`.
    """
    if isinstance(number, int) and number in INTEGERS:
        return number
    try:
        # A float is kept as it is: it may know its text.
        large = number if isinstance(number, float) else float(number)
    except OverflowError:
        raise NotFiniteError from None
    if not math.isfinite(large):
        raise NotFiniteError
    return large


class _Window:
    """A window of the text that is not decoded yet."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._bytes = codecs.getincrementaldecoder("utf-8")("strict")
        self._decoder = json.JSONDecoder(parse_float=WrittenFloat, parse_constant=_no_constant)
        self._text = ""
        self._at = 0
        self._ended = False
        self._counted = 0
        self._lines_before = 1
        self.size = 0
        """Bytes of the last decoded value."""

    @property
    def line(self) -> int:
        """The current line, counted from 1."""
        self._lines_before += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._lines_before

    def fail(self, message: str, *, final: bool = False) -> NoReturn:
        """Raise the problem at the current line."""
        raise SyntaxProblem(self.line, message, final=final)

    def peek(self) -> str:
        """Return the next character that is not white space; empty at the end."""
        while True:
            space = _SPACE.match(self._text, self._at)
            self._at = space.end() if space else self._at
            if self._at < len(self._text) or not self._more(_CHUNK):
                return self._text[self._at : self._at + 1]

    def separator(self) -> bool:
        """Skip `---`: a YAML stream may have JSON documents."""
        while len(self._text) - self._at < len(_SEPARATOR) and self._more(_CHUNK):
            pass
        is_separator = self._text.startswith(_SEPARATOR, self._at)
        self._at += len(_SEPARATOR) if is_separator else 0
        return is_separator

    def each_key(self) -> Iterator[str]:
        """Yield each key of an object; the caller takes the value before the next one."""
        for _ in self._elements("{", "}"):
            key = self.value() if self.peek() == '"' else None
            if not isinstance(key, str) or self.peek() != ":":
                self.fail("is not valid JSON: a key and a colon were expected")
            self._at += 1
            yield key

    def array(self) -> Iterator[tuple[Any, int]]:
        """Yield each item of an array, with its line."""
        for line in self._elements("[", "]"):
            yield self.value(), line

    def _elements(self, start: str, end: str) -> Iterator[int]:
        if self.peek() != start:
            self.fail(f"is not valid JSON: {start} was expected")
        self._at += 1
        if self.peek() == end:
            self._at += 1
            return
        while True:
            self.peek()
            yield self.line
            follows = self.peek()
            if follows not in {",", end}:
                self.fail(f"is not valid JSON: , or {end} was expected")
            self._at += 1
            if follows == end:
                return

    def value(self) -> Any:  # noqa: ANN401 (any JSON value)
        """Decode the next value, whole."""
        self.peek()
        wanted = _CHUNK
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                behind = error.pos - self._at
                if self._more(wanted):
                    wanted *= 2
                    continue
                self._at = min(self._at + behind, len(self._text))
                # The decoder's messages are fixed sentences; they quote nothing of the text.
                self.fail(f"is not valid JSON: {error.msg[0].lower()}{error.msg[1:]}")
            except NotFiniteError as error:
                self.fail(str(error), final=True)
            except (ValueError, RecursionError):
                self.fail("has a JSON value that is nested too deeply or holds a number out of range")
            # A number may continue after the window, even if it seems to end at `.` or `e+`.
            length = end - self._at
            if len(self._text) - end > _NUMBER_GAP or not self._more(wanted):
                self.size = self._bytes_of(length)
                if self.size > MAX_VALUE:
                    self.fail(TOO_LARGE)
                self._at += length
                return value

    def _bytes_of(self, length: int) -> int:
        """Return how many bytes the next characters have."""
        # Kubernetes' own text is ASCII, for which this is free.
        return length if self._text.isascii() else len(self._text[self._at : self._at + length].encode())

    def _more(self, size: int) -> bool:
        """Read more; say whether there was any."""
        if self._ended:
            return False
        if len(self._text) - self._at > MAX_VALUE:
            self.fail(TOO_LARGE)
        chunk = self._stream.read(size)
        self._ended = not chunk
        try:
            text = self._bytes.decode(chunk, final=self._ended)
        except UnicodeDecodeError:
            self.fail("is not text: it has bytes that are not UTF-8")
        _ = self.line
        self._text = self._text[self._at :] + text
        self._at = self._counted = 0
        return not self._ended or bool(text)


def _no_constant(_name: str) -> NoReturn:
    raise NotFiniteError
