"""Find the pools that will compile their driver and did not before."""

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Generic, TypeVar

from gitops_doca.core.dataclass import dataclass


class Image(Enum):
    """What kind of image a pool has."""

    PRECOMPILED = "precompiled"
    COMPILED = "compiled"
    UNTAGGED = "untagged"
    """No image by a tag: the policy names a digest, or the required image was missing."""


class Why(Enum):
    """Why a pool that compiles is reported."""

    LOST = "lost"
    """The pool had a precompiled image."""
    MOVED = "moved"
    """The pool is new, and its platform had a precompiled image under another policy."""
    NEW = "new"
    """The pool is new; its policy has precompiled images for other pools of its OS.
    """
    UNTAGGED = "untagged"
    """The pool had no image by a tag; its policy has precompiled images as of `NEW`."""
    JOINED = "joined"
    """The pool compiled before; the nodes come from one that had a precompiled image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A pool before, or as it will be."""

    policy: str
    """`<kind>/<name>`; empty when it is not known."""
    image: Image
    nodes: tuple[str, ...] | None
    """Names, sorted; None when they are unknown, as in a lock."""


Pool = TypeVar("Pool")


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolHistory(Generic[Pool]):
    """A pool on both sides; at most one of them is None."""

    pool: Pool
    """The caller's key for it."""
    platform: str
    """`<os><osVersion>/<kernel>/<arch>`."""
    before: Side | None
    after: Side | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiling(Generic[Pool]):
    """A pool that will compile the driver, and the nodes that did not."""

    pool: Pool
    nodes: tuple[str, ...]
    """Names, sorted; empty when the pool is planned."""
    why: Why

    @property
    def is_refused(self) -> bool:
        """Say whether `strict` makes it an error: not if nodes only joined a pool that compiled."""
        return self.why is not Why.JOINED


def os_id(platform: str) -> str:
    """Return the operating system without its version of digits and dots: `ubuntu`."""
    return platform.partition("/")[0].rstrip("0123456789.")


def find_compiling(pools: Sequence[PoolHistory[Pool]]) -> Iterator[Compiling[Pool]]:
    """Yield the pools that will compile and did not, or are new beside precompiled ones.

    Renderings know the nodes of each pool, locks do not: there, a node of a new pool may come from
    any pool of its platform.
    """
    precompiled = [
        (pool, side)
        for pool in pools
        for side in (pool.before, pool.after)
        if side and side.image is Image.PRECOMPILED
    ]
    offered = {(side.policy, os_id(pool.platform)) for pool, side in precompiled}
    earlier = [(pool.platform, side) for pool, side in precompiled if side is pool.before]
    for pool in pools:
        after = pool.after
        if after is None or after.image is not Image.COMPILED:
            continue
        is_offered = (after.policy, os_id(pool.platform)) in offered
        reason = _reason(pool, after, earlier, is_offered=is_offered)
        if reason:
            why, nodes = reason
            yield Compiling(pool=pool.pool, nodes=nodes, why=why)


_Earlier = Sequence[tuple[str, Side]]
"""By platform, the pool that had a precompiled image."""


def _reason(
    pool: PoolHistory[Pool], after: Side, earlier: _Earlier, *, is_offered: bool
) -> tuple[Why, tuple[str, ...]] | None:
    """Return why the pool is reported, and for which nodes; None if it is not reported."""
    nodes = after.nodes or ()
    same_platform = [side for platform, side in earlier if platform == pool.platform]
    match pool.before.image if pool.before else None:
        case Image.PRECOMPILED:
            return Why.LOST, nodes
        case None if (moved := _moved(nodes, same_platform)) is not None:
            return Why.MOVED, moved
        case None if is_offered:
            return Why.NEW, nodes
        case Image.UNTAGGED if is_offered:
            return Why.UNTAGGED, nodes
    joined = _both(nodes, [side for _, side in earlier])
    return (Why.JOINED, joined) if joined else None


def _moved(nodes: tuple[str, ...], earlier: Sequence[Side]) -> tuple[str, ...] | None:
    """Return the nodes that may have run the image of one of these pools; None when no node did."""
    if earlier and (not nodes or any(side.nodes is None for side in earlier)):
        return nodes
    return _both(nodes, earlier) or None


def _both(nodes: tuple[str, ...], earlier: Sequence[Side]) -> tuple[str, ...]:
    """Return those of the nodes that are known to have been in one of these pools."""
    names = {node for side in earlier for node in side.nodes or ()}
    return tuple(node for node in nodes if node in names)
