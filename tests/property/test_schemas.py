"""What conforms to a schema of ours is exactly what jsonschema finds valid."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_doca.sources.reading import schema as schemas
from gitops_doca.sources.reading.conformance import conforms
from support.mutation import Edit, edited, edits

ANYTHING: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(max_size=5),
    "integer": st.integers(-1, 200),
    "number": st.floats(-1, 2),
    "boolean": st.booleans(),
    "array": st.just([]),
    "object": st.just({}),
    "null": st.none(),
}


def instances(schema: Any, root: Any) -> st.SearchStrategy[Any]:
    """Draw values that a schema allows, or nearly so."""
    if isinstance(schema, bool):
        return st.text(max_size=3)
    if "$ref" in schema:
        return instances(root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    if branches := [schema[key] for key in ("then", "else") if key in schema] + schema.get("oneOf", []):
        rest = {key: part for key, part in schema.items() if key not in {"then", "else", "oneOf"}}
        return st.sampled_from(branches).flatmap(lambda branch: instances(merged(rest, branch), root))
    if "const" in schema or "enum" in schema:
        return st.sampled_from(schema.get("enum", [schema.get("const")]))
    if "pattern" in schema:
        return st.from_regex(schema["pattern"])
    kinds = schema.get("type", "object" if "properties" in schema else "string")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return st.one_of([instance(kind, schema, root) for kind in kinds])


def merged(schema: Any, branch: Any) -> Any:
    """Merge a branch into a schema, the properties of both side by side."""
    properties = {**schema.get("properties", {}), **branch.get("properties", {})}
    required = [*schema.get("required", []), *branch.get("required", [])]
    return {**schema, **branch, "properties": properties, "required": required}


def instance(kind: str, schema: Any, root: Any) -> st.SearchStrategy[Any]:
    """Draw values of one type."""
    if kind == "array":
        return st.lists(
            instances(schema.get("items", {}), root), min_size=schema.get("minItems", 0), max_size=3
        )
    if kind == "object":
        properties = schema.get("properties", {})
        parts = {key: instances(part, root) for key, part in properties.items()}
        required = {key: parts.pop(key) for key in schema.get("required", []) if key in parts}
        return st.fixed_dictionaries(required, optional=parts)
    return ANYTHING[kind]


def is_valid(value: Any, name: str) -> bool:
    valid: bool = schemas._validator(name).is_valid(value)
    return valid


@pytest.mark.parametrize("name", schemas.SCHEMAS)
@given(data=st.data(), changes=edits(least=0, most=2))
def test_what_conforms_is_valid(name: str, data: st.DataObject, changes: Sequence[Edit]) -> None:
    schema = schemas._schema_named(name)
    value = edited(data.draw(instances(schema, schema)), changes)

    assert is_valid(value, name) or not conforms(value, schema)


# The schemas of inputs: of other documents a keyword may be unknown, since no run reads them.
@pytest.mark.parametrize("name", ["config", "inventory", "lock", "policy"])
@given(data=st.data(), changes=edits(least=0, most=2))
def test_what_is_valid_conforms(name: str, data: st.DataObject, changes: Sequence[Edit]) -> None:
    schema = schemas._schema_named(name)
    value = edited(data.draw(instances(schema, schema)), changes)

    assert conforms(value, schema) == is_valid(value, name)


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        (True, {"enum": [1]}),
        (1, {"const": True}),
        (1.0, {"type": "integer"}),
        (True, {"type": ["integer", "number"]}),
        ("a\n", {"pattern": "^a$"}),
        (["a", "a"], {"uniqueItems": True}),
        ({"a": 1, "b": 1}, {"oneOf": [{"required": ["a"]}, {"required": ["b"]}]}),
        ("a", {"an unknown keyword": 1}),
    ],
)
def test_a_value_that_does_not_conform(value: Any, schema: Any) -> None:
    assert not conforms(value, schema)
