"""A change of a YAML file changes the value that is meant, and no other byte; or it is refused."""

import json
import re
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gitops_doca.sources.editing.changes import (
    AddKey,
    CannotEditError,
    Change,
    InsertItem,
    RemoveItem,
    RemoveKey,
    SetValue,
)
from gitops_doca.sources.editing.edit import edit
from gitops_doca.sources.reading.document import Path
from gitops_doca.sources.reading.syntax import SyntaxProblem
from support.reading import yaml_documents

KEYS = ["os", "kernel", "planned", "spec", "on", "22.04", "a b", "#x", "é\U0001f600"]
TEXTS = st.one_of(
    st.sampled_from(
        ["ubuntu", "22.04", "on", "~", "", "a: b", "x #y", "it's", 'say "x"', "- a", "[", "\U0001f600"]
    ),
    st.sampled_from(
        ["doca3.4.0-26.04-0.8.0.0-0", "6.8.0-117-generic", "a\nb", "tab\there", "\x7f", "{a}", "a,b", "a:b"]
    ),
    st.text(max_size=6).filter(lambda text: "{{" not in text and not re.search("[\ud800-\udfff]", text)),
)
VALUES = st.recursive(
    TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=8,
)
DOCUMENTS = st.dictionaries(
    st.sampled_from(KEYS),
    TEXTS | st.lists(VALUES, max_size=3) | st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=3),
    min_size=1,
    max_size=4,
)
SAFE = re.compile("[a-z][a-z0-9.-]{2,}[b-d0-9u]")
# What a file can be that allows no exact change.
REFUSED = re.compile(
    "change of other values|is a block of text|are on the same lines|comment is between|would have no key"
    "|has no key that"
)
# Parts of a mapping with all that YAML has, in any order.
PARTS = [
    *("# comment\n", "    # comment\n", "\n", "---\n", "--- # x\n", "...\n", "'a b': &x b\n", "b: *x\n"),
    *("c: &y\n  d: 1\n  e: [1, *x]\n", "c: &y {d: 1.50, g: x}\n", "f: {<<: *y, g: h}\n"),
    *("i:\n  <<: *y\n  d: k\n", "l: |\n  text\n   more\n", "m: >-\n  text\n\n", "n: |+\n  x\n\n\n"),
    *("n: |\n  x", "o: !!str 1\n", "? p\n: q\n", "r:\n- - s\n  - t\n- &z u\n- *z\n", "v: 'a\n  b'\n"),
    *("w: [1, # x\n  2,\n # y\n 3]\n", "x: {y, z: , 'w':1}\n", "aa: [b: c, d]\n", "bb: ~\n", "cc:\n"),
    *("dd:\n-\n-   # c\n    e: 1\n    f: 0x1F\n- g\n", "ee: &k []\n", "'ff': *k\n", "gg: !!seq\n- 1\n- 2\n"),
    *("hh: &k\n# c\n- a\n- |\n b\n# d\n- >+\n  e\n\n- f\n", "ii: [{a: b},\n  {c: d}, # e\n  ]\n", "jj: {}\n"),
    *(
        "kk: !x y\n",
        "ll: a\n  b # c\n",
        "mm:\n    - a: b\n\n      c: |\n        d\n       # e\n    - f\n",
        "nn: - x\n",
    ),
    *(
        "oo: {a: [b, c\n,d], e: f\n}\n",
        '"pp": "a\\\n  b"\n',
        "qq: &q\n",
        "rr: *q\n",
        "ss:\n- &s {a: b}\n- <<: *s\n",
    ),
]


class Style:
    """Writes a value in styles that are drawn at random."""

    def __init__(self, draw: Any) -> None:
        self._draw = draw
        self._comments = 0

    def stream(self, documents: list[Any]) -> tuple[str, list[int]]:
        """Return the text of all documents, and a line of each."""
        text, lines = "", []
        for number, document in enumerate(documents):
            if number or self._chance():
                text += self._pick("---\n", "--- # start\n", "%YAML 1.1\n---\n" if not number else "---\n")
            lines.append(text.count("\n") + 1)
            if self._chance(5):
                text += self.flow(document, self._pick(" ", "\n  ")) + "\n"
            else:
                text += "".join(f"{line}\n" for line in self.mapping(document, 0))
            text += self._pick("", "", "# after\n", "...\n" if number + 1 < len(documents) else "\n")
        return text, lines

    def mapping(self, value: dict[str, Any], column: int) -> list[str]:
        lines: list[str] = []
        for key, item in value.items():
            lines += self._above(column)
            lines += self._entry(f"{' ' * column}{self.scalar(key)}:", item, column)
        return lines

    def _entry(self, head: str, item: Any, column: int) -> list[str]:
        if isinstance(item, str) and self._is_block(item) and self._chance():
            return [f"{head} |{'' if item.endswith(chr(10)) else '-'}", *self._block(item, column + 2)]
        if isinstance(item, str) or not item or self._chance(4):
            return [f"{head} {self.flow(item, self._pick(' ', ' ', ''))}{self._trailing()}"]
        if isinstance(item, dict):
            return [f"{head}{self._trailing()}", *self.mapping(item, column + self._pick(1, 2, 4))]
        return [f"{head}{self._trailing()}", *self.sequence(item, column + self._pick(0, 2, 3))]

    def sequence(self, value: list[Any], column: int) -> list[str]:
        lines: list[str] = []
        for item in value:
            lines += self._above(column)
            pad = " " * column
            if isinstance(item, str) or not item or self._chance(4):
                lines.append(f"{pad}- {self.flow(item, ' ')}{self._trailing()}")
                continue
            gap = self._pick(2, 2, 4)
            if isinstance(item, dict):
                inner = self.mapping(item, column + gap)
            else:
                inner = self.sequence(item, column + gap)
            if inner[0].strip().startswith("#") or self._chance(4):
                lines += [f"{pad}-{self._pick('', ' # end')}", *inner]
            else:
                lines += [f"{pad}-{inner[0][column + 1 :]}", *inner[1:]]
        return lines

    def flow(self, value: Any, space: str) -> str:
        if isinstance(value, str):
            return self.scalar(value)
        end = self._pick("", "", ",") if value else ""
        if isinstance(value, dict):
            inner = [f"{self.scalar(key)}: {self.flow(item, space)}" for key, item in value.items()]
            opened, closed = "{}"
        else:
            inner = [self.flow(item, space) for item in value]
            opened, closed = "[]"
        around = space if value else ""
        return f"{opened}{around}{f',{space}'.join(inner)}{end}{around}{closed}"

    def scalar(self, text: str) -> str:
        style = self._pick("plain", "single", "double")
        if style == "plain" and SAFE.fullmatch(text):
            return text
        if style == "single" and text.isascii() and text.isprintable():
            return "'" + text.replace("'", "''") + "'"
        escaped = "".join(self._escaped(character) for character in text)
        return f'"{escaped}"'

    @staticmethod
    def _escaped(character: str) -> str:
        if character in '"\\':
            return f"\\{character}"
        if character.isprintable():
            return character
        return f"\\U{ord(character):08x}"

    @staticmethod
    def _is_block(text: str) -> bool:
        return bool(re.fullmatch(r"[a-z]+\n?", text))

    def _block(self, text: str, column: int) -> list[str]:
        return [f"{' ' * column}{line}" for line in text.removesuffix("\n").split("\n")]

    def _above(self, column: int) -> list[str]:
        if not self._chance(4):
            return []
        self._comments += 1
        return [f"{' ' * self._pick(0, column)}# note {self._comments}:", *self._pick([], [""])]

    def _trailing(self) -> str:
        if not self._chance(4):
            return ""
        self._comments += 1
        return str(self._pick(f" # end {self._comments}", f"\t# - end {self._comments}", "  "))

    def _chance(self, of: int = 2) -> bool:
        return bool(self._draw(st.integers(0, of - 1)) == of - 1)

    def _pick(self, *choices: Any) -> Any:
        return self._draw(st.sampled_from(choices))


@st.composite
def streams(draw: Any) -> tuple[bytes, list[Any], list[int]]:
    """Draw a file, the values of its documents, and a line of each."""
    documents = draw(st.lists(DOCUMENTS, min_size=1, max_size=3))
    text, lines = Style(draw).stream(documents)
    text = draw(st.sampled_from([text, text, text.removesuffix("\n")]))
    text = draw(st.sampled_from([text, text.replace("\n", "\r\n")]))
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + text.encode(), documents, lines


def places(value: Any, path: Path = ()) -> list[tuple[Path, Any]]:
    """Return all paths of a value, each with what is there."""
    found = [(path, value)]
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, item in steps:
        found += places(item, (*path, step))
    return found


def at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


def copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    return [copied(item) for item in value] if isinstance(value, list) else value


def change_of(draw: Any, document: Any, line: int) -> tuple[Change, Any]:
    """Draw a change of a document, and return it with the document as it is to be."""
    path, value = draw(st.sampled_from(places(document)))
    after = copied(document)
    if not isinstance(value, dict | list):
        new = draw(TEXTS)
        at(after, path[:-1])[path[-1]] = new
        return SetValue(line=line, path=path, value=new), after
    new = draw(VALUES)
    if isinstance(value, list):
        index = draw(st.integers(0, len(value)))
        if index < len(value) and draw(st.booleans()):
            del at(after, path)[index]
            if len(value) == 1 and isinstance(path[-1], str):
                del at(after, path[:-1])[path[-1]]
            return RemoveItem(line=line, path=path, index=index), after
        at(after, path).insert(index, new)
        return InsertItem(line=line, path=path, index=index, value=new), after
    if value and draw(st.booleans()):
        key = draw(st.sampled_from(list(value)))
        del at(after, path)[key]
        return RemoveKey(line=line, path=(*path, key)), after
    at(after, path)["new"] = new
    return AddKey(line=line, path=path, key="new", value=new), after


def values(data: bytes) -> list[Any]:
    return [document.value for document in yaml_documents(data)]


def is_part(part: bytes, whole: bytes) -> bool:
    """Say whether the bytes of a text are all in another one, in order."""
    rest = iter(whole)
    return all(byte in rest for byte in part)


def edited(before: bytes, changes: list[Change], reasons: re.Pattern[str]) -> bytes | None:
    """Return the file after changes; None if they are refused for a reason that is expected."""
    try:
        return edit(before, changes).data
    except CannotEditError as error:
        if reasons.search(error.reason):
            return None
        raise


@settings(max_examples=400, deadline=None)
@given(data=st.data(), stream=streams())
def test_a_change_changes_what_it_names_and_no_other_byte(data: Any, stream: Any) -> None:
    before, documents, lines = stream
    number = data.draw(st.integers(0, len(documents) - 1))
    change, after = change_of(data.draw, documents[number], lines[number])
    assert values(before) == documents

    result = edited(before, [change], REFUSED)
    if result is None:
        return

    assert values(result) == [*documents[:number], after, *documents[number + 1 :]]
    assert result.startswith(b"\xef\xbb\xbf") == before.startswith(b"\xef\xbb\xbf")
    if before.endswith(b"\n"):
        assert result.endswith(b"\n")
    else:
        line_end = b"\r\n" if b"\r" in before else b"\n"
        assert edit(before + line_end, [change]).data == result + line_end
    assert (b"\r" in before) == (b"\r" in result) or b"\n" not in result
    match change:
        case SetValue():
            pass
        case RemoveItem() | RemoveKey():
            assert is_part(result, before)
        case InsertItem() | AddKey():
            assert is_part(before, result)
            undo: Change = (
                RemoveKey(line=change.line, path=(*change.path, change.key))
                if isinstance(change, AddKey)
                else RemoveItem(line=change.line, path=change.path, index=change.index)
            )
            if at(documents[number], change.path):
                assert edit(result, [undo]).data == before


@settings(max_examples=200, deadline=None)
@given(data=st.data(), stream=streams())
def test_changes_of_one_list_go_together(data: Any, stream: Any) -> None:
    before, documents, lines = stream
    number = data.draw(st.integers(0, len(documents) - 1))
    lists = [place for place in places(documents[number]) if isinstance(place[1], list)]
    if not lists:
        return
    path, items = data.draw(st.sampled_from(lists))
    removed = data.draw(st.sets(st.sampled_from(range(len(items))))) if items else set()
    inserted = data.draw(st.lists(st.tuples(st.integers(0, len(items)), VALUES), max_size=3))
    where = {"line": lines[number], "path": path}
    changes: list[Change] = [
        *(RemoveItem(**where, index=index) for index in removed),
        *(InsertItem(**where, index=index, value=value) for index, value in inserted),
    ]

    result = edited(before, changes, REFUSED)
    if result is None:
        return

    wanted = [
        item
        for index in range(len(items) + 1)
        for item in (
            *(value for place, value in inserted if place == index),
            *([items[index]] if index < len(items) and index not in removed else []),
        )
    ]
    after = copied(documents[number])
    if wanted or not items:
        at(after, path[:-1])[path[-1]] = wanted
    else:
        del at(after, path[:-1])[path[-1]]
    assert values(result) == [*documents[:number], after, *documents[number + 1 :]]


@settings(max_examples=200, deadline=None)
@given(data=st.data(), document=DOCUMENTS, indent=st.sampled_from([None, 0, 2, "\t"]), cut=st.booleans())
def test_json_stays_json(data: Any, document: Any, indent: Any, cut: bool) -> None:  # noqa: FBT001 (drawn)
    text = json.dumps(document, indent=indent, ensure_ascii=data.draw(st.booleans()))
    assume(not re.search(r"\\ud[89a-f]|[\x7f-\x84\x86-\x9f]", text))
    before = (text if cut else f"{text}\n").encode()
    change, after = change_of(data.draw, document, 1)

    result = edited(before, [change], re.compile("has no key that"))

    if result is not None:
        assert json.loads(result) == after
        assert result.count(b"\n") == before.count(b"\n") or indent is not None


@settings(max_examples=400, deadline=None)
@given(
    data=st.data(),
    parts=st.lists(st.sampled_from(PARTS), min_size=1, max_size=8),
    line_break=st.sampled_from(["\n", "\r\n"]),
    cut=st.booleans(),
)
def test_whatever_a_file_has_a_change_is_exact_or_refused(
    data: Any,
    parts: list[str],
    line_break: str,
    cut: bool,  # noqa: FBT001 (drawn)
) -> None:
    text = "".join(parts)
    before = (text.removesuffix("\n") if cut else text).replace("\n", line_break).encode()
    try:
        documents = list(yaml_documents(before))
    except SyntaxProblem:
        edited(before, [SetValue(line=1, path=("b",), value="c")], re.compile(""))
        return
    if not documents:
        return
    number = data.draw(st.integers(0, len(documents) - 1))
    change, after = change_of(data.draw, documents[number].value, documents[number].line)

    result = edited(before, [change], re.compile(""))

    if result is not None:
        read = [document.value for document in documents]
        assert values(result) == [*read[:number], after, *read[number + 1 :]]
        if isinstance(change, RemoveItem | RemoveKey):
            assert is_part(result, before)
        elif not isinstance(change, SetValue):
            assert is_part(before, result)
