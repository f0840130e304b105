"""The file gitops-doca.yaml, and how its settings, flags and defaults make one set."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gitops_doca.core.diagnostics import Place, Problems
from gitops_doca.core.model import API_VERSION
from gitops_doca.core.names import PROGRAM, is_subdomain
from gitops_doca.core.reference import InvalidReferenceError, parse_image
from gitops_doca.sources.file_root import FileRoot
from gitops_doca.sources.files import SMALL, STDIN, display_name, is_special
from gitops_doca.sources.planned_pools import read_plans
from gitops_doca.sources.reading.document import Document, drop_nulls, is_kind
from gitops_doca.sources.reading.reader import read_documents
from gitops_doca.sources.reading.schema import validate
from gitops_doca.sources.reading.selection import ALL

CONFIG_FILE = "gitops-doca.yaml"
KIND = "DriverGenerator"

DAEMON_SETS, POLICIES = "daemonsets", "policies"
"""What is emitted: driver DaemonSets, or the policies for an operator that makes them."""

DEFAULTS: Mapping[str, Any] = {
    "policies": (),
    "inventory": (),
    "lock": "",
    "namespace": "nvidia-network-operator",
    "initContainerImage": "",
    "openshift": "auto",
    "pinDigests": False,
    "updateStrategy": {"type": "OnDelete"},
    "annotations": {},
    "operatorNames": False,
    "planned": (),
    "ignoredTaints": (),
    "emit": DAEMON_SETS,
    "driverLabel": False,
    "strict": False,
    "allowEmpty": False,
}
"""The fields of `spec`, with defaults; `policies` and `inventory` are paths or documents, `planned` plans."""
NAME = "name"
"""The one setting that is no field of `spec`: what lock and compact inventory are named, as the config is."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting's value, and who set it."""

    value: Any
    origin: str
    """`default`, a flag, or the place in a file."""


Settings = Mapping[str, Setting]


def read_config(file: str, problems: Problems, file_root: FileRoot | None = None) -> dict[str, Setting]:
    """Read a generator config; what it sets, with paths made relative to the working directory."""
    documents = list(read_documents(file, ALL, problems, file_root, limit=SMALL))
    if not documents:
        if not problems.errors:
            place = Place(display_name(file, file_root))
            problems.error(f"holds no document; a config is one of kind {KIND}", place)
        return {}
    if len(documents) > 1:
        problems.error("holds more than one document; a config is one", documents[1].place())
        return {}
    folder = os.path.dirname(file)  # noqa: PTH120 (the path as its author wrote it)
    return read_generator(documents[0], folder, problems, file_root)


def read_generator(
    document: Document, folder: str, problems: Problems, file_root: FileRoot | None = None
) -> dict[str, Setting]:
    """Read a `DriverGenerator` whose paths are relative to a folder (empty: the working directory)."""
    if not is_kind(document, KIND):
        # Whatever else it is, nothing of it may be quoted.
        problems.error(
            f"is no config: one document of apiVersion {API_VERSION} and kind {KIND}", Place(document.file)
        )
        return {}
    drop_nulls(document.value)
    if not validate(document, "config", problems):
        return {}
    settings = {
        name: Setting(value, str(Place(document.file, document.place(("spec", name)).line)))
        for name, value in document.value.get("spec", {}).items()
    }
    for name in {"policies", "inventory"} & settings.keys():
        found = settings[name]
        paths = _sources(document, name, folder, problems, file_root)
        settings[name] = replace(found, value=tuple(paths))
    if "lock" in settings:
        lock = settings["lock"]
        place = document.place(("spec", "lock"))
        settings["lock"] = replace(lock, value=_path(lock.value, folder, place, problems, file_root))
    if "planned" in settings:
        settings["planned"] = replace(settings["planned"], value=read_plans(document, problems))
    _check_image(settings, document, problems)
    return settings | _name(document)


def effective(layers: Iterable[Mapping[str, Setting]]) -> Settings:
    """Merge layers, the first that sets a setting wins; what none sets has its default."""
    merged = {name: Setting(value, "default") for name, value in {**DEFAULTS, NAME: PROGRAM}.items()}
    for layer in reversed(list(layers)):
        merged |= layer
    return merged


def _name(document: Document) -> dict[str, Setting]:
    """Return the config's name if an object of Kubernetes may have it: a config may be called anything."""
    name = document.value.get("metadata", {}).get("name")
    if not isinstance(name, str) or not is_subdomain(name):
        return {}
    return {NAME: Setting(name, str(Place(document.file, document.place(("metadata", "name")).line)))}


def _sources(
    document: Document, name: str, folder: str, problems: Problems, file_root: FileRoot | None
) -> Iterable[str | Document]:
    value: str | Sequence[Any] = document.value["spec"][name]
    for number, source in enumerate([value] if isinstance(value, str) else value):
        path = ("spec", name, number)
        if isinstance(source, str):
            yield _path(source, folder, document.place(path), problems, file_root)
        else:
            yield Document(source, document.file, document.place(path).line, path)


def _path(source: str, folder: str, place: Place, problems: Problems, file_root: FileRoot | None) -> str:
    """Return a path as it is from the working directory; reports a device or a pipe, which may never end.

    What a boundary keeps out is not looked at here, but refused when it is opened.
    """
    # A file of that name: standard input is the caller's, not the repository's.
    path = os.path.join(folder, "./-" if source == STDIN else source)  # noqa: PTH118 (the same)
    if "\0" in path or (file_root is None and (os.path.isdir(path) or is_special(path))):  # noqa: PTH112 (the same)
        problems.error(f"{source!r} is no regular file", place)
    return path


def _check_image(settings: Mapping[str, Setting], document: Document, problems: Problems) -> None:
    image = settings["initContainerImage"].value if "initContainerImage" in settings else ""
    if image:
        try:
            parse_image(image)
        except InvalidReferenceError as error:
            problems.error(f"{image!r} {error}", document.place(("spec", "initContainerImage")))
