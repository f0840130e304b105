"""Find the taints that keep the driver's pods off a node."""

from collections.abc import Collection, Iterator

from gitops_doca.core.model import Node, Taint, Toleration
from gitops_doca.core.names import A_LABEL_VALUE, is_label_key, is_label_value

# A restarting driver can make its own node NotReady: without the last two, its new pod would never
# be scheduled there.
_ALWAYS_TOLERATED = tuple(
    Toleration(key=key, operator="Exists", effect="NoSchedule")
    for key in ("nvidia.com/gpu", "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
)

_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_KEEPS_AWAY = frozenset({"NoSchedule", "NoExecute"})

# Set for minutes by Kubernetes for a node's condition, by an autoscaler or by a network agent. They
# never exclude a node from its pool: a node that reboots while the inventory is written must not
# lose its DaemonSet.
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
    """Say whether the taint keeps pods away, unless tolerated, and is not temporary.

    `ignored` are the keys of more temporary taints.
    """
    return taint.effect in _KEEPS_AWAY and taint.key not in _PASSING and taint.key not in ignored


def wrong_fields(taint: Taint) -> Iterator[tuple[str, str]]:
    """Yield each field that Kubernetes would refuse, and the rule (core/v1, `ValidateNodeTaints`)."""
    if not is_label_key(taint.key):
        yield "key", "a name such as dedicated or example.com/dedicated"
    if taint.value and not is_label_value(taint.value):
        yield "value", A_LABEL_VALUE
    if taint.effect not in _EFFECTS:
        yield "effect", " or ".join(_EFFECTS)


def pod_tolerations(tolerations: Collection[Toleration]) -> tuple[Toleration, ...]:
    """Return a policy's tolerations, then those of every driver pod, as the operator adds them.

    A toleration with the key, effect and operator of one of the policy is not added.
    """
    present = {_identity(toleration) for toleration in tolerations}
    added = (toleration for toleration in _ALWAYS_TOLERATED if _identity(toleration) not in present)
    return (*tolerations, *added)


def _identity(toleration: Toleration) -> tuple[str, str, str]:
    return (toleration.key, toleration.effect, toleration.operator)


def untolerated(node: Node, tolerations: Collection[Toleration]) -> tuple[Taint, ...]:
    """Return the taints that keep the driver pods of a policy with these tolerations off the node."""
    every = pod_tolerations(tolerations)
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
