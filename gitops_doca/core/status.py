"""What runs on the nodes of a cluster, held against what is rendered."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from gitops_doca.core.applied import deviations
from gitops_doca.core.model import LeftOut, Pool, Resource
from gitops_doca.core.pools import Grouping
from gitops_doca.core.rendered import RenderedPool, at

KIND = "DriverStatus"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedDaemonSet:
    """A driver DaemonSet of the cluster."""

    spec: Resource
    revision: str
    """Hash of the revision that new pods get; empty while its controller has not seen the last change."""
    generation: str
    """Counts the changes of the pod template, as the API server annotates it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverPod:
    """A pod that runs a driver, or is about to."""

    name: str
    node: str
    """Empty while it waits for the scheduler."""
    daemon_set: str
    """Name of the DaemonSet that controls it; empty when none does."""
    image: str
    revision: str
    """Hash of the DaemonSet's revision that it was made of."""
    generation: str
    """The DaemonSet's count of changes when it was made."""
    ready: bool
    terminating: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Drivers:
    """The drivers of a cluster, ours and the operator's."""

    daemon_sets: Mapping[str, AppliedDaemonSet]
    """By name."""
    pods: tuple[DriverPod, ...]


class State(Enum):
    """How far a node is; all but `CURRENT` wait for something."""

    CURRENT = "current"
    """A ready pod of the rendered DaemonSet runs the rendered driver."""
    NOT_READY = "not-ready"
    """Its pod is made of what is rendered, and not ready: it starts, ends or fails."""
    RESTART = "restart"
    """Its pod is older than the rendered DaemonSet: delete it, and another one comes."""
    NO_POD = "no-pod"
    """The rendered DaemonSet is there, and has no pod on the node."""
    OTHER = "other"
    """A pod of another DaemonSet is on the node, and keeps the rendered one away."""
    NOT_APPLIED = "not-applied"
    """The cluster's DaemonSet is not the rendered one, or not there."""
    UNPLANNED = "unplanned"
    """The node is in no rendered pool: nobody rendered a DaemonSet for its kernel."""


class Applied(Enum):
    """Whether the cluster has a rendered DaemonSet."""

    YES = "yes"
    DIFFERENT = "different"
    NO = "no"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStatus:
    """One NIC node of the cluster."""

    node: str
    pool: str
    """`<os><osVersion>/<kernel>/<arch>`, also of one that is not rendered."""
    state: State
    pod: DriverPod | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStatus:
    """A rendered pool, and how far its nodes are."""

    rendered: RenderedPool
    applied: Applied
    differs: tuple[str, ...]
    """Paths in the DaemonSet at which the cluster's is different."""
    nodes: tuple[NodeStatus, ...]
    """Sorted by name; the nodes of the cluster, whatever the inventory says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A cluster against what is rendered for it."""

    pools: tuple[PoolStatus, ...]
    """In the order of rendering."""
    unplanned: tuple[NodeStatus, ...]
    left_out: tuple[LeftOut, ...]
    """NIC nodes of the cluster that no policy gives a driver."""

    @property
    def nodes(self) -> tuple[NodeStatus, ...]:
        """All nodes that are to have a driver."""
        return (*(node for pool in self.pools for node in pool.nodes), *self.unplanned)

    @property
    def is_current(self) -> bool:
        """Say whether every node runs the rendered driver."""
        return all(node.state is State.CURRENT for node in self.nodes)


def compare_status(rendered: Iterable[RenderedPool], live: Grouping, drivers: Drivers) -> Status:
    """Hold a cluster against rendered pools; `live` groups the nodes that the cluster has now."""
    pods: dict[str, list[DriverPod]] = defaultdict(list)
    for pod in drivers.pods:
        pods[pod.node].append(pod)
    found = {pool.daemon_set: pool for pool in live.pools}
    pools = [_pool(pool, found.pop(pool.daemon_set, None), drivers, pods) for pool in rendered]
    return Status(
        pools=tuple(pools),
        unplanned=tuple(_unplanned(found.values(), pods)),
        left_out=live.left_out,
    )


def _pool(
    rendered: RenderedPool, live: Pool | None, drivers: Drivers, pods: Mapping[str, Sequence[DriverPod]]
) -> PoolStatus:
    daemon_set = drivers.daemon_sets.get(rendered.daemon_set)
    differs = deviations(at(rendered.manifest, "spec"), daemon_set.spec) if daemon_set else ()
    nodes = []
    for name in live.node_names if live else ():
        pod = _choose(pods.get(name, ()), rendered.daemon_set)
        state = State.NOT_APPLIED if differs or not daemon_set else _state(rendered, daemon_set, pod)
        nodes.append(NodeStatus(node=name, pool=rendered.pool, state=state, pod=pod))
    there = Applied.DIFFERENT if differs else Applied.YES
    return PoolStatus(
        rendered=rendered,
        applied=there if daemon_set else Applied.NO,
        differs=differs,
        nodes=tuple(nodes),
    )


def _choose(pods: Iterable[DriverPod], daemon_set: str) -> DriverPod | None:
    """Return the pod that decides about a node: its DaemonSet's own before others, one that stays first."""
    return min(pods, key=lambda pod: (pod.daemon_set != daemon_set, pod.terminating, pod.name), default=None)


def _state(rendered: RenderedPool, daemon_set: AppliedDaemonSet, pod: DriverPod | None) -> State:
    if pod is None:
        return State.NO_POD
    if pod.daemon_set != rendered.daemon_set:
        return State.OTHER
    if not _is_new(pod, rendered.image, daemon_set):
        return State.RESTART
    return State.CURRENT if pod.ready and not pod.terminating else State.NOT_READY


def _is_new(pod: DriverPod, image: str, daemon_set: AppliedDaemonSet) -> bool:
    """Say whether a pod is of the template as it is, in the way of Kubernetes' DaemonSet controller.

    One of the two is enough: after a change and its revert the old pods have the revision, and not the
    generation. Only where neither can be compared the image decides: a webhook may have rewritten a pod's.
    """
    pairs = ((pod.generation, daemon_set.generation), (pod.revision, daemon_set.revision))
    known = [mine == current for mine, current in pairs if mine and current]
    return any(known) if known else pod.image == image


def _unplanned(pools: Iterable[Pool], pods: Mapping[str, Sequence[DriverPod]]) -> Iterator[NodeStatus]:
    for pool in pools:
        for name in pool.node_names:
            pod = _choose(pods.get(name, ()), pool.daemon_set)
            yield NodeStatus(node=name, pool=str(pool.platform), state=State.UNPLANNED, pod=pod)
