"""Files as people write them, each with what a change makes of it, to the byte."""

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from gitops_doca.sources.editing.changes import (
    AddKey,
    CannotEditError,
    Change,
    InsertItem,
    RemoveItem,
    RemoveKey,
    SetValue,
    TextEdit,
    Value,
)
from gitops_doca.sources.editing.edit import edit

ROOT = Path(__file__).resolve().parents[4]
PLANNED = ("spec", "planned")
FALLBACKS = ("spec", "fallbackVersions")
VERSION = ("spec", "ofedDriver", "version")
PLAN = {"os": "ubuntu", "osVersion": "24.04", "kernel": "6.8.0-117-generic", "arch": "amd64"}
NEW = "doca3.4.0-26.04-0.8.0.0-0"
OLD = "doca3.3.0-26.01-1.0.0.0-0"

CONFIG = """\
# Drivers of cluster a.
apiVersion: gitops-doca.dev/v1alpha1
kind: DriverGenerator
metadata: {name: drivers}
spec:
  policies: [policy.yaml]  # one policy
  planned:  # kernels to come
    # The storage nodes.
    - os: ubuntu
      osVersion: "22.04"\t# jammy
      kernel: 5.15.0-179-generic
      arch: amd64

    # The GPU nodes.
    -   os: ubuntu
        osVersion: '24.04'
        kernel: 6.8.0-100-generic
        arch: amd64  # until October
  # Newest first.
  fallbackVersions:
  - doca3.3.0-26.01-1.0.0.0-0  # gpu
  - "doca3.2.0-25.10-1.2.8.0-2"
  strict: true
"""


def set_value(value: str, *path: str | int, line: int = 1) -> Change:
    return SetValue(line=line, path=path, value=value)


def add(key: str, value: Value, *path: str | int, line: int = 1) -> Change:
    return AddKey(line=line, path=path, key=key, value=value)


def insert(index: int, value: Value, *path: str | int, line: int = 1) -> Change:
    return InsertItem(line=line, path=path, index=index, value=value)


def remove(index: int, *path: str | int, line: int = 1) -> Change:
    return RemoveItem(line=line, path=path, index=index)


def remove_key(*path: str | int, line: int = 1) -> Change:
    return RemoveKey(line=line, path=path)


class Case(NamedTuple):
    before: str
    changes: list[Change]
    after: str


def replaced(old: str, new: str, *changes: Change) -> Case:
    """Return a case of the config above, in which one part becomes another."""
    assert CONFIG.count(old) == 1
    return Case(CONFIG, list(changes), CONFIG.replace(old, new))


GPU_NODES = """\
    # The GPU nodes.
    -   os: ubuntu
        osVersion: '24.04'
        kernel: 6.8.0-100-generic
        arch: amd64  # until October
"""
FALLBACK_ITEMS = """\
  - doca3.3.0-26.01-1.0.0.0-0  # gpu
  - "doca3.2.0-25.10-1.2.8.0-2"
"""
JSON = """\
{
\t"kind": "DriverGenerator",
\t"spec": {
\t\t"policies": ["policy.yaml"],
\t\t"planned": [
\t\t\t{"os": "ubuntu", "osVersion": "22.04"},
\t\t\t{
\t\t\t\t"os": "rhel"
\t\t\t}
\t\t]
\t}
}"""
HELM = """\
---
# Source: network-operator/templates/secret.yaml
apiVersion: v1
kind: ConfigMap
data:
  rules: |
    expr: "{{ $labels.node }}"
---
# Source: network-operator/templates/policy.yaml
%s
"""
POLICY = """\
apiVersion: mellanox.com/v1alpha1
kind: NicClusterPolicy
metadata:
  name: nic-cluster-policy
spec:
  ofedDriver:
    image: doca-driver
    repository: nvcr.io/nvidia/mellanox
    version: doca3.3.0-26.01-1.0.0.0-0%s
    env:
      - name: UNLOAD_STORAGE_MODULES
        value: "true"
"""

CASES = {
    "an item goes to the end in the indentation of the one before": replaced(
        GPU_NODES,
        GPU_NODES
        + """\
    -   os: ubuntu
        osVersion: '24.04'
        kernel: 6.8.0-117-generic
        arch: amd64
""",
        insert(2, PLAN, *PLANNED),
    ),
    "an item in the middle leaves the comment with the item below it": replaced(
        "      arch: amd64\n\n    # The GPU",
        """\
      arch: amd64
    - os: ubuntu
      osVersion: "24.04"
      kernel: 6.8.0-117-generic
      arch: amd64

    # The GPU""",
        insert(1, PLAN, *PLANNED),
    ),
    "a first item goes above the comment of the one that was first": replaced(
        "    # The storage nodes.\n",
        "    - os: ubuntu\n      policies:\n        - a.yaml\n    # The storage nodes.\n",
        insert(0, {"os": "ubuntu", "policies": ["a.yaml"]}, *PLANNED),
    ),
    "a removed item takes its own lines and no comment above it": replaced(
        GPU_NODES, "    # The GPU nodes.\n", remove(1, *PLANNED)
    ),
    "an item goes to the end while the first one is removed": replaced(
        FALLBACK_ITEMS,
        f'  - "doca3.2.0-25.10-1.2.8.0-2"\n  - "{NEW}"\n',
        insert(2, NEW, *FALLBACKS),
        remove(0, *FALLBACKS),
    ),
    "all items are replaced by one": replaced(
        FALLBACK_ITEMS,
        f"  - {NEW}\n",
        remove(0, *FALLBACKS),
        remove(1, *FALLBACKS),
        insert(0, NEW, *FALLBACKS),
    ),
    "without items the key goes too": replaced(
        f"  fallbackVersions:\n{FALLBACK_ITEMS}", "", remove(1, *FALLBACKS), remove(0, *FALLBACKS)
    ),
    "an item and a key are added at one place, in order": Case(
        "spec:\n  planned:\n  - os: a\n",
        [add("fallbackVersions", [NEW], "spec"), insert(1, {"os": "b"}, *PLANNED)],
        f"spec:\n  planned:\n  - os: a\n  - os: b\n  fallbackVersions:\n  - {NEW}\n",
    ),
    "a new key has the indentation of its document": Case(
        "metadata:\n    labels:\n        a: b\n    finalizers:\n       - x\nspec:\n    strict: true # y\n"
        "# end\n",
        [add("planned", [{"os": "ubuntu", "nodes": {"a": "on"}, "none": [], "empty": {}}], "spec")],
        "metadata:\n    labels:\n        a: b\n    finalizers:\n       - x\nspec:\n    strict: true # y\n"
        '    planned:\n       - os: ubuntu\n         nodes:\n             a: "on"\n         none: []\n'
        "         empty: {}\n# end\n",
    ),
    "a key that is there without a value gets one": Case(
        "spec:\n  emit: # x\n  planned: # none yet\n  # y\n  fallbackVersions:",
        [
            *(add("emit", "manifests", "spec"), add("planned", [{"os": "ubuntu"}], "spec")),
            *(add("fallbackVersions", [NEW], "spec"), add("strict", "x", "spec")),
        ],
        "spec:\n  emit: manifests # x\n  planned: # none yet\n    - os: ubuntu\n  # y\n  fallbackVersions:\n"
        f"    - {NEW}\n  strict: x",
    ),
    "a version keeps its comment": Case(
        POLICY % "  # since March", [set_value(NEW, *VERSION)], (POLICY % "  # since March").replace(OLD, NEW)
    ),
    "a new key of a mapping of the policy goes behind its list": Case(
        POLICY % "",
        [add("forcePrecompiled", "yes", *VERSION[:2])],
        (POLICY % "") + '    forcePrecompiled: "yes"\n',
    ),
    "a stream of helm has other documents with templates": Case(
        HELM % (POLICY % ""),
        [set_value(NEW, *VERSION, line=10)],
        (HELM % (POLICY % "")).replace(OLD, NEW),
    ),
    "a policy stands in a list": Case(
        "apiVersion: v1\nitems:\n- kind: Other\n- kind: NicNodePolicy\n  spec:\n    ofedDriver: {image: x,"
        " version: 24.10}\nkind: List",
        [set_value("25.01", "items", 1, *VERSION)],
        "apiVersion: v1\nitems:\n- kind: Other\n- kind: NicNodePolicy\n  spec:\n    ofedDriver: {image: x,"
        ' version: "25.01"}\nkind: List',
    ),
    "the second of three documents is meant": Case(
        "%YAML 1.1\n--- # one\na: b\n...\n# two\n---\na: b\n--- {a: b}\n",
        [set_value("c", "a", line=7)],
        "%YAML 1.1\n--- # one\na: b\n...\n# two\n---\na: c\n--- {a: b}\n",
    ),
    "the line of the marker is a line of its document": Case(
        "a: b\n---\na: b\n", [set_value("c", "a", line=2)], "a: b\n---\na: c\n"
    ),
    "lines end with CR LF": Case(
        "spec:\r\n  planned:\r\n  - os: a # x\r\n# y\r\n",
        [insert(1, {"os": "b", "arch": "c"}, *PLANNED)],
        "spec:\r\n  planned:\r\n  - os: a # x\r\n  - os: b\r\n    arch: c\r\n# y\r\n",
    ),
    "a new line ends like the one before it where line ends differ": Case(
        "a:\n- b\r\n- c\nd: e\r\n", [insert(1, "x", "a")], "a:\n- b\r\n- x\r\n- c\nd: e\r\n"
    ),
    "no line end at the end of the file, with an item more": Case(
        "a:\n- b", [insert(1, "c", "a")], "a:\n- b\n- c"
    ),
    "no line end at the end of the file, with an item less": Case(
        "a:\r\n- b\r\n- c", [remove(1, "a")], "a:\r\n- b"
    ),
    "a byte order mark, and characters of four bytes": Case(
        '\ufeffé: "\U0001f600" # \U0001f600\na: [\U0001f600, b] # x\n',
        [set_value("\U0001f601", "é"), set_value("c", "a", 1)],
        '\ufeffé: "\U0001f601" # \U0001f600\na: [\U0001f600, c] # x\n',
    ),
    "quotes are kept where they can hold the value": Case(
        "a: 'b'\nc: \"d\"\ne: f\ng: 'h'\ni: j\n",
        [
            set_value("it's", "a"),
            set_value('"\\', "c"),
            set_value("on", "e"),
            set_value("\u00e9\n", "g"),
            set_value("a:b", "i"),
        ],
        'a: \'it\'\'s\'\nc: "\\"\\\\"\ne: "on"\ng: "é\\n"\ni: a:b\n',
    ),
    "a value that was empty": Case(
        "a: # none\nb:\nc:\n- \n",
        [set_value("x", "a"), set_value("v", "b"), set_value("z", "c", 0)],
        "a: x # none\nb: v\nc:\n- z \n",
    ),
    "values of several lines": Case(
        "a: one\n  two # x\nb: 'one\n\n  two'\nc: d\n",
        [set_value("x", "a"), set_value("y", "b")],
        "a: x # x\nb: 'y'\nc: d\n",
    ),
    "flow style stays, in the quotes of its neighbours": Case(
        "spec: {a: [b, c ], d: ['e'], f: [ ], g: {}, h: [i,],} # x\n",
        [
            insert(0, "22.04", "spec", "a"),
            insert(2, "z", "spec", "a"),
            insert(1, "z", "spec", "d"),
            insert(0, "z", "spec", "f"),
            add("k", {"l": ["m"]}, "spec", "g"),
            insert(1, "z", "spec", "h"),
        ],
        'spec: {a: ["22.04", b, c, z ], d: [\'e\', \'z\'], f: ["z"], g: {k: {l: ["m"]}}, h: [i, z,],} # x\n',
    ),
    "flow style stays below a key of a block": Case(
        "spec:\n  planned: [{os: a}]\n  policies: []\n",
        [insert(1, PLAN, *PLANNED), insert(0, "p.yaml", "spec", "policies")],
        'spec:\n  planned: [{os: a}, {os: ubuntu, osVersion: "24.04", kernel: 6.8.0-117-generic,'
        ' arch: amd64}]\n  policies: ["p.yaml"]\n',
    ),
    "items in flow style in a block list": Case(
        "planned:\n- {os: a, arch: b} # x\n# y\n",
        [insert(1, {"os": "c", "arch": "d:e"}, "planned")],
        'planned:\n- {os: a, arch: b} # x\n- {os: c, arch: "d:e"}\n# y\n',
    ),
    "commas go with the items of a flow list": Case(
        "a: [b, c, d]\ne: [f, g, h]\ni: [j, k, l]\nm: [n, o, ]\np: [q,r,s]\nt: u\n",
        [
            *(remove(0, "a"), remove(2, "e"), remove(1, "e"), remove(1, "i"), insert(2, "x", "i")),
            *(remove(1, "m"), remove(1, "p"), insert(3, "x", "p")),
        ],
        "a: [c, d]\ne: [f]\ni: [j, x, l]\nm: [n, ]\np: [q,s, x]\nt: u\n",
    ),
    "several items of a flow list go, and others come": Case(
        "a: [ b, c, d, e, f ]\ng: [\n  h, i, j,\n  k, l\n]\n",
        [
            *(remove(0, "a"), remove(1, "a"), remove(3, "a"), insert(1, "x", "a"), insert(0, "w", "a")),
            *(insert(4, "z", "a"), remove(0, "g"), remove(1, "g"), remove(3, "g"), remove(4, "g")),
        ],
        "a: [ w, x, d, z, f ]\ng: [\n  j\n]\n",
    ),
    "all items of a flow list are replaced": Case(
        "a: [b, c] # x\n", [remove(0, "a"), remove(1, "a"), insert(2, "d", "a")], "a: [d] # x\n"
    ),
    "a flow list over several lines, with comments": Case(
        "a: [\n  b, # one\n  # two\n  c # three\n]\n",
        [insert(1, "x", "a"), insert(2, "z", "a")],
        "a: [\n  b, # one\n  x,\n  # two\n  c, # three\n  z\n]\n",
    ),
    "the last line of a flow list goes with the comma before it": Case(
        "a: [\n  b, # one\n  # two\n  c # three\n]\n", [remove(1, "a")], "a: [\n  b # one\n  # two\n]\n"
    ),
    "JSON, indented with tabs": Case(
        JSON,
        [
            set_value("24.04", *PLANNED, 0, "osVersion"),
            insert(2, PLAN, *PLANNED),
            remove(1, *PLANNED),
            add("fallbackVersions", [OLD], "spec"),
        ],
        JSON.replace("22.04", "24.04")
        .replace('{\n\t\t\t\t"os": "rhel"\n\t\t\t}', json.dumps(PLAN))
        .replace("\t\t]\n", f'\t\t],\n\t\t"fallbackVersions": ["{OLD}"]\n'),
    ),
    "JSON without an item": Case(
        JSON,
        [remove(0, *PLANNED), remove(1, *PLANNED)],
        '{\n\t"kind": "DriverGenerator",\n\t"spec": {\n\t\t"policies": ["policy.yaml"]\n\t}\n}',
    ),
    "JSON on one line": Case(
        '{"a":1,"b":[],"c":{"d":2.50}}',
        [insert(0, "é\x7f\u2028", "b"), set_value("x", "c", "d")],
        '{"a":1,"b":["é\\u007f\\u2028"],"c":{"d":"x"}}',
    ),
    "a key in the middle goes with its lines": Case(
        "a:\n  b: |  # text\n    one\n\n    two\n\n  # c\n  c: d\n",
        [remove_key("a", "b")],
        "a:\n\n  # c\n  c: d\n",
    ),
    "the first key of a list item goes, and the next one takes its place": Case(
        "a:\n- b: c\n  d: e\n", [remove_key("a", 0, "b")], "a:\n- d: e\n"
    ),
    "a block of text before the new item": Case(
        "a:\n  - |\n    one\n\n# x\nb: c\n", [insert(1, "d", "a")], "a:\n  - |\n    one\n  - d\n\n# x\nb: c\n"
    ),
    "the dash stands alone on its line": Case(
        "a:\n-\n  b: c\n- # x\n   b: d\n",
        [insert(2, {"b": "e"}, "a"), remove(0, "a")],
        "a:\n- # x\n   b: d\n- b: e\n",
    ),
    "anchors that are not touched": Case(
        "a: &x\n- b\n- &y c\n- *y\nd: &z e\nf: *z\n",
        [insert(3, "g", "a"), remove(2, "a")],
        "a: &x\n- b\n- &y c\n- g\nd: &z e\nf: *z\n",
    ),
    "an anchor that goes together with its alias": Case(
        "a:\n- b: &x y\n  c: *x\n- d\n", [remove(0, "a")], "a:\n- d\n"
    ),
    "a list as the document": Case("# x\n- a\n- b\n", [remove(0), insert(2, "c")], "# x\n- b\n- c\n"),
    "a key twice where nothing changes": Case(
        "a: {b: 1, b: 2}\nc: d\n", [set_value("e", "c")], "a: {b: 1, b: 2}\nc: e\n"
    ),
    "no change": Case("a: b", [], "a: b"),
}


@pytest.mark.parametrize("name", CASES)
def test_every_byte_but_the_change_stays(name: str) -> None:
    before, changes, after = CASES[name]

    assert edit(before.encode(), changes).data == after.encode()


@pytest.mark.parametrize("name", CASES)
def test_the_order_in_which_changes_are_given_changes_no_byte(name: str) -> None:
    before, changes, after = CASES[name]

    assert edit(before.encode(), changes[::-1]).data == after.encode()


class Refusal(NamedTuple):
    text: str
    change: Change
    line: int
    reason: str


INEXACT = "it cannot be written without a change of other values"
REFUSALS = {
    "an alias": Refusal(
        "a: &v b\nc: *v\n", set_value("d", "c"), 2, "c is an alias (*v), and others share it"
    ),
    "an anchor that has an alias": Refusal(
        "a: &v b\nc: *v\n", set_value("d", "a"), 1, "a has an anchor (&v), and others share it"
    ),
    "an anchor without an alias, which no text can be put behind": Refusal(
        "a: &v b\n", set_value("d", "a"), 1, "a has an anchor (&v)"
    ),
    "a value in a shared mapping": Refusal(
        "a: &v\n  b: {c: d}\ne: *v\n",
        set_value("f", "a", "b", "c"),
        1,
        "a has an anchor (&v), and others share it",
    ),
    "a value that an alias brings": Refusal(
        "a: &v {b: c}\ne: *v\n", set_value("f", "e", "b"), 2, "e is an alias (*v), and others share it"
    ),
    "a list that others share": Refusal(
        "a: &v [b]\ne: *v\n", insert(0, "c", "a"), 1, "a has an anchor (&v), and others share it"
    ),
    "a list that is an alias": Refusal(
        "a: &v [b]\ne: *v\n", insert(0, "c", "e"), 2, "e is an alias (*v), and others share it"
    ),
    "an item with an anchor that has an alias elsewhere": Refusal(
        "a:\n- b\n- c: &v d\ne: *v\n",
        remove(1, "a"),
        3,
        "what would be removed has an anchor (&v), and others share it",
    ),
    "an anchor whose name is used again": Refusal(
        "a: &v b\nc: &v d\ne: *v\n",
        remove_key("c"),
        2,
        "what would be removed has an anchor (&v), and others share it",
    ),
    "a value that a merge key brings": Refusal(
        "a: &v {b: c}\nd: {<<: *v}\n",
        set_value("e", "d", "b"),
        2,
        "d.b is not there, or comes from a merge key (<<)",
    ),
    "a key that may show the one of a merge key": Refusal(
        "a: &v {b: c}\nd: {<<: *v, b: e}\n",
        remove_key("d", "b"),
        2,
        "d has a merge key (<<), which can bring values from elsewhere",
    ),
    "a mapping with a merge key": Refusal(
        "a: &v {b: c}\nd: {<<: *v}\n",
        add("e", "f", "d"),
        2,
        "d has a merge key (<<), which can bring values from elsewhere",
    ),
    "a tag": Refusal("a: !!str b\n", set_value("c", "a"), 1, "a has a tag (tag:yaml.org,2002:str)"),
    "a literal block": Refusal("a: |\n  b\n", set_value("c", "a"), 1, "a is a block of text (|)"),
    "a folded block": Refusal("x: y\na: >-\n  b\n", set_value("c", "a"), 2, "a is a block of text (>)"),
    "a list as a text": Refusal("a: [b]\n", set_value("c", "a"), 1, "a is a list"),
    "a text as a list": Refusal("a: b\n", insert(0, "c", "a"), 1, "a is not a list"),
    "a list as a mapping": Refusal("a: [b]\n", add("c", "d", "a"), 1, "a is not a mapping"),
    "a template in quotes": Refusal(
        'a: "{{ .Values.version }}"\n', set_value("c", "a"), 1, "a is a template ({{...}})"
    ),
    "a template that looks like a mapping": Refusal(
        "a: {{ .Values.version }}\n", set_value("c", "a"), 1, "a is a template ({{...}})"
    ),
    "a key of a template": Refusal(
        "a: {{ .Values.a }}\n", add("b", "c", "a"), 1, "a is a template ({{...}})"
    ),
    "a template that is no YAML": Refusal(
        "a: b\n{{- if .Values.c }}\nd: e\n{{- end }}\n",
        set_value("c", "a"),
        2,
        "the file is a template ({{...}}) that was not rendered",
    ),
    "a key twice on the way": Refusal(
        "a: {b: c}\na: {b: d}\n", set_value("e", "a", "b"), 2, "a is there twice"
    ),
    "a key that is not there": Refusal("a:\n  b: c\n", set_value("d", "a", "c"), 2, "a.c is not there"),
    "an item that is not there": Refusal("a: [b]\n", remove(1, "a"), 1, "a[1] is not there"),
    "a way that is not there": Refusal("a: [b]\n", set_value("c", "a", "b"), 1, "a.b is not there"),
    "a key that is there already": Refusal("a:\n  b: x\n", add("b", "c", "a"), 2, "a.b is there already"),
    "a key that is null": Refusal(
        "a:\n  b: ~\n", add("b", "c", "a"), 2, "a.b has no value: remove that line"
    ),
    "a document without a value": Refusal(
        "a: b\n---\n# x\n", add("b", "c", line=3), 3, "the document is empty"
    ),
    "no document": Refusal("# x\n", add("b", "c"), 1, "the file is empty"),
    "the only key of a mapping": Refusal(
        "a:\n  b: c\n", remove_key("a", "b"), 2, "its mapping would have no key"
    ),
    "all items of a list in a list": Refusal(
        "a:\n- - b\n", remove(0, "a", 0), 2, "a[0] would be empty, and has no key that could go too"
    ),
    "a list that begins on the line of another": Refusal(
        "a:\n- - b\n  - c\n", insert(0, "d", "a", 0), 2, "other parts of the file are on the same lines"
    ),
    "a comment that would go": Refusal(
        "a: [b # x\n  , c]\n", remove(0, "a"), 1, "a comment is between the values"
    ),
    "text behind a block at the end of a file without a line end": Refusal(
        "a:\n- |\n  b", insert(1, "c", "a"), 3, INEXACT
    ),
    "a key behind a block at the end of a file without a line end": Refusal(
        "a: |\n  b", add("c", "d"), 2, INEXACT
    ),
    "empty lines that are part of a block": Refusal("a: |+\n  b\n\n", add("c", "d"), 2, INEXACT),
    "a comment that would become part of a block": Refusal(
        "a:\n- |\n  b\n- c\n   # x\n- d\n", remove(1, "a"), 4, INEXACT
    ),
    "a key that needs a question mark": Refusal(
        "? a\n: b\n? c\n: d\n", remove_key("a"), 1, "other parts of the file are on the same lines"
    ),
    "no YAML": Refusal(
        "a: b\nc: [\n",
        set_value("c", "a"),
        3,
        "the file is not valid YAML: while parsing a flow node did not find expected node content",
    ),
    "a control character": Refusal(
        "a: \x01\n", set_value("c", "a"), 1, "the file has characters that YAML does not allow"
    ),
    "a tag directive": Refusal("%TAG ! x\n---\na: b\n", set_value("c", "b"), 3, "b is not there"),
    "a value that no text can hold": Refusal("a: b\n", set_value("\ud800", "a"), 1, INEXACT),
    "brackets beyond counting": Refusal(
        f"a: {'[' * 1001}{']' * 1001}\n",
        set_value("c", "a"),
        1,
        "the file is nested deeper than 1,000 levels",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_cannot_be_changed_exactly_is_refused_with_the_reason(name: str) -> None:
    text, change, line, reason = REFUSALS[name]

    with pytest.raises(CannotEditError) as caught:
        edit(text.encode(), [change])

    assert (caught.value.line, caught.value.reason) == (line, reason)


@pytest.mark.parametrize(
    "changes",
    [
        [set_value("x", "a", 0), remove(0, "a")],
        [remove_key("a"), set_value("x", "a", 0)],
        [set_value("x", "a", 0), set_value("v", "a", 0)],
        [insert(1, "x", "a", 1, "c"), remove(1, "a")],
        [add("x", "y"), add("x", "z")],
    ],
)
def test_two_changes_of_one_place_are_refused(changes: list[Change]) -> None:
    with pytest.raises(CannotEditError) as caught:
        edit(b"a:\n- b\n- c: [d]\ne: f\n", changes)

    assert caught.value.reason == "two changes are about the same part of the file"


@pytest.mark.parametrize("more", [[], [insert(3, "e", "a")]])
def test_a_comment_between_items_that_go_is_not_removed_unseen(more: list[Change]) -> None:
    with pytest.raises(CannotEditError) as caught:
        edit(b"a: [b, c, # x\n  d]\n", [remove(1, "a"), remove(2, "a"), *more])

    assert caught.value.reason == "a comment is between the values"


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(CannotEditError) as caught:
        edit(b"a: \xff\n", [set_value("b", "a")])

    assert (caught.value.reason, caught.value.line) == ("the file has bytes that are not UTF-8", 1)


def test_edits_say_what_changed_in_the_order_of_the_text() -> None:
    changes = [
        remove(0, *FALLBACKS),
        insert(0, NEW, *FALLBACKS),
        set_value("6.8.0-117-generic", *PLANNED, 1, "kernel"),
        insert(0, {"os": "rhel"}, *PLANNED),
        insert(1, "b.yaml", "spec", "policies"),
        remove(0, *PLANNED),
        add("emit", "policies", "spec"),
    ]

    assert edit(CONFIG.encode(), changes).edits == (
        TextEdit(line=6, old="", new="b.yaml"),
        TextEdit(line=8, old="", new="    - os: rhel"),
        TextEdit(
            line=9,
            old='    - os: ubuntu\n      osVersion: "22.04"\t# jammy\n      kernel: 5.15.0-179-generic\n'
            "      arch: amd64",
            new="",
        ),
        TextEdit(line=17, old="6.8.0-100-generic", new="6.8.0-117-generic"),
        TextEdit(line=21, old="", new=f"  - {NEW}"),
        TextEdit(line=21, old=f"  - {OLD}  # gpu", new=""),
        TextEdit(line=24, old="", new="  emit: policies"),
    )


# Takes the C parser from the modules before anything imports it.
_WITHOUT_LIBYAML = """
import sys
sys.modules["yaml._yaml"] = None
from unit_edit import CASES, REFUSALS, edit, CannotEditError
for name, (before, changes, after) in CASES.items():
    if "\\t" in before:
        # This parser allows no tab between values.
        continue
    assert edit(before.encode(), changes).data == after.encode(), name
for name, (text, change, line, _) in REFUSALS.items():
    try:
        edit(text.encode(), [change])
    except CannotEditError as error:
        assert error.line == line, name
    else:
        raise AssertionError(name)
"""


def test_the_parser_in_python_makes_the_same_changes(tmp_path: Path) -> None:
    (tmp_path / "unit_edit.py").write_text(Path(__file__).read_text())

    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_LIBYAML],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": f"{tmp_path}:{ROOT}:{ROOT / 'tests'}"},
    )

    assert (done.returncode, done.stderr) == (0, "")
