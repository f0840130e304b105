"""JSON and YAML readings of the same data agree, and no bytes break either reader."""

import io
import itertools
import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gitops_doca.core.model import RENDER_LABELS
from gitops_doca.sources.reading.document import Document
from gitops_doca.sources.reading.json_reader import read_json, read_list, read_list_head
from gitops_doca.sources.reading.selection import ALL, object_selection
from gitops_doca.sources.reading.syntax import SyntaxProblem
from gitops_doca.sources.reading.yaml_reader import read_yaml
from support.reading import Trickle

SELECTION = object_selection(["rack"])
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
LABELS = st.dictionaries(st.sampled_from([*sorted(RENDER_LABELS), "rack", "other", "*"]), SCALARS, max_size=5)
OBJECTS = st.fixed_dictionaries(
    {},
    optional={
        "kind": st.sampled_from(["Node", "ConfigMap", "Secret"]),
        "apiVersion": TEXT,
        "metadata": VALUES
        | st.fixed_dictionaries({}, optional={"name": TEXT, "labels": LABELS, "annotations": VALUES}),
        "spec": VALUES,
        "status": VALUES
        | st.fixed_dictionaries({"nodeInfo": st.dictionaries(st.just("containerRuntimeVersion"), SCALARS)}),
        "data": VALUES,
        "binaryData": VALUES,
    },
)
LISTS = st.fixed_dictionaries(
    {"kind": st.sampled_from(["List", "NodeList", "ConfigMapList"]), "items": st.lists(OBJECTS, max_size=4)},
    optional={"apiVersion": TEXT, "metadata": VALUES},
)


class Quoting(yaml.SafeDumper):
    """Writes no aliases, and quotes what PyYAML would take for plain text."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


Quoting.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, "'"))
# PyYAML spells 1e+20 without a dot, which is a float to Go.
Quoting.add_representer(
    float, lambda dumper, number: dumper.represent_scalar("tag:yaml.org,2002:float", json.dumps(number), "")
)


def parsed_yaml(text: str) -> list[Any]:
    return [document.value for document in read_yaml(io.BytesIO(text.encode()), "in", SELECTION)]


def parsed_json(text: str) -> list[Any]:
    return [document.value for document in read_json(io.BytesIO(text.encode()), "in", SELECTION)]


def distinct(values: list[Any]) -> str:
    """Spell values so that 1, 1.0 and true differ, whatever the order of keys."""
    return json.dumps(values, sort_keys=True)


@given(LISTS | OBJECTS | st.lists(OBJECTS, max_size=3))
def test_json_and_yaml_of_the_same_data_read_alike(data: Any) -> None:
    as_yaml = yaml.dump(data, Dumper=Quoting, allow_unicode=True, sort_keys=False)

    assert distinct(parsed_json(json.dumps(data))) == distinct(parsed_yaml(as_yaml))


@given(LISTS)
def test_json_is_read_alike_by_the_yaml_reader_with_items_on_the_same_lines(data: Any) -> None:
    text = json.dumps(data, indent=2, ensure_ascii=False)
    places = [
        [(document.line, document.place()) for document in reader(io.BytesIO(text.encode()), "in", SELECTION)]
        for reader in (read_json, read_yaml)
    ]

    assert places[0] == places[1]


@given(LISTS)
def test_a_page_of_the_api_has_the_items_of_the_list(data: Any) -> None:
    text = json.dumps(data)
    items, head = read_list(io.BytesIO(text.encode()), "in", SELECTION, {})

    assert distinct([item.value for item in items]) == distinct(parsed_json(text))
    assert head["kind"] == data["kind"]


@given(data=LISTS, chunk=st.integers(1, 40), indent=st.none() | st.integers(0, 2))
def test_the_size_of_chunks_makes_no_difference(data: Any, chunk: int, indent: int | None) -> None:
    text = json.dumps(data, indent=indent, ensure_ascii=False)
    in_chunks = read_json(Trickle(text.encode(), chunk), "in", SELECTION)

    assert distinct([document.value for document in in_chunks]) == distinct(parsed_json(text))


SYNTAX = st.text(alphabet='{}[]:,"*&!<->|#% \n\tab01.~', max_size=60).map(str.encode)
ANY_BYTES = st.binary(max_size=200) | SYNTAX


def lines_told(reader: Callable[..., Iterator[Document]], data: bytes) -> list[int]:
    """Return the lines of what is read, or the line of the problem."""
    try:
        return [document.line for document in reader(io.BytesIO(data), "in", SELECTION)]
    except SyntaxProblem as problem:
        return [problem.line]


@given(ANY_BYTES)
def test_any_bytes_are_read_or_refused_on_one_of_their_lines(data: bytes) -> None:
    # YAML has more line breaks than JSON. libyaml may name the line behind the last; 0: none is known.
    last = len(re.split(rb"\r\n?|\n|\xc2\x85|\xe2\x80[\xa8\xa9]", data)) + 1

    for reader in (read_json, read_yaml):
        assert all(0 <= line <= last for line in lines_told(reader, data))


@given(data=LISTS | OBJECTS, share=st.floats(0, 1, exclude_max=True))
def test_an_object_that_is_cut_short_is_refused(data: Any, share: float) -> None:
    whole = json.dumps(data).encode()
    cut = whole[: max(1, int(share * len(whole)))]

    for reader in (read_json, read_yaml):
        with pytest.raises(SyntaxProblem):
            list(reader(io.BytesIO(cut), "in", SELECTION))
    with pytest.raises(SyntaxProblem):
        read_list(io.BytesIO(cut), "in", SELECTION, {})


@given(data=LISTS | OBJECTS)
def test_an_answer_of_an_api_is_a_list_or_refused(data: Any) -> None:
    text = json.dumps(data).encode()

    if data.get("kind", "").endswith("List"):
        items, head = read_list(io.BytesIO(text), "in", SELECTION, {})
        assert (len(items), head["kind"]) == (len(data["items"]), data["kind"])
    else:
        with pytest.raises(SyntaxProblem):
            read_list(io.BytesIO(text), "in", SELECTION, {})


@given(data=LISTS | OBJECTS)
def test_the_head_of_an_answer_is_what_stands_before_its_items(data: Any) -> None:
    before = itertools.takewhile(lambda key: key != "items", data)
    expected = {key: data[key] for key in before if key in {"kind", "metadata"}}

    head = read_list_head(io.BytesIO(json.dumps(data).encode()), {"kind": ALL, "metadata": ALL})

    assert distinct([head]) == distinct([expected])


@given(ANY_BYTES)
def test_any_answer_of_an_api_that_is_accepted_is_json(data: bytes) -> None:
    with suppress(SyntaxProblem):
        assert read_list_head(io.BytesIO(data), {}) == {}
    with suppress(SyntaxProblem):
        _, head = read_list(io.BytesIO(data), "in", SELECTION, {})
        assert head["kind"] == json.loads(data)["kind"]
