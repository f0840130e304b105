"""Append to the step summary of a GitHub workflow."""

import os
from collections.abc import Callable
from pathlib import Path

from gitops_doca.core.diagnostics import Problems

VARIABLE = "GITHUB_STEP_SUMMARY"
LIMIT = 1 << 20
"""The limit of GitHub for a step, in bytes; a larger file is not shown at all."""
_CUT = "\n... cut: a summary holds 1 MiB\n"


def summarize(markdown: Callable[[], str], problems: Problems) -> None:
    """Append a document to the file that `GITHUB_STEP_SUMMARY` names, if it is set.

    A text over the limit is cut at the end of a line. A file that cannot be written is a warning.
    """
    name = os.environ.get(VARIABLE)
    if not name:
        return
    text = markdown()
    try:
        with Path(name).open("ab") as file:
            start = "\n" if file.tell() else ""
            file.write(_fit(start + text, LIMIT - file.tell()))
    except (OSError, ValueError) as error:
        why = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "I/O error"
        problems.warn(f"the summary in ${VARIABLE} could not be written: {why}")


def _fit(text: str, room: int) -> bytes:
    data = text.encode(errors="backslashreplace")
    if len(data) <= room:
        return data
    room -= len(_CUT)
    end = data.rfind(b"\n", 0, max(room, 0)) + 1
    return data[:end] + _CUT.encode() if end else b""
