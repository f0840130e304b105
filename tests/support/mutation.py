"""Changes that somebody, or something, may make to an input: to the document, and to its text."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from enum import Enum
from typing import Any

import yaml
from hypothesis import strategies as st

from support.hostile import HOSTILE, is_unicode

Container = dict[Any, Any] | list[Any]

# Words that mean something to a reader, so that a change reaches further than the syntax.
WORDS = [
    b"null",
    b"[]",
    b"{}",
    b"5",
    b"1.5",
    b"true",
    b"''",
    b"- ",
    b": ",
    b"&a ",
    b"*a",
    b"<<: ",
    b"!x ",
    b"---\n",
    b'"',
    b"\0",
    b"\xff",
    b"items",
    b"kind",
    b"\\ud800",
    b"9" * 30,
    b"e" * 300,
]

# What only a text can hold; it takes the place of one value.
RAW = [
    b"!!binary aGVsbG8=",
    b"!local y",
    b"!!python/object/apply:os.system ['true']",
    b"!!float x",
    b"!!set {a, b}",
    b"*nobody",
    b"&a [*a]",
    b"&a {b: *a}",
    b"{<<: {a: b}}",
    b"{<<: [1]}",
    b"&a [1,2]\n<<: *a",
    b"[&a [1,1,1,1,1,1,1,1,1], &b [*a,*a,*a,*a,*a,*a,*a,*a,*a], &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]]",
    b".nan",
    b"-.inf",
    b"NaN",
    b"Infinity",
    b"1e999",
    b"0x1F",
    b"1_000",
    b"0o17",
    b"012",
    b"-0",
    b"190:20:30",
    b"2001-01-01",
    b"9" * 5000,
    b"1." + b"0" * 400,
    b"~",
    b"yes",
    b"=",
    b'"\\ud800"',
    b'"\\ud83d\\ude00"',
    b'"\\0"',
    b'"\\x1b[31m\\u202e"',
    b'"\\q"',
    b"'\t'",
    b"\x00",
    b"\x1b",
    b"\xff\xfe",
    b"\xc3(",
    b"\xed\xa0\x80",
    b"\x85",
    b"\xe2\x80\xa8",
    b"\xef\xbb\xbf",
    b"[" * 3000,
    b"[" * 90 + b"]" * 90,
    b"[" * 200 + b"]" * 200,
    b'{"a":' * 1200 + b"1" + b"}" * 1200,
    b"[a, b",
    b"}",
    b"# comment",
    b"|\n  a\n b",
    b">-",
    b"? [a]\n: b",
    b"%YAML 9.9\n---",
    b"---",
    b"...\n---\n",
    b"\t",
    b"- - - -",
    b"'",
    b'"',
    b"`",
    b"@",
    b"{{ .Values.x }}",
    b"<<<<<<< ours\n=======\n>>>>>>> theirs\n",
    b"a" * 20_000,
]

VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 1.5, 10**30, "", " ", "0", "1", "true", "null", "~", "a", "1.0", "1e3"),
    *([], {}, [None], [[]], [{}], [""], {"": ""}, {"a": None}, {"a": ["b"]}, ["a", "a"], list(range(300))),
    *("x" * 64, "x" * 254, "x" * 5000, "x" * 128 + "/" + "y" * 128, "9" * 400, {"x" * 300: "y" * 300}),
    *({str(number): "" for number in range(300)}, [{"a": 1}] * 200),
    *("v1", "Node", "List", "ConfigMap", "Secret", "NicClusterPolicy", "NicNodePolicy", "DaemonSet", "Proxy"),
    *("mellanox.com/v1alpha1", "gitops-doca.dev/v1alpha1", "DriverGenerator", "NodeInventory", "DriverLock"),
    *("ubuntu", "rhcos", "sles", "22.04", "9.4", "arm64", "amd64", "linux", "NoSchedule", "NoExecute"),
    *("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Equal", "RollingUpdate", "daemonsets", "policies"),
    *(".", "..", "-", "/", "policy.yaml", "nodes.yaml", "../outside.yaml", "absent.yaml", "/dev/zero"),
    *("/proc/self/environ", "rendered", "gitops-doca.yaml", "-rf", "--help", "$HOME", "*", "a/b:c@d"),
    *("nvcr.io/a/b:c", "http://[", "127.0.0.1:1/a", "a@sha256:" + "0" * 64, "sha256:" + "0" * 63, "::1"),
    *("node-role.kubernetes.io/control-plane", "kubernetes.io/arch", "gitops-doca.dev/pool", "a/b/c"),
]
"""Each is right somewhere, and wrong elsewhere."""
TEXTS = [text for text in HOSTILE if is_unicode(text)]
_RAW = re.compile(rb"""(["']?)@raw-(\d+)@\1""")
_MANY = 60


class Change(Enum):
    """What is done at one place of a document."""

    DROP = "drop"
    REPLACE = "replace"
    TWIST = "twist"
    """The value keeps its type, and most of what it is."""
    WRAP = "wrap"
    NEST = "nest"
    ADD = "add"
    # Of an entry of a mapping; in a list they add an item.
    RENAME = "rename"
    TWICE = "twice"
    # Of an item of a list; in a mapping they add an entry.
    SWAP = "swap"
    REPEAT = "repeat"


class Form(Enum):
    """How a document is written."""

    YAML = "YAML"
    FLOW = "flow"
    JSON = "JSON"
    INDENTED = "indented JSON"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One change of a document; `steps` lead to it, each to one of the children, counted over and over."""

    change: Change
    steps: Sequence[int]
    value: Any


def edits(least: int = 1, most: int = 2) -> st.SearchStrategy[list[Edit]]:
    """Draw a few changes of a document."""
    raw = st.integers(0, len(RAW) - 1).map(lambda number: f"@raw-{number}@")
    value = st.one_of(st.sampled_from(VALUES), st.sampled_from(TEXTS), raw)
    one = st.builds(
        Edit,
        change=st.sampled_from([*Change, Change.TWIST, Change.TWIST, Change.TWIST]),
        steps=st.lists(st.integers(0, 30), min_size=1, max_size=8),
        value=value | st.text(max_size=8),
    )
    return st.lists(one, min_size=least, max_size=most)


def edited(document: Any, changes: Sequence[Edit]) -> Any:
    """Return a changed copy of a document, which a list or a mapping is."""
    copy = deepcopy(document)
    for change in changes:
        place = _place(copy, change.steps)
        if place:
            _apply(*place, change)
    return copy


def _place(value: Any, steps: Sequence[int]) -> tuple[Container, Any] | None:
    """Return a container and a key of it; so something rare is found as often as what there is much of."""
    found = None
    for step in steps:
        if not isinstance(value, dict | list) or not value:
            break
        keys = list(value) if isinstance(value, dict) else range(len(value))
        key = keys[step % len(keys)]
        found = value, key
        value = value[key]
    return found


def _apply(container: Container, key: Any, edit: Edit) -> None:
    found = container[key]
    match edit.change:
        case Change.DROP:
            del container[key]
        case Change.REPLACE:
            container[key] = deepcopy(edit.value)
        case Change.TWIST:
            container[key] = _twisted(found, edit)
        case Change.WRAP:
            container[key] = [found]
        case Change.NEST:
            container[key] = {_name(edit): found}
        case _ if isinstance(container, list):
            _apply_to_list(container, key, edit)
        case _:
            _apply_to_mapping(container, key, edit)


def _apply_to_list(items: list[Any], index: int, edit: Edit) -> None:
    match edit.change:
        case Change.SWAP:
            items.reverse()
        case Change.REPEAT:
            items[index:index] = [deepcopy(items[index]) for _ in range(_MANY)]
        case _:
            items.insert(index, deepcopy(edit.value))


def _apply_to_mapping(fields: dict[Any, Any], key: Any, edit: Edit) -> None:
    match edit.change:
        case Change.RENAME:
            fields[_name(edit)] = fields.pop(key)
        case Change.TWICE:
            # The key appears twice in the text: see `written`.
            fields[f"@twice-{key}@"] = deepcopy(fields[key])
        case _:
            fields[_name(edit)] = "x"


def _name(edit: Edit) -> str:
    return edit.value if isinstance(edit.value, str) else str(edit.value)


def _twisted(found: Any, edit: Edit) -> Any:
    match found:
        case bool():
            return not found
        case int() | float():
            return found + edit.steps[-1] - 1
        case str() if isinstance(edit.value, str) and edit.value[:1] != "@":
            at = edit.steps[-1] % (len(found) + 1)
            return found[:at] + edit.value[:2] + found[at + edit.steps[-1] % 2 :]
        case str():
            return found.upper() if edit.steps[-1] % 2 else found[:-1]
        case _:
            return found


def written(documents: Sequence[Any], form: Form) -> bytes:
    """Return documents as a text, in which the marks of `edits` became what only a text can hold."""
    text = b"---\n".join(_dumped(document, form) for document in documents)
    text = re.sub(rb"@twice-(.*?)@", rb"\1", text)
    return _RAW.sub(lambda found: RAW[int(found[2])], text)


def _dumped(document: Any, form: Form) -> bytes:
    match form:
        case Form.YAML | Form.FLOW:
            flow = form is Form.FLOW
            return yaml.dump(
                document, Dumper=_NoAliases, sort_keys=False, width=10_000, default_flow_style=flow
            ).encode()
        case Form.JSON | Form.INDENTED:
            indent = 4 if form is Form.INDENTED else None
            return json.dumps(document, indent=indent).encode() + b"\n"


class _NoAliases(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 (as inherited)
        return True


@st.composite
def mutations(draw: st.DrawFn, least: int = 1, most: int = 4) -> list[tuple[float, int, bytes]]:
    """Draw places (as a share of the text), how many bytes go there, and what takes their place."""
    return draw(
        st.lists(
            st.tuples(st.floats(0, 1), st.integers(0, 40), st.sampled_from(WORDS) | st.binary(max_size=4)),
            min_size=least,
            max_size=most,
        )
    )


def mutated(data: bytes, changes: Sequence[tuple[float, int, bytes]]) -> bytes:
    """Return the text after these changes, one after the other."""
    for share, removed, added in changes:
        at = int(share * len(data))
        data = data[:at] + added + data[at + removed :]
    return data


GARBLES: Mapping[str, Callable[[bytes], bytes]] = {
    "nothing": bytes,
    "CRLF": lambda data: data.replace(b"\n", b"\r\n"),
    "CR": lambda data: data.replace(b"\n", b"\r"),
    "BOM": lambda data: b"\xef\xbb\xbf" + data,
    "UTF-16": lambda data: data.decode("latin-1").encode("utf-16"),
    "latin-1": lambda data: data.replace(b"a", b"\xe4"),
    "cut": lambda data: data[: len(data) * 2 // 3],
    "blank": lambda _: b" \n\n",
    "twice": lambda data: data + b"---\n" + data,
    "tabs": lambda data: data.replace(b"  ", b"\t"),
    "zeros": lambda data: data + b"\0" * 5000,
    "no end": lambda data: data.rstrip(b"\n"),
}
"""What may happen to the whole of a text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """How a text comes of documents, whichever those are."""

    instead: bytes | None
    """What stands in the place of all of it."""
    edits: Sequence[Edit]
    form: Form
    mutations: Sequence[tuple[float, int, bytes]]
    garble: str

    def of(self, documents: Sequence[Any]) -> bytes:
        """Return the text of these documents."""
        if self.instead is not None:
            return self.instead
        text = written(edited(list(documents), self.edits), self.form)
        return GARBLES[self.garble](mutated(text, self.mutations))


_FORMS = [Form.YAML, Form.YAML, Form.YAML, Form.FLOW, Form.JSON, Form.INDENTED]


def texts() -> st.SearchStrategy[Text]:
    """Draw texts: most of them valid YAML or JSON of a wrong document, some nothing at all."""
    form = st.sampled_from(_FORMS)
    none, right = st.none(), st.just("nothing")
    edit = st.builds(Text, instead=none, edits=edits(), form=form, mutations=st.just(()), garble=right)
    mutation = st.builds(
        Text, instead=none, edits=edits(0, 1), form=form, mutations=mutations(), garble=right
    )
    garble = st.builds(
        Text,
        instead=none,
        edits=edits(0, 1),
        form=form,
        mutations=st.just(()),
        garble=st.sampled_from(sorted(GARBLES)),
    )
    instead = st.builds(
        Text,
        instead=st.sampled_from([b"", *RAW]) | st.binary(max_size=60),
        edits=st.just(()),
        form=st.just(Form.YAML),
        mutations=st.just(()),
        garble=right,
    )
    kinds = [*[edit] * 6, mutation, mutation, garble, instead]
    return st.sampled_from(range(len(kinds))).flatmap(kinds.__getitem__)


def is_text(value: object) -> bool:
    """Say whether a value of `VALUES` is a text."""
    return isinstance(value, str)
