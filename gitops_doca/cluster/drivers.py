"""Read the driver DaemonSets and driver pods of a namespace."""

from collections.abc import Mapping
from typing import Any

from gitops_doca.cluster.api import ApiServer
from gitops_doca.cluster.listing import list_all
from gitops_doca.cluster.request import list_request
from gitops_doca.core.compare.rendered import driver_image
from gitops_doca.core.compare.status import AppliedDaemonSet, DriverPod, Drivers
from gitops_doca.core.model import DRIVER_LABEL, OUR_DRIVER
from gitops_doca.core.names import PROGRAM
from gitops_doca.core.paths import text_at, value_at
from gitops_doca.core.render.daemonset import POOL_ANNOTATION
from gitops_doca.core.render.metadata import MANAGED_BY
from gitops_doca.sources.reading.selection import ALL, Selection

_HASH, _GENERATION = "controller-revision-hash", "pod-template-generation"
_TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"
_OWNERS: Mapping[str, Selection] = {"kind": ALL, "name": ALL, "controller": ALL}
_DAEMON_SET: Selection = {
    "metadata": {
        "name": ALL,
        "generation": ALL,
        "labels": {MANAGED_BY: ALL, DRIVER_LABEL: ALL},
        "annotations": {_TEMPLATE_GENERATION: ALL, POOL_ANNOTATION: ALL},
    },
    "spec": {"selector": ALL, "template": ALL, "updateStrategy": ALL},
    "status": {"observedGeneration": ALL},
}
_REVISION: Selection = {
    "metadata": {"name": ALL, "labels": {_HASH: ALL}, "ownerReferences": _OWNERS},
    "revision": ALL,
}
_POD: Selection = {
    "metadata": {
        "name": ALL,
        "deletionTimestamp": ALL,
        "labels": {_HASH: ALL, _GENERATION: ALL},
        "ownerReferences": _OWNERS,
    },
    "spec": {"nodeName": ALL, "containers": {"name": ALL, "image": ALL}},
    "status": {"conditions": {"type": ALL, "status": ALL}},
}


def read_drivers(server: ApiServer, namespace: str, page: int) -> Drivers:
    """Return the objects with the driver label, ours and the operator's; raises `ApiRequestError`.

    The current revision of a DaemonSet is the one that its controller uses: the highest number,
    once the controller has observed the newest generation of the DaemonSet.
    """
    revisions = _list(server, "controllerrevisions", "apps/v1", namespace, page, _REVISION)
    applied = _list(server, "daemonsets", "apps/v1", namespace, page, _DAEMON_SET)
    pods = _list(server, "pods", "", namespace, page, _POD)
    current: dict[str, tuple[int, str]] = {}
    for revision in revisions:
        number = value_at(revision, "revision")
        numbered = (number if isinstance(number, int) else 0, text_at(revision, "metadata", "labels", _HASH))
        owner = _owner(revision)
        current[owner] = max(numbered, current.get(owner, numbered))
    return Drivers(
        daemon_sets={
            text_at(one, "metadata", "name"): _daemon_set(
                one, current.get(text_at(one, "metadata", "name"), (0, ""))[1]
            )
            for one in applied
        },
        pods=tuple(_pod(one) for one in pods),
    )


def _list(
    server: ApiServer, resource: str, group: str, namespace: str, page: int, selection: Selection
) -> list[Any]:
    query: dict[str, str | int] = {"labelSelector": DRIVER_LABEL, "limit": page}
    request = list_request(resource, group=group, namespace=namespace, query=query)
    return [document.value for document in list_all(server, request, selection, resource)]


def _daemon_set(value: object, revision: str) -> AppliedDaemonSet:
    seen = value_at(value, "status", "observedGeneration") == value_at(value, "metadata", "generation")
    return AppliedDaemonSet(
        spec=value_at(value, "spec") or {},
        revision=revision if seen else "",
        generation=text_at(value, "metadata", "annotations", _TEMPLATE_GENERATION),
        pool=text_at(value, "metadata", "annotations", POOL_ANNOTATION),
        is_ours=_is_ours(value_at(value, "metadata", "labels")),
    )


def _is_ours(labels: object) -> bool:
    """Say whether we rendered a DaemonSet; one label is enough: kustomize may change the other."""
    return text_at(labels, MANAGED_BY) == PROGRAM or text_at(labels, DRIVER_LABEL) == OUR_DRIVER


def _pod(value: object) -> DriverPod:
    return DriverPod(
        name=text_at(value, "metadata", "name"),
        node=text_at(value, "spec", "nodeName"),
        daemon_set=_owner(value),
        image=driver_image(value_at(value, "spec")),
        revision=text_at(value, "metadata", "labels", _HASH),
        generation=text_at(value, "metadata", "labels", _GENERATION),
        ready=any(
            (value_at(condition, "type"), value_at(condition, "status")) == ("Ready", "True")
            for condition in _items(value_at(value, "status", "conditions"))
        ),
        terminating=value_at(value, "metadata", "deletionTimestamp") is not None,
    )


def _owner(value: object) -> str:
    """Return the name of the DaemonSet that controls an object; empty if none does."""
    for owner in _items(value_at(value, "metadata", "ownerReferences")):
        if value_at(owner, "kind") == "DaemonSet" and value_at(owner, "controller") is True:
            return text_at(owner, "name")
    return ""


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
