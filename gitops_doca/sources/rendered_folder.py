"""Read the objects that gitops-doca rendered from a folder of manifests."""

import os
from collections.abc import Iterator

from gitops_doca.core.diagnostics import Place, Problems
from gitops_doca.core.model import Resource
from gitops_doca.core.names import PROGRAM, is_dns_label, is_kind_name, is_object_name
from gitops_doca.core.paths import value_at
from gitops_doca.core.render.metadata import MANAGED_BY
from gitops_doca.sources.file_root import FileRoot
from gitops_doca.sources.reading.reader import read_documents
from gitops_doca.sources.reading.selection import ALL

_POLICIES = ("NicClusterPolicy", "NicNodePolicy")
_SUFFIXES = (".yaml", ".yml", ".json")


def read_rendered_folder(folder: str, problems: Problems) -> tuple[Resource, ...]:
    """Read all YAML and JSON below a folder; objects without our label are ignored.

    Reports what cannot be read, what is not a regular file, a link that leads out, an object that
    Kubernetes would not take by its name, and one that appears twice. Links to folders are not
    followed, with a warning.
    """
    resources: dict[tuple[str, str, str], Resource] = {}
    root = os.path.abspath(folder)  # noqa: PTH100 (links stay)
    file_root = FileRoot(root, called="the folder", folder=os.path.normpath(folder))
    for file in _files(file_root, problems):
        for document in read_documents(file, ALL, problems, file_root):
            value = document.value
            if not _is_ours(value):
                continue
            named = (
                value.get("kind"),
                value_at(value, "metadata", "namespace") or "",
                value_at(value, "metadata", "name"),
            )
            if not all(isinstance(part, str) for part in named):
                problems.error("is an object without kind or name", document.place())
            elif not _is_named(*named):
                problems.error(
                    "the object has a kind, name or namespace that Kubernetes does not allow",
                    document.place(),
                )
            elif resources.setdefault(named, value) is not value:
                problems.error(f"{named[0]} {named[2]} appears twice in {folder}", document.place())
    return tuple(resources.values())


def _is_ours(value: object) -> bool:
    """Say whether gitops-doca wrote an object; policies with a driver are not ours."""
    labelled = value_at(value, "metadata", "labels", MANAGED_BY) == PROGRAM
    return labelled or (
        value_at(value, "kind") in _POLICIES and value_at(value, "spec", "ofedDriver") is not None
    )


def _is_named(kind: str, namespace: str, name: str) -> bool:
    # Kind, namespace and name become the path in the head of a diff.
    return is_kind_name(kind) and is_object_name(name) and (not namespace or is_dns_label(namespace))


def _files(file_root: FileRoot, problems: Problems) -> Iterator[str]:
    """Yield the names of possible manifests in the folder and below."""

    def report(error: OSError) -> None:
        why = os.strerror(error.errno) if error.errno else "I/O error"
        place = Place(file_root.shown(os.path.relpath(error.filename, file_root.root)))
        problems.error(f"cannot be read: {why}", place)

    for parent, folders, files in os.walk(file_root.root, onerror=report):
        below = os.path.relpath(parent, file_root.root)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in folders:
            if os.path.islink(os.path.join(parent, name)):  # noqa: PTH114, PTH118 (start-up counts)
                place = Place(file_root.shown(os.path.join(below, name)))  # noqa: PTH118
                problems.warn("is a link to a folder, which is not followed", place)
        for name in sorted(files):
            if name.endswith(_SUFFIXES) and not name.startswith("."):
                yield os.path.join(below, name)  # noqa: PTH118
