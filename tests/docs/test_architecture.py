"""docs/architecture.md against the package."""

import ast
import re

import rooms
from support.cli import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_the_list_of_rooms_and_modules_is_current() -> None:
    assert rooms.replace_rooms(PAGE) == PAGE, "run: python tools/rooms.py"


def test_no_line_of_the_list_is_longer_than_a_screen() -> None:
    assert [line for line in PAGE.splitlines() if len(line) > rooms.WIDTH] == []


def test_every_room_and_module_that_the_page_names_exists() -> None:
    before = PAGE.partition(rooms.BEGIN)[0]
    named = re.findall(r"`((?:core|cli|emit|net|registry|cluster|sources|usecases|schemas)/[\w/.]*)`", before)

    assert named
    assert [
        name for name in named if not any((top / name).exists() for top in (ROOT, ROOT / "gitops_doca"))
    ] == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        path
        for path in sorted((ROOT / "gitops_doca").rglob("*.py"))
        if not (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").strip()
    ]

    assert silent == []
