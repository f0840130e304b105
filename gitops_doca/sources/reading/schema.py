"""Validate documents against the package's schemas, with messages of our own."""

import json
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from gitops_doca.core.diagnostics import Problems
from gitops_doca.sources.reading.conformance import Schema, compiled, conforms
from gitops_doca.sources.reading.document import Document, Path
from gitops_doca.sources.reading.misplaced import belongs_under
from gitops_doca.sources.reading.unfinished import RENDER, TEMPLATE, is_template

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

SCHEMAS = (
    "config",
    "diff",
    "doctor",
    "inventory",
    "inventory-check",
    "lock",
    "lock-check",
    "matrix",
    "policy",
    "report",
    "status",
    "upgrade",
    "verification",
)
_QUOTED = 120
_MAX_REPORTED = 100
"""Problems of one document that are reported: so many have one cause."""
_MAX_WORD = 64
_TYPES = {
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
}


def schema_text(name: str) -> str:
    """Return the text of one of `SCHEMAS`."""
    data = pkgutil.get_data("gitops_doca", f"schemas/{name}.schema.json")
    # None only from a loader that cannot read files.
    assert data is not None  # noqa: S101
    return data.decode()


@cache
def _schema_named(name: str) -> Schema:
    schema: Schema = json.loads(schema_text(name))
    return schema


@cache
def _validator(name: str) -> Any:  # noqa: ANN401 (jsonschema's protocol is needlessly generic)
    from jsonschema import Draft202012Validator, validators

    strict = validators.extend(  # type: ignore[no-untyped-call]
        Draft202012Validator,
        {"pattern": _pattern},
        type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer),
    )
    return strict(_schema_named(name))


def _is_integer(_checker: object, value: object) -> bool:
    # JSON Schema accepts 1.0 as an integer; manifests would show it unchanged.
    return isinstance(value, int) and not isinstance(value, bool)


def _pattern(
    _validator: object, pattern: str, instance: object, _schema: object
) -> "Iterator[ValidationError]":
    from jsonschema import ValidationError

    if isinstance(instance, str) and not compiled(pattern).search(instance):
        yield ValidationError("does not match the pattern")


def validate(document: Document, name: str, problems: Problems, *, instance: object = None) -> bool:
    """Report what the schema does not allow in the document; say whether it is valid.

    `instance` stands for the document's value, without parts that are known to be valid.
    Of a document with very many problems the first are reported, and the others counted.
    """
    value = document.value if instance is None else instance
    if conforms(value, _schema_named(name)):
        return True
    reported = more = 0
    for error in _validator(name).iter_errors(value):
        size = _size(error)
        room = max(0, min(_MAX_REPORTED - reported, problems.room(document.file), size))
        near = problems.is_early(document.file)
        for path, message, help in islice(_findings(document, name, error, near=near), room):
            problems.error(message, document.place(path), help=help)
        reported, more = reported + room, more + size - room
    if more:
        problems.skip(document.place(), more)
    return reported + more == 0


def _size(error: "ValidationError") -> int:
    """Return the number of problems in one schema error: one for each unknown field."""
    if error.validator == "additionalProperties" and error.validator_value is False:
        known = cast("Mapping[str, Any]", error.schema).get("properties", {})
        return sum(key not in known for key in cast("Iterable[str]", error.instance))
    return 1


def did_you_mean(word: str, known: Iterable[str], *, prefix: str = "") -> str:
    """Return `; did you mean "x"?` when a known word is close, else nothing.

    `prefix` is common to all words, so it does not make a word close.
    """
    if len(word) > _MAX_WORD:
        return ""
    # Imported only when something is wrong: start-up counts.
    import difflib

    by_lower = {candidate.lower()[len(prefix) :]: candidate for candidate in sorted(known)}
    near = difflib.get_close_matches(word.lower()[len(prefix) :], by_lower, n=1, cutoff=0.6)
    return f"; did you mean {by_lower[near[0]]!r}?" if near else ""


def elsewhere(document: Document, name: str, field: str) -> str:
    """Return `; it belongs under x` if the schema has a field of this name elsewhere."""
    return belongs_under(_schema_named(name), field, document.value)


def _findings(
    document: Document, name: str, error: "ValidationError", *, near: bool
) -> Iterator[tuple[Path, str, str]]:
    """Yield the path of a problem, its message, and what to do if the message does not say it.

    `near`: the message also names a similar known word, or where a field belongs.
    """
    is_key = "propertyNames" in error.absolute_schema_path
    if isinstance(error.instance, str) and is_template(error.instance) and not is_key:
        path: Path = tuple(error.absolute_path)
        yield path, f"{_shown(document, path, _schema(error))} {TEMPLATE}", RENDER
        return
    for path, message in _messages(document, name, error, near=near):
        yield path, message, _constants(error)


def _schema(error: "ValidationError") -> Mapping[str, Any]:
    """Return the part of the schema that an error is about."""
    return error.schema if isinstance(error.schema, Mapping) else {}


def _constants(error: "ValidationError") -> str:
    """Return what to write for a missing field, if there is only one value for it."""
    if error.validator != "required":
        return ""
    value = _schema(error).get("properties", {}).get(_absent(error), {}).get("const")
    return "" if value is None else f"write {_absent(error)}: {value}"


def _absent(error: "ValidationError") -> str:
    wanted: Any = error.validator_value
    instance: Any = error.instance
    return str(next(key for key in wanted if key not in instance and repr(key) in error.message))


def _messages(
    document: Document, name: str, error: "ValidationError", *, near: bool
) -> Iterator[tuple[Path, str]]:
    path: Path = tuple(error.absolute_path)
    schema = _schema(error)
    expected = schema.get("x-expected")
    wanted: Any = error.validator_value
    instance: Any = error.instance
    if "propertyNames" in error.absolute_schema_path:
        yield (*path, str(instance)), f"the key is not {expected or 'allowed'}"
        return
    match cast("str", error.validator):
        case "additionalProperties" if wanted is False:
            known = schema.get("properties", {})
            for key in sorted(key for key in instance if key not in known):
                meant = (elsewhere(document, name, key) or did_you_mean(key, known)) if near else ""
                yield (*path, key), f"unknown field {key!r}{meant}"
        case "required":
            yield path, expected or f"the field {_absent(error)!r} is required"
        case "type":
            yield path, _wrong_type(document, path, wanted, schema)
        case "enum":
            words = [one for one in wanted if isinstance(one, str)]
            meant = did_you_mean(str(instance), words) if near else ""
            choices = expected or " or ".join(_spell(one) for one in wanted)
            yield path, f"{_shown(document, path, schema)} is not {choices}{meant}"
        case "const":
            yield path, f"{_shown(document, path, schema)} is not {_spell(wanted)}"
        case _:
            yield path, f"{_shown(document, path, schema)} is not {expected or _limit(error)}"


def _wrong_type(document: Document, path: Path, wanted: str | list[str], schema: Mapping[str, Any]) -> str:
    names = [wanted] if isinstance(wanted, str) else wanted
    expected = schema.get("x-expected") or " or ".join(_TYPES[name] for name in names)
    value = _value(document.value, path)
    if isinstance(value, bool | int | float) and "string" in names and path:
        return _unquoted(document, path, expected, shown=schema.get("x-quoted") is not False)
    return f"{_shown(document, path, schema)} is not {expected}"


def not_a_string(document: Document, path: Path) -> str:
    """Say that the value of a known field should be a string, and how to write it if clear."""
    match _value(document.value, path):
        case None:
            return 'null is not a string; write "" for an empty one'
        case bool() | int() | float():
            return _unquoted(document, path, "a string", shown=True)
        case _:
            return f"{_shown(document, path, {})} is not a string"


def _unquoted(document: Document, path: Path, expected: str, *, shown: bool) -> str:
    """Name a scalar that lacks quotes; `shown`: with its text as in the file."""
    kind = "true or false" if isinstance(_value(document.value, path), bool) else "a number"
    # JSON has no other way to read it.
    kind += " to YAML" if document.is_yaml else ""
    # Without lines the text is not the author's: a tool may have turned 24.10 into 24.1.
    if not shown or not document.line:
        return f"the value is {kind}, not a string; put it in quotes"
    text, field = document.text(path), path[-1]
    key = "" if isinstance(field, int) else f"{field}: " if document.is_yaml else f'"{field}": '
    return f'{text} is {kind}, not {expected}; put it in quotes: {key}"{text}"'


def _limit(error: "ValidationError") -> str:
    words = {
        "minimum": "at least {}",
        "maximum": "at most {}",
        "minLength": "at least {} characters long",
        "maxLength": "at most {} characters long",
        "minItems": "at least {} items long",
        "maxItems": "at most {} items long",
        "minProperties": "at least {} fields",
        "maxProperties": "at most {} fields",
    }
    return words.get(str(error.validator), "allowed here").format(error.validator_value)


def _shown(document: Document, path: Path, schema: Mapping[str, Any]) -> str:
    """Quote a scalar of a known field; never a whole structure, nor a value that may be a secret."""
    value = _value(document.value, path)
    if schema.get("x-quoted") is False:
        return "the value"
    match value:
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case None:
            return "nothing"
        case str():
            return repr(value if len(value) <= _QUOTED else value[:_QUOTED] + "...")
        case _:
            return document.text(path) if path else str(value)


def _spell(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _value(value: Any, path: Path) -> Any:  # noqa: ANN401 (any part of a document)
    for step in path:
        value = value[step]
    return value
