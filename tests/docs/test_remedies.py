"""Messages name what an installed program has: a command, a flag, an address; no file of the source."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitops_doca.core.documentation import ADDRESS, page

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(ROOT.glob("gitops_doca/**/*.py"))
SOURCE = re.compile(r"(?<![\w./-])(docs|deploy|fixtures|tests|tools|schemas)/[\w.-]|\b[\w-]+\.md\b")
CALL = re.compile(r"\bpage\(\s*[\"']([\w-]+)[\"']\s*\)")


def messages(module: Path) -> Iterator[tuple[int, str]]:
    """Give the strings of a module, with the line of each; docstrings are not for users."""
    tree = ast.parse(module.read_text())
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_message_names_a_file_of_the_source(module: Path) -> None:
    assert [one for one in messages(module) if SOURCE.search(one[1])] == []


def test_a_page_that_messages_name_exists() -> None:
    named = {name for module in MODULES for name in CALL.findall(module.read_text())}

    assert named >= {"beside-the-operator"}
    assert {name for name in named if not (ROOT / "docs" / f"{name}.md").is_file()} == set()


def test_the_address_stands_in_one_place() -> None:
    assert page("live") == f"{ADDRESS}/live"
    assert [path.name for path in MODULES if ADDRESS in path.read_text()] == ["documentation.py"]
