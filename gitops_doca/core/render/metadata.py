"""Make the metadata that every rendered object has."""

from typing import Any

from gitops_doca.core.names import PROGRAM

MANAGED_BY = "app.kubernetes.io/managed-by"


def metadata(name: str, namespace: str = "", labels: dict[str, str] | None = None) -> dict[str, Any]:
    """Return `metadata` with the managed-by label; no namespace for cluster-scoped objects."""
    meta: dict[str, Any] = {"name": name, "labels": {**(labels or {}), MANAGED_BY: PROGRAM}}
    if namespace:
        meta["namespace"] = namespace
    return meta
