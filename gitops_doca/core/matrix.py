"""Hold pools against the driver versions of their repository: which version has an image for each of them."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from gitops_doca.core.lookup import Cause, TagExists, TagList, TagLookup, TagUnknown
from gitops_doca.core.model import Platform, Policy, Pool
from gitops_doca.core.reference import ImageReference, Repository
from gitops_doca.core.tags import compile_tag, is_full_tag, parse_tag, precompiled_tag, version_key

KIND = "DriverMatrix"


class Cell(Enum):
    """What one version has for one platform; the words are those of the report."""

    PRECOMPILED = "precompiled"
    COMPILED = "compiled"
    """No precompiled image, and the one that compiles on the node, which every policy of the row allows."""
    MISSING = "missing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Pools of one platform: the same tag serves all of them, whatever their policies."""

    repository: Repository
    platform: Platform
    pools: tuple[Pool, ...]
    """Never empty."""

    def image(self, version: str) -> ImageReference:
        """Return the precompiled image that these pools want of a version."""
        return self.repository.tag(precompiled_tag(version, self.platform))

    @property
    def may_compile(self) -> bool:
        """Whether every policy of the row allows the image that compiles on the node."""
        return not any(pool.policy.driver.force_precompiled for pool in self.pools)

    @property
    def node_names(self) -> tuple[str, ...]:
        """Names of the nodes, sorted, in a fleet below their cluster's; empty where all pools are planned."""
        names = (
            f"{pool.policy.cluster}/{name}" if pool.policy.cluster else name
            for pool in self.pools
            for name in pool.node_names
        )
        return tuple(sorted(set(names)))

    @property
    def clusters(self) -> tuple[str, ...]:
        """The clusters of a fleet that have the pools, sorted; empty in a run about one."""
        return tuple(sorted({pool.policy.cluster for pool in self.pools} - {""}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One version, and what it has for each row."""

    version: str
    cells: tuple[Cell, ...]
    """In the order of the rows."""
    current: bool
    """A policy of the table names it."""

    @property
    def complete(self) -> bool:
        """Whether every row has its precompiled image."""
        return all(cell is Cell.PRECOMPILED for cell in self.cells)


@dataclass(frozen=True, slots=True, kw_only=True)
class Newest:
    """The newest version with a precompiled image for all pools of a policy, or of a whole table."""

    policy: Policy | None
    """None: the whole table."""
    version: str = ""
    """Empty when there is none; the registry was asked for every one of its manifests."""
    doubtful: str = ""
    """Listed for all pools and newer than any that is known to be complete; then `version` is empty."""
    reason: str = ""
    """Why it is doubtful."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """All versions of a repository against the pools whose policies name it."""

    repository: Repository
    rows: tuple[Row, ...]
    """Sorted by platform."""
    columns: tuple[Column, ...]
    """Newest first."""
    newest: tuple[Newest, ...]
    """Of the whole table, then of each policy where there are several."""
    listed: TagList

    @property
    def usable(self) -> bool:
        """Whether the tag list says anything: one that broke off before its first tag does not."""
        return self.listed.complete or bool(self.listed.tags)


def tables(
    pools: Iterable[Pool],
    lists: Mapping[Repository, TagList],
    lookups: Mapping[ImageReference, TagLookup],
) -> tuple[Table, ...]:
    """Return one table for each repository of the pools, by what its tag list and its manifests say.

    A manifest's answer comes before the list's. A list that is not complete never makes a cell missing.
    """
    return tuple(
        _table(repository, rows, _Evidence(lists.get(repository, TagList()), lookups))
        for repository, rows in _by_repository(pools).items()
    )


def unconfirmed(
    pools: Iterable[Pool],
    lists: Mapping[Repository, TagList],
    lookups: Mapping[ImageReference, TagLookup],
) -> tuple[ImageReference, ...]:
    """Return the images to ask for before the newest version can be named; sorted, empty when it can be.

    Ask, and call again with the answers: a version whose manifests are not there makes room for the next.
    """
    images: set[ImageReference] = set()
    for repository, rows in _by_repository(pools).items():
        evidence = _Evidence(lists.get(repository, TagList()), lookups)
        versions = _versions(rows, evidence.listed.tags)
        for _, group in _groups(rows):
            version, _ = _candidate(group, versions, evidence)
            images |= {row.image(version) for row in group if version} - lookups.keys()
    return tuple(sorted(images))


@dataclass(frozen=True, slots=True)
class _Evidence:
    listed: TagList
    lookups: Mapping[ImageReference, TagLookup]

    def cell(self, row: Row, version: str) -> Cell:
        image = row.image(version)
        match self.lookups.get(image):
            case TagExists():
                return Cell.PRECOMPILED
            case TagUnknown():
                return Cell.UNKNOWN
            case None if image.tag in self.listed.tags:
                return Cell.PRECOMPILED
            case None if not self.listed.complete:
                return Cell.UNKNOWN
        compiles = row.may_compile and compile_tag(version, row.platform) in self.listed.tags
        return Cell.COMPILED if compiles else Cell.MISSING

    def doubt(self, row: Row, version: str) -> str:
        """Return why a listed image gave no answer; empty when it gave one, or the registry denies it."""
        image = row.image(version)
        match self.lookups.get(image):
            case TagUnknown(cause, reason) if (
                image.tag in self.listed.tags and cause is not Cause.INCONSISTENT
            ):
                return reason
            case _:
                return ""


def _table(repository: Repository, rows: tuple[Row, ...], evidence: _Evidence) -> Table:
    versions = _versions(rows, evidence.listed.tags)
    current = _current(rows)
    return Table(
        repository=repository,
        rows=rows,
        columns=tuple(
            Column(
                version=version,
                cells=tuple(evidence.cell(row, version) for row in rows),
                current=version in current,
            )
            for version in versions
        ),
        newest=tuple(_newest(policy, group, versions, evidence) for policy, group in _groups(rows)),
        listed=evidence.listed,
    )


def _newest(
    policy: Policy | None, rows: Sequence[Row], versions: Iterable[str], evidence: _Evidence
) -> Newest:
    version, reason = _candidate(rows, versions, evidence)
    if version and not reason and any(row.image(version) not in evidence.lookups for row in rows):
        reason = "its manifests were not asked for"
    if reason:
        return Newest(policy=policy, doubtful=version, reason=reason)
    return Newest(policy=policy, version=version)


def _candidate(rows: Sequence[Row], versions: Iterable[str], evidence: _Evidence) -> tuple[str, str]:
    """Return the newest version that could be complete, and why it is in doubt, if it is; else nothing.

    A look-up without an answer ends the search: a version further down could be called the newest by mistake.
    """
    for version in versions:
        doubts = [evidence.doubt(row, version) for row in rows]
        cells = [evidence.cell(row, version) for row in rows]
        if all(doubt or cell is Cell.PRECOMPILED for doubt, cell in zip(doubts, cells, strict=True)):
            return version, next(filter(None, doubts), "")
    return "", ""


def _by_repository(pools: Iterable[Pool]) -> dict[Repository, tuple[Row, ...]]:
    found: dict[Repository, dict[Platform, list[Pool]]] = defaultdict(lambda: defaultdict(list))
    for pool in pools:
        found[pool.policy.driver.repository][pool.platform].append(pool)
    return {
        repository: tuple(
            Row(repository=repository, platform=platform, pools=tuple(same))
            for platform, same in sorted(platforms.items())
        )
        for repository, platforms in sorted(found.items())
    }


def _groups(rows: Sequence[Row]) -> list[tuple[Policy | None, tuple[Row, ...]]]:
    """Return what one version is to serve: all rows, and with several policies those of each."""
    policies = {pool.policy.key: pool.policy for row in rows for pool in row.pools}
    found: list[tuple[Policy | None, tuple[Row, ...]]] = [(None, tuple(rows))]
    if len(policies) > 1:
        for key in sorted(policies):
            own = (row for row in rows if any(p.policy.key == key for p in row.pools))
            found.append((policies[key], tuple(own)))
    return found


def _current(rows: Iterable[Row]) -> frozenset[str]:
    return frozenset(pool.policy.driver.version for row in rows for pool in row.pools) - {""}


def _versions(rows: Sequence[Row], tags: Collection[str]) -> tuple[str, ...]:
    """Return the versions worth a column, newest first.

    They have an image for some kernel, even another, or one that a row may compile with, or are current.
    """
    suffixes = tuple(f"-{row.platform.kernel}-{row.platform.os}-{row.platform.arch}" for row in rows)
    compiled = {(row.platform.os, row.platform.arch) for row in rows if row.may_compile}
    found = set(_current(rows))
    for tag in tags:
        if tag.endswith(suffixes):
            # A build of one's own may have a version of any shape: the pool's own suffix tells where it ends.
            found.update(_before(tag, suffixes))
        elif (parsed := parse_tag(tag)) and (
            parsed.platform.kernel or (parsed.platform.os, parsed.platform.arch) in compiled
        ):
            found.add(parsed.version)
    return tuple(sorted(found, key=lambda version: (version_key(version), version), reverse=True))


def _before(tag: str, suffixes: Iterable[str]) -> Iterator[str]:
    for suffix in suffixes:
        version = tag.removesuffix(suffix)
        if version and version != tag and not is_full_tag(version):
            yield version


def newest_first(table: Table, limit: int) -> tuple[Column, ...]:
    """Return the columns to show: the newest so many, and those that are current or the newest complete."""
    named = {newest.version or newest.doubtful for newest in table.newest}
    return tuple(
        column
        for number, column in enumerate(table.columns)
        if number < limit or column.current or column.version in named
    )


def in_the_way(table: Table, column: Column) -> tuple[Row, ...]:
    """Return the rows without a precompiled image of this version, whatever they have instead."""
    cells = zip(table.rows, column.cells, strict=True)
    return tuple(row for row, cell in cells if cell is not Cell.PRECOMPILED)
