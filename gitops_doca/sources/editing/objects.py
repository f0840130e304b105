"""Find a Kubernetes object in the text of a YAML file."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from gitops_doca.sources.editing.changes import CannotEditError
from gitops_doca.sources.editing.positions import Node, parse
from gitops_doca.sources.reading.document import Path

_UTF8_MARK = b"\xef\xbb\xbf"


def find_object(data: bytes, kind: str, name: str) -> tuple[int, Path]:
    """Return the line of an object's YAML document, and the object's path in it.

    Raises `CannotEditError` when there is not exactly one object of this kind and name.
    """
    found = _by_name(data).get((kind, name), ())
    if len(found) != 1:
        times = f"{len(found)} times" if found else "as an object with a name"
        raise CannotEditError(f"{kind} {name} is {'' if found else 'not '}there {times}", 1)
    return found[0]


@lru_cache(maxsize=1)
def _by_name(data: bytes) -> Mapping[tuple[str, str], Sequence[tuple[int, Path]]]:
    """Return the objects of a file by kind and name: a file may have many policies, and is parsed once."""
    try:
        text = data.removeprefix(_UTF8_MARK).decode()
    except UnicodeDecodeError:
        raise CannotEditError("the file has bytes that are not UTF-8", 1) from None
    found: dict[tuple[str, str], list[tuple[int, Path]]] = defaultdict(list)
    for root in parse(text).roots:
        for path, node in _objects(root.node) if root.node else ():
            found[_text(node, "kind"), _text(_value(node, "metadata"), "name")].append((root.line, path))
    return found


def _objects(node: Node) -> Iterator[tuple[Path, Node]]:
    """Yield the object of a document, or those of a list."""
    items = _value(node, "items")
    if items is None or items.kind != "list":
        yield (), node
        return
    for number, item in enumerate(items.children):
        yield ("items", number), item


def _value(node: Node | None, key: str) -> Node | None:
    if node is None or node.kind != "mapping":
        return None
    return next((value for name, value in node.pairs if name.kind == "text" and name.text == key), None)


def _text(node: Node | None, key: str) -> str:
    value = _value(node, key)
    return value.text if value is not None and value.kind == "text" else ""
