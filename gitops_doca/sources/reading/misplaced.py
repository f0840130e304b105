"""Find where a field belongs that is in the wrong mapping of a document."""

from collections.abc import Iterator, Mapping
from typing import Any

from gitops_doca.sources.reading.document import Path, spell

_MAX_PARENTS = 2


def belongs_under(schema: Mapping[str, Any], field: str, document: object) -> str:
    """Return `; it belongs under x` if the schema has a field of this name elsewhere.

    Fields of list items do not count, nor names with too many places for a sentence. The constants
    of `document` choose the branch of a root schema with `if`.
    """
    parents = {spell(path) for path in _parents(schema, _applied(schema, document), field, ())}
    return f"; it belongs under {' or '.join(sorted(parents))}" if 0 < len(parents) <= _MAX_PARENTS else ""


def _applied(schema: Mapping[str, Any], document: object) -> list[Mapping[str, Any]]:
    """Return the parts of a root schema that apply to the document."""
    if "if" not in schema:
        return [schema]
    wanted = schema["if"]["properties"].items()
    holds = isinstance(document, dict) and all(document.get(key) == part["const"] for key, part in wanted)
    return [schema, schema["then" if holds else "else"]]


def _parents(
    root: Mapping[str, Any], schemas: list[Mapping[str, Any]], field: str, path: Path
) -> Iterator[Path]:
    """Yield the path of each mapping that has the field; several schemas may apply to a mapping."""
    for schema in schemas:
        part_schema = root["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
        parts: Mapping[str, Any] = part_schema.get("properties", {})
        if field in parts:
            yield path
        for key, part in parts.items():
            yield from _parents(root, [part], field, (*path, key))
