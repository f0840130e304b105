from gitops_doca.emit.yaml import dump_json, dump_stream


def test_a_stream_is_in_block_style_with_sorted_keys_and_without_anchors() -> None:
    shared = {"b": "2", "a": 1}
    stream = dump_stream(
        [
            {"kind": "B", "apiVersion": "v1", "list": [shared, shared, "on", [["x"], {}], []], "empty": {}},
            {"spec": {"none": None, "yes": True, "no": False, "float": 0.5, "tuple": ("a",), "big": 1e22}},
        ]
    )

    assert (
        stream
        == """\
---
apiVersion: v1
empty: {}
kind: B
list:
- a: 1
  b: '2'
- a: 1
  b: '2'
- 'on'
-
  -
    - x
  - {}
- []
---
spec:
  big: 1.0e+22
  float: 0.5
  'no': false
  none: null
  tuple:
  - a
  'yes': true
"""
    )


def test_text_of_several_lines_is_a_literal_block() -> None:
    stream = dump_stream(
        [{"script": "if a; then\n  b\nfi\n", "list": ["a\nb", {"x": "a\n\nb\n"}], "no-block": "a \nb"}]
    )

    assert (
        stream
        == """\
---
list:
- |-
  a
  b
- x: |
    a

    b
no-block: "a \\nb"
script: |
  if a; then
    b
  fi
"""
    )


def test_json_is_one_list_with_sorted_keys() -> None:
    assert (
        dump_json([{"kind": "B", "apiVersion": "v1", "name": "é"}])
        == """\
{
  "apiVersion": "v1",
  "items": [
    {
      "apiVersion": "v1",
      "kind": "B",
      "name": "é"
    }
  ],
  "kind": "List"
}
"""
    )


def test_nothing_is_an_empty_stream_and_an_empty_list() -> None:
    assert dump_stream([]) == ""
    assert dump_json([]) == '{\n  "apiVersion": "v1",\n  "items": [],\n  "kind": "List"\n}\n'
