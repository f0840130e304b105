"""What pages show of output is what the commands print now; `tools/shown.py` writes it anew."""

import re
from xml.etree import ElementTree as ET

import pytest

import shown
from support.cli import ROOT

STALE = "run .venv/bin/python tools/shown.py"
SVG = "{http://www.w3.org/2000/svg}"


def test_the_picture_is_current() -> None:
    assert shown.PICTURE.read_text() == shown.picture(), STALE


def test_the_picture_is_valid_and_tells_the_story() -> None:
    picture = ET.fromstring(shown.PICTURE.read_text())  # noqa: S314 (our own file)
    lines = ["".join(text.itertext()) for text in picture.iter(f"{SVG}text")]

    assert [line for line in lines if line.startswith("$ ")] == [
        "$ gitops-doca check",
        "$ gitops-doca diff main --stat",
        "$ gitops-doca generate",
    ]
    assert "1 pool added, 1 node moves" in lines
    assert max(map(len, lines)) <= 100


def test_the_readme_shows_the_picture() -> None:
    assert f"](docs/{shown.PICTURE.name})" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", ["diff", "matrix"])
def test_a_block_is_current(name: str) -> None:
    page = shown.PAGE.read_text()
    block = re.search(rf"<!-- begin {name} -->\n```\n(.*?)```\n<!-- end {name} -->", page, re.DOTALL)

    assert block is not None
    assert block[1] == shown.blocks()[name], STALE


def test_a_block_is_replaced_between_its_marks() -> None:
    page = "a\n<!-- begin diff -->\n```\nold\n```\n<!-- end diff -->\nb\n"

    assert shown.replace_block(page, "diff", "new\n") == page.replace("old", "new")


def test_colours_of_a_terminal_become_those_of_the_picture() -> None:
    assert shown._spans("\033[31m\033[1merror\033[0m: <a>") == (
        '<tspan fill="#ff7b72" font-weight="bold">error</tspan>: &lt;a&gt;'
    )
