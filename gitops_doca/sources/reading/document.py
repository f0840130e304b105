"""Documents that know on which line each of their values stands."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from gitops_doca.core.diagnostics import Place
from gitops_doca.core.model import API_GROUP
from gitops_doca.core.paths import value_at
from gitops_doca.sources.reading.scalars import WrittenFloat

Path = tuple[str | int, ...]


class LocatedDict(dict[str, Any]):
    """A mapping with the line of each key, and the text of each value that is no string."""

    __slots__ = ("lines", "texts")

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[str, int] = {}
        self.texts: dict[str, str] = {}


class LocatedList(list[Any]):
    """A sequence with the line of each item, and the text of each item that is no string."""

    __slots__ = ("lines", "texts")

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[int] = []
        self.texts: dict[int, str] = {}


class Document(NamedTuple):
    """One object of an input, as far as the reader's selection kept it."""

    value: Any
    """Built of dict, list, str, int, float, bool and None; located where the reader could."""
    file: str
    line: int
    """Of the object's first line, counted from 1."""
    prefix: Path = ()
    """Where the object stands in its file, when it is part of another one."""

    def place(self, path: Path = ()) -> Place:
        """Return where a value stands: its line where that is known, else the nearest one above it."""
        line = self.line
        value = self.value
        for step in path:
            match value:
                case LocatedDict() if isinstance(step, str):
                    line = value.lines.get(step, line)
                case LocatedList() if isinstance(step, int) and step < len(value.lines):
                    line = value.lines[step]
                case _:
                    pass
            value = value_at(value, step)
        return Place(self.file, line, spell((*self.prefix, *path)))

    @property
    def is_yaml(self) -> bool:
        """Say whether YAML's reader read it; JSON's gives plain mappings and lists."""
        return isinstance(self.value, LocatedDict | LocatedList)

    def text(self, path: Path) -> str:
        """Return a scalar as it is written in the file, so that a value shows as its author wrote it."""
        parent = value_at(self.value, *path[:-1])
        value = value_at(parent, path[-1])
        written = getattr(parent, "texts", {}).get(path[-1])
        return _spell_json(value) if written is None else str(written)


def typed_items(parent: dict[str, Any], pending: list[Document]) -> Iterator[Document]:
    """Give items that state no kind the one of their list: a `NodeList` of the API leaves it out."""
    kind = parent.get("kind")
    for document in pending:
        if isinstance(kind, str) and kind.endswith("List"):
            document.value.setdefault("apiVersion", parent.get("apiVersion"))
            document.value["kind"] = kind.removesuffix("List")
        yield document


def is_kind(document: Document, kind: str) -> bool:
    """Say whether a document calls itself an object of this kind and of our API group."""
    value = document.value
    return (
        isinstance(value, dict)
        and value.get("kind") == kind
        and str(value.get("apiVersion", "")).startswith(f"{API_GROUP}/")
    )


def without_lines(value: object) -> Any:  # noqa: ANN401 (any part of a document)
    """Return a copy that knows no lines, for a text that no user ever saw."""
    match value:
        case dict():
            mapping = LocatedDict()
            mapping.update((key, without_lines(item)) for key, item in value.items())
            mapping.texts = getattr(value, "texts", {})
            return mapping
        case list():
            sequence = LocatedList()
            sequence.extend(map(without_lines, value))
            sequence.texts = getattr(value, "texts", {})
            return sequence
        case _:
            return value


def is_policy(document: Document) -> bool:
    """Say whether a document is a policy of the operator's."""
    value = document.value
    return (
        isinstance(value, dict)
        and value.get("kind") in ("NicClusterPolicy", "NicNodePolicy")
        and str(value.get("apiVersion", "")).startswith("mellanox.com/")
    )


def drop_nulls(value: object) -> None:
    """Remove fields without a value, in place: to the API server and to people `env:` means no env."""
    if isinstance(value, dict):
        for key in [key for key, item in value.items() if item is None]:
            del value[key]
        for item in value.values():
            drop_nulls(item)
    elif isinstance(value, list):
        for item in value:
            drop_nulls(item)


def spell(path: Path) -> str:
    """Spell a path as `spec.env[2].name`; keys with dots or slashes go into brackets too."""
    field = ""
    for step in path:
        if isinstance(step, int) or not step.replace("-", "").replace("_", "").isalnum():
            field += f"[{step}]"
        else:
            field += f".{step}" if field else step
    return field


def _spell_json(value: object) -> str:
    """Spell a scalar as JSON does, a string without its quotes."""
    match value:
        case str():
            return value
        case WrittenFloat():
            return value.text
        case _:
            return json.dumps(value)
