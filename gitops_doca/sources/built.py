"""A built stream, such as kustomize's output, to the DaemonSets in it."""

from collections.abc import Iterator, Mapping
from typing import Any

from gitops_doca.core.diagnostics import Problems
from gitops_doca.core.model import MAIN_CONTAINER
from gitops_doca.core.render.daemonset import POOL_ANNOTATION, SOURCE_ANNOTATION
from gitops_doca.core.verify import Built, BuiltDaemonSet
from gitops_doca.sources.documents import read_documents
from gitops_doca.sources.located import is_policy
from gitops_doca.sources.selection import ALL, KEYS, NOTHING, REST, Selection

_CONTAINERS: Selection = {"name": ALL, "image": ALL, REST: NOTHING}
_SELECTION: Selection = {
    "apiVersion": ALL,
    "kind": ALL,
    "metadata": {
        "name": ALL,
        "namespace": ALL,
        "annotations": {POOL_ANNOTATION: ALL, SOURCE_ANNOTATION: ALL, REST: NOTHING},
        REST: NOTHING,
    },
    "spec": {
        "template": {"spec": {"containers": _CONTAINERS, REST: NOTHING}, REST: NOTHING},
        "ofedDriver": KEYS,
        REST: NOTHING,
    },
    REST: NOTHING,
}


def read_built(name: str, problems: Problems) -> Built:
    """Read a stream (`-`: standard input).

    An empty stream is no problem here: what that means is for the caller to say.
    """
    documents = list(read_documents(name, _SELECTION, problems, may_be_empty=True))
    return Built(
        objects=len(documents),
        daemon_sets=tuple(_daemon_sets(document.value for document in documents)),
        drivers=tuple(
            "/".join((document.value["kind"], _text(_mapping(document.value, "metadata"), "name")))
            for document in documents
            if is_policy(document) and _mapping(document.value, "spec").get("ofedDriver") is not None
        ),
    )


def _daemon_sets(values: Iterator[Any]) -> Iterator[BuiltDaemonSet]:
    for value in values:
        if isinstance(value, dict) and value.get("kind") == "DaemonSet":
            meta = _mapping(value, "metadata")
            annotations = _mapping(meta, "annotations")
            yield BuiltDaemonSet(
                name=_text(meta, "name"),
                namespace=_text(meta, "namespace"),
                pool=_text(annotations, POOL_ANNOTATION),
                source=_text(annotations, SOURCE_ANNOTATION),
                image=_image(_mapping(_mapping(_mapping(value, "spec"), "template"), "spec")),
            )


def _image(pod: Mapping[str, Any]) -> str:
    containers = pod.get("containers")
    for container in containers if isinstance(containers, list) else ():
        if isinstance(container, dict) and container.get("name") == MAIN_CONTAINER:
            return _text(container, "image")
    return ""


def _mapping(parent: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = parent.get(key)
    return value if isinstance(value, dict) else {}


def _text(parent: Mapping[str, Any], key: str) -> str:
    value = parent.get(key)
    return value if isinstance(value, str) else ""
