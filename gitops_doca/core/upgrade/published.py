"""The driver images of a repository, by version, platform and kernel."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from itertools import takewhile

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.model import Platform
from gitops_doca.core.reference import Digest, ImageReference, Repository
from gitops_doca.core.resolve.lookup import TagExists, TagList, TagLookup, TagMissing
from gitops_doca.core.tags import (
    PublishedTag,
    flavour_of,
    parse_tag,
    parse_version,
    split_kernel,
    split_revision,
    strip_version,
    version_key,
)

_MOST_NEAREST = 3
"""The most versions that are named instead of one that is not listed."""


def kernel_key(kernel: str) -> tuple[tuple[int, ...], str]:
    """Return a key that sorts the kernels of one flavour by age."""
    return split_kernel(kernel)[0], kernel


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """The images of one driver version."""

    kernels: Mapping[Platform, tuple[str, ...]] = field(default_factory=dict)
    """The kernels with a precompiled image, newest first, by flavour as `flavour_of` returns it."""
    compiled: frozenset[tuple[str, str]] = frozenset()
    """OS, such as `rhel9.6`, and architecture of the images that compile on the node."""

    def compiles(self, platform: Platform) -> bool:
        """Say whether there is an image that compiles on nodes of this platform."""
        return (platform.os, platform.arch) in self.compiled


_NOTHING = Release()


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The driver images of one repository."""

    repository: Repository
    listed: TagList
    releases: Mapping[str, Release]
    """By version, the newest first."""
    drivers: Mapping[str, tuple[str, ...]]
    """The versions of each driver, highest container revision first; the newest driver first."""
    gone: Mapping[str, Release] = field(default_factory=dict)
    """By version, the images that are listed and cannot be pulled."""

    def release(self, version: str) -> Release:
        """Return the images of a version; nothing for one that is not listed."""
        return self.releases.get(version, _NOTHING)

    def gone_from(self, version: str) -> Release:
        """Return the images of a version that are listed and cannot be pulled."""
        return self.gone.get(version, _NOTHING)

    def near(self, version: str) -> str:
        """Name the newest of the listed versions that begin most like another."""
        alike = {one: _alike(one, version) for one in self.releases}
        most = max(alike.values(), default=0)
        near = [one for one, count in alike.items() if count == most]
        if not near:
            return "it has no image of any version"
        return f"nearest version{'s' if len(near) > 1 else ''}: {', '.join(near[:_MOST_NEAREST])}"

    def lookup(self, image: ImageReference) -> TagLookup:
        """Return what the tag list says of an image; no proof that it is missing."""
        return TagExists(_UNCONFIRMED) if image.tag in self.listed.tags else TagMissing()


_UNCONFIRMED = Digest("sha256:" + "0" * 64)
"""Stands for the digest of an image whose manifest was not looked up."""


def published(
    repository: Repository,
    listed: TagList,
    *,
    asked: str = "",
    without: Iterable[ImageReference] = (),
) -> Published:
    """Sort the tags of a repository.

    `asked` is a version that may have any form, as a custom build's; `without` are listed images
    that cannot be pulled.
    """
    absent = {image.tag for image in without if image.repository == repository} & listed.tags
    if absent:
        listed = TagList(listed.tags - absent, listed.complete, listed.unlinked)
    releases, gone = _releases(listed.tags, asked), _releases(absent, asked)
    # A version of which nothing can be pulled is listed all the same.
    versions = sorted({*releases, *gone}, key=_version_order, reverse=True)
    drivers: dict[str, list[str]] = defaultdict(list)
    for version in versions:
        drivers[split_revision(version)[0]].append(version)
    return Published(
        repository=repository,
        listed=listed,
        releases={version: releases.get(version, _NOTHING) for version in versions},
        drivers={driver: tuple(some) for driver, some in drivers.items()},
        gone=gone,
    )


def _releases(tags: Iterable[str], asked: str) -> dict[str, Release]:
    kernels: dict[str, dict[Platform, list[str]]] = defaultdict(lambda: defaultdict(list))
    compiled: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for tag in _parsed(tags, asked):
        if tag.platform.kernel:
            kernels[tag.version][flavour_of(tag.platform)].append(tag.platform.kernel)
        else:
            compiled[tag.version].add((tag.platform.os, tag.platform.arch))
    return {
        version: Release(
            kernels={
                family: tuple(sorted(some, key=kernel_key, reverse=True))
                for family, some in kernels[version].items()
            },
            compiled=frozenset(compiled[version]),
        )
        for version in {*kernels, *compiled}
    }


def _alike(one: str, other: str) -> int:
    """Count the characters with which both begin."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _parsed(tags: Iterable[str], asked: str) -> Iterator[PublishedTag]:
    custom = asked if asked and parse_version(asked) is None else ""
    for tag in tags:
        found = parse_tag(tag) or (strip_version(tag, custom) if custom else None)
        if found is not None:
            yield found


def _version_order(version: str) -> tuple[tuple[tuple[int, ...], ...], str]:
    return version_key(version), version
