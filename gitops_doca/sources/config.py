"""Read gitops-doca.yaml, and merge the settings of a run."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, replace
from typing import Any, Literal

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.diagnostics import Place, Problems
from gitops_doca.core.model import API_VERSION, Companion, PlannedPool
from gitops_doca.core.names import PROGRAM, is_subdomain
from gitops_doca.core.reference import InvalidReferenceError, parse_image, without_login
from gitops_doca.sources.companions import read_companions, read_fallback_versions, report_empty_selectors
from gitops_doca.sources.file_root import FileRoot
from gitops_doca.sources.files import SMALL, STDIN, display_name, is_special
from gitops_doca.sources.planned_pools import read_plans
from gitops_doca.sources.reading.document import Document, drop_nulls, is_kind
from gitops_doca.sources.reading.reader import read_documents, read_text
from gitops_doca.sources.reading.schema import validate
from gitops_doca.sources.reading.selection import ALL

CONFIG_FILE = "gitops-doca.yaml"
KIND = "DriverGenerator"

DAEMON_SETS: Literal["daemonsets"] = "daemonsets"
POLICIES: Literal["policies"] = "policies"
"""The output: driver DaemonSets, or the policies for an operator that makes them."""

DEFAULT = "default"
"""The origin of a setting that nothing sets."""


@dataclass(frozen=True, kw_only=True)
class UpdateStrategy:
    """How the DaemonSets replace pods, in the words of Kubernetes."""

    type: str = "OnDelete"
    max_unavailable: str | int | None = None

    def __str__(self) -> str:
        limit = "" if self.max_unavailable is None else f", maxUnavailable={self.max_unavailable}"
        return f"type={self.type}{limit}"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The fields of `spec`, with their defaults: those of one source, or of all sources merged."""

    policies: tuple[str | Document, ...] = ()
    inventory: tuple[str, ...] = ()
    lock: str = ""
    namespace: str = "nvidia-network-operator"
    init_container_image: str = ""
    openshift: bool | Literal["auto"] = "auto"
    pin_digests: bool = False
    update_strategy: UpdateStrategy = UpdateStrategy()
    annotations: Mapping[str, str] = field(default_factory=dict)
    operator_names: bool = False
    planned: tuple[PlannedPool, ...] = ()
    fallback_versions: tuple[str, ...] = ()
    companions: tuple[Companion, ...] = ()
    ignored_taints: tuple[str, ...] = ()
    emit: Literal["daemonsets", "policies"] = DAEMON_SETS
    driver_label: bool = False
    strict: bool = False
    allow_empty: bool = False
    name: str = PROGRAM
    """The only setting outside of `spec`: the name of lock and compact inventory."""
    origins: Mapping[str, str] = field(default_factory=dict)
    """The origin of each setting that is set, by field: a flag, or the place in a file."""

    @property
    def emits_policies(self) -> bool:
        """Whether policies are emitted, and the operator makes the DaemonSets."""
        return self.emit == POLICIES

    def origin(self, name: str) -> str:
        """Return the origin of a setting; `DEFAULT` when it is not set."""
        return self.origins.get(name, DEFAULT)


FIELDS: Mapping[str, str] = {
    "policies": "policies",
    "inventory": "inventory",
    "lock": "lock",
    "namespace": "namespace",
    "initContainerImage": "init_container_image",
    "openshift": "openshift",
    "pinDigests": "pin_digests",
    "updateStrategy": "update_strategy",
    "annotations": "annotations",
    "operatorNames": "operator_names",
    "planned": "planned",
    "fallbackVersions": "fallback_versions",
    "companions": "companions",
    "ignoredTaints": "ignored_taints",
    "emit": "emit",
    "driverLabel": "driver_label",
    "strict": "strict",
    "allowEmpty": "allow_empty",
}
"""The fields of `spec`, each with its name in `Settings`."""


def merge(sources: Iterable[Settings]) -> Settings:
    """Merge the settings of several sources; the first that has a setting wins."""
    merged = Settings()
    for source in reversed(list(sources)):
        values = {name: getattr(source, name) for name in source.origins}
        merged = replace(merged, **values, origins={**merged.origins, **source.origins})
    return merged


def read_config(file: str, problems: Problems, file_root: FileRoot | None = None) -> Settings:
    """Read the settings of a config; paths become relative to the working directory."""
    documents = list(read_documents(file, ALL, problems, file_root, limit=SMALL))
    return _read(documents, file, problems, file_root)


def read_config_text(data: bytes, file: str, problems: Problems) -> Settings:
    """Read a text that is to become the content of a config."""
    return _read(list(read_text(data, file, ALL, problems)), file, problems)


def _read(
    documents: Sequence[Document], file: str, problems: Problems, file_root: FileRoot | None = None
) -> Settings:
    if not documents:
        if not problems.errors:
            place = Place(display_name(file, file_root))
            problems.error(f"has no document; expected one of kind {KIND}", place)
        return Settings()
    if len(documents) > 1:
        problems.error("has more than one document; a config is one", documents[1].place())
        return Settings()
    folder = os.path.dirname(file)  # noqa: PTH120 (the path as its author wrote it)
    return read_generator(documents[0], folder, problems, file_root)


def read_generator(
    document: Document, folder: str, problems: Problems, file_root: FileRoot | None = None
) -> Settings:
    """Read a `DriverGenerator` whose paths are relative to a folder (empty: the working directory)."""
    if not is_kind(document, KIND):
        # It may be any file, so its content must not be quoted.
        problems.error(
            f"not a gitops-doca config: expected kind {KIND}",
            Place(document.file),
            help=f"write apiVersion: {API_VERSION} and kind: {KIND}",
        )
        return Settings()
    report_empty_selectors(document, problems)
    drop_nulls(document.value)
    if not validate(document, "config", problems):
        return Settings()
    readers: Mapping[str, Callable[[], object]] = {
        "policies": lambda: tuple(_sources(document, "policies", folder, problems, file_root)),
        "inventory": lambda: tuple(_sources(document, "inventory", folder, problems, file_root)),
        "lock": lambda: _lock(document, folder, problems, file_root),
        "updateStrategy": lambda: _update_strategy(document.value["spec"]["updateStrategy"]),
        "planned": lambda: tuple(read_plans(document, problems)),
        "fallbackVersions": lambda: read_fallback_versions(document, problems),
        "companions": lambda: tuple(read_companions(document, problems)),
        "ignoredTaints": lambda: tuple(document.value["spec"]["ignoredTaints"]),
    }
    spec = document.value.get("spec", {})
    values: dict[str, Any] = {
        FIELDS[name]: readers[name]() if name in readers else value for name, value in spec.items()
    }
    origins = {FIELDS[name]: _line(document, "spec", name) for name in spec}
    settings = Settings(**values, origins=origins)
    _check_image(settings.init_container_image, document, problems)
    return _named(settings, document)


def _line(document: Document, *path: str) -> str:
    return str(Place(document.file, document.place(path).line))


def _named(settings: Settings, document: Document) -> Settings:
    """Use the config's name if a Kubernetes object may have it: a config's may be any text."""
    name = document.value.get("metadata", {}).get("name")
    if not isinstance(name, str) or not is_subdomain(name):
        return settings
    return replace(
        settings, name=name, origins={**settings.origins, "name": _line(document, "metadata", "name")}
    )


def _lock(document: Document, folder: str, problems: Problems, file_root: FileRoot | None) -> str:
    place = document.place(("spec", "lock"))
    return _path(document.value["spec"]["lock"], folder, place, problems, file_root)


def _update_strategy(strategy: Mapping[str, Any]) -> UpdateStrategy:
    return UpdateStrategy(type=strategy["type"], max_unavailable=strategy.get("maxUnavailable"))


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
    """Return a path relative to the working directory; reports devices and pipes.

    With a file root nothing is checked here: the root refuses the file when it is opened.
    """
    # A file of that name: only the caller may use stdin, not a repository.
    path = os.path.join(folder, "./-" if source == STDIN else source)  # noqa: PTH118 (the same)
    if "\0" in path or (file_root is None and (os.path.isdir(path) or is_special(path))):  # noqa: PTH112 (the same)
        problems.error(f"{source!r} is not a regular file", place)
    return path


def _check_image(image: str, document: Document, problems: Problems) -> None:
    if image:
        try:
            parse_image(image)
        except InvalidReferenceError as error:
            problems.error(
                f"{without_login(image)!r} {error}", document.place(("spec", "initContainerImage"))
            )
