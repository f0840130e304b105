"""Find the newest versions, and what each version has for each pool."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.matrix.catalogue import Catalogue, RowGroup, published_by_suffix
from gitops_doca.core.matrix.rows import (
    Availability,
    PlatformRow,
    availability_of,
    doubt_about,
    exists,
    serves,
    serving_image,
)
from gitops_doca.core.model import Policy, Pool
from gitops_doca.core.reference import ImageReference, Repository
from gitops_doca.core.resolve.lookup import TagExists, TagList, TagLookup
from gitops_doca.core.tags import (
    flavour_of,
    nearest_kernel,
)

KIND = "DriverMatrix"


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionColumn:
    """A version, and its images for each row."""

    version: str
    availability: tuple[Availability, ...]
    """In the order of the rows."""
    served: tuple[bool, ...]
    """Whether each row is served, by a precompiled image, or by one that compiles where that runs today."""
    nearest: tuple[str, ...]
    """For each row that is not served the closest kernel with a precompiled image, of the same flavour, OS,
    OS version and architecture; empty where there is none, and where it is unknown whether it is served."""
    current: bool
    """A policy of the matrix names it."""

    @property
    def complete(self) -> bool:
        """Whether every row is served."""
        return all(self.served)


@dataclass(frozen=True, slots=True, kw_only=True)
class LatestVersion:
    """The newest version that serves all pools: of a policy, of a matrix, or of all matrices."""

    policy: Policy | None = None
    """None: the pools of all policies."""
    version: str = ""
    """Empty when there is none; the registry was asked for every one of its manifests."""
    doubtful: str = ""
    """A version that is listed for all pools, but not confirmed; then `version` is empty."""
    reason: str = ""
    """Why it is doubtful."""


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
        availability = [availability_of(row, version, self.listed, self.lookups) for row in self.rows]
        pairs = list(zip(self.rows, availability, strict=True))
        return VersionColumn(
            version=version,
            availability=tuple(availability),
            served=tuple(serves(row, one) for row, one in pairs),
            nearest=tuple(self._nearest(row, version, one) for row, one in pairs),
            current=self.is_current(version),
        )

    def _nearest(self, row: PlatformRow, version: str, one: Availability) -> str:
        if one is Availability.UNKNOWN or serves(row, one):
            return ""
        kernels = self.catalogue.kernels.get((version, flavour_of(row.platform)), frozenset())
        return nearest_kernel(row.platform.kernel, kernels - {row.platform.kernel})

    def is_current(self, version: str) -> bool:
        """Say whether a policy of the matrix names a version."""
        return version in self.catalogue.current

    def fallbacks(self, row: PlatformRow) -> tuple[str, ...]:
        """Return the fallback versions that pools of a row run; an unknown answer ends the search."""
        versions = set()
        for pool in row.pools:
            driver = pool.policy.driver
            for version in (driver.version, *driver.fallbacks):
                found = exists(row.image(version), self.listed, self.lookups)
                if found and version != driver.version:
                    versions.add(version)
                if found is not False:
                    break
        return tuple(sorted(versions))

    @property
    def usable(self) -> bool:
        """Whether the tag list is of use: it is not if it broke off before its first tag."""
        return self.listed.complete or bool(self.listed.tags)


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionSurvey:
    """The matrices of all repositories."""

    matrices: tuple[VersionMatrix, ...]
    """Sorted by repository."""
    newest: LatestVersion
    """The newest version that serves every pool of all of them."""
    passed_over: tuple[Policy, ...] = ()
    """The policies that name a digest, whose pools are in no matrix; sorted."""


def split_off_digests(pools: Iterable[Pool]) -> tuple[tuple[Pool, ...], tuple[Policy, ...]]:
    """Return the pools whose policies name a version, and the policies that name a digest, sorted.

    One image for all kernels tells nothing about the kernels that a version needs.
    """
    chosen, digests = [], {}
    for pool in pools:
        if pool.policy.driver.digest is None:
            chosen.append(pool)
        else:
            digests[pool.policy.key] = pool.policy
    return tuple(chosen), tuple(digests[key] for key in sorted(digests))


def build_survey(
    catalogues: Sequence[Catalogue],
    lookups: Mapping[ImageReference, TagLookup],
    passed_over: tuple[Policy, ...] = (),
) -> VersionSurvey:
    """Return the matrices, and the newest version for all of them."""
    newest = _latest(_all_rows(catalogues), lookups) if catalogues else LatestVersion()
    matrices = build_matrices(catalogues, lookups)
    return VersionSurvey(matrices=matrices, newest=newest, passed_over=passed_over)


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
            latest=tuple(
                replace(_latest([(group, catalogue)], lookups), policy=group.policy)
                for group in catalogue.groups
            ),
        )
        for catalogue in catalogues
    )


def unconfirmed(
    catalogues: Sequence[Catalogue], lookups: Mapping[ImageReference, TagLookup]
) -> tuple[ImageReference, ...]:
    """Return the images to look up to find the newest versions, sorted; empty when they are found.

    Call again with the answers: if manifests of a version are missing, the next one is tried.
    """
    images: set[ImageReference] = set()
    parts: list[_Part] = [[(group, catalogue)] for catalogue in catalogues for group in catalogue.groups]
    if len(catalogues) > 1:
        parts.append(_all_rows(catalogues))
    for part in parts:
        version, _ = _candidate(part, lookups)
        if version:
            images |= {
                serving_image(row, version, catalogue.listed, lookups)
                for group, catalogue in part
                for row in group.rows
            }
    return tuple(sorted(images - lookups.keys()))


_Part = Sequence[tuple[RowGroup, Catalogue]]
"""Rows that one version should serve, of one repository or of several."""


def _all_rows(catalogues: Iterable[Catalogue]) -> _Part:
    return [(catalogue.groups[0], catalogue) for catalogue in catalogues]


def _latest(part: _Part, lookups: Mapping[ImageReference, TagLookup]) -> LatestVersion:
    version, reason = _candidate(part, lookups)
    if version and not reason:
        images = (
            serving_image(row, version, catalogue.listed, lookups)
            for group, catalogue in part
            for row in group.rows
        )
        if any(image not in lookups for image in images):
            reason = "its manifests were not looked up"
    return LatestVersion(doubtful=version, reason=reason) if reason else LatestVersion(version=version)


def _candidate(part: _Part, lookups: Mapping[ImageReference, TagLookup]) -> tuple[str, str]:
    """Return the newest version that could be complete, if any, and why it is in doubt, if it is.

    A look-up without an answer ends the search: an older version could be called the newest by
    mistake.
    """
    first, *others = (_possible(group, catalogue, lookups) for group, catalogue in part)
    common = set(first).intersection(*others) if others else None
    for version in first:
        if common is not None and version not in common:
            continue
        doubts = []
        for group, catalogue in part:
            for row in group.rows:
                doubt = doubt_about(row, version, catalogue.listed, lookups)
                one = availability_of(row, version, catalogue.listed, lookups)
                doubts.append(doubt if doubt or serves(row, one) else None)
        if None not in doubts:
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
    suffixes = {row.suffix for row in group.rows}
    suffixes |= {row.compile_suffix for row in group.rows if row.compiles is not False}
    seen = published_by_suffix(suffixes, unlisted) if unlisted else {}
    more = {version for some in seen.values() for version in some}.intersection(catalogue.ranks)
    return sorted({*group.listed, *more}, key=catalogue.ranks.__getitem__) if more else group.listed


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
    """Return the rows that this version does not serve."""
    return tuple(row for row, served in zip(matrix.rows, column.served, strict=True) if not served)
