import io
import time
import tracemalloc

import pytest

from gitops_doca.core.diagnostics import Place
from gitops_doca.sources.reading.selection import object_selection
from gitops_doca.sources.reading.syntax import SyntaxProblem
from gitops_doca.sources.reading.yaml_reader import read_yaml
from support.reading import document, yaml_documents, yaml_values

OBJECT = object_selection()


def problem(text: str | bytes) -> tuple[int, str]:
    with pytest.raises(SyntaxProblem) as caught:
        yaml_values(text)
    return caught.value.line, caught.value.message


def test_each_key_and_item_has_its_line() -> None:
    found = document("# a comment\na:\n  - x\n  - b:\n      c: 1\n")

    assert found.value == {"a": ["x", {"b": {"c": 1}}]}
    assert [found.place(path) for path in ((), ("a",), ("a", 0), ("a", 1), ("a", 1, "b", "c"))] == [
        Place("in.yaml", 2, ""),
        Place("in.yaml", 2, "a"),
        Place("in.yaml", 3, "a[0]"),
        Place("in.yaml", 4, "a[1]"),
        Place("in.yaml", 5, "a[1].b.c"),
    ]


def test_a_field_that_is_not_there_has_the_line_of_the_nearest_one_above() -> None:
    assert document("a:\n  b: 1\n").place(("a", "x", 3, "y")) == Place("in.yaml", 1, "a.x[3].y")


def test_the_text_of_a_number_is_kept() -> None:
    found = document("a: 24.10\nb: [0x1F]\nc: '5'\n")

    assert [found.text(path) for path in (("a",), ("b", 0), ("c",))] == ["24.10", "0x1F", "5"]


def test_a_key_that_stands_twice_is_refused() -> None:
    assert problem("a: 1\nb:\n  c: 1\n  c: 2\n") == (
        4,
        "has a key twice in one mapping (first on line 3)",
    )


def test_a_key_that_stands_twice_is_refused_where_nothing_is_selected() -> None:
    with pytest.raises(SyntaxProblem, match="twice"):
        yaml_values("binaryData: {}\nbinaryData: {}\n", OBJECT)


def test_an_alias_repeats_its_anchor() -> None:
    assert yaml_values("a: &x {k: [1, two]}\nb: *x\n") == [{"a": {"k": [1, "two"]}, "b": {"k": [1, "two"]}}]


def test_a_later_anchor_of_the_same_name_takes_its_place() -> None:
    assert yaml_values("a: &x 1\nb: *x\nc: &x 2\nd: *x\n") == [{"a": 1, "b": 1, "c": 2, "d": 2}]


def test_an_anchor_ends_with_its_document() -> None:
    assert problem("a: &x 1\n---\nb: *x\n") == (
        3,
        "has an alias (*...) to a value that is not read; write the value out",
    )


def test_a_mapping_that_holds_itself_is_refused() -> None:
    assert problem("a: &x\n  b: *x\n")[0] == 2


def test_a_merge_gives_way_to_keys_of_the_mapping_before_and_after_it() -> None:
    text = "base: &b {one: 1, two: 2, three: 3}\nall:\n  one: first\n  <<: *b\n  three: last\n"

    assert yaml_values(text)[0]["all"] == {"one": "first", "two": 2, "three": "last"}


def test_of_several_merged_mappings_the_first_wins() -> None:
    text = "a: &a {x: 1}\nb: &b {x: 2, y: 2}\nall: {<<: [*a, *b]}\n"

    assert yaml_values(text)[0]["all"] == {"x": 1, "y": 2}


def test_the_text_of_a_merged_number_is_kept() -> None:
    assert document("a: &a {v: 24.10}\nb: {<<: *a}\n").text(("b", "v")) == "24.10"


def test_merging_what_is_no_mapping_is_refused() -> None:
    assert problem("a: &a [1]\nb: {<<: *a}\n") == (2, "merges (<<) something that is not a mapping")


def test_an_alias_to_labels_that_were_not_built_is_no_empty_selector() -> None:
    text = "metadata:\n  labels: &l {rack: a}\nspec:\n  nodeSelector: *l\n"

    with pytest.raises(SyntaxProblem) as caught:
        yaml_values(text, OBJECT)

    assert (caught.value.line, caught.value.message) == (
        4,
        "has an alias (*...) to a value that is not read; write the value out",
    )


def test_an_alias_gives_only_what_is_selected_where_it_stands() -> None:
    text = "extra: &x {rack: a, kubernetes.io/arch: amd64}\nmetadata: {labels: *x}\ndata: *x\n"

    assert yaml_values(text, OBJECT) == [
        {
            "extra": {"rack": "a", "kubernetes.io/arch": "amd64"},
            "metadata": {"labels": {"kubernetes.io/arch": "amd64"}},
            "data": {"rack": None, "kubernetes.io/arch": None},
        }
    ]


def test_merged_keys_of_a_config_map_are_its_keys() -> None:
    text = "extra: &x {a.crt: secret}\ndata: {<<: *x, b.crt: secret}\n"

    assert yaml_values(text, OBJECT)[0]["data"] == {"a.crt": None, "b.crt": None}


def bomb() -> str:
    levels = [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    return "\n".join(["a0: &a0 lol", *levels])


def test_an_alias_bomb_is_refused_soon_and_in_little_memory() -> None:
    tracemalloc.start()
    start = time.perf_counter()

    line, message = problem(bomb())

    assert time.perf_counter() - start < 1
    assert tracemalloc.get_traced_memory()[1] < 10 << 20
    tracemalloc.stop()
    assert (line, message) == (6, "expands its aliases (*...) to more than 100,000 values")


def test_a_bomb_of_merges_is_refused() -> None:
    merges = [f"a{n}: &a{n} {{<<: [{','.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 12)]

    assert "expands its aliases" in problem("\n".join(["a0: &a0 {k: v}", *merges]))[1]


def test_aliases_cannot_nest_deeper_than_brackets() -> None:
    levels = [f"a{n}: &a{n} {'[' * 40}*a{n - 1}{']' * 40}" for n in range(1, 20)]

    assert problem("\n".join(["a0: &a0 x", *levels])) == (4, "is nested deeper than 100 levels")


@pytest.mark.parametrize(
    "text",
    [
        "a: !!python/object/apply:os.system [id]\n",
        "a: !custom x\n",
        "a: !!binary aGVsbG8=\n",
        "a: !!set {x: null}\n",
        "!custom {a: b}\n",
        "!custom [a]\n",
        "kind: List\nitems: !custom [a]\n".replace("kind: List\n", ""),
        "[!custom {a: b}]\n",
    ],
)
def test_a_tag_that_would_build_an_object_is_refused(text: str) -> None:
    assert problem(text) == (1, "has a tag (!...) that would build an object; remove it")


def test_a_key_with_a_tag_is_refused() -> None:
    assert problem("!!python/name:os.system a: b\n") == (1, "has a key that is not plain text")


@pytest.mark.parametrize("text", ["? [a]\n: b\n", "? {a: b}\n: c\n", "a: &x k\n*x : v\n"])
def test_a_key_that_is_no_text_is_refused(text: str) -> None:
    assert problem(text)[1] == "has a key that is not plain text"


def test_tags_of_the_core_schema_say_what_type_a_scalar_is() -> None:
    assert yaml_values("a: !!str ok\nb: !!str 5\nc: !!int '5'\nd: !!bool 'yes'\n") == [
        {"a": "ok", "b": "5", "c": 5, "d": True}
    ]


def test_quotes_and_blocks_keep_text_a_text() -> None:
    assert yaml_values("a: 'on'\nb: \"1\"\nc: |\n  5\nd: >-\n  ~\n") == [
        {"a": "on", "b": "1", "c": "5\n", "d": "~"}
    ]


@pytest.mark.parametrize("text", ["[" * 101 + "]" * 101, "a: " + "{b: " * 100 + "}" * 100])
def test_deep_nesting_is_refused(text: str) -> None:
    assert problem(text) == (1, "is nested deeper than 100 levels")


def test_deeper_nesting_is_allowed_where_nothing_is_selected() -> None:
    text = "metadata: {annotations: " + "[" * 900 + "]" * 900 + "}"

    assert yaml_values(text, OBJECT) == [{"metadata": {}}]


def test_brackets_without_end_are_refused_soon_also_where_nothing_is_selected() -> None:
    start = time.perf_counter()

    with pytest.raises(SyntaxProblem, match="is nested deeper than 1,000 levels"):
        yaml_values("metadata:\n  annotations: " + "[" * 1_000_000, OBJECT)

    assert time.perf_counter() - start < 2


def test_a_stream_holds_many_documents_and_empty_ones_are_none() -> None:
    text = "---\n# nothing\n---\na: 1\n...\n---\n---\nb: 2\n"

    assert [(d.value, d.line) for d in yaml_documents(text)] == [({"a": 1}, 4), ({"b": 2}, 8)]


@pytest.mark.parametrize("text", ["# only a comment\n", "---\n", "\n\n", "~\n", "--- null\n---\n"])
def test_text_without_an_object_gives_no_document(text: str) -> None:
    assert yaml_values(text) == []


def test_a_byte_order_mark_and_windows_line_ends_are_no_part_of_the_text() -> None:
    assert [(d.value, d.line) for d in yaml_documents(b"\xef\xbb\xbfa: x\r\n---\r\nb: z\r\n")] == [
        ({"a": "x"}, 1),
        ({"b": "z"}, 3),
    ]


def test_a_tab_as_indentation_is_refused_on_its_line() -> None:
    line, message = problem("a:\n\tb: 1\n")

    assert (line, message.startswith("is not valid YAML: ")) == (2, True)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: b: c\n", 1),
        ("a: [1\n", 2),
        ("a: 'x\n", 2),
        ("a: 1\n b: 2\n", 2),
        ("a: *\n", 1),
        ("%YAML 3.0\n---\na: 1\n", 1),
    ],
)
def test_text_that_does_not_parse_is_refused_with_its_line(text: str, line: int) -> None:
    found, message = problem(text)

    assert (found, message.startswith("is not valid YAML: ")) == (line, True)


def test_what_is_wrong_quotes_nothing_of_the_text() -> None:
    for text in (
        "pass: hunter2: x\n",
        "a: *hunter2\n",
        "hunter2: 1\nhunter2: 2\n",
        "a: !hunter2 x\n",
        "- a\nhunter2\n",
    ):
        assert "hunter2" not in problem(text)[1]


@pytest.mark.parametrize("rest", [b"b: \xff\n", b"b: \xc3(\n", b"b: \x00\n", b"b: \x1b[31m\n"])
def test_bytes_that_are_no_text_are_refused_wherever_they_stand(rest: bytes) -> None:
    filling = b"".join(b"k%06d: v\n" % number for number in range(10_000))

    assert problem(filling + rest) == (0, "is not YAML text: it has bytes that are not UTF-8")


def test_a_list_gives_its_items_with_their_lines() -> None:
    text = "apiVersion: v1\nitems:\n- kind: Node\n  a: 1\n-\n  kind: Node\nkind: List\n"

    assert [(d.value, d.line) for d in yaml_documents(text)] == [
        ({"kind": "Node", "a": 1}, 3),
        ({"kind": "Node"}, 6),
    ]


def test_items_of_a_node_list_have_the_kind_of_their_list_though_it_stands_last() -> None:
    text = "items:\n- metadata: {name: a}\nkind: NodeList\napiVersion: v1\n"

    assert yaml_values(text) == [{"metadata": {"name": "a"}, "kind": "Node", "apiVersion": "v1"}]


def test_items_are_given_before_their_list_is_read_to_its_end() -> None:
    stream = io.BytesIO(b"items:\n" + b"".join(b"- {kind: Node, n: %d}\n" % n for n in range(50_000)))

    first = next(iter(read_yaml(stream, "in.yaml", OBJECT)))

    assert first.value == {"kind": "Node", "n": 0}
    assert stream.tell() < 100_000


def test_a_sequence_gives_its_items() -> None:
    assert [(d.value, d.line) for d in yaml_documents("- {a: 1}\n- {b: 2}\n")] == [
        ({"a": 1}, 1),
        ({"b": 2}, 2),
    ]


def test_values_of_config_maps_and_secrets_are_not_kept() -> None:
    text = (
        "kind: ConfigMap\ndata:\n  a.crt: hunter2\n  b.crt: |\n    hunter2\nbinaryData: {c: hunter2}\n---\n"
        "kind: Secret\nstringData: {p: hunter2}\ndata: {q: hunter2}\n---\n"
        "kind: ConfigMap\ndata: hunter2\n---\nkind: ConfigMap\ndata: [hunter2]\n---\n"
        "kind: ConfigMap\ndata: ~\n"
    )

    assert yaml_values(text, OBJECT) == [
        {"kind": "ConfigMap", "data": {"a.crt": None, "b.crt": None}},
        {"kind": "Secret", "data": {"q": None}},
        {"kind": "ConfigMap", "data": ""},
        {"kind": "ConfigMap", "data": ""},
        {"kind": "ConfigMap", "data": None},
    ]


@pytest.mark.parametrize("line", ["    xxxxxxx\n", "# xxxxx\n", "\n"], ids=["text", "comments", "blank"])
def test_a_value_above_the_limit_is_refused_before_it_is_read_whole(line: str) -> None:
    long = line.encode() * ((32 << 20) // len(line))
    stream = io.BytesIO(b"- kind: Node\n- kind: |\n" + long + b"- kind: Node\n")
    documents = read_yaml(stream, "in.yaml", OBJECT)

    assert next(documents).value == {"kind": "Node"}
    with pytest.raises(SyntaxProblem, match="has one value of more than 8 MiB") as caught:
        list(documents)
    assert caught.value.line == 1
    assert stream.tell() < 16 << 20


@pytest.mark.parametrize("separator", ["- ", "---\n"])
def test_many_values_may_have_more_than_one_may(separator: str) -> None:
    text = f"{separator}kind: {'x' * 100_000}\n" * 120

    assert len(yaml_values(text)) == 120
