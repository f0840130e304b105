"""Cluster objects to types: nodes, ConfigMap keys, OpenShift's toolkit images and proxy."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from gitops_doca.core.diagnostics import Place, Problems
from gitops_doca.core.model import ClusterProxy, Inventory, Node, Taint
from gitops_doca.core.names import MAX_NAME, is_subdomain
from gitops_doca.core.reference import InvalidReferenceError, parse_image
from gitops_doca.core.taints import is_condition
from gitops_doca.sources.documents import read_documents
from gitops_doca.sources.located import Document, LocatedDict, Path
from gitops_doca.sources.selection import object_selection

_DTK = ("openshift", "driver-toolkit")
_KEY = re.compile(r"[-._a-zA-Z0-9]+")


def read_inventory(files: Iterable[str], labels: Iterable[str], problems: Problems) -> Inventory:
    """Read nodes and the other objects that rendering needs from files (`-`: standard input).

    `labels` are those that nodeSelectors name. Objects of other kinds are ignored.
    """
    reading = _Reading(problems)
    selection = object_selection(labels)
    for file in dict.fromkeys(files):
        for document in read_documents(file, selection, problems):
            reading.add(document)
    return reading.inventory()


class _Reading:
    """Takes objects one by one, and keeps of each what an `Inventory` needs."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._nodes: dict[str, Node] = {}
        self._config_maps: dict[tuple[str, str], tuple[str, ...]] = {}
        self._dtk_images: dict[str, str] | None = None
        self._proxy: ClusterProxy | None = None
        self._openshift = False

    def inventory(self) -> Inventory:
        return Inventory(
            nodes=tuple(node for _, node in sorted(self._nodes.items())),
            config_maps=self._config_maps,
            dtk_images=self._dtk_images,
            proxy=self._proxy,
            openshift_objects=self._openshift,
        )

    def add(self, document: Document) -> None:
        value = document.value
        if value is None:
            return
        if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
            self._problems.error(
                "is no Kubernetes object with apiVersion and kind",
                document.place(),
                remedy="give what kubectl get nodes -o yaml (or -o json) prints",
            )
            return
        group = str(value.get("apiVersion", "")).rpartition("/")[0]
        self._openshift |= group.endswith(".openshift.io")
        match group, value["kind"]:
            case "", "Node":
                self._add_node(document)
            case "", "ConfigMap":
                self._add_config_map(document)
            case "image.openshift.io", "ImageStream":
                self._add_image_stream(document)
            case "config.openshift.io", "Proxy":
                self._add_proxy(document)
            case _:
                pass

    def _add_node(self, document: Document) -> None:
        name = self._name(document)
        labels = self._strings(document, ("metadata", "labels"))
        taints = self._taints(document)
        runtime = _at(document.value, ("status", "nodeInfo", "containerRuntimeVersion"))
        if name is None or labels is None or taints is None:
            return
        if not is_subdomain(name):
            self._problems.error(f"{name!r} is no name of a node", document.place(("metadata", "name")))
            return
        node = Node(
            name=name,
            labels=labels,
            taints=taints,
            container_runtime=runtime.partition("://")[0] if isinstance(runtime, str) else "",
            place=document.place(),
            lines=_lines(document),
        )
        other = self._nodes.setdefault(name, node)
        if other != node:
            self._twice(f"node {name}", "labels, taints or container runtime", document, other.place)

    def _taints(self, document: Document) -> tuple[Taint, ...] | None:
        path: Path = ("spec", "taints")
        found = _at(document.value, path) or []
        fields = ("key", "value", "effect")
        valid = isinstance(found, list) and all(
            isinstance(taint, dict) and all(isinstance(taint.get(f), str | None) for f in fields)
            for taint in found
        )
        if not valid:
            self._problems.error("is no list of taints with key, value and effect", document.place(path))
            return None
        taints = (Taint(*(taint.get(f) or "" for f in fields)) for taint in found)
        # They come and go by themselves, so they are no part of what a node is.
        return tuple(
            sorted((t for t in taints if not is_condition(t)), key=lambda t: (t.key, t.effect, t.value))
        )

    def _add_config_map(self, document: Document) -> None:
        name = self._name(document)
        data = document.value.get("data")
        if name is None:
            return
        if not isinstance(data, dict | None):
            self._problems.error("is no mapping", document.place(("data",)))
            return
        namespace = _at(document.value, ("metadata", "namespace"))
        if not isinstance(namespace, str | None):
            self._problems.error("is no string", document.place(("metadata", "namespace")))
            return
        wrong = [key for key in data or {} if not _is_key(key)]
        for key in wrong:
            self._problems.error(f"{key!r} is no key of a ConfigMap", document.place(("data",)))
        if wrong:
            return
        key = (namespace or "", name)
        keys = tuple(sorted(data or {}))
        if self._config_maps.setdefault(key, keys) != keys:
            self._twice(f"ConfigMap {'/'.join(key)}", "keys", document, None)

    def _add_image_stream(self, document: Document) -> None:
        if (_at(document.value, ("metadata", "namespace")), self._name(document)) != _DTK:
            return
        images: dict[str, str] = {}
        tags = _at(document.value, ("spec", "tags")) or []
        if not isinstance(tags, list):
            self._problems.error("is no list", document.place(("spec", "tags")))
            return
        for number, tag in enumerate(tags):
            name, image = _at(tag, ("name",)), _at(tag, ("from", "name"))
            place = document.place(("spec", "tags", number))
            if not isinstance(name, str) or not isinstance(image, str):
                self._problems.error("the tag has no name and from.name, both strings", place)
            elif images.setdefault(name, image) != image:
                self._problems.error(f"the tag {name!r} stands twice with different images", place)
            elif not _is_image(image):
                self._problems.error(f"the image of tag {name!r} is no image reference", place)
        if self._dtk_images not in (None, images):
            self._twice("ImageStream openshift/driver-toolkit", "tags", document, None)
        self._dtk_images = images

    def _add_proxy(self, document: Document) -> None:
        if self._name(document) != "cluster":
            return
        settings = {}
        for name in ("httpProxy", "httpsProxy", "noProxy"):
            value = _at(document.value, ("spec", name))
            place = document.place(("spec", name))
            if not isinstance(value, str | None):
                self._problems.error("is no string", place)
                return
            value = value or ""
            if "@" in value.rpartition("://")[2].partition("/")[0]:
                self._problems.warn(
                    "the proxy's URL holds a user or password, which goes into the manifests", place
                )
            settings[name] = value
        proxy = ClusterProxy(
            http=settings["httpProxy"],
            https=settings["httpsProxy"],
            no_proxy=settings["noProxy"],
            trusted_ca=bool(_at(document.value, ("spec", "trustedCA", "name"))),
            place=document.place(),
        )
        if self._proxy not in (None, proxy):
            self._twice("Proxy cluster", "spec", document, None)
        self._proxy = proxy

    def _name(self, document: Document) -> str | None:
        name = _at(document.value, ("metadata", "name"))
        if isinstance(name, str) and name:
            return name
        kind = document.value["kind"]
        self._problems.error(f"the {kind} has no metadata.name", document.place(("metadata",)))
        return None

    def _strings(self, document: Document, path: Path) -> dict[str, str] | None:
        found = _at(document.value, path)
        if not isinstance(found, dict | None):
            self._problems.error("is no mapping", document.place(path))
            return None
        wrong = [key for key, value in (found or {}).items() if not isinstance(value, str)]
        for key in wrong:
            at = (*path, key)
            text = document.text(at)
            message = f'{text} is no string to YAML; put it in quotes: "{text}"'
            if isinstance(_at(found, (key,)), dict | list | None):
                message = "the label's value is no string"
            self._problems.error(message, document.place(at))
        return None if wrong else dict(found or {})

    def _twice(self, what: str, differs: str, document: Document, first: Place | None) -> None:
        where = f"; the first is at {first}" if first else ""
        self._problems.error(
            f"{what} stands twice with different {differs}{where}",
            document.place(),
            remedy="keep the newer one: take one inventory of the whole cluster",
        )


def _is_key(key: str) -> bool:
    """Apply Kubernetes' rule for keys of a ConfigMap: each becomes the name of a file."""
    return (
        len(key) <= MAX_NAME and _KEY.fullmatch(key) is not None and not key.startswith("..") and key != "."
    )


def _is_image(text: str) -> bool:
    try:
        parse_image(text)
    except InvalidReferenceError:
        return False
    return True


def _lines(document: Document) -> Mapping[str, int]:
    """Return the lines of a node's labels; YAML's reader alone knows them."""
    labels = _at(document.value, ("metadata", "labels"))
    return {key: labels.lines[key] for key in labels} if isinstance(labels, LocatedDict) else {}


def _at(value: Any, path: Path) -> Any:  # noqa: ANN401 (any part of a document)
    for step in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(step)
    return value
