"""Documents with the line of each of their values."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from gitops_doca.core.diagnostics import Place
from gitops_doca.core.model import API_GROUP
from gitops_doca.core.paths import value_at
from gitops_doca.sources.reading.scalars import WrittenFloat

Path = tuple[str | int, ...]


class LocatedDict(dict[str, Any]):
    """A mapping with the line of each key, and the text of each value that is not a string."""

    __slots__ = ("lines", "texts")

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[str, int] = {}
        self.texts: dict[str, str] = {}


class LocatedList(list[Any]):
    """A sequence with the line of each item, and the text of each item that is not a string."""

    __slots__ = ("lines", "texts")

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[int] = []
        self.texts: dict[int, str] = {}


class Document(NamedTuple):
    """One object of an input, with the parts that the reader selected."""

    value: Any
    """Made of dict, list, str, int, float, bool and None; with lines if the reader knew them."""
    file: str
    line: int
    """The object's first line, counted from 1."""
    prefix: Path = ()
    """The object's path in its file, if it is part of another one."""

    def place(self, path: Path = ()) -> Place:
        """Return the place of a value: its line if known, else the nearest one above it."""
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
        """Say whether the YAML reader read it; the JSON reader returns plain mappings and lists."""
        return isinstance(self.value, LocatedDict | LocatedList)

    def text(self, path: Path) -> str:
        """Return a scalar as written in the file."""
        parent = value_at(self.value, *path[:-1])
        value = value_at(parent, path[-1])
        written = getattr(parent, "texts", {}).get(path[-1])
        return _spell_json(value) if written is None else str(written)


def typed_items(parent: dict[str, Any], pending: list[Document]) -> Iterator[Document]:
    """Give items without a kind the one of their list: a `NodeList` of the API omits it."""
    kind = parent.get("kind")
    for document in pending:
        if isinstance(kind, str) and kind.endswith("List"):
            document.value.setdefault("apiVersion", parent.get("apiVersion"))
            document.value["kind"] = kind.removesuffix("List")
        yield document


def is_kind(document: Document, kind: str) -> bool:
    """Say whether a document has this kind and our API group."""
    value = document.value
    return (
        isinstance(value, dict)
        and value.get("kind") == kind
        and str(value.get("apiVersion", "")).startswith(f"{API_GROUP}/")
    )


def without_lines(value: object) -> Any:  # noqa: ANN401 (any part of a document)
    """Return a copy without lines, for a text that the user did not write."""
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
    """Say whether a document is a policy of the operator."""
    value = document.value
    return (
        isinstance(value, dict)
        and value.get("kind") in ("NicClusterPolicy", "NicNodePolicy")
        and str(value.get("apiVersion", "")).startswith("mellanox.com/")
    )


def drop_nulls(value: object) -> None:
    """Remove fields without a value, in place: `env:` means no env, as for the API server."""
    if isinstance(value, dict):
        for key in [key for key, item in value.items() if item is None]:
            del value[key]
        for item in value.values():
            drop_nulls(item)
    elif isinstance(value, list):
        for item in value:
            drop_nulls(item)


def spell(path: Path) -> str:
    """Write a path as `spec.env[2].name`; keys with dots or slashes are in brackets too."""
    field = ""
    for step in path:
        if isinstance(step, int) or not step.replace("-", "").replace("_", "").isalnum():
            field += f"[{step}]"
        else:
            field += f".{step}" if field else step
    return field


def _spell_json(value: object) -> str:
    """Write a scalar as JSON does, a string without its quotes."""
    match value:
        case str():
            return value
        case WrittenFloat():
            return value.text
        case _:
            return json.dumps(value)
