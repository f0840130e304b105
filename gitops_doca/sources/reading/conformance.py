"""Check a value against a JSON schema of this package.

Importing jsonschema takes longer than a whole run with a small inventory, so it is only used to
explain what is wrong with an invalid value.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

Schema = Mapping[str, Any]

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}
_ANNOTATIONS = frozenset(
    {"$schema", "$id", "$defs", "title", "description", "default", "x-expected", "x-quoted", "then", "else"}
)
"""Keywords without an effect here; `then` and `else` are handled with their `if`."""


def conforms(value: object, schema: Schema) -> bool:
    """Say whether a schema allows a value; with a keyword that is unknown here it allows none."""
    return _conforms(value, schema, schema)


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """Compile a pattern of a schema, in which `$` does not match before a final line break."""
    return re.compile(pattern[:-1] + r"\Z" if pattern.endswith("$") else pattern)


def _conforms(value: object, schema: Schema | bool, root: Schema) -> bool:  # noqa: FBT001 (a schema)
    if isinstance(schema, bool):
        return schema
    for keyword, argument in schema.items():
        if keyword in _SCALARS:
            if not _SCALARS[keyword](value, argument):
                return False
        elif keyword in _NESTED:
            if not _NESTED[keyword](value, schema, root):
                return False
        elif keyword not in _ANNOTATIONS:
            return False
    return True


def _has_type(value: object, wanted: str | list[str]) -> bool:
    names = [wanted] if isinstance(wanted, str) else wanted
    if isinstance(value, bool):
        return "boolean" in names
    return any(isinstance(value, _TYPES[name]) for name in names)


def _equals(value: object, wanted: object) -> bool:
    # In Python True equals 1.
    return value == wanted and isinstance(value, bool) == isinstance(wanted, bool)


def _is_number(value: object) -> bool:
    return _has_type(value, "number")


def _are_unique(value: object) -> bool:
    return not isinstance(value, list) or (
        all(isinstance(item, str) for item in value) and len(set(value)) == len(value)
    )


def _properties(value: object, schema: Schema, root: Schema) -> bool:
    return not isinstance(value, dict) or all(
        _conforms(value[key], part, root) for key, part in schema["properties"].items() if key in value
    )


def _additional(value: object, schema: Schema, root: Schema) -> bool:
    known, part = schema.get("properties", {}), schema["additionalProperties"]
    return not isinstance(value, dict) or all(
        _conforms(item, part, root) for key, item in value.items() if key not in known
    )


def _conditional(value: object, schema: Schema, root: Schema) -> bool:
    branch = "then" if _conforms(value, schema["if"], root) else "else"
    return _conforms(value, schema.get(branch, True), root)


def _dependent(value: object, schema: Schema, root: Schema) -> bool:
    return not isinstance(value, dict) or all(
        _conforms(value, part, root) for key, part in schema["dependentSchemas"].items() if key in value
    )


def _referenced(value: object, schema: Schema, root: Schema) -> bool:
    return _conforms(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root)


_SCALARS: Mapping[str, Callable[[Any, Any], bool]] = {
    "type": _has_type,
    "const": _equals,
    "enum": lambda value, wanted: any(_equals(value, one) for one in wanted),
    "minimum": lambda value, limit: not _is_number(value) or value >= limit,
    "maximum": lambda value, limit: not _is_number(value) or value <= limit,
    "minLength": lambda value, limit: not isinstance(value, str) or len(value) >= limit,
    "maxLength": lambda value, limit: not isinstance(value, str) or len(value) <= limit,
    "pattern": lambda value, text: not isinstance(value, str) or bool(compiled(text).search(value)),
    "minItems": lambda value, limit: not isinstance(value, list) or len(value) >= limit,
    "maxItems": lambda value, limit: not isinstance(value, list) or len(value) <= limit,
    "uniqueItems": lambda value, wanted: not wanted or _are_unique(value),
    "minProperties": lambda value, limit: not isinstance(value, dict) or len(value) >= limit,
    "maxProperties": lambda value, limit: not isinstance(value, dict) or len(value) <= limit,
    "required": lambda value, keys: not isinstance(value, dict) or all(key in value for key in keys),
}
"""Keywords that depend on no other part of the schema."""
_NESTED: Mapping[str, Callable[[Any, Schema, Schema], bool]] = {
    "properties": _properties,
    "additionalProperties": _additional,
    "propertyNames": lambda value, schema, root: (
        not isinstance(value, dict) or all(_conforms(key, schema["propertyNames"], root) for key in value)
    ),
    "items": lambda value, schema, root: (
        not isinstance(value, list) or all(_conforms(item, schema["items"], root) for item in value)
    ),
    "not": lambda value, schema, root: not _conforms(value, schema["not"], root),
    "allOf": lambda value, schema, root: all(_conforms(value, part, root) for part in schema["allOf"]),
    "oneOf": lambda value, schema, root: sum(_conforms(value, part, root) for part in schema["oneOf"]) == 1,
    "if": _conditional,
    "dependentSchemas": _dependent,
    "$ref": _referenced,
}
"""Keywords with schemas as values."""
