"""The metadata of files beside manifests that are not to be applied."""

from typing import Any

from gitops_doca.core.names import PROGRAM


def local_metadata(name: str = PROGRAM) -> dict[str, Any]:
    """Return a name, which kustomize and Flux need, and the annotation that makes them skip it."""
    return {"name": name, "annotations": {"config.kubernetes.io/local-config": "true"}}
