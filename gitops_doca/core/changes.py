"""Compare two renderings: which pools, nodes and objects change, and when drivers are reloaded by it."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import cast

from gitops_doca.core.model import Resource
from gitops_doca.core.rendered import RenderedPool, Rendering, at

Pair = tuple[RenderedPool | None, RenderedPool | None]


class Part(Enum):
    """A part of a DaemonSet that differs."""

    OWNER = "owner"
    """Rendered on one side, left to the operator on the other."""
    NAME = "name"
    NAMESPACE = "namespace"
    SELECTOR = "selector"
    TEMPLATE = "template"
    PLACEMENT = "placement"
    """What in the template says which nodes run the pods: at once they go from nodes that no longer match."""
    STRATEGY = "strategy"
    METADATA = "metadata"


_REPLACING = frozenset({Part.OWNER, Part.NAME, Part.NAMESPACE, Part.SELECTOR})
"""Nothing of these can change in place: the DaemonSet goes, its pods with it, and another one comes."""


_PLACEMENT_FIELDS = ("nodeSelector", "affinity", "tolerations")
"""Of a pod's spec, what the DaemonSet controller weighs for pods that run already."""

_DRIVER_FIELDS = ("ofedDriver", "global", "tolerations", "nodeAffinity", "nodeSelector")
"""What the operator's DaemonSets are made of in a policy."""


class Reload(Enum):
    """When the driver of a pool's nodes is loaded anew by a change."""

    NONE = "none"
    NEXT_RESTART = "next-restart"
    """OnDelete: each node keeps its driver until its pod is deleted or the node restarts."""
    ROLLING = "rolling"
    """RollingUpdate: Kubernetes replaces the pods as soon as the change is applied."""
    AT_ONCE = "at-once"
    """The DaemonSet is replaced, so the driver goes from all nodes together."""
    START = "start"
    """A new DaemonSet, which starts on its nodes as soon as it is applied."""
    STOP = "stop"
    """The DaemonSet goes, and the driver with it."""
    OPERATOR = "operator"
    """The DaemonSet is the operator's, which follows its own upgradePolicy."""
    WAIT = "wait"
    """No node is in the pool yet: the first that is will load it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolChange:
    """A pool that one side lacks, or whose DaemonSet differs; one of the sides is there."""

    before: RenderedPool | None
    after: RenderedPool | None
    parts: tuple[Part, ...] = ()
    """Empty when one side lacks the pool."""

    @property
    def current(self) -> RenderedPool:
        """The pool as it will be, or as it was when it goes."""
        return self.after or cast("RenderedPool", self.before)

    @property
    def kind(self) -> str:
        """`added`, `removed` or `changed`."""
        return _kind(self.before, self.after)

    @property
    def reload(self) -> Reload:
        """When the driver is loaded anew."""
        if self.after is None:
            return Reload.OPERATOR if self.current.is_operators else Reload.STOP
        if self.after.is_planned:
            return Reload.WAIT
        if self.after.is_operators and Part.OWNER not in self.parts:
            return Reload.OPERATOR
        return _reload(self.after, self.parts) if self.before else Reload.START


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
    """Nodes that go from one pool to another; an empty name is no pool."""

    source: str
    target: str
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectChange:
    """An object that one side lacks, or that differs; one of the sides is there."""

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

    pools: tuple[PoolChange, ...]
    """Sorted by pool, then policy."""
    versions: tuple[VersionMove, ...]
    moves: tuple[NodeMove, ...]
    """Empty also when one of the sides does not know its nodes."""
    objects: tuple[ObjectChange, ...]
    """In the order of emission, those that go last."""

    @property
    def is_same(self) -> bool:
        """Say whether nothing differs: no object, and no node's pool."""
        return not (self.pools or self.moves or self.objects)


def compare_renderings(before: Rendering, after: Rendering) -> Comparison:
    """Return what differs.

    Two DaemonSets are of one pool when they have one name; of those left over, when their platform stands
    once on each side: such a one was renamed.
    """
    pairs = list(_pairs(before.pools, after.pools))
    changes = [PoolChange(before=old, after=new, parts=_parts(old, new)) for old, new in pairs]
    return Comparison(
        pools=tuple(
            sorted(
                (change for change in changes if change.parts or change.kind != "changed"),
                key=lambda change: (change.current.pool, change.current.policy, change.current.key),
            )
        ),
        versions=tuple(_versions(pairs)),
        moves=tuple(_moves(pairs)),
        objects=tuple(_objects(before.resources, after.resources)),
    )


def _kind(before: object, after: object) -> str:
    if before is None:
        return "added"
    return "removed" if after is None else "changed"


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
    renamed = {pool.pool: pool for pool in new.values() if [c[pool.pool] for c in platforms] == [1, 1]}
    for pool in old.values():
        yield pool, renamed.get(pool.pool)
    for pool in new.values():
        if pool.pool not in renamed:
            yield None, pool


def _parts(before: RenderedPool | None, after: RenderedPool | None) -> tuple[Part, ...]:
    if before is None or after is None:
        return ()
    old, new = before.manifest, after.manifest
    if before.is_operators or after.is_operators:
        if before.is_operators != after.is_operators:
            return (Part.OWNER,)
        same = before.image == after.image and all(
            at(old, "spec", field) == at(new, "spec", field) for field in _DRIVER_FIELDS
        )
        return () if same else (Part.TEMPLATE,)
    differs = {
        Part.NAME: before.daemon_set != after.daemon_set,
        Part.NAMESPACE: before.namespace != after.namespace,
        Part.SELECTOR: at(old, "spec", "selector") != at(new, "spec", "selector"),
        Part.TEMPLATE: at(old, "spec", "template") != at(new, "spec", "template"),
        Part.PLACEMENT: any(
            at(old, "spec", "template", "spec", field) != at(new, "spec", "template", "spec", field)
            for field in _PLACEMENT_FIELDS
        ),
        Part.STRATEGY: at(old, "spec", "updateStrategy") != at(new, "spec", "updateStrategy"),
    }
    found = tuple(part for part, differing in differs.items() if differing)
    return found or ((Part.METADATA,) if old != new else ())


def _versions(pairs: Iterable[Pair]) -> Iterator[VersionMove]:
    moved: dict[tuple[str, str], list[RenderedPool]] = defaultdict(list)
    for before, after in pairs:
        if before and after and before.version != after.version:
            moved[before.version, after.version].append(after)
    for (old, new), pools in sorted(moved.items()):
        counts = [len(pool.nodes) for pool in pools if pool.nodes is not None]
        known = len(counts) == len(pools)
        yield VersionMove(before=old, after=new, pools=len(pools), nodes=sum(counts) if known else None)


def _moves(pairs: Sequence[Pair]) -> Iterator[NodeMove]:
    """Yield where nodes go, by the pools' pairs: a pool that was renamed keeps its nodes.

    Where one side has no pools at all there is nothing to say: all nodes come, or all go.
    """
    if not all(any(pair[side] for pair in pairs) for side in (0, 1)):
        return
    old, new = ({node: pair for pair in pairs for node in _nodes(pair[side])} for side in (0, 1))
    if any(pool is not None and pool.nodes is None for pair in pairs for pool in pair):
        return
    moved: dict[tuple[str, str], list[str]] = defaultdict(list)
    for node in sorted({*old, *new}):
        source, target = old.get(node), new.get(node)
        if source is not target:
            moved[_name(source, 0), _name(target, 1)].append(node)
    for (source_name, target_name), nodes in sorted(moved.items()):
        yield NodeMove(source=source_name, target=target_name, nodes=tuple(nodes))


def _nodes(pool: RenderedPool | None) -> tuple[str, ...]:
    return (pool.nodes or ()) if pool else ()


def _name(pair: Pair | None, side: int) -> str:
    pool = pair[side] if pair else None
    return pool.pool if pool else ""


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
