"""Find the pools that will compile the driver and did not by the old lock."""

from collections.abc import Collection, Sequence
from typing import assert_never

from gitops_doca.core.compare.compiling import (
    Compiling,
    Image,
    PoolHistory,
    Side,
    Why,
    find_compiling,
)
from gitops_doca.core.compare.lock import ImageLock, LockedImage, LockedMiss, LockedPool, locked_pool
from gitops_doca.core.diagnostics import Category, Diagnostic, Place
from gitops_doca.core.model import Pool
from gitops_doca.core.phrases import PLANNED, name_nodes
from gitops_doca.core.resolve.decide import (
    CompileOnNode,
    Decision,
    NoImage,
    UseDigest,
    UsePrecompiled,
    precompiled_image,
)

_BEFORE = {
    Why.LOST: "had a precompiled image",
    Why.MOVED: "had a precompiled image under another policy",
    Why.NEW: "is new",
    Why.UNTAGGED: "had no image in the lock",
}
"""The phrase for each reason. A lock knows no nodes, so none has joined."""


def newly_compiling(lock: ImageLock, decisions: Sequence[Decision]) -> tuple[Compiling[LockedPool], ...]:
    """Return the pools that compile now and did not, or are new beside precompiled ones."""
    now = {locked_pool(decision.pool): decision for decision in decisions}
    precompiled = _precompiled(lock, [decision.pool for decision in decisions])
    histories = [
        PoolHistory(
            pool=pool,
            platform=pool.pool,
            before=_before(lock, pool, precompiled),
            after=_after(pool, now[pool]) if pool in now else None,
        )
        for pool in dict.fromkeys((*now, *lock.pools))
    ]
    return tuple(find_compiling(histories))


def describe_compiling(
    compiling: Sequence[Compiling[LockedPool]], place: Place, *, strict: bool
) -> Diagnostic | None:
    """Return the warning about these pools, if any; with `strict` the error."""
    if not compiling:
        return None
    lost = [one for one in compiling if one.why in {Why.LOST, Why.MOVED}]
    others = [one for one in compiling if one not in lost]
    refused = ", so no lock is written (strict)" if strict else ""
    accept = "; to let these nodes compile, write the lock once with strict: false" if strict else ""
    return Diagnostic(
        category=Category.MISSING if strict else None,
        message=f"{_who(compiling)} will compile the driver: {_why(len(lost), len(others))}{refused}",
        place=place,
        details=tuple(map(_detail, (*lost, *others))),
        help=f"publish or mirror the precompiled images, or choose a driver version that has them{accept}",
    )


def _precompiled(lock: ImageLock, pools: Collection[Pool]) -> frozenset[LockedPool]:
    """Return the pools of a lock that had a precompiled image.

    A lock of 0.1.0 does not say which image was chosen: there a pool had one if the lock has a
    precompiled tag of any version for its platform, unless the tag that the pool needs now is
    recorded as missing.
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


def _before(lock: ImageLock, pool: LockedPool, precompiled: Collection[LockedPool]) -> Side | None:
    if pool in precompiled:
        image = Image.PRECOMPILED
    elif pool not in lock.pools:
        return None
    elif pool in lock.chosen or _may_have_compiled(lock):
        image = Image.COMPILED
    else:
        image = Image.UNTAGGED
    return Side(policy=pool.policy, image=image, nodes=None)


def _may_have_compiled(lock: ImageLock) -> bool:
    """Say whether a pool without an image in the lock may have one: locks of 0.1.0 name none."""
    return not lock.chosen and any(isinstance(entry, LockedImage) for entry in lock.entries.values())


def _after(pool: LockedPool, decision: Decision) -> Side:
    return Side(policy=pool.policy, image=_image(decision), nodes=decision.pool.node_names)


def _image(decision: Decision) -> Image:
    match decision:
        case UsePrecompiled():
            return Image.PRECOMPILED
        case CompileOnNode():
            return Image.COMPILED
        case UseDigest() | NoImage():
            return Image.UNTAGGED
        case never:
            assert_never(never)


def _who(compiling: Sequence[Compiling[LockedPool]]) -> str:
    """Count the nodes, and the planned pools without nodes."""
    nodes = sum(len(one.nodes) for one in compiling)
    planned = sum(not one.nodes for one in compiling)
    counts = (
        f"{nodes} node{'' if nodes == 1 else 's'}" if nodes else "",
        f"the nodes of {planned} planned pool{'' if planned == 1 else 's'}" if planned else "",
    )
    return " and ".join(filter(None, counts))


def _why(lost: int, others: int) -> str:
    """Say how many pools no longer have a precompiled image, and how many never had one."""
    image = "none" if lost else "no precompiled image"
    causes = (
        f"{_pools_have(lost, 'no longer ')} a precompiled image",
        f"{_pools_have(others)} {image}, unlike others of the same policy and OS",
    )
    return ", and ".join(cause for cause, count in zip(causes, (lost, others), strict=True) if count)


def _pools_have(count: int, adverb: str = "") -> str:
    return f"1 pool {adverb}has" if count == 1 else f"{count} pools {adverb}have"


def _detail(one: Compiling[LockedPool]) -> str:
    count = f"{len(one.nodes)} node{'' if len(one.nodes) == 1 else 's'}"
    who = f"{count}: {name_nodes(one.nodes)}" if one.nodes else PLANNED
    return f"pool {one.pool} {_BEFORE[one.why]}; {who}"
