"""The lock: the pools, and the registry's answer for each tag that they need."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import NamedTuple, assert_never

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.model import Pool
from gitops_doca.core.reference import Digest, ImageReference, Repository
from gitops_doca.core.resolve.lookup import ImagePlatforms, NotAnImage, TagExists, TagLookup, TagMissing

KIND = "DriverLock"
_PULLED = re.compile(r"linux/[a-z0-9]+")
"""Platforms of nodes with these drivers; an index may have any text."""

RENDERING = 2
"""Increased by each release that renders the same inputs differently; a lock without it has 1."""


class LockedPool(NamedTuple):
    """A pool in the lock."""

    policy: str
    """`<kind>/<name>`."""
    pool: str
    """`<os><version>/<kernel>/<arch>`."""

    @property
    def ending(self) -> str:
        """The end of the tags of its precompiled images."""
        os, kernel, arch = self.pool.split("/")
        return f"-{kernel}-{os}-{arch}"

    @property
    def compiled_ending(self) -> str:
        """The end of the tags of images that compile on its nodes; precompiled ones have it too."""
        os, _, arch = self.pool.split("/")
        return f"-{os}-{arch}"

    def __str__(self) -> str:
        return f"{self.pool} of {self.policy}"


@dataclass(frozen=True, slots=True)
class LockedImage:
    """A tag that existed when the lock was written."""

    digest: Digest
    platform: str
    """`<os>/<architecture>` that the image's own configuration states; empty when it states none.
    """
    listed: bool | None = None
    """Whether the operator would find the tag; None if that was not looked up."""


@dataclass(frozen=True, slots=True)
class LockedMiss:
    """A tag that is missing, by the registry's own answer."""


LockEntry = LockedImage | LockedMiss


@dataclass(frozen=True, slots=True)
class LockedCompanion:
    """The tag of a companion that existed when the lock was written."""

    digest: Digest
    platforms: tuple[str, ...]
    """`<os>/<architecture>` that the image is for, sorted; empty when it states none."""


CompanionEntry = LockedCompanion | LockedMiss


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageLock:
    """The content of a lock file."""

    pools: tuple[LockedPool, ...] = ()
    """Sorted."""
    entries: Mapping[ImageReference, LockEntry] = field(default_factory=dict)
    """By reference with a tag, sorted."""
    chosen: Mapping[LockedPool, ImageReference] = field(default_factory=dict)
    """The image of each pool that has one by a tag; all exist. Locks of 0.1.0 lack it."""
    companions: Mapping[ImageReference, CompanionEntry] = field(default_factory=dict)
    """By reference with a tag, sorted: one image may serve several pools and architectures."""
    rendering: int = RENDERING
    """`RENDERING` of the program that wrote it."""

    @property
    def repositories(self) -> tuple[Repository, ...]:
        """The repositories that have entries, sorted."""
        return tuple(sorted({image.repository for image in self.entries}))

    @property
    def drivers(self) -> dict[ImageReference, TagLookup]:
        """What the registry said of each tag of a driver when the lock was written."""
        return {image: _answer(entry) for image, entry in self.entries.items()}

    @property
    def lookups(self) -> dict[ImageReference, TagLookup]:
        """What the registry said of each tag when the lock was written, companions included."""
        return {image: _answer(entry) for image, entry in self.companions.items()} | self.drivers


def locked_pool(pool: Pool) -> LockedPool:
    """Return a pool in the form of the lock."""
    return LockedPool(f"{pool.policy.kind}/{pool.policy.name}", str(pool.platform))


def locked_pools(pools: Iterable[Pool]) -> tuple[LockedPool, ...]:
    """Return the pools in the form of the lock."""
    return tuple(sorted(map(locked_pool, pools)))


def _answer(entry: LockEntry | CompanionEntry) -> TagLookup:
    match entry:
        case LockedImage(digest) | LockedCompanion(digest):
            return TagExists(digest)
        case LockedMiss():
            return TagMissing()
        case never:
            assert_never(never)


def lock_companion(answer: ImagePlatforms | NotAnImage | TagMissing) -> CompanionEntry:
    """Return a companion's entry in the lock; an image that no node can pull is missing."""
    match answer:
        case ImagePlatforms(digest, platforms):
            pulled = tuple(sorted(filter(_PULLED.fullmatch, platforms)))
            return LockedCompanion(digest, pulled) if pulled or not platforms else LockedMiss()
        case NotAnImage() | TagMissing():
            return LockedMiss()
        case never:
            assert_never(never)
