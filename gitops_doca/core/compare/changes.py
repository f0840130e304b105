"""Compare two renderings: pools, nodes, objects, and driver reloads."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import assert_never, cast

from gitops_doca.core.compare.compiling import Compiling, Image, PoolHistory, Side, find_compiling
from gitops_doca.core.compare.departures import (
    Departure,
    GoneFromInventory,
    InPool,
    Location,
    NodesNotKnown,
    ToNoPool,
    ToOtherPool,
    Whereabouts,
)
from gitops_doca.core.compare.rendered import RenderedPool, Rendering
from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.model import Resource
from gitops_doca.core.paths import value_at


class Part(Enum):
    """A part of a DaemonSet that differs."""

    OWNER = "owner"
    """Rendered on one side, made by the operator on the other."""
    NAME = "name"
    NAMESPACE = "namespace"
    SELECTOR = "selector"
    TEMPLATE = "template"
    PLACEMENT = "placement"
    """The parts of the template that choose nodes: pods leave nodes that no longer match at once.
    """
    STRATEGY = "strategy"
    METADATA = "metadata"


Pair = tuple[RenderedPool | None, RenderedPool | None]
"""A pool before and after; at most one of them is None."""

_REPLACING = frozenset({Part.OWNER, Part.NAME, Part.NAMESPACE, Part.SELECTOR})
"""None of these can change in place: the DaemonSet and its pods are deleted, and made anew."""


_PLACEMENT_FIELDS = ("nodeSelector", "affinity", "tolerations")
"""The fields of a pod's spec by which the DaemonSet controller evicts running pods."""

_DRIVER_FIELDS = ("ofedDriver", "global", "tolerations", "nodeAffinity", "nodeSelector")
"""The fields of a policy that the operator's DaemonSets are made of."""


class Reload(Enum):
    """When a change reloads the driver on a pool's nodes."""

    NONE = "none"
    NEXT_RESTART = "next-restart"
    """OnDelete: each node keeps its driver until its pod is deleted or the node restarts."""
    ROLLING = "rolling"
    """RollingUpdate: Kubernetes replaces the pods as soon as the change is applied."""
    AT_ONCE = "at-once"
    """All pods are deleted at once with their DaemonSet, and another one starts new ones."""
    START = "start"
    """A new DaemonSet, which starts on its nodes as soon as it is applied."""
    STOP = "stop"
    """The DaemonSet is deleted, and with it the driver on nodes that still run it."""
    OPERATOR = "operator"
    """The DaemonSet is the operator's, which follows its own upgradePolicy."""
    WAIT = "wait"
    """No node is in the pool yet: the first one will load the driver."""


class Build(Enum):
    """Whether a change makes the nodes of a pool compile their driver."""

    NONE = "none"
    """The image is precompiled or a digest, or the driver is built already."""
    FIRST = "first"
    """The pool compiles now, and did not before."""
    AGAIN = "again"
    """The pool compiled before, and gets another image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolChange:
    """A pool that one side lacks, or whose DaemonSet differs."""

    before: RenderedPool | None
    after: RenderedPool | None
    parts: tuple[Part, ...] = ()
    """Empty when one side lacks the pool."""
    departures: tuple[Departure, ...] = ()
    """Where the nodes of a removed pool are; empty when it had no nodes."""

    @property
    def current(self) -> RenderedPool:
        """The pool as it will be, or, if it is removed, as it was."""
        return self.after or cast("RenderedPool", self.before)

    @property
    def kind(self) -> str:
        """`added`, `removed` or `changed`."""
        return _kind(self.before, self.after)

    @property
    def reload(self) -> Reload:
        """When the driver is reloaded."""
        if self.after is None:
            return Reload.OPERATOR if self.current.is_operators else _of_departures(self.departures)
        if self.after.is_planned:
            return Reload.WAIT
        if self.after.is_operators and Part.OWNER not in self.parts:
            return Reload.OPERATOR
        return _reload(self.after, self.parts) if self.before else Reload.START

    @property
    def falls_back(self) -> bool:
        """Whether a pool that ran a precompiled image gets that of another version, a fallback.

        A pool that keeps its version has not gone back, also where that is a fallback now.
        """
        return bool(
            self.before
            and self.after
            and self.before.is_precompiled
            and self.after.is_fallback
            and self.before.version != self.after.version
        )

    @property
    def build(self) -> Build:
        """Whether the pool's nodes compile their driver because of the change."""
        if self.after is None or not self.after.compiles:
            return Build.NONE
        if self.before is None or not self.before.compiles:
            return Build.FIRST
        return Build.NONE if self.before.image == self.after.image else Build.AGAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionStay:
    """Pools whose DaemonSet does not change at all."""

    version: str
    pools: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionMove:
    """Pools whose driver goes from one version to another."""

    before: str
    after: str
    pools: int
    nodes: int | None
    """None when the nodes of one of them are not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeMove:
    """Nodes that move from one pool to another, or into or out of a pool."""

    source: Location
    target: Location
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectChange:
    """An object that one side lacks, or that differs."""

    before: Resource | None
    after: Resource | None

    @property
    def kind(self) -> str:
        """`added`, `removed` or `changed`."""
        return _kind(self.before, self.after)

    @property
    def key(self) -> tuple[str, str, str]:
        """Kind, namespace and name."""
        return _key(self.after or self.before or {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All that differs between two renderings."""

    compiling: tuple[Compiling[RenderedPool], ...]
    """Pools that will compile and did not before; by pool, then policy."""
    pools: tuple[PoolChange, ...]
    """Sorted by pool, then policy."""
    versions: tuple[VersionMove, ...]
    stays: tuple[VersionStay, ...]
    """By version."""
    moves: tuple[NodeMove, ...]
    """Empty also when one of the sides does not know its nodes."""
    objects: tuple[ObjectChange, ...]
    """In the order of emission; removed ones last."""

    @property
    def falling_back(self) -> tuple[PoolChange, ...]:
        """The pools that go back to a fallback version."""
        return tuple(change for change in self.pools if change.falls_back)

    @property
    def is_same(self) -> bool:
        """Say whether nothing differs: no object, and no node's pool."""
        return not (self.pools or self.moves or self.objects)


def compare_renderings(before: Rendering, after: Rendering) -> Comparison:
    """Return what differs.

    Two DaemonSets with the same name are of one pool. Of the others, two are of one renamed pool
    when each is the only one of its platform on its side, and the nodes stay together.
    """
    pairs = list(_pairs(before.pools, after.pools))
    there, now = Whereabouts(before), Whereabouts(after, before.listed)
    changes = [_change(old, new, now) for old, new in pairs]
    return Comparison(
        compiling=tuple(sorted(newly_compiling(pairs), key=lambda one: _sort_key(one.pool))),
        pools=tuple(
            sorted(
                (change for change in changes if change.parts or change.kind != "changed"),
                key=lambda change: _sort_key(change.current),
            )
        ),
        versions=tuple(_versions(pairs)),
        stays=tuple(_stays(changes)),
        moves=tuple(_moves(pairs, there, now)),
        objects=tuple(_objects(before.resources, after.resources)),
    )


def newly_compiling(pairs: Iterable[Pair]) -> Iterator[Compiling[RenderedPool]]:
    """Yield the pools that will compile and did not, or are new beside precompiled ones."""
    return find_compiling([_history(before, after) for before, after in pairs])


def _history(before: RenderedPool | None, after: RenderedPool | None) -> PoolHistory[RenderedPool]:
    pool = after or cast("RenderedPool", before)
    return PoolHistory(pool=pool, platform=pool.pool, before=_side(before), after=_side(after))


def _side(pool: RenderedPool | None) -> Side | None:
    return Side(policy=pool.policy, image=_image(pool), nodes=pool.nodes) if pool else None


def _image(pool: RenderedPool) -> Image:
    if pool.is_precompiled:
        return Image.PRECOMPILED
    return Image.COMPILED if pool.compiles else Image.UNTAGGED


def _change(old: RenderedPool | None, new: RenderedPool | None, now: Whereabouts) -> PoolChange:
    left = now.departures(old) if old and not new else ()
    return PoolChange(before=old, after=new, parts=_parts(old, new), departures=left)


def _sort_key(pool: RenderedPool) -> tuple[object, ...]:
    return (pool.pool, pool.policy, pool.key)


def _kind(before: object, after: object) -> str:
    if before is None:
        return "added"
    return "removed" if after is None else "changed"


def _of_departures(departures: Iterable[Departure]) -> Reload:
    """Return the worst that happens to the nodes of a DaemonSet that is deleted."""
    reloads = set(map(_of_departure, departures))
    return next((reload for reload in (Reload.STOP, Reload.AT_ONCE) if reload in reloads), Reload.NONE)


def _of_departure(departure: Departure) -> Reload:
    match departure:
        case ToOtherPool(has_pod=has_pod):
            return Reload.AT_ONCE if has_pod else Reload.NONE
        case ToNoPool(has_pod=has_pod):
            return Reload.STOP if has_pod else Reload.NONE
        # Such a node may still be in the cluster.
        case GoneFromInventory() | NodesNotKnown():
            return Reload.STOP
        case never:
            assert_never(never)


def _reload(after: RenderedPool, parts: Iterable[Part]) -> Reload:
    if _REPLACING.intersection(parts):
        return Reload.AT_ONCE
    if Part.TEMPLATE in parts:
        return Reload.NEXT_RESTART if after.strategy == "OnDelete" else Reload.ROLLING
    return Reload.NONE


def _pairs(before: Iterable[RenderedPool], after: Iterable[RenderedPool]) -> Iterator[Pair]:
    old = {pool.key: pool for pool in before}
    new = {pool.key: pool for pool in after}
    for key in [key for key in old if key in new]:
        yield old.pop(key), new.pop(key)
    platforms = Counter(pool.pool for pool in old.values()), Counter(pool.pool for pool in new.values())
    alone = {pool.pool: pool for pool in new.values() if [c[pool.pool] for c in platforms] == [1, 1]}
    for pool in old.values():
        other = alone.get(pool.pool)
        if other and _is_renamed(pool, other):
            yield pool, new.pop(other.key)
        else:
            yield pool, None
    for pool in new.values():
        yield None, pool


def _is_renamed(before: RenderedPool, after: RenderedPool) -> bool:
    """Say whether a pool of another policy has the known nodes of a removed one."""
    if before.policy == after.policy or before.nodes is None or after.nodes is None:
        return True
    return {*before.nodes} <= {*after.nodes} and bool(before.nodes) == bool(after.nodes)


def _parts(before: RenderedPool | None, after: RenderedPool | None) -> tuple[Part, ...]:
    if before is None or after is None:
        return ()
    old, new = before.manifest, after.manifest
    if before.is_operators or after.is_operators:
        if before.is_operators != after.is_operators:
            return (Part.OWNER,)
        same = before.image == after.image and all(
            value_at(old, "spec", field) == value_at(new, "spec", field) for field in _DRIVER_FIELDS
        )
        return () if same else (Part.TEMPLATE,)
    differs = {
        Part.NAME: before.daemon_set != after.daemon_set,
        Part.NAMESPACE: before.namespace != after.namespace,
        Part.SELECTOR: value_at(old, "spec", "selector") != value_at(new, "spec", "selector"),
        Part.TEMPLATE: value_at(old, "spec", "template") != value_at(new, "spec", "template"),
        Part.PLACEMENT: any(
            value_at(old, "spec", "template", "spec", field)
            != value_at(new, "spec", "template", "spec", field)
            for field in _PLACEMENT_FIELDS
        ),
        Part.STRATEGY: value_at(old, "spec", "updateStrategy") != value_at(new, "spec", "updateStrategy"),
    }
    parts = tuple(part for part, differing in differs.items() if differing)
    return parts or ((Part.METADATA,) if old != new else ())


def _versions(pairs: Iterable[Pair]) -> Iterator[VersionMove]:
    moved: dict[tuple[str, str], list[RenderedPool]] = defaultdict(list)
    for before, after in pairs:
        if before and after and before.version != after.version:
            moved[before.version, after.version].append(after)
    for (old, new), pools in sorted(moved.items()):
        counts = [len(pool.nodes) for pool in pools if pool.nodes is not None]
        known = len(counts) == len(pools)
        yield VersionMove(before=old, after=new, pools=len(pools), nodes=sum(counts) if known else None)


def _stays(changes: Iterable[PoolChange]) -> Iterator[VersionStay]:
    counts = Counter(
        change.after.version for change in changes if change.before and change.after and not change.parts
    )
    for version, pools in sorted(counts.items()):
        yield VersionStay(version=version, pools=pools)


def _moves(pairs: Sequence[Pair], there: Whereabouts, now: Whereabouts) -> Iterator[NodeMove]:
    """Yield the nodes that move, by pairs of pools: a renamed pool keeps its nodes.

    Without pools on one side nothing is yielded: all nodes are new, or all are gone.
    """
    if not all(any(pair[side] for pair in pairs) for side in (0, 1)):
        return
    if any(pool is not None and pool.nodes is None for pair in pairs for pool in pair):
        return
    old, new = ({node: pair for pair in pairs for node in _nodes(pair[side])} for side in (0, 1))
    moved: dict[tuple[Location, Location], list[str]] = defaultdict(list)
    for node in sorted({*old, *new}):
        if old.get(node) is not new.get(node):
            moved[there.locate(node), now.locate(node)].append(node)
    for (source, target), nodes in sorted(moved.items(), key=lambda item: (*map(_name, item[0]), item[1])):
        yield NodeMove(source=source, target=target, nodes=tuple(nodes))


def _nodes(pool: RenderedPool | None) -> tuple[str, ...]:
    return (pool.nodes or ()) if pool else ()


def _name(location: Location) -> tuple[str, str]:
    return (location.pool, location.policy) if isinstance(location, InPool) else ("", "")


def _objects(before: Iterable[Resource], after: Iterable[Resource]) -> Iterator[ObjectChange]:
    old, new = _by_key(before), _by_key(after)
    for key, resource in new.items():
        if old.get(key) != resource:
            yield ObjectChange(before=old.get(key), after=resource)
    for key, resource in old.items():
        if key not in new:
            yield ObjectChange(before=resource, after=None)


def _by_key(resources: Iterable[Resource]) -> Mapping[tuple[str, str, str], Resource]:
    return {_key(resource): resource for resource in resources}


def _key(resource: Resource) -> tuple[str, str, str]:
    metadata = resource["metadata"]
    return resource["kind"], metadata.get("namespace", ""), metadata["name"]
