"""Write the list of rooms and modules in docs/architecture.md, from their docstrings."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- rooms -->\n", "<!-- end of rooms -->\n"
WIDTH = 100
_ROOMS = ("cli", "usecases", "cluster", "registry", "sources", "emit", "net", "core")


def main() -> None:
    """Update the page with what the docstrings say now."""
    PAGE.write_text(replace_rooms(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def replace_rooms(page: str) -> str:
    """Return the page with a new list between its two marks."""
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n{list_rooms()}\n{END}{after}"


def list_rooms() -> str:
    """Return for each room what it is for, and a line for each of its modules."""
    return "\n".join("\n".join(_room(folder)) for folder in _folders())


def _folders() -> Iterator[Path]:
    for room in _ROOMS:
        top = ROOT / "gitops_doca" / room
        yield top
        yield from sorted(path.parent for path in top.glob("*/**/__init__.py"))


def _room(folder: Path) -> Iterator[str]:
    name = folder.relative_to(ROOT / "gitops_doca")
    yield f"**`{name}/`** {_sentence(folder / '__init__.py')}\n"
    modules = [path for path in sorted(folder.glob("*.py")) if path.name != "__init__.py"]
    if modules:
        width = max(len(path.stem) for path in modules)
        yield "```text"
        yield from (f"{path.stem.ljust(width)}  {_sentence(path)}" for path in modules)
        yield "```\n"


def _sentence(file: Path) -> str:
    """Return the first line of a module's docstring."""
    docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0]


if __name__ == "__main__":
    main()
