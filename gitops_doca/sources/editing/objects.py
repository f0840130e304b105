"""Find a Kubernetes object in the text of a YAML file."""

from collections.abc import Iterator

from gitops_doca.sources.editing.changes import CannotEditError
from gitops_doca.sources.editing.positions import Node, parse
from gitops_doca.sources.reading.document import Path

_UTF8_MARK = b"\xef\xbb\xbf"


def find_object(data: bytes, kind: str, name: str) -> tuple[int, Path]:
    """Return the line of an object's YAML document, and the object's path in it.

    Raises `CannotEditError` when there is not exactly one object of this kind and name.
    """
    try:
        text = data.removeprefix(_UTF8_MARK).decode()
    except UnicodeDecodeError:
        raise CannotEditError("the file has bytes that are not UTF-8", 1) from None
    found = [
        (root.line, path)
        for root in parse(text).roots
        if root.node
        for path, node in _objects(root.node)
        if _text(node, "kind") == kind and _text(_value(node, "metadata"), "name") == name
    ]
    if len(found) != 1:
        times = f"{len(found)} times" if found else "as an object with a name"
        raise CannotEditError(f"{kind} {name} is {'' if found else 'not '}there {times}", 1)
    return found[0]


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
