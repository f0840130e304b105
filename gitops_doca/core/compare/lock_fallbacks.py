"""Find the pools that go back to a fallback version, by the old lock."""

from collections.abc import Iterable, Sequence

from gitops_doca.core.compare.lock import ImageLock, locked_pool
from gitops_doca.core.compare.rendered import driver_version
from gitops_doca.core.diagnostics import Category, Diagnostic, Place
from gitops_doca.core.phrases import PLANNED, name_nodes
from gitops_doca.core.resolve.decide import Decision, UsePrecompiled


def newly_on_fallback(lock: ImageLock, decisions: Iterable[Decision]) -> tuple[UsePrecompiled, ...]:
    """Return the pools that had a precompiled image, and get that of another version, a fallback.

    A pool that keeps its version has not gone back, also where that is a fallback now, or its
    registry is another one.
    """
    return tuple(
        decision
        for decision in decisions
        if isinstance(decision, UsePrecompiled)
        and decision.fallback
        and (before := lock.chosen.get(locked_pool(decision.pool)))
        and before.tag != decision.image.tag
        and before.tag.endswith(locked_pool(decision.pool).ending)
    )


def describe_fallbacks(
    lock: ImageLock, decisions: Sequence[UsePrecompiled], place: Place, *, strict: bool
) -> Diagnostic | None:
    """Return the warning about these pools, if any; with `strict` the error."""
    if not decisions:
        return None
    nodes = sum(len(decision.pool.nodes) for decision in decisions)
    pools = f"{len(decisions)} pool{'' if len(decisions) == 1 else 's'}"
    refused = ", so no lock is written (strict)" if strict else ""
    accept = "; to accept it, write the lock once with strict: false" if strict else ""
    return Diagnostic(
        category=Category.MISSING if strict else None,
        message=f"{pools} with {nodes} node{'' if nodes == 1 else 's'} will go back to a fallback version"
        f"{refused}",
        place=place,
        details=tuple(_detail(lock, decision) for decision in decisions),
        help="publish or mirror the images of the policy's version, or change the version in the policy "
        f"back{accept}",
    )


def _detail(lock: ImageLock, decision: UsePrecompiled) -> str:
    pool = locked_pool(decision.pool)
    before = driver_version(str(lock.chosen[pool]), pool.pool)
    names = decision.pool.node_names
    who = f"{len(names)} node{'' if len(names) == 1 else 's'}: {name_nodes(names)}" if names else PLANNED
    return f"pool {pool}: {before} -> {decision.version}; {who}"
