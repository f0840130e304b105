"""What is written as YAML reads back as it was, whichever YAML the reader knows."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from gitops_doca.emit.yaml import dump_json, dump_stream

_AWKWARD = [
    *("on", "On", "off", "yes", "NO", "y", "N", "true", "FALSE", "null", "~", "", "nan", "inf", ".inf"),
    *("-.INF", ".nan", "0x1F", "0o17", "017", "0b11", "1:30", "190:20:30", "1:30.5", "5.10", "1e3"),
    *("1.5e+3", ".5", "5.", "+1", "-1", "1_000", "1,000", "2025-01-01", "2025-01-01T10:00:00Z"),
    *("2025-01-01 10:00:00 +1", "12e03", "=", "<<", "!", "!!str", "!tag x", "&a", "*a", "a: b", "a:"),
    *(":a", "a #b", "#a", "- a", "-", "--", "---", "...", "? a", "?", "|", ">", "%", "%YAML 1.1", "@"),
    *("`", "'", '"', "''", "\\", "\\n", "{", "}", "{}", "[", "]", "[]", ",", "a,b", "a]", "a}", " "),
    *("  a", "a  ", "\t", "a\tb", "\n", "a\n", "\na", "a\nb", "a\nb\n", "a\n\nb", "a\nb\n\n", " a\nb"),
    *("a\n b", "a \nb", "a\n\tb", "a\r\nb", "a\rb", "#a\nb", "- a\n- b", "---\na", "\x00", "\x07"),
    *("\x1b[0m", "\x7f", "\x80", "\x85", "a\x85b", "\xa0", "\u2028", "a\u2028b", "\u2029", "\ufeff"),
    *("\ufeffa", "\ufffe", "\uffff", "\U0001f600", "\U0010ffff", "ä", "é\n", "a" * 200, "a " * 100),
    *("Infinity", "None", "0.", "0", "00", "1.2.3", "22.04", "4.16", "416.94-0", "6.8.0-87-generic"),
    *("0xZ", "1t", "sha256:" + "0" * 64, "10%", "1e3g", "12:30:45z", "1__", "0x_1", "+.5", "-0", "0b"),
    *("1e", "e1", "/a", "/"),
]
# Longer ones could be escaped to more than the 1024 characters that a YAML key may have.
TEXT = st.one_of(
    st.sampled_from(_AWKWARD),
    st.text(max_size=60),
    st.text(alphabet="0123456789.:-+_eExobTtZ ", max_size=12),
    st.text(alphabet="a #:-'\"\\\n\t {}[],&*!|>%@`?", max_size=12),
    st.lists(st.sampled_from(_AWKWARD), max_size=4).map("\n".join),
)
LEAVES = st.one_of(
    TEXT, st.booleans(), st.none(), st.integers(), st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)
RESOURCES = st.lists(st.dictionaries(TEXT, VALUES, min_size=1, max_size=4), max_size=3)


def _ruamel(*, pure: bool) -> Callable[[str], list[Any]]:
    return lambda text: list(YAML(typ="safe", pure=pure).load_all(text))


READERS = {
    "YAML 1.1": lambda text: list(yaml.safe_load_all(text)),
    "YAML 1.1 in C": lambda text: list(yaml.load_all(text, Loader=yaml.CSafeLoader)),
    "YAML 1.2": _ruamel(pure=True),
    "the C parser": _ruamel(pure=False),
}


def _typed(value: Any) -> Any:
    """Make 1, 1.0 and True differ, as they do in a manifest."""
    match value:
        case dict():
            return {(type(key), key): _typed(item) for key, item in value.items()}
        case list():
            return [_typed(item) for item in value]
        case _:
            return (type(value), value)


@pytest.mark.parametrize("reader", READERS)
def test_awkward_strings_read_back_in_every_position(reader: str) -> None:
    resources = [
        {"value": text, text: "key", "list": [text, [text], {text: text}], "map": {"map": {text: text}}}
        for text in _AWKWARD
    ]

    assert READERS[reader](dump_stream(resources)) == resources


@settings(max_examples=120, deadline=None)
@given(resources=RESOURCES)
def test_whatever_is_written_reads_back(resources: list[dict[str, Any]]) -> None:
    text = dump_stream(resources)

    for name, read in READERS.items():
        assert _typed(read(text)) == _typed(resources), name


@settings(max_examples=60, deadline=None)
@given(resources=RESOURCES)
def test_the_stream_is_ascii_in_lines_of_lf_without_anchors_or_tags(resources: list[dict[str, Any]]) -> None:
    text = dump_stream(resources + resources)

    assert text.isascii()
    assert not set(text) & {chr(code) for code in range(32) if code != 10}
    events = list(yaml.parse(text))
    assert not any(isinstance(event, yaml.AliasEvent) for event in events)
    assert not any(getattr(event, "anchor", None) or getattr(event, "tag", None) for event in events)


@settings(max_examples=60, deadline=None)
@given(resources=RESOURCES)
def test_the_order_of_keys_changes_no_byte(resources: list[dict[str, Any]]) -> None:
    def turned(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: turned(item) for key, item in reversed(value.items())}
        return [turned(item) for item in value] if isinstance(value, list) else value

    assert dump_stream(map(turned, resources)) == dump_stream(resources)
    assert dump_json(map(turned, resources)) == dump_json(resources)


@settings(max_examples=60, deadline=None)
@given(resources=RESOURCES)
def test_json_reads_back_as_one_list(resources: list[dict[str, Any]]) -> None:
    assert _typed(json.loads(dump_json(resources))) == _typed(
        {"apiVersion": "v1", "kind": "List", "items": resources}
    )
