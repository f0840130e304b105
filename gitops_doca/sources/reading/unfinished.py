"""Recognise a file that is not finished: a template, a merge with conflicts, a pointer of Git LFS."""

import re

from gitops_doca.sources.reading.syntax import SyntaxProblem

LFS_POINTER = b"version https://git-lfs.github.com/spec/"
"""How a file begins whose content Git LFS has not fetched (the specification of its pointers)."""
TEMPLATE = "looks like a template that was not rendered"
"""What is said of a text for which `is_template` holds."""
RENDER = "render the template first, for example with helm template, and use its output"
"""What to do about it."""

_PLACEHOLDER = re.compile(r"\{\{|\{%|\$\{")
# Git writes seven of each at the start of a line; only the line in the middle has no label.
_CONFLICT = re.compile(rb"^(?:<{7} |>{7} |\|{7} |={7}\r?$)", re.MULTILINE)
_QUOTED = re.compile(r""""(?:[^"\\]|\\.)*"|'[^']*'""")
_MAX_LINE = 4096
_NOTICED = 2
"""Lines: that of the template and the next one, where YAML looks for the colon of a key."""


def is_template(text: str) -> bool:
    """Say whether a text has a placeholder of Helm, Jinja or envsubst."""
    return bool(_PLACEHOLDER.search(text))


def recognise(problem: SyntaxProblem, data: bytes) -> SyntaxProblem:
    """Return what is really wrong with a text that a reader refused, else the reader's own problem.

    `data` is the text as far as it was read.
    """
    conflict = _CONFLICT.search(data)
    if conflict:
        return SyntaxProblem(
            data.count(b"\n", 0, conflict.start()) + 1,
            "has the markers of a merge conflict",
            help="resolve the conflict, and remove the lines that begin with <<<<<<<, ======= and >>>>>>>",
        )
    line = _template_line(data, problem.line)
    return SyntaxProblem(line, TEMPLATE, help=RENDER) if line else problem


def _template_line(data: bytes, line: int) -> int:
    """Return the line on which a template made a reader stop at this line; 0: none did.

    That is a placeholder outside of quotes, where no YAML or JSON has one. A reader may notice it late.
    """
    lines = data.split(b"\n", line)[:line]
    for number in range(len(lines), max(0, line - _NOTICED), -1):
        text = lines[number - 1][:_MAX_LINE].decode(errors="replace")
        if is_template(_QUOTED.sub("", text).partition("#")[0]):
            return number
    return 0


def lfs_problem() -> SyntaxProblem:
    """Return what is wrong with a text that begins with `LFS_POINTER`."""
    return SyntaxProblem(
        1, "is a pointer of Git LFS; the file itself was not fetched", help="run: git lfs pull"
    )
