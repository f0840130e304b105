"""A change of a YAML file changes the value that is meant, and no other byte; or it is refused."""

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
from gitops_doca.sources.reading.selection import ALL
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
SAFE = re.compile("[a-z][a-z0-9.-]{2,}")
# What a file can be that allows no exact change.
REFUSED = "the file would change too|are on the same lines|comment is between|leave its mapping empty|has no key that"


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
            lines += self._entry(f"{' ' * column}{self.scalar(key, key=True)}:", item, column)
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
                lines += [f"{pad}-{self._trailing()}", *inner]
            else:
                lines += [f"{pad}-{inner[0][column + 1 :]}", *inner[1:]]
        return lines

    def flow(self, value: Any, space: str) -> str:
        if isinstance(value, str):
            return self.scalar(value)
        end = self._pick("", "", ",") if value else ""
        if isinstance(value, dict):
            inner = [f"{self.scalar(key, key=True)}: {self.flow(item, space)}" for key, item in value.items()]
            opened, closed = "{}"
        else:
            inner = [self.flow(item, space) for item in value]
            opened, closed = "[]"
        around = space if value else ""
        return f"{opened}{around}{f',{space}'.join(inner)}{end}{around}{closed}"

    def scalar(self, text: str, *, key: bool = False) -> str:
        style = self._pick("plain", "single", "double")
        if (
            style == "plain"
            and SAFE.fullmatch(text)
            and text not in ("yes", "off", "nan", "inf", "null", "true")
        ):
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
        return self._pick(f" # end {self._comments}", f"\t# - end {self._comments}", "  ")

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
    if isinstance(value, str):
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


@settings(max_examples=600, deadline=None)
@given(data=st.data(), stream=streams())
def test_a_change_changes_what_it_names_and_no_other_byte(data: Any, stream: Any) -> None:
    before, documents, lines = stream
    number = data.draw(st.integers(0, len(documents) - 1))
    change, after = change_of(data.draw, documents[number], lines[number])
    assert values(before) == documents

    try:
        result = edit(before, [change]).data
    except CannotEditError as error:
        assert re.search(REFUSED, error.reason), error.reason
        return

    assert values(result) == [*documents[:number], after, *documents[number + 1 :]]
    assert result.startswith(b"\xef\xbb\xbf") == before.startswith(b"\xef\xbb\xbf")
    assert result.endswith(b"\n") == before.endswith(b"\n")
    assert (b"\r\n" in before) == (b"\r\n" in result) or b"\n" not in before or b"\n" not in result
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
