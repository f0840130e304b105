"""Pools that compile the driver on their nodes, and by the lock that is there did not, or need not."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum

from gitops_doca.core.compare.lock import ImageLock, LockedImage, LockedMiss, LockedPool, locked_pool
from gitops_doca.core.diagnostics import Category, Diagnostic, Place
from gitops_doca.core.model import Pool
from gitops_doca.core.phrases import PLANNED, name_nodes
from gitops_doca.core.resolve.decide import CompileOnNode, Decision, UsePrecompiled, precompiled_image


class Before(Enum):
    """What a lock says of a pool that compiles now."""

    PRECOMPILED = "had a precompiled image"
    COMPILED = "compiled"
    NO_IMAGE = "had no image in the lock"
    """A tag was missing then, or the policy named a digest."""
    NEW = "is new"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiling:
    """A pool that compiles now, which nobody expects who knows the lock."""

    pool: Pool
    before: Before


def newly_compiling(lock: ImageLock, decisions: Sequence[Decision]) -> tuple[Compiling, ...]:
    """Return the pools that compile now and had a precompiled image by the lock, or had none there.

    Of the latter only those whose policy has precompiled images for their OS, now or in the lock. A
    pool that went from one policy to another is the same nodes, and so not new.
    """
    pools = {locked_pool(decision.pool): decision.pool for decision in decisions}
    precompiled = _precompiled(lock, pools.values())
    offered = {(pool.policy, pool.pool.partition("/")[0]) for pool in precompiled}
    offered |= {
        (locked_pool(d.pool).policy, d.pool.platform.os) for d in decisions if isinstance(d, UsePrecompiled)
    }
    moved = {pool.pool for pool in precompiled if pool not in pools}
    found = []
    for pool in (decision.pool for decision in decisions if isinstance(decision, CompileOnNode)):
        before = _before(lock, locked_pool(pool), precompiled, moved)
        unlike_others = before in {Before.NO_IMAGE, Before.NEW} and _is_offered(pool, offered)
        if before is Before.PRECOMPILED or unlike_others:
            found.append(Compiling(pool=pool, before=before))
    return tuple(found)


def describe_compiling(found: Sequence[Compiling], place: Place, *, strict: bool) -> Diagnostic | None:
    """Return the warning about these pools, under `strict` the error; None when there are none."""
    if not found:
        return None
    lost = [one for one in found if one.before is Before.PRECOMPILED]
    others = [one for one in found if one.before is not Before.PRECOMPILED]
    refused = ", so no lock is written (strict)" if strict else ""
    accept = "; to let these nodes compile, write the lock once with strict: false" if strict else ""
    return Diagnostic(
        category=Category.MISSING if strict else None,
        message=f"{_who(found)} will compile the driver: {_why(len(lost), len(others))}{refused}",
        place=place,
        details=tuple(map(_detail, (*lost, *others))),
        remedy=f"publish or mirror the precompiled images, or choose a driver version that has them{accept}",
    )


def _precompiled(lock: ImageLock, pools: Collection[Pool]) -> frozenset[LockedPool]:
    """Return the pools of a lock that had a precompiled image.

    A lock of 0.1.0 does not say which image was chosen: there a pool had one if the lock has such a
    tag of any version for its platform, unless it records a miss for the one that the pool needs now.
    """
    if lock.chosen:
        return frozenset(pool for pool, image in lock.chosen.items() if image.tag.endswith(pool.ending))
    tags = (image.tag for image, entry in lock.entries.items() if isinstance(entry, LockedImage))
    endings = {tag[at:] for tag in tags for at, character in enumerate(tag) if character == "-"}
    missed = {
        locked_pool(pool)
        for pool in pools
        if pool.policy.driver.digest is None
        and isinstance(lock.entries.get(precompiled_image(pool)), LockedMiss)
    }
    return frozenset(pool for pool in lock.pools if pool.ending in endings and pool not in missed)


def _before(
    lock: ImageLock, pool: LockedPool, precompiled: Collection[LockedPool], moved: Collection[str]
) -> Before:
    if pool in precompiled:
        return Before.PRECOMPILED
    if pool not in lock.pools:
        return Before.PRECOMPILED if pool.pool in moved else Before.NEW
    # A lock with images that names none for any pool is of 0.1.0, and does not say which had one.
    says_which = lock.chosen or not any(isinstance(entry, LockedImage) for entry in lock.entries.values())
    return Before.NO_IMAGE if says_which and pool not in lock.chosen else Before.COMPILED


def _is_offered(pool: Pool, offered: Collection[tuple[str, str]]) -> bool:
    """Say whether the policy has a precompiled image for any version of the pool's OS."""
    policy, os_id = locked_pool(pool).policy, pool.platform.os_id
    return any(
        policy == other and os.startswith(os_id) and os.removeprefix(os_id)[:1].isdigit()
        for other, os in offered
    )


def _who(found: Sequence[Compiling]) -> str:
    nodes = sum(len(one.pool.nodes) for one in found)
    return f"{nodes} node{'' if nodes == 1 else 's'}" if nodes else "nodes of planned pools"


def _why(lost: int, others: int) -> str:
    """Say how many pools have no precompiled image any more, and how many never had one."""
    image = "none" if lost else "no precompiled image"
    causes = (
        f"{_pools_have(lost, 'no longer ')} a precompiled image",
        f"{_pools_have(others)} {image}, unlike others of the same policy and OS",
    )
    return ", and ".join(cause for cause, count in zip(causes, (lost, others), strict=True) if count)


def _pools_have(count: int, adverb: str = "") -> str:
    return f"1 pool {adverb}has" if count == 1 else f"{count} pools {adverb}have"


def _detail(one: Compiling) -> str:
    nodes = one.pool.node_names
    who = f"{len(nodes)} node{'' if len(nodes) == 1 else 's'}: {name_nodes(nodes)}" if nodes else PLANNED
    return f"pool {locked_pool(one.pool)} {one.before.value}; {who}"
