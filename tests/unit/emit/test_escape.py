"""The escape of each output, over the hostile strings and whatever hypothesis makes."""

import json
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitops_doca.emit.escape import (
    Markdown,
    diff_name,
    html_in_markdown,
    html_text,
    json_text,
    markdown_block,
    markdown_code,
    markdown_text,
    printable,
    printable_lines,
)
from gitops_doca.emit.tables import items, markdown_table, text_table
from support.hostile import HOSTILE
from support.markup import Markup, render

ASCII = "".join(map(chr, range(32, 127)))
TEXT = (
    st.text(max_size=30)
    | st.sampled_from(HOSTILE)
    | st.text(st.sampled_from("a1 |`\\<@#*_[](){}!~$&:/.-+=^'\"\n"), max_size=30)
)
"""Any text, with more of what is markup."""
READABLE = (
    "node-1.example.com",
    "6.8.0-1008-nvidia-64k",
    "5.14.0-427.13.1.el9_4.aarch64_64k",
    "ubuntu22.04/5.15.0-91-generic/amd64",
    "nvcr.io:5000/nvidia/mellanox/doca-driver:doca3.1.0-25.07-0.9.7.0-0",
    "sha256:" + "a1" * 32,
    "mofed-ubuntu22.04-76944977f-ds",
    "NicClusterPolicy/nic-cluster-policy",
    "feature.node.kubernetes.io/system-os_release.VERSION_ID",
    "skipped by storage: a, b and 3 more: taint example.com/dedicated:NoSchedule",
    "plan done: nodes run it now (gitops-doca.yaml:9: spec.planned[0])",
    "error[input]",
    "clusters/Größe/東京",
    "",
)


# A terminal


@pytest.mark.parametrize("text", READABLE)
def test_what_is_readable_stays_as_it_is(text: str) -> None:
    assert (printable(text), markdown_text(text), html_text(text)) == (text, text, text)
    assert (html_in_markdown(text), diff_name(text)) == (text, text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m\r\n\x07\x7f\x9b", r"\x1b[31m\r\n\x07\x7f\x9b"),
        ("\u202e\u2066\u200f\u061c", r"\u202e\u2066\u200f\u061c"),
        ("\u200b\u2060\ufeff\u00ad\u2028\u2029", r"\u200b\u2060\ufeff\xad\u2028\u2029"),
        ("\u3164\u115f\u2800\ufe0f\U000e0101", r"\u3164\u115f\u2800\ufe0f\U000e0101"),
        ("\ud800\udcff\ue000\u0378", r"\ud800\udcff\ue000\u0378"),
        ("a\u00a0b\u3000c", r"a\xa0b\u3000c"),
        ("\u0301a", r"\u0301a"),
        ("a\u0302\u0301", "a\u0302\u0301"),
        ("a\u0302\u0301\u0300\u0300", "a\u0302\u0301\\u0300\\u0300"),
    ],
)
def test_what_moves_hides_or_reorders_others_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_every_character_that_is_not_for_a_terminal_is_escaped() -> None:
    for number in range(0x110000):
        character = chr(number)
        category = unicodedata.category(character)
        if printable(character) == character:
            assert category[0] not in "CM", hex(number)
            assert character == " " or category[0] != "Z", hex(number)
            assert unicodedata.bidirectional(character) not in {
                "LRE",
                "RLE",
                "LRO",
                "RLO",
                "PDF",
                "LRI",
                "RLI",
            }
        else:
            assert category[0] in "CMZ" or character in "\u115f\u1160\u2800\u3164\uffa0", hex(number)


@settings(deadline=None)
@given(TEXT)
def test_the_escape_of_a_terminal_may_be_applied_twice(text: str) -> None:
    shown = printable(text)

    assert printable(shown) == shown
    assert shown.isprintable()


@settings(deadline=None)
@given(st.lists(TEXT, max_size=5))
def test_no_line_of_a_document_becomes_two(texts: list[str]) -> None:
    assert len(printable_lines(texts).splitlines()) == len(texts)


@settings(deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4))
def test_columns_stand_below_each_other_whatever_is_in_them(rows: list[tuple[str, str]]) -> None:
    lines = text_table([(left, f"|{right}") for left, right in rows])
    width = max(len(shown(printable(left))) for left, _ in rows)

    assert {shown(line)[width : width + 3] for line in lines} == {"  |"}


def shown(text: str) -> str:
    """Return a text with a character for each column that a terminal shows it in."""
    return "".join(
        character * (2 if unicodedata.east_asian_width(character) in "WF" else 1)
        for character in text
        if unicodedata.category(character) not in ("Mn", "Me")
    )


# JSON


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=3), TEXT | st.integers() | st.none()))
def test_json_says_the_same_and_shows_nothing_to_a_terminal(document: dict[str, object]) -> None:
    text = json_text(document)

    assert json.loads(text) == document
    assert all(line.isprintable() for line in text.split("\n"))


def test_readable_letters_stay_in_json() -> None:
    assert json_text({"größe": "東京"}) == '{\n  "größe": "東京"\n}\n'


# Markdown


@settings(deadline=None)
@given(TEXT)
@pytest.mark.parametrize(
    "place", ["{}", "### {}", "**{}**", "- {}", "> {}", "x\n{}", "{}\n---\n", "{}\n\n{}"]
)
def test_no_sentence_is_markup(place: str, text: str) -> None:
    found = render(place.replace("{}", markdown_text(text)))
    harmless = render(place.replace("{}", "harmless" if printable(text).strip() else ""))

    assert (found.structure, found.references) == (harmless.structure, [])


@settings(deadline=None)
@given(TEXT)
@pytest.mark.parametrize("place", ["{}", "### {}", "- {}", "> {}", "**{}**", "x\n{}"])
def test_a_code_span_shows_all_of_its_text(place: str, text: str) -> None:
    found = render(place.replace("{}", f"x {markdown_code(text)} y"))

    assert found.structure == render(place.replace("{}", "x y")).structure
    assert found.code == ([printable(text)] if text else [])


@settings(deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=3))
def test_a_table_keeps_its_cells(rows: list[tuple[str, str]]) -> None:
    cells = [(markdown_text(text), markdown_code(value)) for text, value in rows]
    head = [Markdown("Text"), Markdown("Value")]
    found = render("\n".join(markdown_table([head, *cells])))

    plain = [(Markdown("text"), Markdown("value"))] * len(rows)
    assert (found.structure, found.references) == (
        render("\n".join(markdown_table([head, *plain]))).structure,
        [],
    )


def test_pipes_in_a_table_are_shown_and_never_end_a_cell() -> None:
    values = ["a|b", "||", "a\\|b", "a\\\\|b", "a\\"]
    rows = [[markdown_code(value)] for value in values]

    assert render("\n".join(markdown_table([[Markdown("Value")], *rows]))).code == [
        "a|b",
        "||",
        "a\\\\x7cb",
        "a\\\\\\x7cb",
        "a\\",
    ]


@settings(deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=3))
def test_a_list_keeps_its_items(notes: list[str]) -> None:
    found = render("\n".join(["before", *items([f"note {note}" for note in notes])]))
    harmless = render("\n".join(["before", *items(["note"] * len(notes))]))

    assert (found.structure, found.references) == (harmless.structure, [])


@settings(deadline=None)
@given(st.lists(TEXT | st.text(st.sampled_from("`~ "), max_size=8), max_size=5))
def test_nothing_closes_a_block(lines: list[str]) -> None:
    found = render(f"{markdown_block(lines, 'diff')}\n\nafter\n")

    assert found.structure == render(f"{markdown_block(['x'], 'diff')}\n\nafter\n").structure
    assert "".join(found.text.split()) == "after"


@pytest.mark.parametrize(
    "text", ["`" * 200_000, ":a" * 100_000, "[a" * 100_000, "_" * 200_000, "f" * 200_000]
)
def test_a_long_text_is_escaped_in_no_time(text: str) -> None:
    assert len(markdown_text(text)) >= len(text)
    assert len(markdown_block([text], "")) >= len(text)


# HTML


@settings(deadline=None)
@given(TEXT)
def test_text_in_html_is_text(text: str) -> None:
    page = Markup(f'<p title="{html_text(text)}">{html_text(text)}</p>')

    assert (page.structure, page.text) == ([f"<p {[('title', printable(text))]}>", "</p>"], printable(text))


@settings(deadline=None)
@given(TEXT)
def test_a_summary_in_markdown_is_text_without_references(text: str) -> None:
    found = render(f"<details><summary>x {html_in_markdown(text)}</summary>\n\ny\n\n</details>\n")

    assert found.structure == render("<details><summary>x</summary>\n\ny\n\n</details>\n").structure
    assert found.references == []


# The head of a diff


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("main:DaemonSet/n/a", "main:DaemonSet/n/a"),
        ("../a b", "../a b"),
        ("x\n+++ y", '"x\\\\n+++ y"'),
        ('"x', '"\\"x"'),
        ("a\\b\t", '"a\\\\b\\\\t"'),
    ],
)
def test_the_name_of_a_file_in_a_diff_is_one_line(name: str, shown: str) -> None:
    assert diff_name(name) == shown
