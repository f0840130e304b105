"""The phrases of a comparison, shared by text and Markdown."""

from collections import Counter
from collections.abc import Callable
from typing import assert_never, cast

from gitops_doca.core.compare.changes import (
    Build,
    Comparison,
    NodeMove,
    ObjectChange,
    Part,
    PoolChange,
    Reload,
    VersionMove,
    VersionStay,
)
from gitops_doca.core.compare.compiling import Compiling, Why, os_id
from gitops_doca.core.compare.departures import (
    Departure,
    GoneFromInventory,
    InNoPool,
    InPool,
    Location,
    NodesNotKnown,
    NotListed,
    ToNoPool,
    ToOtherPool,
)
from gitops_doca.core.compare.rendered import RenderedPool
from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.phrases import name_nodes

_RELOADS = {
    Reload.NONE: "not reloaded",
    Reload.NEXT_RESTART: "{reloaded} when its pod is deleted or the node restarts (OnDelete)",
    Reload.ROLLING: "{reloaded} node after node as soon as this is applied (RollingUpdate)",
    Reload.AT_ONCE: "{reloaded} on all nodes at once when this is applied",
    Reload.START: "{loaded} as soon as this is applied",
    Reload.OPERATOR: "left to the operator, which follows its upgradePolicy",
    Reload.WAIT: "{loaded} by the first node that boots this kernel",
}
_VERBS = {
    Build.NONE: {"reloaded": "reloaded", "loaded": "loaded"},
    Build.FIRST: {"reloaded": "compiled", "loaded": "compiled and loaded"},
    Build.AGAIN: {"reloaded": "recompiled", "loaded": "recompiled and loaded"},
}
_MOVES = (
    ("moves", "move"),
    ("joins a pool", "join a pool"),
    ("is no longer in a pool", "are no longer in a pool"),
    ("is no longer in the inventory", "are no longer in the inventory"),
)
"""The phrases for one node and for several."""
_NAMED = 50
"""The most nodes that are named when they lose or compile their driver."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The base of the comparison."""

    name: str
    """Revision or folder, as given."""
    commit: str = ""
    """The commit's object name; empty for a folder."""
    notes: tuple[str, ...] = ()
    """Notes for the reader about the two sides."""


def compiling(change: Compiling[RenderedPool], named: int = _NAMED) -> str:
    """Say which nodes will compile the driver and why that is new, naming at most `named` nodes."""
    pool, nodes = change.pool, change.nodes
    names = name_nodes(nodes, named)
    who = f"{_count(nodes)} will compile the driver: {names};"
    if not nodes:
        who = "each node of a planned pool will compile the driver:"
    others = f"its policy has precompiled images for other pools on {os_id(pool.pool)}"
    match change.why:
        case Why.LOST:
            return f"{who} {pool} had a precompiled image before"
        case Why.MOVED:
            return f"{who} {pool} had a precompiled image under another policy before"
        case Why.NEW:
            return f"{who} {pool} is new, and {others}"
        case Why.UNTAGGED:
            return f"{who} {pool} had an image by digest before, and {others}"
        case Why.JOINED:
            return (
                f"{_count(nodes)} left a precompiled image for a pool that compiles the driver: "
                f"{names}; {_they(nodes)} in {pool} now"
            )
        case never:
            assert_never(never)


def falling_back(change: PoolChange, named: int = _NAMED) -> str:
    """Say which nodes go back to a fallback version, naming at most `named` nodes."""
    old, new = cast("RenderedPool", change.before), cast("RenderedPool", change.after)
    nodes = new.nodes or ()
    who = f"{_count(nodes)} will go back to a fallback version: {name_nodes(nodes, named)}"
    if not nodes:
        who = "a pool without nodes will go back to a fallback version"
    return f"{who}; {new} had {old.version} and gets {new.version}"


def driver_effects(change: PoolChange) -> list[str]:
    """Say what happens to the driver on a pool's nodes; for a removed pool, a sentence per case."""
    if change.after is not None:
        return [reload_effect(change)]
    if not change.departures:
        return ["no node ran it"]
    return [departure_effect(departure, change.current) for departure in change.departures]


def departure_effect(departure: Departure, pool: RenderedPool) -> str:
    """Say where nodes of a removed pool are now, and whether they lose their driver."""
    match departure:
        case ToNoPool(reason=reason, nodes=names, has_pod=has_pod):
            said = f"no pod of it runs on {_count(names)} any more: {name_nodes(names)}"
            said = _loses(pool, "unloaded from", names) if has_pod else said
            return f"{said}; {_they(names)} in no pool ({reason})"
        case ToOtherPool(to=to, nodes=names, has_pod=has_pod):
            said = f"nothing is unloaded from {_count(names)}: {name_nodes(names)}"
            said = _loses(pool, "reloaded on", names) if has_pod else said
            return f"{said}; {_they(names)} in {_pool(to)} now"
        case GoneFromInventory(nodes=names):
            return (
                f"{_are(names)} no longer in the inventory: {name_nodes(names, _NAMED)}; "
                "a node that still runs its pod loses the driver"
            )
        case NodesNotKnown():
            return "the nodes are not known, since a folder names none; those that run it lose the driver"
        case never:
            assert_never(never)


def _loses(pool: RenderedPool, verb: str, names: tuple[str, ...]) -> str:
    """Say that nodes lose their pod together with the pool's DaemonSet."""
    count, shown = _count(names), name_nodes(names, _NAMED)
    if pool.is_operators:
        return f"left to the operator on {count}: {shown}"
    return f"{verb} {count} as soon as this is applied: {shown}"


def reload_effect(change: PoolChange) -> str:
    """Say when the driver of an added or changed pool is reloaded."""
    text = _RELOADS[change.reload].format_map(_VERBS[change.build])
    if change.reload is Reload.AT_ONCE:
        replacing = (Part.OWNER, Part.NAME, Part.NAMESPACE, Part.SELECTOR)
        text += f": another {' and '.join(part.value for part in change.parts if part in replacing)}"
    elif change.reload is Reload.OPERATOR and change.build is not Build.NONE:
        text += f"; {_VERBS[change.build]['reloaded']} on each node"
    elif Part.PLACEMENT in change.parts:
        text += "; unloaded at once from nodes that its pods may no longer run on"
    if change.reload is Reload.NONE and Part.STRATEGY in change.parts:
        if change.current.strategy == "RollingUpdate":
            return text + ", but pods that an older change left behind are replaced (RollingUpdate)"
        return text + " (the strategy changes)"
    return text


def pool_nodes(pool: RenderedPool) -> str:
    """Say how many nodes a pool has, and name them."""
    if pool.nodes is None:
        return "not known"
    return f"{len(pool.nodes)}: {name_nodes(pool.nodes)}" if pool.nodes else "none yet (planned)"


def headline(comparison: Comparison) -> str:
    """Count the changes."""
    pools = Counter(change.kind for change in comparison.pools)
    counted = [
        f"{pools[kind]} {_plural('pool', pools[kind])} {kind}"
        for kind in ("changed", "added", "removed")
        if pools[kind]
    ]
    others = sum(not is_daemon_set(change) for change in comparison.objects)
    if others:
        counted.append(f"{others} other {'object differs' if others == 1 else 'objects differ'}")
    counted += _count_moves(comparison)
    return ", ".join(counted) or "objects differ"


def _count_moves(comparison: Comparison) -> list[str]:
    sums: Counter[tuple[str, str]] = Counter()
    for move in comparison.moves:
        sums[_move_words(move)] += len(move.nodes)
    return [
        f"{sums[words]} {_plural('node', sums[words])} {words[0 if sums[words] == 1 else 1]}"
        for words in _MOVES
        if sums[words]
    ]


def _move_words(move: NodeMove) -> tuple[str, str]:
    match move.source, move.target:
        case InPool(), InPool():
            return _MOVES[0]
        case _, InPool():
            return _MOVES[1]
        case _, InNoPool():
            return _MOVES[2]
        case _:
            return _MOVES[3]


def version_move(move: VersionMove, target: str) -> str:
    """Say how many pools and nodes change to a driver version, written as `target`."""
    count = "" if move.nodes is None else f", {move.nodes} {_plural('node', move.nodes)}"
    return f"{target}: {move.pools} {_plural('pool', move.pools)}{count}"


def unchanged_version(stay: VersionStay, target: str) -> str:
    """Say how many pools stay on a driver version, written as `target`."""
    return f"{stay.pools} {_plural('pool', stay.pools)} stay{_s(stay.pools)} on {target}, nothing reloads"


def source_and_target(
    move: NodeMove, code: Callable[[str], str] = str, text: Callable[[str], str] = str
) -> tuple[str, str]:
    """Say where nodes come from and go to, with policies only if the pools differ in nothing else.

    `code` formats the name of a pool, `text` the rest.
    """
    source = _location(move.source, "new in the inventory", code, text)
    target = _location(move.target, "not in the inventory", code, text)
    match move.source, move.target:
        case InPool() as old, InPool() as new if old.pool == new.pool:
            return f"{source} {text(f'of {old.policy}')}", f"{target} {text(f'of {new.policy}')}"
        case _:
            return source, target


def moved_nodes(move: NodeMove) -> str:
    """Say how many nodes move, and name them."""
    return f"{len(move.nodes)}: {name_nodes(move.nodes)}"


def object_name(change: ObjectChange) -> str:
    """Name an object: `DaemonSet namespace/name`."""
    kind, namespace, name = change.key
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"


def is_daemon_set(change: ObjectChange) -> bool:
    """Say whether the object is a DaemonSet, which is in the list of pools already."""
    return change.key[0] == "DaemonSet"


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"


def _location(location: Location, absent: str, code: Callable[[str], str], text: Callable[[str], str]) -> str:
    match location:
        case InPool(pool=pool):
            return code(pool)
        case InNoPool(reason=reason):
            return text(f"no pool ({reason})")
        case NotListed():
            return text(absent)
        case never:
            assert_never(never)


def _pool(pool: InPool) -> str:
    return f"{pool.pool} of {pool.policy}" if pool.policy else pool.pool


def _count(names: tuple[str, ...]) -> str:
    return f"{len(names)} {_plural('node', len(names))}"


def _are(names: tuple[str, ...]) -> str:
    return f"{_count(names)} {'is' if len(names) == 1 else 'are'}"


def _they(names: tuple[str, ...]) -> str:
    return "it is" if len(names) == 1 else "they are"


def _s(count: int) -> str:
    return "s" if count == 1 else ""
