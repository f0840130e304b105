"""Format a comparison as text: a summary and the unified diff."""

from collections.abc import Iterator

from gitops_doca.core.compare.changes import Comparison, PoolChange
from gitops_doca.emit.diff.phrases import (
    Base,
    compiling,
    driver_effects,
    falling_back,
    headline,
    is_daemon_set,
    moved_nodes,
    object_name,
    pool_nodes,
    source_and_target,
    unchanged_version,
    version_move,
)
from gitops_doca.emit.diff.unified import unified_lines


def summary_lines(comparison: Comparison, base: Base) -> Iterator[str]:
    """Yield the summary, which comes before the manifests."""
    yield from map(compiling, comparison.compiling)
    yield from map(falling_back, comparison.falling_back)
    commit = f" ({base.commit[:12]})" if base.commit and base.commit[:12] != base.name else ""
    yield f"{'no difference' if comparison.is_same else 'changes'} against {base.name}{commit}"
    yield from (f"note: {note}" for note in base.notes)
    if comparison.is_same:
        return
    yield headline(comparison)
    for move in comparison.versions:
        yield f"driver {move.before or 'unknown'} -> {version_move(move, move.after or 'unknown')}"
    yield from (unchanged_version(stay, stay.version or "an unknown version") for stay in comparison.stays)
    for change in comparison.pools:
        yield ""
        yield from _pool(change)
    if comparison.moves:
        yield ""
        yield "nodes that move, join or leave"
    for group in comparison.moves:
        yield f"  {' -> '.join(source_and_target(group))}"
        yield f"    {moved_nodes(group)}"
    others = [change for change in comparison.objects if not is_daemon_set(change)]
    if others:
        yield ""
        yield "other objects"
    yield from (f"  {change.kind.ljust(7)}  {object_name(change)}" for change in others)


def diff_lines(comparison: Comparison, base: Base) -> Iterator[str]:
    """Yield the unified diff of all objects."""
    for change in comparison.objects:
        yield from unified_lines(change, base.name)


def _pool(change: PoolChange) -> Iterator[str]:
    pool = change.current
    policy = f" of {pool.policy}" if pool.policy else ""
    yield f"{change.kind.ljust(7)}  {pool.pool or pool.daemon_set}{policy}"
    old, new = change.before, change.after
    if old and new and old.image != new.image:
        yield f"  image   {old.image}"
        yield f"       -> {new.image}"
    else:
        yield f"  image   {pool.image}"
    yield f"  nodes   {pool_nodes(pool)}"
    yield from (f"  driver  {sentence}" for sentence in driver_effects(change))
    if change.parts:
        yield f"  differs {', '.join(part.value for part in change.parts)}"
