"""A folder of rendered manifests to the objects in it that gitops-doca rendered."""

import os
from collections.abc import Iterator

from gitops_doca.core.diagnostics import Problems
from gitops_doca.core.model import Resource
from gitops_doca.core.render.metadata import MANAGED_BY
from gitops_doca.core.rendered import at
from gitops_doca.sources.documents import read_documents
from gitops_doca.sources.selection import ALL

_POLICIES = ("NicClusterPolicy", "NicNodePolicy")
_SUFFIXES = (".yaml", ".yml", ".json")


def read_manifests(folder: str, problems: Problems) -> tuple[Resource, ...]:
    """Read all YAML and JSON below a folder; objects without our label are ignored.

    Reports what cannot be read, and an object that stands twice.
    """
    found: dict[tuple[str, str, str], Resource] = {}
    for file in _files(folder):
        for document in read_documents(file, ALL, problems):
            value = document.value
            if not _is_ours(value):
                continue
            named = (
                value.get("kind"),
                at(value, "metadata", "namespace") or "",
                at(value, "metadata", "name"),
            )
            if not all(isinstance(part, str) for part in named):
                problems.error("is an object without kind or name", document.place())
            elif found.setdefault(named, value) is not value:
                problems.error(f"{named[0]} {named[2]} stands twice in {folder}", document.place())
    return tuple(found.values())


def _is_ours(value: object) -> bool:
    """Say whether gitops-doca wrote an object: a policy with a driver has no place beside DaemonSets."""
    labelled = at(value, "metadata", "labels", MANAGED_BY) == "gitops-doca"
    return labelled or (at(value, "kind") in _POLICIES and at(value, "spec", "ofedDriver") is not None)


def _files(folder: str) -> Iterator[str]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if name.endswith(_SUFFIXES) and not name.startswith("."):
                yield os.path.normpath(os.path.join(parent, name))  # noqa: PTH118 (as its author wrote it)
