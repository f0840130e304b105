"""Compare a cluster's driver pods with the rendered DaemonSets and the inventory."""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from enum import Enum

from gitops_doca.core.compare.daemonset_drift import daemonset_drift
from gitops_doca.core.compare.rendered import RenderedPool, driver_version
from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.model import Inventory, OtherNodes, Pool, Resource, SkippedNode
from gitops_doca.core.paths import value_at
from gitops_doca.core.resolve.pools import Grouping
from gitops_doca.core.resolve.progress import Progress
from gitops_doca.core.tags import split_revision

KIND = "DriverStatus"
MOST_ASKED = 50
"""The most nodes that are looked up by name; each needs a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedDaemonSet:
    """A driver DaemonSet of the cluster."""

    spec: Resource
    revision: str
    """Hash of new pods' revision; empty until the controller has seen the last change.
    """
    generation: str
    """The number of changes of the pod template, from the API server's annotation."""
    pool: str = ""
    """`<os><osVersion>/<kernel>/<arch>`, as it was rendered; empty for the operator's."""
    is_ours: bool = False
    """Whether gitops-doca rendered it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverPod:
    """A pod that runs a driver, or will."""

    name: str
    node: str
    """The node; empty until it is scheduled."""
    daemon_set: str
    """Name of the DaemonSet that controls it; empty without one."""
    image: str
    revision: str
    """Hash of the DaemonSet's revision that it was made from."""
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
    """The state of a node; all but `CURRENT` wait for something."""

    CURRENT = "current"
    """A ready pod of the rendered DaemonSet runs the rendered driver."""
    NOT_READY = "not-ready"
    """Its pod is the rendered one, but not ready: it starts, ends or fails."""
    RESTART = "restart"
    """Its pod is older than the rendered DaemonSet; it is replaced when it is deleted."""
    NO_POD = "no-pod"
    """The rendered DaemonSet exists, and has no pod on the node."""
    OTHER = "other"
    """A pod of another DaemonSet is on the node, and keeps the rendered one away."""
    NOT_APPLIED = "not-applied"
    """The cluster's DaemonSet differs from the rendered one, or is missing."""
    UNPLANNED = "unplanned"
    """The node is in no rendered pool: no DaemonSet is rendered for its kernel."""


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
    """`<os><osVersion>/<kernel>/<arch>`, even if no such pool is rendered."""
    state: State
    pod: DriverPod | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStatus:
    """A rendered pool, and the states of its nodes."""

    rendered: RenderedPool
    applied: Applied
    differs: tuple[str, ...]
    """The paths at which the cluster's DaemonSet differs."""
    nodes: tuple[NodeStatus, ...]
    """Sorted by name; the nodes of the cluster, not of the inventory."""
    moved: tuple[str, ...] = ()
    """NIC nodes of the inventory in this pool, sorted, if the cluster has no node in it."""

    @property
    def waiting(self) -> tuple[NodeStatus, ...]:
        """Its nodes that do not run the rendered driver yet."""
        return tuple(node for node in self.nodes if node.state is not State.CURRENT)

    @property
    def is_current(self) -> bool:
        """Say whether it is applied, and all its nodes, if any, run the rendered driver."""
        return self.applied is Applied.YES and not self.waiting and not self.moved


class Absence(Enum):
    """Why a NIC node of the inventory is not among the NIC nodes of the cluster."""

    NO_NIC_LABEL = "no-nic-label"
    """The cluster has the node, and it was not listed as one with a NIC."""
    NOT_IN_CLUSTER = "not-in-cluster"
    NOT_ASKED = "not-asked"
    """The cluster was not asked for the node: there are more than `MOST_ASKED`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsentNode:
    """A NIC node of the inventory that is not among the NIC nodes of the cluster."""

    node: str
    why: Absence


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """A driver DaemonSet of ours in the cluster that is no longer rendered."""

    daemon_set: str
    pool: str
    """`<os><osVersion>/<kernel>/<arch>`, as it was rendered; empty when the annotation is gone."""
    nodes: tuple[str, ...]
    """Names, sorted, of the nodes that have a pod of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A cluster compared with its rendering."""

    pools: tuple[PoolStatus, ...]
    """In the order of rendering."""
    unplanned: tuple[NodeStatus, ...]
    skipped: tuple[SkippedNode, ...]
    """NIC nodes of the cluster that no policy gives a driver."""
    absent: tuple[AbsentNode, ...] = ()
    """Sorted by name."""
    leftovers: tuple[Leftover, ...] = ()
    """Sorted by name."""
    without_nics: OtherNodes | None = None
    """The cluster's nodes, if none has a NIC although some should; else None."""
    progress: tuple[Progress, ...] = ()
    """How many nodes of each policy run its version, where some run another one."""
    policies: int = 0
    """How many policies the cluster's pools have."""

    @property
    def nodes(self) -> tuple[NodeStatus, ...]:
        """All nodes that should have a driver."""
        return (*(node for pool in self.pools for node in pool.nodes), *self.unplanned)

    @property
    def nic_nodes(self) -> int:
        """Count the NIC nodes of the cluster."""
        return len({node.node for node in self.nodes} | {left.node for left in self.skipped})

    @property
    def is_current(self) -> bool:
        """Say whether cluster, rendering and inventory agree, and all nodes are current."""
        differs = self.unplanned or self.absent or self.leftovers or self.without_nics is not None
        return not differs and all(pool.is_current for pool in self.pools)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """The state of a cluster."""

    inventory: Inventory
    """Its NIC nodes."""
    grouping: Grouping
    """The same nodes in pools."""
    drivers: Drivers
    absent: tuple[AbsentNode, ...] = ()
    """NIC nodes of the inventory that it lacks."""


def find_absent(listed: Inventory, live: Inventory) -> tuple[str, ...]:
    """Return the NIC nodes that an inventory lists and a cluster lacks, sorted."""
    return tuple(sorted(_nic_nodes(listed) - _nic_nodes(live)))


def explain_absent(absent: Sequence[str], there: Container[str]) -> tuple[AbsentNode, ...]:
    """Say why each node is absent; `there` are those of the first `MOST_ASKED` that exist."""
    reasons = {name: _absence(name, there) for name in absent[:MOST_ASKED]}
    return tuple(AbsentNode(node=name, why=reasons.get(name, Absence.NOT_ASKED)) for name in absent)


def compare_status(
    rendered: Sequence[RenderedPool], listed: Inventory, cluster: Cluster, *, may_be_empty: bool = False
) -> Status:
    """Compare a cluster with rendered pools and the inventory that they were made from.

    A cluster without NIC nodes is a difference, unless it `may_be_empty` and the inventory lists no
    node either.
    """
    pods: dict[str, list[DriverPod]] = defaultdict(list)
    for pod in cluster.drivers.pods:
        pods[pod.node].append(pod)
    live = {pool.daemon_set: pool for pool in cluster.grouping.pools}
    absent = {one.node for one in cluster.absent}
    pools = [_pool(pool, live.pop(pool.daemon_set, None), cluster.drivers, pods, absent) for pool in rendered]
    is_empty = not _nic_nodes(cluster.inventory) and not (may_be_empty and not _nic_nodes(listed))
    return Status(
        pools=tuple(pools),
        unplanned=tuple(_unplanned(live.values(), pods)),
        skipped=cluster.grouping.skipped,
        absent=cluster.absent,
        leftovers=tuple(_leftovers(rendered, cluster.drivers)),
        without_nics=cluster.inventory.others if is_empty else None,
        progress=tuple(_progress(cluster.grouping.pools, pods)),
        policies=len({pool.policy.key for pool in cluster.grouping.pools}),
    )


def _progress(pools: Iterable[Pool], pods: Mapping[str, Sequence[DriverPod]]) -> Iterator[Progress]:
    """Yield each policy of which a node has a pod of another version than the policy's own."""
    by_policy: dict[tuple[str, str, str], list[Pool]] = defaultdict(list)
    for pool in pools:
        if pool.policy.driver.digest is None:
            by_policy[pool.policy.key].append(pool)
    for group in by_policy.values():
        policy = group[0].policy
        own = split_revision(policy.driver.version)[0]
        runs = [
            (split_revision(_version(pod, pool))[0], pod)
            for pool in group
            for name in pool.node_names
            if (pod := _choose(pods.get(name, ()), pool.daemon_set))
        ]
        if any(version not in {own, ""} for version, _ in runs):
            moved = sum(version == own and pod.ready and not pod.terminating for version, pod in runs)
            yield Progress(policy=policy, nodes=sum(len(pool.nodes) for pool in group), moved=moved)


def _version(pod: DriverPod, pool: Pool) -> str:
    """Return the version of a pod's driver; empty where the image has only a digest."""
    version = driver_version(pod.image, str(pool.platform))
    return "" if version.startswith("sha256:") else version


def _nic_nodes(inventory: Inventory) -> set[str]:
    return {node.name for node in inventory.nodes if node.has_nic}


def _absence(name: str, there: Container[str]) -> Absence:
    return Absence.NO_NIC_LABEL if name in there else Absence.NOT_IN_CLUSTER


def _leftovers(rendered: Iterable[RenderedPool], drivers: Drivers) -> Iterator[Leftover]:
    names = {pool.daemon_set for pool in rendered}
    for name, daemon_set in sorted(drivers.daemon_sets.items()):
        if daemon_set.is_ours and name not in names:
            nodes = {pod.node for pod in drivers.pods if pod.daemon_set == name and pod.node}
            yield Leftover(daemon_set=name, pool=daemon_set.pool, nodes=tuple(sorted(nodes)))


def _pool(
    rendered: RenderedPool,
    live: Pool | None,
    drivers: Drivers,
    pods: Mapping[str, Sequence[DriverPod]],
    absent: Container[str],
) -> PoolStatus:
    daemon_set = drivers.daemon_sets.get(rendered.daemon_set)
    differs = daemonset_drift(value_at(rendered.manifest, "spec"), daemon_set.spec) if daemon_set else ()
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
        moved=() if nodes else tuple(name for name in rendered.nodes or () if name not in absent),
    )


def _choose(pods: Iterable[DriverPod], daemon_set: str) -> DriverPod | None:
    """Return the pod that decides the state of a node: its own DaemonSet's first, and lasting ones."""
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
    """Say whether a pod has the current template, as Kubernetes' DaemonSet controller does.

    Revision or generation is enough: after a change and its revert the old pods have the revision,
    but not the generation. The image decides only if neither can be compared, since a webhook may
    have rewritten a pod's.
    """
    pairs = ((pod.generation, daemon_set.generation), (pod.revision, daemon_set.revision))
    known = [mine == current for mine, current in pairs if mine and current]
    return any(known) if known else pod.image == image


def _unplanned(pools: Iterable[Pool], pods: Mapping[str, Sequence[DriverPod]]) -> Iterator[NodeStatus]:
    for pool in pools:
        for name in pool.node_names:
            pod = _choose(pods.get(name, ()), pool.daemon_set)
            yield NodeStatus(node=name, pool=str(pool.platform), state=State.UNPLANNED, pod=pod)
