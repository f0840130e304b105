"""The summary of a step on GitHub: a file that collects Markdown, which the workflow's page shows."""

import os
from collections.abc import Callable
from pathlib import Path

from gitops_doca.core.diagnostics import Problems

VARIABLE = "GITHUB_STEP_SUMMARY"
LIMIT = 1 << 20
"""Bytes that GitHub takes of a step; of a larger file it shows nothing."""
_CUT = "\n... cut: a summary holds 1 MiB\n"


def summarize(markdown: Callable[[], str], problems: Problems) -> None:
    """Append a document to the file that `GITHUB_STEP_SUMMARY` names, if it does.

    What is too much is cut at a line's end. A file that cannot be written is a warning.
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
