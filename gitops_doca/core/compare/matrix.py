"""Find which driver versions of a repository have an image for which pools."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from gitops_doca.core.model import Platform, Policy, Pool
from gitops_doca.core.reference import ImageReference, Repository
from gitops_doca.core.resolve.decide import compile_image
from gitops_doca.core.resolve.lookup import Cause, TagExists, TagList, TagLookup, TagMissing, TagUnknown
from gitops_doca.core.tags import (
    PublishedTag,
    compile_tag,
    flavour_of,
    is_full_tag,
    nearest_kernel,
    parse_tag,
    precompiled_tag,
    version_key,
)

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
class RowGroup:
    """Rows that one version should serve."""

    policy: Policy | None
    """None: the rows of all policies."""
    rows: tuple[PlatformRow, ...]
    listed: tuple[str, ...]
    """The versions that serve all of them by the tag list, newest first."""


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
    kernels: Mapping[tuple[str, Platform], frozenset[str]]
    """The kernels of each version that a row's flavour has, by `flavour_of`."""
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
        availability = [_availability(row, version, self.listed, self.lookups) for row in self.rows]
        pairs = list(zip(self.rows, availability, strict=True))
        return VersionColumn(
            version=version,
            availability=tuple(availability),
            served=tuple(_serves(row, one) for row, one in pairs),
            nearest=tuple(self._nearest(row, version, one) for row, one in pairs),
            current=self.is_current(version),
        )

    def _nearest(self, row: PlatformRow, version: str, one: Availability) -> str:
        if one is Availability.UNKNOWN or _serves(row, one):
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
                found = _answer(row.image(version), self.listed, self.lookups)
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


_NO_LOOKUPS: Mapping[ImageReference, TagLookup] = {}


def build_catalogues(
    pools: Iterable[Pool],
    lists: Mapping[Repository, TagList],
    lookups: Mapping[ImageReference, TagLookup] = _NO_LOOKUPS,
) -> tuple[Catalogue, ...]:
    """Return one catalogue for each repository of the pools, sorted.

    `lookups` say which pools compile today; the tag list does where they have no answer.
    """
    catalogues = []
    for repository, platforms in _by_repository(pools).items():
        listed = lists.get(repository, TagList())
        rows = [
            PlatformRow(
                repository=repository,
                platform=platform,
                pools=tuple(same),
                compiles=_compile(same, listed, lookups),
            )
            for platform, same in sorted(platforms.items())
        ]
        catalogues.append(_catalogue(repository, tuple(rows), listed, lookups))
    return tuple(catalogues)


def build_survey(
    catalogues: Sequence[Catalogue], lookups: Mapping[ImageReference, TagLookup]
) -> VersionSurvey:
    """Return the matrices, and the newest version for all of them."""
    newest = _latest(_all_rows(catalogues), lookups) if catalogues else LatestVersion()
    return VersionSurvey(matrices=build_matrices(catalogues, lookups), newest=newest)


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
                _serving_image(row, version, catalogue.listed, lookups)
                for group, catalogue in part
                for row in group.rows
            }
    return tuple(sorted(images - lookups.keys()))


_Part = Sequence[tuple[RowGroup, Catalogue]]
"""Rows that one version should serve, of one repository or of several."""


def _all_rows(catalogues: Iterable[Catalogue]) -> _Part:
    return [(catalogue.groups[0], catalogue) for catalogue in catalogues]


def _catalogue(
    repository: Repository,
    rows: tuple[PlatformRow, ...],
    listed: TagList,
    lookups: Mapping[ImageReference, TagLookup],
) -> Catalogue:
    current = frozenset(pool.policy.driver.version for row in rows for pool in row.pools) - {""}
    published = _published({row.suffix for row in rows}, listed.tags)
    others = _other_tags(published, listed.tags)
    versions = _versions(rows, current, published, others)
    ranks = {version: number for number, version in enumerate(versions)}
    groups = _groups(rows, listed, lookups)
    suffixes = {row.compile_suffix for _, own in groups for row in own if row.compiles is not False}
    # Without those that compile nowhere today: nearly every tag ends as theirs do.
    compiled = _published(suffixes, listed.tags) if suffixes else {}
    return Catalogue(
        repository=repository,
        rows=rows,
        listed=listed,
        current=current,
        ranks=ranks,
        kernels=_kernels(rows, published, others),
        groups=tuple(
            RowGroup(policy=policy, rows=own, listed=_for_all(own, published, compiled, ranks))
            for policy, own in groups
        ),
    )


def _for_all(
    rows: Iterable[PlatformRow],
    published: Mapping[str, set[str]],
    compiled: Mapping[str, set[str]],
    ranks: Mapping[str, int],
) -> tuple[str, ...]:
    """Return the versions that have an image for each row, newest first."""
    served = [
        published[row.suffix] | (compiled[row.compile_suffix] if row.compiles is not False else set())
        for row in rows
    ]
    # The rarest row limits the versions that all rows have.
    return tuple(sorted(set[str].intersection(*served) & ranks.keys(), key=ranks.__getitem__))


def _other_tags(suffixes: Iterable[str], tags: Iterable[str]) -> list[PublishedTag]:
    """Parse the tags of other platforms than those with these suffixes."""
    ends = tuple(suffixes)
    return [parsed for tag in tags if not tag.endswith(ends) and (parsed := parse_tag(tag))]


def _kernels(
    rows: Iterable[PlatformRow], published: Mapping[str, set[str]], others: Iterable[PublishedTag]
) -> dict[tuple[str, Platform], frozenset[str]]:
    """Return the kernels of each version and flavour that a row has."""
    found: dict[tuple[str, Platform], set[str]] = defaultdict(set)
    flavours = {flavour_of(row.platform) for row in rows}
    for row in rows:
        for version in published[row.suffix]:
            found[version, flavour_of(row.platform)].add(row.platform.kernel)
    for parsed in others:
        if parsed.platform.kernel and (flavour := flavour_of(parsed.platform)) in flavours:
            found[parsed.version, flavour].add(parsed.platform.kernel)
    return {key: frozenset(kernels) for key, kernels in found.items()}


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
    others: Iterable[PublishedTag],
) -> list[str]:
    """Return the versions for columns, newest first.

    They have an image for any kernel, or one that a row may compile with, or are current.
    """
    compiled = {(row.platform.os, row.platform.arch) for row in rows if row.may_compile}
    versions = set(current)
    versions.update(version for some in published.values() for version in some if not is_full_tag(version))
    versions.update(
        parsed.version
        for parsed in others
        if parsed.platform.kernel or (parsed.platform.os, parsed.platform.arch) in compiled
    )
    return sorted(versions, key=lambda version: (version_key(version), version), reverse=True)


def _availability(
    row: PlatformRow, version: str, listed: TagList, lookups: Mapping[ImageReference, TagLookup]
) -> Availability:
    match _answer(row.image(version), listed, lookups):
        case True:
            return Availability.PRECOMPILED
        case None:
            return Availability.UNKNOWN
        case False:
            compiles = row.may_compile and _answer(row.compile_image(version), listed, lookups)
            return Availability.UNKNOWN if compiles is None else _COMPILING[compiles]


_COMPILING = {True: Availability.COMPILED, False: Availability.MISSING}


def _answer(
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


def _compile(
    pools: Iterable[Pool], listed: TagList, lookups: Mapping[ImageReference, TagLookup]
) -> bool | None:
    """Say whether pools run the image that compiles on the node today; None: it is unknown."""
    answers = {_compiles(pool, listed, lookups) for pool in pools}
    return False if False in answers else None if None in answers else True


def _compiles(pool: Pool, listed: TagList, lookups: Mapping[ImageReference, TagLookup]) -> bool | None:
    driver = pool.policy.driver
    if driver.force_precompiled or driver.digest is not None:
        return False
    # As `decide` chooses.
    for version in (driver.version, *driver.fallbacks):
        image = driver.repository.tag(precompiled_tag(version, pool.platform))
        found = _answer(image, listed, lookups)
        if found is not False:
            return None if found is None else False
    return _answer(compile_image(pool), listed, lookups)


def _serves(row: PlatformRow, one: Availability) -> bool:
    return one is Availability.PRECOMPILED or (row.compiles is True and one is Availability.COMPILED)


def _serving_image(
    row: PlatformRow, version: str, listed: TagList, lookups: Mapping[ImageReference, TagLookup]
) -> ImageReference:
    """Return the image of a version that would serve a row."""
    image = row.image(version)
    compiles = row.compiles is not False and _answer(image, listed, lookups) is False
    return row.compile_image(version) if compiles else image


def _doubt(
    row: PlatformRow, version: str, listed: TagList, lookups: Mapping[ImageReference, TagLookup]
) -> str:
    """Return why it is unknown whether a listed image serves a row; empty when it is known."""
    image = _serving_image(row, version, listed, lookups)
    if row.compiles is None and _availability(row, version, listed, lookups) is Availability.COMPILED:
        return f"it is unknown whether {row.platform} compiles its driver today"
    match lookups.get(image):
        case TagUnknown(cause, reason) if image.tag in listed.tags and cause is not Cause.INCONSISTENT:
            return reason
        case _:
            return ""


def _latest(part: _Part, lookups: Mapping[ImageReference, TagLookup]) -> LatestVersion:
    version, reason = _candidate(part, lookups)
    if version and not reason:
        images = (
            _serving_image(row, version, catalogue.listed, lookups)
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
                doubt = _doubt(row, version, catalogue.listed, lookups)
                one = _availability(row, version, catalogue.listed, lookups)
                doubts.append(doubt if doubt or _serves(row, one) else None)
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
    seen = _published(suffixes, unlisted) if unlisted else {}
    more = {version for some in seen.values() for version in some}.intersection(catalogue.ranks)
    return sorted({*group.listed, *more}, key=catalogue.ranks.__getitem__) if more else group.listed


def _by_repository(pools: Iterable[Pool]) -> dict[Repository, dict[Platform, list[Pool]]]:
    alike: dict[Repository, dict[Platform, list[Pool]]] = defaultdict(lambda: defaultdict(list))
    for pool in pools:
        alike[pool.policy.driver.repository][pool.platform].append(pool)
    return {repository: dict(platforms) for repository, platforms in sorted(alike.items())}


def _groups(
    rows: Sequence[PlatformRow], listed: TagList, lookups: Mapping[ImageReference, TagLookup]
) -> list[tuple[Policy | None, tuple[PlatformRow, ...]]]:
    """Return the sets of rows to serve: all rows, and with several policies those of each."""
    policies = {pool.policy.key: pool.policy for row in rows for pool in row.pools}
    groups: list[tuple[Policy | None, tuple[PlatformRow, ...]]] = [(None, tuple(rows))]
    if len(policies) > 1:
        own: dict[tuple[str, str, str], list[PlatformRow]] = defaultdict(list)
        for row in rows:
            for pool in row.pools:
                compiles = row.compiles or _compile([pool], listed, lookups)
                own[pool.policy.key].append(replace(row, pools=(pool,), compiles=compiles))
        groups += [(policies[key], tuple(own[key])) for key in sorted(own)]
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
    """Return the rows that this version does not serve."""
    return tuple(row for row, served in zip(matrix.rows, column.served, strict=True) if not served)
