"""Format the difference of one object as a unified diff."""

import difflib

from gitops_doca.core.compare.changes import ObjectChange
from gitops_doca.core.model import Resource
from gitops_doca.emit.escape import diff_name
from gitops_doca.emit.yaml import dump_stream


def unified_lines(change: ObjectChange, base: str) -> list[str]:
    """Return the lines, without line ends; ASCII except for the names in the first two."""
    path = "/".join(part for part in change.key if part)
    return list(
        difflib.unified_diff(
            _lines(change.before),
            _lines(change.after),
            fromfile=diff_name(f"{base}:{path}") if change.before else "/dev/null",
            tofile=diff_name(path) if change.after else "/dev/null",
            lineterm="",
        )
    )


def _lines(resource: Resource | None) -> list[str]:
    return dump_stream([resource]).splitlines()[1:] if resource else []
