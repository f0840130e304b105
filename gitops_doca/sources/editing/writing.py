"""Write new values in the style of those beside them."""

import json
import re
from collections.abc import Iterator, Mapping

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.yaml_scalars import is_plain, is_single_quotable, single_quoted
from gitops_doca.sources.editing.changes import Value
from gitops_doca.sources.editing.positions import END, Lines, Meaning, Node, dashes

_INDENT = 2
# JSON has no single escape for what is beyond U+FFFF, and YAML needs none there. A surrogate cannot
# be written at all.
_ESCAPABLE = re.compile("[^ -~\ud800-\udfff\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes the lines of values in block style, or their text in flow style."""

    quoted_keys: bool
    """Quote keys in flow style, as JSON does."""
    step: int
    """Columns from a key to the keys of its mapping."""
    offset: int
    """Columns from a key to the dashes of its list."""

    def entry(self, key: str, value: Value, column: int, like: Node | None) -> list[str]:
        """Return the lines of a key with its value, whose first line begins at a column."""
        head = f"{' ' * column}{text(key, '', flow=False)}:"
        if self._is_inline(value, like):
            return [f"{head} {self.inline(value, like, flow=False)}"]
        width = self.step if isinstance(value, Mapping) else self.offset
        return [head, *self._block(value, column + width, like, _INDENT)]

    def item(self, value: Value, column: int, like: Node | None, gap: int) -> list[str]:
        """Return the lines of a list item, whose content begins `gap` columns behind its dash."""
        pad = " " * column
        if self._is_inline(value, like):
            return [f"{pad}-{' ' * (gap - 1)}{self.inline(value, like, flow=False)}"]
        first, *more = self._block(value, column + gap, like, gap)
        return [f"{pad}-{first[column + 1 :]}", *more]

    def inline(self, value: Value, like: Node | None, *, flow: bool = True) -> str:
        """Return a value in flow style; `flow`: in a mapping or list of that style."""
        match value:
            case str():
                return text(value, _hint(like, flow=flow), flow=flow)
            case Mapping():
                pairs = (self.pair(key, item, _child(like, key)) for key, item in value.items())
                return f"{{{', '.join(pairs)}}}"
            case _:
                return f"[{', '.join(self.inline(item, _sample(like)) for item in value)}]"

    def pair(self, key: str, value: Value, like: Node | None) -> str:
        """Return a key and its value in flow style."""
        name = text(key, '"' if self.quoted_keys else "", flow=True)
        return f"{name}: {self.inline(value, like)}"

    def _block(self, value: Value, column: int, like: Node | None, gap: int) -> list[str]:
        if isinstance(value, Mapping):
            return [
                line
                for key, item in value.items()
                for line in self.entry(key, item, column, _child(like, key))
            ]
        return [line for item in value for line in self.item(item, column, _sample(like), gap)]

    def _is_inline(self, value: Value, like: Node | None) -> bool:
        if isinstance(value, str) or not value:
            return True
        kind = "mapping" if isinstance(value, Mapping) else "list"
        return like is not None and like.kind == kind and like.flow and bool(like.children)


class Indents:
    """The first indentations in a value."""

    def __init__(self, lines: Lines, node: Node) -> None:
        self.step: int | None = None
        self.offset: int | None = None
        pending = [node]
        while pending and (self.step is None or self.offset is None):
            mapping = pending.pop()
            pending += mapping.children[::-1]
            if mapping.kind != "mapping" or mapping.flow:
                continue
            for key, value in mapping.pairs:
                if value.flow:
                    continue
                if value.kind == "mapping" and self.step is None:
                    self.step = value.children[0].column - key.column
                if value.kind == "list" and self.offset is None:
                    self.offset = len(lines.before(dashes(lines.text, value)[0])) - key.column


def writer(near: Indents, common: Indents, *, quoted_keys: bool) -> Writer:
    """Return a writer with the indentation of what is near, else of the document."""
    offsets = (width for width in (near.offset, common.offset) if width is not None)
    return Writer(quoted_keys, near.step or common.step or _INDENT, next(offsets, _INDENT))


def text(value: str, quotes: str, *, flow: bool) -> str:
    """Return a string as a scalar in these quotes, or in double ones where they cannot hold it."""
    if not quotes and is_plain(value) and not (flow and ":" in value):
        return value
    if quotes == "'" and is_single_quotable(value):
        return single_quoted(value)
    # These escapes are those of JSON, which is YAML too.
    return _ESCAPABLE.sub(_escaped, json.dumps(value, ensure_ascii=False))


def meanings(value: Value) -> Iterator[Meaning]:
    """Yield what a new value means, as parsing its text must find it."""
    match value:
        case str():
            yield text_meaning(value)
        case Mapping():
            yield ("mapping", None, None)
            for key, item in value.items():
                yield text_meaning(key)
                yield from meanings(item)
            yield END
        case _:
            yield ("list", None, None)
            for item in value:
                yield from meanings(item)
            yield END


def text_meaning(value: str) -> Meaning:
    """Return what a string means."""
    return ("text", None, None, "str", value)


def _hint(like: Node | None, *, flow: bool) -> str:
    if like is not None and like.kind == "text" and not like.is_folded:
        return like.style or ""
    return '"' if flow else ""


def _child(like: Node | None, key: str) -> Node | None:
    """Return what the value of a key is like: the one of the same key, else any text beside it."""
    if like is None or like.kind != "mapping":
        return None
    same = (value for name, value in like.pairs if name.text == key)
    return next(same, next((value for _, value in like.pairs if value.kind == "text"), None))


def _sample(like: Node | None) -> Node | None:
    return like.children[0] if like is not None and like.kind == "list" and like.children else None


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    return character if character.isprintable() else f"\\u{ord(character):04x}"
