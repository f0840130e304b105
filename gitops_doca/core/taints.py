"""Which taints keep the driver's pods off a node."""

from collections.abc import Iterable

from gitops_doca.core.model import Node, Taint, Toleration

GPU_TOLERATION = Toleration(key="nvidia.com/gpu", operator="Exists", effect="NoSchedule")
"""Every driver DaemonSet has it, besides those of its policy."""

_KEEPS_AWAY = frozenset({"NoSchedule", "NoExecute"})

# Set by Kubernetes from a node's condition: a node that reboots while someone takes the inventory
# must not lose its DaemonSet. They never take a node out of its pool.
_CONDITIONS = frozenset(
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
) | {"node.cloudprovider.kubernetes.io/uninitialized", "node.cloudprovider.kubernetes.io/shutdown"}


def keeps_away(taint: Taint) -> bool:
    """Say whether the taint keeps pods away that do not tolerate it, and is no condition of the node."""
    return taint.effect in _KEEPS_AWAY and taint.key not in _CONDITIONS


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
