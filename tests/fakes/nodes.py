"""Kubernetes Node documents, as node-feature-discovery labels them."""

from collections.abc import Iterable, Mapping
from typing import Any

_FEATURES = "feature.node.kubernetes.io"
_NONE: Mapping[str, str | None] = {}


def node_document(
    name: str = "node-1",
    *,
    taints: Iterable[str] = (),
    runtime: str = "containerd://1.7.27",
    **platform: Any,
) -> dict[str, Any]:
    """Return a node; `platform` goes to `node_labels`, and a taint is `key:effect`."""
    document: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": node_labels(**platform)},
        "status": {"nodeInfo": {"containerRuntimeVersion": runtime}},
    }
    if taints:
        document["spec"] = {
            "taints": [dict(zip(("key", "effect"), taint.split(":"), strict=True)) for taint in taints]
        }
    return document


def node_labels(
    *,
    kernel: str | None = "5.15.0-91-generic",
    os: str = "ubuntu 22.04",
    arch: str = "amd64",
    nic: str | None = "true",
    labels: Mapping[str, str | None] = _NONE,
) -> dict[str, str]:
    """Return the labels of a NIC node; `os` is ID and VERSION_ID, and None leaves a label out."""
    os_id, _, os_version = os.partition(" ")
    all_labels = {
        f"{_FEATURES}/kernel-version.full": kernel,
        f"{_FEATURES}/pci-15b3.present": nic,
        f"{_FEATURES}/system-os_release.ID": os_id,
        f"{_FEATURES}/system-os_release.VERSION_ID": os_version,
        "kubernetes.io/arch": arch,
        **labels,
    }
    return {label: value for label, value in all_labels.items() if value is not None}
