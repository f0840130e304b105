"""Which nodes will compile their driver, where a precompiled image was there before."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from gitops_doca.core.compare.rendered import RenderedPool

Pair = tuple[RenderedPool | None, RenderedPool | None]
"""A pool before and after; one of the sides is there."""


class Why(Enum):
    """Why it is news that a pool compiles."""

    LOST = "lost"
    """The pool ran a precompiled image."""
    NEW = "new"
    """The pool is new, and other pools of its policy and operating system have a precompiled image."""
    JOINED = "joined"
    """The pool compiled before; the nodes come from one that ran a precompiled image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiling:
    """A pool that compiles the driver, and the nodes for which that is news."""

    pool: RenderedPool
    """As it will be."""
    nodes: tuple[str, ...]
    """Names, sorted; empty when the pool is planned."""
    why: Why

    @property
    def is_refused(self) -> bool:
        """Say whether `strict` makes it an error: the pool is what compiles, not only some nodes."""
        return self.why is not Why.JOINED


def find_compiling(pairs: Sequence[Pair]) -> Iterator[Compiling]:
    """Yield the pools that compile where a precompiled image was there before."""
    precompiled = [pool for pair in pairs for pool in pair if pool and pool.is_precompiled]
    systems = {(pool.policy, pool.os_id) for pool in precompiled}
    old = (before for before, _ in pairs if before and before.is_precompiled)
    ran_precompiled = {node for pool in old for node in pool.nodes or ()}
    for before, after in pairs:
        if after is None or not after.compiles:
            continue
        nodes = after.nodes or ()
        if before is not None and before.is_precompiled:
            yield Compiling(pool=after, nodes=nodes, why=Why.LOST)
        elif before is None and (after.policy, after.os_id) in systems:
            yield Compiling(pool=after, nodes=nodes, why=Why.NEW)
        elif joined := _both(nodes, ran_precompiled):
            yield Compiling(pool=after, nodes=joined, why=Why.JOINED)


def _both(nodes: Iterable[str], others: set[str]) -> tuple[str, ...]:
    return tuple(node for node in nodes if node in others)
