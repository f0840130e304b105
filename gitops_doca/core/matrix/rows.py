"""Rows of a matrix: pools of one platform, and what a version has for them."""

from collections.abc import Iterable, Mapping
from enum import Enum

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.model import Platform, Pool
from gitops_doca.core.reference import ImageReference, Repository
from gitops_doca.core.resolve.decide import compile_image
from gitops_doca.core.resolve.lookup import Cause, TagExists, TagList, TagLookup, TagMissing, TagUnknown
from gitops_doca.core.tags import (
    compile_tag,
    precompiled_tag,
)


class Availability(Enum):
    """The image of a version for a platform; the values are the words of the report."""

    PRECOMPILED = "precompiled"
    COMPILED = "compiled"
    """No precompiled image, but one that compiles on the node; every policy of the row allows it.
    """
    MISSING = "missing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformRow:
    """Pools of one platform: the same tag serves all of them, whatever their policies."""

    repository: Repository
    platform: Platform
    pools: tuple[Pool, ...]
    """Never empty."""
    compiles: bool | None = False
    """Whether all of the pools run the image that compiles on the node today; None: it is unknown."""

    def image(self, version: str) -> ImageReference:
        """Return the precompiled image that these pools need of a version."""
        return self.repository.tag(precompiled_tag(version, self.platform))

    @property
    def suffix(self) -> str:
        """The part of that image's tag after the version."""
        return precompiled_tag("", self.platform)

    def compile_image(self, version: str) -> ImageReference:
        """Return the image that compiles a version on these nodes."""
        return self.repository.tag(compile_tag(version, self.platform))

    @property
    def compile_suffix(self) -> str:
        """The part of that image's tag after the version."""
        return compile_tag("", self.platform)

    @property
    def may_compile(self) -> bool:
        """Whether every policy of the row allows the image that compiles on the node."""
        return not any(pool.policy.driver.force_precompiled for pool in self.pools)

    @property
    def node_names(self) -> tuple[str, ...]:
        """Names of the nodes, sorted, in a fleet as `cluster/name`; empty if all pools are planned."""
        names = (
            f"{pool.policy.cluster}/{name}" if pool.policy.cluster else name
            for pool in self.pools
            for name in pool.node_names
        )
        return tuple(sorted(set(names)))

    @property
    def clusters(self) -> tuple[str, ...]:
        """The clusters of a fleet that have the pools, sorted; empty in a run for one cluster."""
        return tuple(sorted({pool.policy.cluster for pool in self.pools} - {""}))


_COMPILING = {True: Availability.COMPILED, False: Availability.MISSING}


def availability_of(
    row: PlatformRow, version: str, listed: TagList, lookups: Mapping[ImageReference, TagLookup]
) -> Availability:
    """Return what a version has for a row; `lookups` have more to say than the tag list."""
    match exists(row.image(version), listed, lookups):
        case True:
            return Availability.PRECOMPILED
        case None:
            return Availability.UNKNOWN
        case False:
            compiles = row.may_compile and exists(row.compile_image(version), listed, lookups)
            return Availability.UNKNOWN if compiles is None else _COMPILING[compiles]


def exists(
    image: ImageReference, listed: TagList, lookups: Mapping[ImageReference, TagLookup]
) -> bool | None:
    """Say whether an image exists, by its manifest or else by the tag list; None: it is unknown."""
    match lookups.get(image):
        case TagExists():
            return True
        case TagMissing():
            return False
        case TagUnknown():
            return None
        case None:
            absent = False if listed.complete else None
            return True if image.tag in listed.tags else absent


def compile_today(
    pools: Iterable[Pool], listed: TagList, lookups: Mapping[ImageReference, TagLookup]
) -> bool | None:
    """Say whether pools run the image that compiles on the node today; None: it is unknown."""
    answers = {_compiles(pool, listed, lookups) for pool in pools}
    return False if False in answers else None if None in answers else True


def _compiles(pool: Pool, listed: TagList, lookups: Mapping[ImageReference, TagLookup]) -> bool | None:
    driver = pool.policy.driver
    if driver.force_precompiled:
        return False
    # As `decide` chooses.
    for version in (driver.version, *driver.fallbacks):
        image = driver.repository.tag(precompiled_tag(version, pool.platform))
        found = exists(image, listed, lookups)
        if found is not False:
            return None if found is None else False
    return exists(compile_image(pool), listed, lookups)


def serves(row: PlatformRow, one: Availability) -> bool:
    """Say whether an image serves a row: one that compiles does only where that runs today."""
    return one is Availability.PRECOMPILED or (row.compiles is True and one is Availability.COMPILED)


def serving_image(
    row: PlatformRow, version: str, listed: TagList, lookups: Mapping[ImageReference, TagLookup]
) -> ImageReference:
    """Return the image of a version that would serve a row."""
    image = row.image(version)
    compiles = row.compiles is not False and exists(image, listed, lookups) is False
    return row.compile_image(version) if compiles else image


def doubt_about(
    row: PlatformRow, version: str, listed: TagList, lookups: Mapping[ImageReference, TagLookup]
) -> str:
    """Return why it is unknown whether a listed image serves a row; empty when it is known."""
    image = serving_image(row, version, listed, lookups)
    if row.compiles is None and availability_of(row, version, listed, lookups) is Availability.COMPILED:
        return f"it is unknown whether {row.platform} compiles its driver today"
    match lookups.get(image):
        case TagUnknown(cause, reason) if image.tag in listed.tags and cause is not Cause.INCONSISTENT:
            return reason
        case _:
            return ""
