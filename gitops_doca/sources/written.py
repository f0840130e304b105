"""Policies as their authors wrote them, without what an API server adds."""

import math
from typing import Any

from gitops_doca.core.diagnostics import Problems
from gitops_doca.core.model import Resource
from gitops_doca.sources.located import Document, Path

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
"""Fields of metadata that no author writes (meta/v1 `ObjectMeta`)."""
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def is_stored(document: Document) -> bool:
    """Say whether an object came out of an API server, which gives each a uid and a resourceVersion."""
    metadata = document.value.get("metadata")
    return bool(document.value.get("status")) or (
        isinstance(metadata, dict) and bool(metadata.get("uid") or metadata.get("resourceVersion"))
    )


def as_written(document: Document, problems: Problems) -> Resource:
    """Return a copy without `status` and what else an API server adds; it would refuse, or ignore, those.

    Reports numbers that JSON, and so Kubernetes, does not have.
    """
    written: Resource = _copy(document.value, (), document, problems)
    written.pop("status", None)
    metadata = written.get("metadata")
    if isinstance(metadata, dict):
        for field in _ASSIGNED:
            metadata.pop(field, None)
        annotations = metadata.get("annotations")
        if isinstance(annotations, dict) and annotations.pop(_LAST_APPLIED, None) and not annotations:
            del metadata["annotations"]
    return written


def _copy(value: object, path: Path, document: Document, problems: Problems) -> Any:  # noqa: ANN401 (any part)
    match value:
        case dict():
            return {key: _copy(item, (*path, key), document, problems) for key, item in value.items()}
        case list():
            return [_copy(item, (*path, number), document, problems) for number, item in enumerate(value)]
        case float() if not math.isfinite(value):
            problems.error("is a number that Kubernetes does not have", document.place(path))
            return 0
        case _:
            return value
