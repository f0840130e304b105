import io
import json

import pytest

from gitops_doca.sources.reading.document import Document
from gitops_doca.sources.reading.json_reader import read_json, read_list
from gitops_doca.sources.reading.selection import ALL, object_selection
from gitops_doca.sources.reading.syntax import SyntaxProblem
from support.reading import Trickle, json_documents, json_values

OBJECT = object_selection(["rack"])

NOT_FINITE = (
    "has a number that is infinite or NaN, which no manifest can hold; put it in quotes if it is text"
)


def problem(text: str | bytes) -> tuple[int, str]:
    with pytest.raises(SyntaxProblem) as caught:
        json_values(text)
    return caught.value.line, caught.value.message


def test_a_list_gives_its_items_with_their_lines() -> None:
    text = '{\n "items": [\n  {"kind": "Node"},\n\n  {\n   "kind": "Pod"}\n ],\n "kind": "List"}'

    assert [(d.value, d.line) for d in json_documents(text)] == [({"kind": "Node"}, 3), ({"kind": "Pod"}, 5)]


def test_items_of_a_node_list_have_the_kind_of_their_list_though_it_stands_last() -> None:
    text = '{"items": [{"a": 1}], "apiVersion": "v1", "kind": "NodeList"}'

    assert json_values(text) == [{"a": 1, "apiVersion": "v1", "kind": "Node"}]


def test_several_documents_may_follow_each_other() -> None:
    text = '{"a": 1}\n{"b": 2}{"items": [{"kind": "c"}]}\n[{"d": 4}]\n'

    assert [(d.value, d.line) for d in json_documents(text)] == [
        ({"a": 1}, 1),
        ({"b": 2}, 2),
        ({"kind": "c"}, 2),
        ({"d": 4}, 3),
    ]


def test_documents_may_be_split_as_a_yaml_stream_is() -> None:
    text = '---\n{"a": 1}\n---\n{"b": 2}\n---'

    assert [(d.value, d.line) for d in json_documents(text)] == [({"a": 1}, 2), ({"b": 2}, 4)]


def test_only_what_is_selected_is_kept() -> None:
    node = {
        "kind": "Node",
        "metadata": {
            "name": "a",
            "uid": "u",
            "labels": {"rack": "r", "other": "x"},
            "annotations": {"k": "v"},
        },
        "spec": {"taints": [{"key": "k"}]},
        "status": {"images": [{"names": ["i"]}], "nodeInfo": {"containerRuntimeVersion": "c://1", "x": 1}},
        "data": {"k": "hunter2"},
        "stringData": {"k": "hunter2"},
    }
    kept = {
        "kind": "Node",
        "metadata": {"name": "a", "labels": {"rack": "r"}},
        "spec": {"taints": [{"key": "k"}]},
        "status": {"nodeInfo": {"containerRuntimeVersion": "c://1"}},
        "data": {"k": None},
    }

    assert json_values(json.dumps(node), OBJECT) == [kept]
    assert json_values(json.dumps({"items": [node]}), OBJECT) == [kept]
    assert json_values(json.dumps([node]), OBJECT) == [kept]


@pytest.mark.parametrize(("data", "kept"), [("hunter2", ""), (["hunter2"], ""), (5, ""), (None, None)])
def test_of_data_that_is_no_mapping_nothing_is_kept(data: object, kept: object) -> None:
    assert json_values(json.dumps({"data": data}), OBJECT) == [{"data": kept}]


@pytest.mark.parametrize("chunk", [1, 2, 3, 7])
def test_the_border_of_a_chunk_may_be_anywhere(chunk: int) -> None:
    value = {
        "n": 12345,
        "e": 1e300,
        "f": -1.5e3,
        "t": True,
        "s": 'é\u20ac\U0001f600\n"',
        "l": [[], {}],
        "z": None,
    }
    of_list = json.dumps({"items": [value, value], "last": 678}, indent=1, ensure_ascii=False)
    in_a_row = json.dumps(value) + json.dumps(value)

    for text in (of_list, in_a_row):
        documents = read_json(Trickle(text.encode(), chunk), "in.json", ALL)
        assert [document.value for document in documents] == [value, value]


def test_an_item_is_given_before_the_list_is_read_to_its_end() -> None:
    stream = Trickle(b'{"items": [' + b'{"kind": "Node"},' * 1000 + b"{}]}", 100)

    assert next(iter(read_json(stream, "in.json", OBJECT))).value == {"kind": "Node"}
    assert stream.tell() <= 200


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('{"a": 1', 1, "is not valid JSON: , or } was expected"),
        ('{"a":\n', 2, "is not valid JSON: expecting value"),
        ('{"items": [\n{"a": 1},\n{"b": 1e999}]}', 3, NOT_FINITE),
        ('{"items": [\n{"a": 1},\n', 3, "is not valid JSON: expecting value"),
        ('{"a":\n[1,\n x],\n"b":\n1\n}\n\n', 3, "is not valid JSON: expecting value"),
        ('{"items":\n[{"a": 1},\n{"a": x}\n]\n}\n', 3, "is not valid JSON: expecting value"),
        ('{"a": "x\t', 1, "is not valid JSON: invalid control character at"),
        ('{"a" 1}', 1, "is not valid JSON: a key and a colon were expected"),
        ("{1: 2}", 1, "is not valid JSON: a key and a colon were expected"),
        ("[1 2]", 1, "is not valid JSON: , or ] was expected"),
        ('{"a": 1}\nxyz', 2, "is not a JSON object"),
        ('{"a": 1}\n5', 2, "is not a JSON object"),
        ('{"a": NaN}', 1, NOT_FINITE),
        ('{"a": -Infinity}', 1, NOT_FINITE),
        ('{"a":\n[1, {"b": 1e999}]}', 1, NOT_FINITE),
        ('{"a": -1E+400}', 1, NOT_FINITE),
        ('{"a": ' + "9" * 400 + "}", 1, NOT_FINITE),
        (
            '{"a": ' + "1" * 5000 + "}",
            1,
            "has a JSON value that is nested too deeply or holds a number out of range",
        ),
        (
            '{"a": ' + "[" * 5000,
            1,
            "has a JSON value that is nested too deeply or holds a number out of range",
        ),
        ('{"a": ' + "[" * 200 + "]" * 200 + "}", 1, "is nested deeper than 100 levels"),
        ('{"a": "\\ud800"}', 1, "has a string with half of a surrogate pair, which is not text"),
        ('{"a": {"\\udfff": 1}}', 1, "has a string with half of a surrogate pair, which is not text"),
        (b'{"a": "\xff"}', 1, "is not text: it has bytes that are not UTF-8"),
        (b'{"a": "\xc3', 1, "is not text: it has bytes that are not UTF-8"),
    ],
)
def test_text_that_is_no_json_is_refused_with_its_line(text: str | bytes, line: int, message: str) -> None:
    assert problem(text) == (line, message)


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert json_values('{"a": "\\ud83d\\ude00"}') == [{"a": "\U0001f600"}]


def test_deep_nesting_is_nothing_to_refuse_where_it_is_not_read() -> None:
    assert json_values('{"status": {"x": ' + "[" * 200 + "]" * 200 + "}}", OBJECT) == [{"status": {}}]


def test_a_value_above_the_limit_is_refused_before_it_is_read_whole() -> None:
    stream = io.BytesIO(b'{"items": [{"kind": "Node"}, "' + b"x" * (64 << 20))
    documents = read_json(stream, "in.json", OBJECT)

    assert next(documents).value == {"kind": "Node"}
    with pytest.raises(SyntaxProblem, match="has one value of more than 8 MiB"):
        next(documents)
    assert stream.tell() < 32 << 20


class Endless:
    """A list of objects that never ends; counts what was read of it."""

    def __init__(self, start: bytes) -> None:
        self.read_bytes = 0
        self._start = start

    def read(self, size: int = -1, /) -> bytes:
        chunk, self._start = self._start, b"{}," * (size // 3)
        self.read_bytes += len(chunk)
        return chunk


class TooManyError(Exception):
    """Raised by a test for an item that it does not want."""


@pytest.mark.parametrize(
    "start", [b'{"kind":"ConfigMap","items":[', b'{"items":[', b'{"kind":"List","items":[']
)
def test_whoever_wants_no_more_items_ends_the_reading(start: bytes) -> None:
    def admit(_item: Document) -> None:
        raise TooManyError

    streams = Endless(start), Endless(start)

    with pytest.raises(TooManyError):
        list(read_json(streams[0], "in", ALL, admit=admit))
    with pytest.raises(TooManyError):
        read_list(streams[1], "in", ALL, {}, admit=admit)
    assert [stream.read_bytes < 2 << 20 for stream in streams] == [True, True]


def test_a_whole_number_beyond_64_bits_is_the_float_that_kubernetes_makes_of_it() -> None:
    (found,) = json_values(
        '{"a": 18446744073709551616, "b": [-9223372036854775809], "c": 18446744073709551615}'
    )

    assert (
        repr(found)
        == "{'a': 1.8446744073709552e+19, 'b': [-9.223372036854776e+18], 'c': 18446744073709551615}"
    )
