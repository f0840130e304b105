"""Remove from policies the fields that an API server adds."""

from typing import Any

from gitops_doca.core.model import Resource
from gitops_doca.sources.reading.document import Document

_ASSIGNED = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
)
"""Fields of metadata that only API servers write (meta/v1 `ObjectMeta`)."""
_COPIES = (
    "kapp.k14s.io/original",
    "kubectl.kubernetes.io/last-applied-configuration",
    "objectset.rio.cattle.io/applied",
)
"""Annotations in which kubectl, kapp and Rancher keep the object as they applied it last."""


def is_from_cluster(document: Document) -> bool:
    """Say whether an object is from an API server, which sets uid and resourceVersion."""
    metadata = document.value.get("metadata")
    return bool(document.value.get("status")) or (
        isinstance(metadata, dict) and bool(metadata.get("uid") or metadata.get("resourceVersion"))
    )


def without_server_fields(document: Document) -> Resource:
    """Return a copy without the fields that an API server adds, and without the copies in annotations."""
    written: Resource = _copy(document.value)
    written.pop("status", None)
    metadata = written.get("metadata")
    if isinstance(metadata, dict):
        for field in _ASSIGNED:
            metadata.pop(field, None)
        annotations = metadata.get("annotations")
        if isinstance(annotations, dict) and not annotations.keys().isdisjoint(_COPIES):
            for copy in _COPIES:
                annotations.pop(copy, None)
            if not annotations:
                del metadata["annotations"]
    return written


def _copy(value: object) -> Any:  # noqa: ANN401 (any part of a document)
    match value:
        case dict():
            return {key: _copy(item) for key, item in value.items()}
        case list():
            return list(map(_copy, value))
        case _:
            return value
