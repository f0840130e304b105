"""Driver DaemonSets and pods as an API server lists them."""

from typing import Any

from fakes.api_server import Object

NAMESPACE = "nvidia-network-operator"
DAEMON_SETS = f"/apis/apps/v1/namespaces/{NAMESPACE}/daemonsets"
REVISIONS = f"/apis/apps/v1/namespaces/{NAMESPACE}/controllerrevisions"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"


def daemon_set(manifest: Object, *, generation: int = 1, seen: int | None = None) -> Object:
    """Return a rendered DaemonSet as the cluster has it; its controller saw it `seen` changes ago or now."""
    metadata = manifest["metadata"] | {
        "generation": generation,
        "annotations": {"deprecated.daemonset.template.generation": str(generation)},
    }
    return {
        "metadata": metadata,
        "spec": manifest["spec"],
        "status": {"observedGeneration": generation if seen is None else seen},
    }


def revision(owner: str, number: int, digest: str) -> Object:
    """Return a ControllerRevision of a DaemonSet; what it holds is for nobody."""
    return {
        "metadata": {
            "name": f"{owner}-{digest}",
            "labels": {"controller-revision-hash": digest},
            **_owned(owner),
        },
        "revision": number,
        "data": {"spec": {"template": {"secret": "nobody's business"}}},
    }


def pod(
    node: str,
    owner: str,
    image: str,
    *,
    generation: int = 1,
    digest: str = "",
    ready: bool = True,
    terminating: bool = False,
) -> Object:
    """Return a pod of the driver on a node, beside another container."""
    labels = {"pod-template-generation": str(generation)} | (
        {"controller-revision-hash": digest} if digest else {}
    )
    metadata = {"name": f"{owner}-{node}", "labels": labels, **_owned(owner)}
    if terminating:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    containers = [{"name": "side", "image": "side:1"}, {"name": "mofed-container", "image": image}]
    return {
        "metadata": metadata,
        "spec": {"nodeName": node, "containers": containers},
        "status": {"conditions": [{"type": "Ready", "status": str(ready)}]},
    }


def _owned(owner: str) -> dict[str, Any]:
    return {"ownerReferences": [{"kind": "DaemonSet", "name": owner, "controller": True}]}
