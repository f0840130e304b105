"""Find which driver versions of a repository have an image for which pools."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from gitops_doca.core.model import Platform, Policy, Pool
from gitops_doca.core.reference import ImageReference, Repository
from gitops_doca.core.resolve.lookup import Cause, TagExists, TagList, TagLookup, TagUnknown
from gitops_doca.core.tags import compile_tag, is_full_tag, parse_tag, precompiled_tag, version_key

KIND = "DriverMatrix"


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

    def image(self, version: str) -> ImageReference:
        """Return the precompiled image that these pools need of a version."""
        return self.repository.tag(precompiled_tag(version, self.platform))

    @property
    def suffix(self) -> str:
        """The part of that image's tag after the version."""
        return precompiled_tag("", self.platform)

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


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionColumn:
    """A version, and its images for each row."""

    version: str
    availability: tuple[Availability, ...]
    """In the order of the rows."""
    current: bool
    """A policy of the matrix names it."""

    @property
    def complete(self) -> bool:
        """Whether every row has its precompiled image."""
        return all(one is Availability.PRECOMPILED for one in self.availability)


@dataclass(frozen=True, slots=True, kw_only=True)
class LatestVersion:
    """The newest version with a precompiled image for all pools of a policy, or of a whole matrix."""

    policy: Policy | None
    """None: the whole matrix."""
    version: str = ""
    """Empty when there is none; the registry was asked for every one of its manifests."""
    doubtful: str = ""
    """A version that is listed for all pools, but not confirmed; then `version` is empty."""
    reason: str = ""
    """Why it is doubtful."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowGroup:
    """Rows that one version should serve."""

    policy: Policy | None
    """None: the rows of all policies."""
    rows: tuple[PlatformRow, ...]
    listed: tuple[str, ...]
    """The versions that the tag list has for all of them, newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """A parsed tag list, and the pools whose policies name its repository."""

    repository: Repository
    rows: tuple[PlatformRow, ...]
    """Sorted by platform."""
    listed: TagList
    current: frozenset[str]
    """The versions that policies name."""
    ranks: Mapping[str, int]
    """The versions for columns, newest first, with their numbers; there may be 100,000."""
    groups: tuple[RowGroup, ...]
    """All rows, then those of each policy if there are several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionMatrix:
    """The versions of a repository, and the pools whose policies name it."""

    catalogue: Catalogue
    lookups: Mapping[ImageReference, TagLookup]
    latest: tuple[LatestVersion, ...]
    """One for each group."""

    @property
    def repository(self) -> Repository:
        """The repository."""
        return self.catalogue.repository

    @property
    def rows(self) -> tuple[PlatformRow, ...]:
        """Its rows, sorted by platform."""
        return self.catalogue.rows

    @property
    def listed(self) -> TagList:
        """Its tag list."""
        return self.catalogue.listed

    @property
    def versions(self) -> Collection[str]:
        """The versions for columns, newest first."""
        return self.catalogue.ranks.keys()

    def column(self, version: str) -> VersionColumn:
        """Return the images of a version for each row."""
        return VersionColumn(
            version=version,
            availability=tuple(_availability(row, version, self.listed, self.lookups) for row in self.rows),
            current=self.is_current(version),
        )

    def is_current(self, version: str) -> bool:
        """Say whether a policy of the matrix names a version."""
        return version in self.catalogue.current

    def fallbacks(self, row: PlatformRow) -> tuple[str, ...]:
        """Return the fallback versions that pools of a row run; an unknown answer ends the search."""
        versions = set()
        for pool in row.pools:
            driver = pool.policy.driver
            for version in (driver.version, *driver.fallbacks):
                found = _availability(row, version, self.listed, self.lookups)
                if found is Availability.PRECOMPILED:
                    versions.add(version if version != driver.version else "")
                if found in {Availability.PRECOMPILED, Availability.UNKNOWN}:
                    break
        return tuple(sorted(versions - {""}))

    @property
    def usable(self) -> bool:
        """Whether the tag list is of use: it is not if it broke off before its first tag."""
        return self.listed.complete or bool(self.listed.tags)


def build_catalogues(pools: Iterable[Pool], lists: Mapping[Repository, TagList]) -> tuple[Catalogue, ...]:
    """Return one catalogue for each repository of the pools, sorted."""
    return tuple(
        _catalogue(repository, rows, lists.get(repository, TagList()))
        for repository, rows in _by_repository(pools).items()
    )


def build_matrices(
    catalogues: Iterable[Catalogue], lookups: Mapping[ImageReference, TagLookup]
) -> tuple[VersionMatrix, ...]:
    """Return one matrix for each catalogue, from its tag list and the manifests.

    A manifest's answer overrides the list's. An incomplete list never makes an image missing.
    """
    return tuple(
        VersionMatrix(
            catalogue=catalogue,
            lookups=lookups,
            latest=tuple(_latest(group, catalogue, lookups) for group in catalogue.groups),
        )
        for catalogue in catalogues
    )


def unconfirmed(
    catalogues: Iterable[Catalogue], lookups: Mapping[ImageReference, TagLookup]
) -> tuple[ImageReference, ...]:
    """Return the images to look up to find the newest version, sorted; empty when it is found.

    Call again with the answers: if manifests of a version are missing, the next one is tried.
    """
    images: set[ImageReference] = set()
    for catalogue in catalogues:
        for group in catalogue.groups:
            version, _ = _candidate(group, catalogue, lookups)
            images |= {row.image(version) for row in group.rows if version} - lookups.keys()
    return tuple(sorted(images))


def _catalogue(repository: Repository, rows: tuple[PlatformRow, ...], listed: TagList) -> Catalogue:
    current = frozenset(pool.policy.driver.version for row in rows for pool in row.pools) - {""}
    published = _published({row.suffix for row in rows}, listed.tags)
    versions = _versions(rows, current, published, listed.tags)
    ranks = {version: number for number, version in enumerate(versions)}
    groups = []
    for policy, own in _groups(rows):
        # The rarest row limits the versions that all rows have.
        common = set[str].intersection(*(published[row.suffix] for row in own))
        complete = tuple(sorted(common & ranks.keys(), key=ranks.__getitem__))
        groups.append(RowGroup(policy=policy, rows=own, listed=complete))
    return Catalogue(
        repository=repository,
        rows=rows,
        listed=listed,
        current=current,
        ranks=ranks,
        groups=tuple(groups),
    )


def _published(suffixes: Collection[str], tags: Iterable[str]) -> dict[str, set[str]]:
    """Return the versions of each tag suffix.

    The version of a custom build may have any form, so the pool's own suffix tells where it ends.
    """
    published: dict[str, set[str]] = {suffix: set() for suffix in suffixes}
    # There are few lengths, so a tag is split without trying every suffix.
    lengths = {len(suffix) for suffix in suffixes}
    for tag in tags:
        for length in lengths:
            if (suffix := tag[-length:]) in published and suffix != tag:
                published[suffix].add(tag[:-length])
    return published


def _versions(
    rows: Sequence[PlatformRow],
    current: frozenset[str],
    published: Mapping[str, set[str]],
    tags: Iterable[str],
) -> list[str]:
    """Return the versions for columns, newest first.

    They have an image for any kernel, or one that a row may compile with, or are current.
    """
    suffixes = tuple(published)
    compiled = {(row.platform.os, row.platform.arch) for row in rows if row.may_compile}
    versions = set(current)
    versions.update(version for some in published.values() for version in some if not is_full_tag(version))
    for tag in tags:
        if (
            not tag.endswith(suffixes)
            and (parsed := parse_tag(tag))
            and (parsed.platform.kernel or (parsed.platform.os, parsed.platform.arch) in compiled)
        ):
            versions.add(parsed.version)
    return sorted(versions, key=lambda version: (version_key(version), version), reverse=True)


def _availability(
    row: PlatformRow, version: str, listed: TagList, lookups: Mapping[ImageReference, TagLookup]
) -> Availability:
    image = row.image(version)
    match lookups.get(image):
        case TagExists():
            return Availability.PRECOMPILED
        case TagUnknown():
            return Availability.UNKNOWN
        case None if image.tag in listed.tags:
            return Availability.PRECOMPILED
        case None if not listed.complete:
            return Availability.UNKNOWN
    compiles = row.may_compile and compile_tag(version, row.platform) in listed.tags
    return Availability.COMPILED if compiles else Availability.MISSING


def _doubt(
    row: PlatformRow, version: str, listed: TagList, lookups: Mapping[ImageReference, TagLookup]
) -> str:
    """Return why the look-up of a listed image gave no answer; empty when there is an answer."""
    image = row.image(version)
    match lookups.get(image):
        case TagUnknown(cause, reason) if image.tag in listed.tags and cause is not Cause.INCONSISTENT:
            return reason
        case _:
            return ""


def _latest(
    group: RowGroup, catalogue: Catalogue, lookups: Mapping[ImageReference, TagLookup]
) -> LatestVersion:
    version, reason = _candidate(group, catalogue, lookups)
    if version and not reason and any(row.image(version) not in lookups for row in group.rows):
        reason = "its manifests were not looked up"
    if reason:
        return LatestVersion(policy=group.policy, doubtful=version, reason=reason)
    return LatestVersion(policy=group.policy, version=version)


def _candidate(
    group: RowGroup, catalogue: Catalogue, lookups: Mapping[ImageReference, TagLookup]
) -> tuple[str, str]:
    """Return the newest version that could be complete, if any, and why it is in doubt, if it is.

    A look-up without an answer ends the search: an older version could be called the newest by
    mistake.
    """
    for version in _possible(group, catalogue, lookups):
        doubts = [_doubt(row, version, catalogue.listed, lookups) for row in group.rows]
        available = [_availability(row, version, catalogue.listed, lookups) for row in group.rows]
        if all(
            doubt or one is Availability.PRECOMPILED for doubt, one in zip(doubts, available, strict=True)
        ):
            return version, next(filter(None, doubts), "")
    return "", ""


def _possible(
    group: RowGroup, catalogue: Catalogue, lookups: Mapping[ImageReference, TagLookup]
) -> Sequence[str]:
    """Return the versions that could be complete, newest first.

    These are versions that are listed for all rows, and those of which an image exists although
    the list lacks it.
    """
    unlisted = {
        image.tag
        for image, lookup in lookups.items()
        if isinstance(lookup, TagExists)
        and image.repository == catalogue.repository
        and image.tag not in catalogue.listed.tags
    }
    seen = _published({row.suffix for row in group.rows}, unlisted) if unlisted else {}
    more = {version for some in seen.values() for version in some}.intersection(catalogue.ranks)
    return sorted({*group.listed, *more}, key=catalogue.ranks.__getitem__) if more else group.listed


def _by_repository(pools: Iterable[Pool]) -> dict[Repository, tuple[PlatformRow, ...]]:
    alike: dict[Repository, dict[Platform, list[Pool]]] = defaultdict(lambda: defaultdict(list))
    for pool in pools:
        alike[pool.policy.driver.repository][pool.platform].append(pool)
    return {
        repository: tuple(
            PlatformRow(repository=repository, platform=platform, pools=tuple(same))
            for platform, same in sorted(platforms.items())
        )
        for repository, platforms in sorted(alike.items())
    }


def _groups(rows: Sequence[PlatformRow]) -> list[tuple[Policy | None, tuple[PlatformRow, ...]]]:
    """Return the sets of rows to serve: all rows, and with several policies those of each."""
    policies = {pool.policy.key: pool.policy for row in rows for pool in row.pools}
    groups: list[tuple[Policy | None, tuple[PlatformRow, ...]]] = [(None, tuple(rows))]
    if len(policies) > 1:
        for key in sorted(policies):
            own = (row for row in rows if any(p.policy.key == key for p in row.pools))
            groups.append((policies[key], tuple(own)))
    return groups


def newest_first(matrix: VersionMatrix, limit: int) -> tuple[VersionColumn, ...]:
    """Return the columns to show: the newest, and the current, running or newest complete ones."""
    named = {latest.version or latest.doubtful for latest in matrix.latest} | matrix.catalogue.current
    named.update(version for row in matrix.rows for version in matrix.fallbacks(row))
    return tuple(
        matrix.column(version)
        for number, version in enumerate(matrix.versions)
        if number < limit or version in named
    )


def blocking_rows(matrix: VersionMatrix, column: VersionColumn) -> tuple[PlatformRow, ...]:
    """Return the rows without a precompiled image of this version."""
    pairs = zip(matrix.rows, column.availability, strict=True)
    return tuple(row for row, one in pairs if one is not Availability.PRECOMPILED)
