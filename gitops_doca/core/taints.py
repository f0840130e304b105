"""Which taints keep the driver's pods off a node."""

from collections.abc import Collection, Iterable

from gitops_doca.core.model import Node, Taint, Toleration

GPU_TOLERATION = Toleration(key="nvidia.com/gpu", operator="Exists", effect="NoSchedule")
"""Every driver DaemonSet has it, besides those of its policy."""

_KEEPS_AWAY = frozenset({"NoSchedule", "NoExecute"})

# Set for minutes, by Kubernetes from a node's condition, by an autoscaler or by a network agent: a node
# that reboots while someone takes the inventory must not lose its DaemonSet. They never take a node out of
# its pool.
_PASSING = frozenset(
    f"node.kubernetes.io/{name}"
    for name in (
        "not-ready",
        "unreachable",
        "disk-pressure",
        "memory-pressure",
        "pid-pressure",
        "network-unavailable",
        "unschedulable",
        "out-of-service",
    )
) | {
    "node.cloudprovider.kubernetes.io/uninitialized",
    "node.cloudprovider.kubernetes.io/shutdown",
    "node.cilium.io/agent-not-ready",
    "karpenter.sh/disrupted",
    "karpenter.sh/unregistered",
    # The cluster autoscaler's own, which have no prefix.
    "ToBeDeletedByClusterAutoscaler",
    "DeletionCandidateOfClusterAutoscaler",
}


def keeps_away(taint: Taint, ignored: Collection[str] = ()) -> bool:
    """Say whether the taint keeps pods away that do not tolerate it, and is not one that soon passes.

    `ignored` are the keys of more taints that pass.
    """
    return taint.effect in _KEEPS_AWAY and taint.key not in _PASSING and taint.key not in ignored


def untolerated(node: Node, tolerations: Iterable[Toleration]) -> tuple[Taint, ...]:
    """Return the taints that keep a pod with these tolerations (and the GPU's) off the node."""
    every = (*tolerations, GPU_TOLERATION)
    return tuple(
        taint
        for taint in node.taints
        if keeps_away(taint) and not any(tolerates(toleration, taint) for toleration in every)
    )


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """Apply core/v1 `ToleratesTaint`: an empty effect or key stands for all of them."""
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    match toleration.operator:
        case "Exists":
            return True
        case "" | "Equal":
            return toleration.value == taint.value
        case _:
            return False
