"""The sentences of a comparison that text and Markdown share."""

from collections import Counter
from dataclasses import dataclass

from gitops_doca.core.changes import Comparison, NodeMove, ObjectChange, Part, PoolChange, Reload, VersionMove
from gitops_doca.core.rendered import RenderedPool
from gitops_doca.core.wording import name_nodes

_RELOADS = {
    Reload.NONE: "not reloaded",
    Reload.NEXT_RESTART: "reloaded when its pod is deleted or the node restarts (OnDelete)",
    Reload.ROLLING: "reloaded node after node as soon as this is applied (RollingUpdate)",
    Reload.AT_ONCE: "reloaded on all nodes at once when this is applied",
    Reload.START: "loaded as soon as this is applied",
    Reload.STOP: "unloaded as soon as this is applied",
    Reload.OPERATOR: "left to the operator, which follows its upgradePolicy",
    Reload.WAIT: "loaded by the first node that boots this kernel",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """What the comparison starts from."""

    name: str
    """Revision or folder, as its author wrote it."""
    commit: str = ""
    """The commit's object name; empty for a folder."""
    notes: tuple[str, ...] = ()
    """What a reader must know of the two sides."""


def when(change: PoolChange) -> str:
    """Say when the driver of a pool is loaded anew."""
    text = _RELOADS[change.reload]
    if change.reload is Reload.AT_ONCE:
        replacing = (Part.OWNER, Part.NAME, Part.NAMESPACE, Part.SELECTOR)
        text += f": another {' and '.join(part.value for part in change.parts if part in replacing)}"
    elif Part.PLACEMENT in change.parts:
        text += "; unloaded at once from nodes that its pods may no longer run on"
    if change.reload is Reload.STOP and change.current.is_planned:
        return "no node ran it"
    if change.reload is Reload.NONE and Part.STRATEGY in change.parts:
        if change.current.strategy == "RollingUpdate":
            return text + ", but pods that an older change left behind are replaced (RollingUpdate)"
        return text + " (the strategy changes)"
    return text


def nodes(pool: RenderedPool) -> str:
    """Say how many nodes a pool has, and which."""
    if pool.nodes is None:
        return "not known"
    return f"{len(pool.nodes)}: {name_nodes(pool.nodes)}" if pool.nodes else "none yet (planned)"


def headline(comparison: Comparison) -> str:
    """Count what changes."""
    pools = Counter(change.kind for change in comparison.pools)
    counted = [
        f"{pools[kind]} {_plural('pool', pools[kind])} {kind}"
        for kind in ("changed", "added", "removed")
        if pools[kind]
    ]
    others = sum(not is_daemon_set(change) for change in comparison.objects)
    if others:
        counted.append(f"{others} other {'object differs' if others == 1 else 'objects differ'}")
    count = sum(len(move.nodes) for move in comparison.moves)
    if count:
        counted.append(f"{count} node{' moves' if count == 1 else 's move'}")
    return ", ".join(counted) or "objects differ"


def version(move: VersionMove, target: str) -> str:
    """Say how many pools and nodes go to a driver version, which is spelled `target`."""
    count = "" if move.nodes is None else f", {move.nodes} {_plural('node', move.nodes)}"
    return f"{target}: {move.pools} {_plural('pool', move.pools)}{count}"


def moved(move: NodeMove) -> str:
    """Say how many nodes move, and which."""
    return f"{len(move.nodes)}: {name_nodes(move.nodes)}"


def title(change: ObjectChange) -> str:
    """Name an object: `DaemonSet namespace/name`."""
    kind, namespace, name = change.key
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"


def is_daemon_set(change: ObjectChange) -> bool:
    """Say whether the object is told of as a pool's already."""
    return change.key[0] == "DaemonSet"


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"
