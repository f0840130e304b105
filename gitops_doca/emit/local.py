"""The metadata of files that stand beside manifests and are for this program alone."""

from typing import Any

from gitops_doca.core.names import PROGRAM


def local_metadata(name: str = PROGRAM) -> dict[str, Any]:
    """Return a name, without which kustomize and Flux fail, and the annotation that makes them skip it."""
    return {"name": name, "annotations": {"config.kubernetes.io/local-config": "true"}}
