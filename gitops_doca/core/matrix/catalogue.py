"""Sort the tags of a repository by version, and its pools by platform."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.matrix.rows import PlatformRow, compile_today
from gitops_doca.core.model import Platform, Policy, Pool
from gitops_doca.core.reference import ImageReference, Repository
from gitops_doca.core.resolve.lookup import TagList, TagLookup
from gitops_doca.core.tags import (
    PublishedTag,
    flavour_of,
    is_full_tag,
    parse_tag,
    version_key,
)


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


_NO_LOOKUPS: Mapping[ImageReference, TagLookup] = {}


def build_catalogues(
    pools: Iterable[Pool],
    lists: Mapping[Repository, TagList],
    lookups: Mapping[ImageReference, TagLookup] = _NO_LOOKUPS,
) -> tuple[Catalogue, ...]:
    """Return one catalogue for each repository of the pools, sorted; no policy of them names a digest.

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
                compiles=compile_today(same, listed, lookups),
            )
            for platform, same in sorted(platforms.items())
        ]
        catalogues.append(_catalogue(repository, tuple(rows), listed, lookups))
    return tuple(catalogues)


def _catalogue(
    repository: Repository,
    rows: tuple[PlatformRow, ...],
    listed: TagList,
    lookups: Mapping[ImageReference, TagLookup],
) -> Catalogue:
    current = frozenset(pool.policy.driver.version for row in rows for pool in row.pools)
    published = published_by_suffix({row.suffix for row in rows}, listed.tags)
    others = _other_tags(published, listed.tags)
    versions = _versions(rows, current, published, others)
    ranks = {version: number for number, version in enumerate(versions)}
    groups = _groups(rows, listed, lookups)
    suffixes = {row.compile_suffix for _, own in groups for row in own if row.compiles is not False}
    # Without those that compile nowhere today: nearly every tag ends as theirs do.
    compiled = published_by_suffix(suffixes, listed.tags) if suffixes else {}
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


def published_by_suffix(suffixes: Collection[str], tags: Iterable[str]) -> dict[str, set[str]]:
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
                compiles = row.compiles or compile_today([pool], listed, lookups)
                own[pool.policy.key].append(replace(row, pools=(pool,), compiles=compiles))
        groups += [(policies[key], tuple(own[key])) for key in sorted(own)]
    return groups
