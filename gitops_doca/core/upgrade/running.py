"""Find which driver version each pool runs today."""

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum

from gitops_doca.core.compare.lock import LockedPool, locked_pool
from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.model import Platform, Pool
from gitops_doca.core.reference import ImageReference
from gitops_doca.core.resolve.pools import kind_of
from gitops_doca.core.tags import compile_tag, flavour_of, precompiled_tag, split_revision, version_key
from gitops_doca.core.upgrade.published import Published, kernel_key


class Driver(Enum):
    """How the nodes of a pool get their driver."""

    PRECOMPILED = "precompiled"
    COMPILED = "compiled"
    NONE = "none"
    """No image is known for the pool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What a pool runs, or would run when a node joins it."""

    pool: Pool
    driver: Driver
    version: str = ""
    """Empty for `Driver.NONE`."""
    inferred: bool = False
    """No lock says so: it is the published version that has the pool's kernel."""

    @property
    def kernel(self) -> str:
        """The kernel of the pool's nodes."""
        return self.pool.platform.kernel

    @property
    def may_compile(self) -> bool:
        """Whether the policy allows the image that compiles on the node."""
        return not self.pool.policy.driver.force_precompiled


def movable_pools(pools: Iterable[Pool]) -> tuple[Pool, ...]:
    """Return the pools to find a kernel for.

    These are all with nodes, and of each family that no node runs the planned one with the newest
    kernel. Pools whose policy names a digest are not among them.
    """
    wanted = [pool for pool in pools if pool.policy.driver.digest is None]
    with_nodes = {kind_of(pool) for pool in wanted if pool.nodes}
    planned: dict[tuple[tuple[str, str, str], Platform], Pool] = {}
    for pool in wanted:
        first = planned.setdefault(kind_of(pool), pool)
        if kernel_key(pool.platform.kernel) > kernel_key(first.platform.kernel):
            planned[kind_of(pool)] = pool
    return tuple(
        pool
        for pool in wanted
        if pool.nodes or (kind_of(pool) not in with_nodes and planned[kind_of(pool)] is pool)
    )


def running(pool: Pool, chosen: Mapping[LockedPool, ImageReference], published: Published) -> Running:
    """Return what a pool runs, by the images that a lock chose; without one, by its kernel."""
    image = chosen.get(locked_pool(pool))
    if image is not None:
        for driver, ending in (
            (Driver.PRECOMPILED, precompiled_tag("", pool.platform)),
            (Driver.COMPILED, compile_tag("", pool.platform)),
        ):
            if image.tag.endswith(ending):
                return Running(pool=pool, driver=driver, version=image.tag.removesuffix(ending))
    return _inferred(pool, published)


def _inferred(pool: Pool, published: Published) -> Running:
    spec, flavour = pool.policy.driver, flavour_of(pool.platform)
    having = [
        version
        for version, release in published.releases.items()
        if pool.platform.kernel in release.kernels.get(flavour, ())
    ]
    for version in (
        *(v for v in (spec.version, *spec.fallbacks) if v in having),
        *_nearest(having, spec.version),
    ):
        return Running(pool=pool, driver=Driver.PRECOMPILED, version=version, inferred=True)
    if not spec.force_precompiled and published.release(spec.version).compiles(pool.platform):
        return Running(pool=pool, driver=Driver.COMPILED, version=spec.version, inferred=True)
    return Running(pool=pool, driver=Driver.NONE)


def _nearest(newest_first: Iterable[str], version: str) -> Iterator[str]:
    """Yield the newest version that is not newer than another, then the oldest of the newer ones."""
    versions = list(newest_first)
    limit = version_key(version)
    yield from [one for one in versions if version_key(one) <= limit][:1]
    yield from versions[-1:]


def is_of(version: str, driver: str) -> bool:
    """Say whether a version is of a driver, whatever its container revision."""
    return split_revision(version)[0] == driver
