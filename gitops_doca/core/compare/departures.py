"""Find where a removed pool's nodes are, and if they lose their driver."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import assert_never

from gitops_doca.core.compare.rendered import Listed, RenderedPool, Rendering
from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.model import (
    ARCH_LABEL,
    KERNEL_LABEL,
    NIC_LABEL,
    OS_ID_LABEL,
    OS_VERSION_LABEL,
    Node,
    Toleration,
)
from gitops_doca.core.paths import text_at, value_at
from gitops_doca.core.taints import untolerated

_NOTHING_RENDERED = "nothing is rendered any more"
_NO_NIC = f"no label {NIC_LABEL}=true"


@dataclass(frozen=True, slots=True, kw_only=True)
class InPool:
    """A node is in a rendered pool."""

    pool: str
    """`<os><osVersion>/<kernel>/<arch>`."""
    policy: str
    """`<kind>/<name>`; empty when it is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InNoPool:
    """The inventory lists a node that is in no pool."""

    reason: str


@dataclass(frozen=True, slots=True)
class NotListed:
    """The inventory does not list a node."""


Location = InPool | InNoPool | NotListed


@dataclass(frozen=True, slots=True, kw_only=True)
class ToOtherPool:
    """Nodes that are in another pool now."""

    to: InPool
    nodes: tuple[str, ...]
    """Names, sorted."""
    has_pod: bool
    """Whether a pod of the removed pool still runs there; no if the kernel changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToNoPool:
    """Nodes that the inventory lists, and that are in no pool now."""

    reason: str
    nodes: tuple[str, ...]
    """Names, sorted."""
    has_pod: bool
    """Whether a pod of the removed pool still runs there; no if a label is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoneFromInventory:
    """Nodes that the inventory no longer lists."""

    nodes: tuple[str, ...]
    """Names, sorted."""


@dataclass(frozen=True, slots=True)
class NodesNotKnown:
    """The nodes of the pool are unknown: it comes from a folder of manifests."""


Departure = ToOtherPool | ToNoPool | GoneFromInventory | NodesNotKnown
"""Where nodes of a removed pool are. Its pods are deleted with its DaemonSet."""


class Whereabouts:
    """Where nodes are on one side of a comparison.

    A side that renders nothing has no inventory, so its nodes are those of `earlier`; otherwise
    `earlier` only adds node labels that are no longer read.
    """

    def __init__(self, side: Rendering, earlier: Listed | None = None) -> None:
        known = side.listed or earlier
        self._renders = side.listed is not None
        self._nodes = _with_earlier(known, earlier) if known else {}
        self._reasons = known.reasons if known else {}
        self._pools = {
            name: InPool(pool=pool.pool, policy=pool.policy)
            for pool in side.pools
            for name in pool.nodes or ()
        }
        self._by_platform: dict[str, list[Node]] = defaultdict(list)
        for node in self._nodes.values():
            self._by_platform[_platform(node)].append(node)

    def locate(self, name: str) -> Location:
        """Return where a node is."""
        if name in self._pools:
            return self._pools[name]
        if name not in self._nodes:
            return NotListed()
        reason = self._reasons.get(name, _NO_NIC) if self._renders else _NOTHING_RENDERED
        return InNoPool(reason=reason)

    def departures(self, pool: RenderedPool) -> tuple[Departure, ...]:
        """Return where the nodes of a removed pool are; those that lose a driver come first.

        Nodes that run the pool's pods count even if the older inventory did not list them in the
        pool, such as those that booted a planned kernel. Empty when no node is or was in the pool.
        """
        if pool.nodes is None:
            return (NodesNotKnown(),)
        had_pod = frozenset(pool.nodes)
        alike = self._by_platform.get(pool.pool, ())
        running = {node.name for node in alike if _runs_pod(pool, node, had_pod=node.name in had_pod)}
        groups: dict[tuple[Location, bool], list[str]] = defaultdict(list)
        for name in sorted(had_pod | running):
            groups[self.locate(name), name in running].append(name)
        departures = [_departure(where, tuple(names), has_pod) for (where, has_pod), names in groups.items()]
        return tuple(sorted(departures, key=_order))


def _with_earlier(known: Listed, earlier: Listed | None) -> Mapping[str, Node]:
    """Return the nodes, with the labels that only the earlier inventory kept."""
    unread = earlier.labels - known.labels if earlier else frozenset()
    if earlier is None or not unread:
        return known.nodes
    return {
        name: replace(node, labels={**_only(unread, earlier.nodes.get(name)), **node.labels})
        for name, node in known.nodes.items()
    }


def _only(labels: frozenset[str], node: Node | None) -> Mapping[str, str]:
    return {label: node.labels[label] for label in labels if label in node.labels} if node else {}


def _runs_pod(pool: RenderedPool, node: Node, *, had_pod: bool) -> bool:
    """Say whether a node of the pool's platform runs a pod of its DaemonSet until that is deleted.

    Kubernetes removes a DaemonSet's pods from nodes that its nodeSelector no longer matches, or
    that have a NoExecute taint that it does not tolerate; a NoSchedule taint only blocks new pods.
    """
    if not node.has_nic or any(node.labels.get(key) != value for key, value in _selector(pool)):
        return False
    taints = untolerated(node, _tolerations(pool))
    return all(had_pod and taint.effect == "NoSchedule" for taint in taints)


def _departure(where: Location, nodes: tuple[str, ...], has_pod: bool) -> Departure:  # noqa: FBT001
    match where:
        case InPool():
            return ToOtherPool(to=where, nodes=nodes, has_pod=has_pod)
        case InNoPool(reason=reason):
            return ToNoPool(reason=reason, nodes=nodes, has_pod=has_pod)
        case NotListed():
            return GoneFromInventory(nodes=nodes)
        case never:
            assert_never(never)


def _order(departure: Departure) -> tuple[int, tuple[str, ...]]:
    match departure:
        case ToNoPool(nodes=nodes, has_pod=has_pod):
            return (0 if has_pod else 3, nodes)
        case ToOtherPool(nodes=nodes, has_pod=has_pod):
            return (1 if has_pod else 4, nodes)
        case GoneFromInventory(nodes=nodes):
            return (2, nodes)
        case NodesNotKnown():
            return (0, ())
        case never:
            assert_never(never)


def _platform(node: Node) -> str:
    os, version, kernel, arch = (
        node.labels.get(label, "") for label in (OS_ID_LABEL, OS_VERSION_LABEL, KERNEL_LABEL, ARCH_LABEL)
    )
    return f"{os}{version}/{kernel}/{arch}"


def _selector(pool: RenderedPool) -> Iterable[tuple[str, str]]:
    selector = value_at(_spec(pool), "nodeSelector")
    return selector.items() if isinstance(selector, Mapping) else ()


def _tolerations(pool: RenderedPool) -> list[Toleration]:
    items = value_at(_spec(pool), "tolerations")
    return [
        Toleration(
            key=text_at(item, "key"),
            operator=text_at(item, "operator"),
            value=text_at(item, "value"),
            effect=text_at(item, "effect"),
        )
        for item in (items if isinstance(items, list) else ())
    ]


def _spec(pool: RenderedPool) -> object:
    """Return what says where the pool's pods run: their own `spec`, or that of the operator's policy."""
    spec = value_at(pool.manifest, "spec")
    return spec if pool.is_operators else value_at(spec, "template", "spec")
