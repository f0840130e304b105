"""Recognise unfinished files: templates, merge conflicts, pointers of Git LFS."""

import re

from gitops_doca.sources.reading.syntax import SyntaxProblem

LFS_POINTER = b"version https://git-lfs.github.com/spec/"
"""The start of a pointer file of Git LFS, by its specification."""
TEMPLATE = "looks like a template that was not rendered"
"""The message for a text for which `is_template` holds."""
RENDER = "render the template first, for example with helm template, and use its output"
"""The help for it."""

_PLACEHOLDER = re.compile(r"\{\{|\{%|\$\{")
# Git writes seven of each at the start of a line; only the line in the middle has no label.
_CONFLICT = re.compile(rb"^(?:<{7} |>{7} |\|{7} |={7}\r?$)", re.MULTILINE)
_QUOTED = re.compile(r""""(?:[^"\\]|\\.)*"|'[^']*'""")
_MAX_LINE = 4096
_NOTICED = 2
"""Lines: that of the placeholder and the next, where YAML expects the colon of a key."""


def is_template(text: str) -> bool:
    """Say whether a text has a placeholder of Helm, Jinja or envsubst."""
    return bool(_PLACEHOLDER.search(text))


def recognise(problem: SyntaxProblem, data: bytes) -> SyntaxProblem:
    """Return the real problem of a text that a reader refused, or else the reader's own.

    `data` is the text read so far.
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
    """Return the line of the placeholder that made a reader stop at this line; 0: there is none.

    It is outside of quotes, where YAML and JSON have no such text. A reader may notice it late.
    """
    lines = data.split(b"\n", line)[:line]
    for number in range(len(lines), max(0, line - _NOTICED), -1):
        text = lines[number - 1][:_MAX_LINE].decode(errors="replace")
        if is_template(_QUOTED.sub("", text).partition("#")[0]):
            return number
    return 0


def lfs_problem() -> SyntaxProblem:
    """Return the problem of a text that begins with `LFS_POINTER`."""
    return SyntaxProblem(
        1, "is a pointer of Git LFS; the file itself was not fetched", help="run: git lfs pull"
    )
