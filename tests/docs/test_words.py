"""Messages, help texts, docstrings, comments and pages use one term for one thing."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/*.md"))]
PROSE = [*PAGES, ROOT / "CHANGELOG.md", *ROOT.glob("deploy/**/*.md"), *ROOT.glob("fixtures/**/*.md")]
MODULES = [path for folder in ("gitops_doca", "tools", "deploy") for path in ROOT.glob(f"{folder}/**/*.py")]
OTHERS = [
    path
    for folder in ("tools", "deploy", "schemas")
    for path in ROOT.glob(f"{folder}/**/*")
    if path.suffix in {".json", ".md", ".sh", ".yaml", ".yml"} or path.name == "Dockerfile"
]
FILES = sorted([*PAGES, *MODULES, *OTHERS])

# What is written instead, by what is not.
BANNED = {
    re.compile(rf"\b{words}(?!\w)".replace(" ", r"\s+"), re.IGNORECASE): instead
    for words, instead in {
        r"to mend:": "help:",
        r"mend(s|ed|ing)?": "fix",
        r"renew\w*": "update",
        r"(take|takes|taken|taking|took) (\S+ )?away": "remove",
        r"(hold|holds|holding|held) (\S+ ){0,3}against": "match, differ, compare",
        r"(left|leave|leaves|leaving) (\S+ ){0,2}out": "skipped, omitted",
        r"(has|have|had) none": "missing, no precompiled image",
        r"left-out": "skipped",
        r"see that": "check that",
        r"one (change |decision |entry |folder |line )?a (pool|policy|cluster|file|line)": "one per …",
        r"cannot tell which": "unknown",
        r"snapshots?": "compact inventory",
        r"side[ -]cars?": "sidecar",
        r"insist(s|ed|ing)?": "fail if there is no …",
        r"is no config": "not a gitops-doca config",
        r"not asked, since": "is not in the allowed registries",
        r"not what was promised": "does not match the lock",
        r"(whoever|somebody|nobody|anybody)": "the user, the cluster, …",
    }.items()
}
# syrupy's word for the expected outputs of tests, and its option.
ALLOWED = {("CONTRIBUTING.md", "snapshot"), ("CONTRIBUTING.md", "snapshots")}

COLUMNS = 100


def comment_blocks(source: str) -> Iterator[tuple[int, str]]:
    """Give the comments, those of adjacent lines as one, with the line of each."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = [
        (token.start[0], token.string.lstrip("# ")) for token in tokens if token.type == tokenize.COMMENT
    ]
    for _, block in groupby(enumerate(comments), key=lambda item: item[1][0] - item[0]):
        lines = [comment for _, comment in block]
        yield lines[0][0], "\n".join(text for _, text in lines)


def strings(source: str) -> Iterator[tuple[int, str]]:
    """Give the docstrings and the other strings, with the line of each."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.JoinedStr(values=values):
                parts = [str(part.value) if isinstance(part, ast.Constant) else "{}" for part in values]
                yield node.lineno, "".join(parts)
            case ast.Constant(value=str(text)):
                yield node.lineno, text
            case _:
                pass


def passages(path: Path) -> Iterator[tuple[int, str]]:
    source = path.read_text()
    if path.suffix != ".py":
        yield 1, source
        return
    yield from comment_blocks(source)
    yield from strings(source)


def banned_words(path: Path) -> Iterator[str]:
    name = str(path.relative_to(ROOT))
    for start, text in passages(path):
        for pattern, instead in BANNED.items():
            for match in pattern.finditer(text):
                words = " ".join(match[0].split())
                if (name, words.lower()) not in ALLOWED:
                    line = start + text[: match.start()].count("\n")
                    yield f"{name}:{line}: {words!r}, write: {instead}"


def long_lines(page: Path) -> Iterator[str]:
    """Give the lines of prose that are too long: no table, no code, no single word such as an address."""
    code = False
    for number, line in enumerate(page.read_text().splitlines(), 1):
        code ^= line.lstrip().startswith("```")
        table_or_code = code or line.startswith(("|", "    ", ">     "))
        if len(line) > COLUMNS and not table_or_code and " " in line.strip():
            yield f"{page.name}:{number}: {len(line)} columns"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_one_term_is_used_for_one_thing(path: Path) -> None:
    assert sorted(set(banned_words(path))) == []


@pytest.mark.parametrize("page", PROSE, ids=lambda page: str(page.relative_to(ROOT)))
def test_prose_of_a_page_wraps_at_100_columns(page: Path) -> None:
    assert list(long_lines(page)) == []
