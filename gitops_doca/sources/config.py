"""The file gitops-doca.yaml, and how its settings, flags and defaults make one set."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gitops_doca.core.diagnostics import Place, Problems
from gitops_doca.core.reference import InvalidReferenceError, parse_image
from gitops_doca.sources.documents import read_documents
from gitops_doca.sources.files import STDIN
from gitops_doca.sources.located import Document, drop_nulls
from gitops_doca.sources.schema import validate
from gitops_doca.sources.selection import ALL

CONFIG_FILE = "gitops-doca.yaml"
KIND = "DriverGenerator"

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
    "strict": False,
    "allowEmpty": False,
}
"""Every setting, with its default; `policies` and `inventory` hold paths or documents."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting's value, and who set it."""

    value: Any
    origin: str
    """`default`, a flag, or the place in a file."""


Settings = Mapping[str, Setting]


def read_config(file: str, problems: Problems) -> dict[str, Setting]:
    """Read a generator config; what it sets, with paths made relative to the working directory."""
    documents = list(read_documents(file, ALL, problems))
    if not documents:
        if not problems.errors:
            problems.error(f"holds no document; a config is one of kind {KIND}", Place(file))
        return {}
    if len(documents) > 1:
        problems.error("holds more than one document; a config is one", documents[1].place())
        return {}
    document = documents[0]
    drop_nulls(document.value)
    if not validate(document, "config", problems):
        return {}
    settings = {
        name: Setting(value, str(Place(file, document.place(("spec", name)).line)))
        for name, value in document.value.get("spec", {}).items()
    }
    folder = os.path.dirname(file)  # noqa: PTH120 (the path as its author wrote it)
    for name in {"policies", "inventory"} & settings.keys():
        found = settings[name]
        settings[name] = replace(found, value=tuple(_sources(document, name, found.value, folder)))
    if "lock" in settings:
        lock = settings["lock"]
        settings["lock"] = replace(lock, value=os.path.join(folder, lock.value))  # noqa: PTH118 (the same)
    _check_image(settings, document, problems)
    return settings


def effective(layers: Iterable[Mapping[str, Setting]]) -> Settings:
    """Merge layers, the first that sets a setting wins; what none sets has its default."""
    merged = {name: Setting(value, "default") for name, value in DEFAULTS.items()}
    for layer in reversed(list(layers)):
        merged |= layer
    return merged


def _sources(
    document: Document, name: str, value: str | Sequence[Any], folder: str
) -> Iterable[str | Document]:
    for number, source in enumerate([value] if isinstance(value, str) else value):
        if isinstance(source, str):
            # A file of that name: standard input is the caller's, not the repository's.
            name_of_file = "./-" if source == STDIN else source
            yield os.path.join(folder, name_of_file)  # noqa: PTH118 (the same)
        else:
            path = ("spec", name, number)
            yield Document(source, document.file, document.place(path).line, path)


def _check_image(settings: Mapping[str, Setting], document: Document, problems: Problems) -> None:
    image = settings["initContainerImage"].value if "initContainerImage" in settings else ""
    if image:
        try:
            parse_image(image)
        except InvalidReferenceError as error:
            problems.error(f"{image!r} {error}", document.place(("spec", "initContainerImage")))
