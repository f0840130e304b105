"""The lock: which pools there are, and what the registry said of each tag that they need."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import assert_never

from gitops_doca.core.diagnostics import Category, Place, Problems
from gitops_doca.core.model import Pool
from gitops_doca.core.reference import Digest, ImageReference, Repository
from gitops_doca.core.resolve.lookup import TagExists, TagList, TagLookup, TagMissing

KIND = "DriverLock"

RENDERING = 2
"""Counted up with each release that changes the bytes that the same inputs give; a lock without it has 1."""


@dataclass(frozen=True, slots=True, order=True)
class LockedPool:
    """A pool as the lock lists it."""

    policy: str
    """`<kind>/<name>`."""
    pool: str
    """`<os><version>/<kernel>/<arch>`."""

    @property
    def ending(self) -> str:
        """What the tags of its precompiled images end in."""
        os, kernel, arch = self.pool.split("/")
        return f"-{kernel}-{os}-{arch}"

    @property
    def compiled_ending(self) -> str:
        """What the tags of the images that compile on its nodes end in; the precompiled ones end so too."""
        os, _, arch = self.pool.split("/")
        return f"-{os}-{arch}"

    def __str__(self) -> str:
        return f"{self.pool} of {self.policy}"


@dataclass(frozen=True, slots=True)
class LockedImage:
    """A tag that existed when the lock was written."""

    digest: Digest
    platform: str
    """`<os>/<architecture>` that the image's own configuration states; empty when it states none."""
    listed: bool | None = None
    """Whether the operator would find the tag; None where nobody wanted to know."""


@dataclass(frozen=True, slots=True)
class LockedMiss:
    """A tag that the registry itself said it does not have."""


LockEntry = LockedImage | LockedMiss


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageLock:
    """The content of a lock file."""

    pools: tuple[LockedPool, ...] = ()
    """Sorted."""
    entries: Mapping[ImageReference, LockEntry] = field(default_factory=dict)
    """By reference with a tag, sorted."""
    chosen: Mapping[LockedPool, ImageReference] = field(default_factory=dict)
    """The image of each pool that has one by a tag; all of them exist. Locks of 0.1.0 do not say it."""
    rendering: int = RENDERING
    """`RENDERING` of the program that wrote it."""

    @property
    def repositories(self) -> tuple[Repository, ...]:
        """The repositories that have entries, sorted."""
        return tuple(sorted({image.repository for image in self.entries}))


def locked_pool(pool: Pool) -> LockedPool:
    """Return a pool as a lock lists it."""
    return LockedPool(f"{pool.policy.kind}/{pool.policy.name}", str(pool.platform))


def locked_pools(pools: Iterable[Pool]) -> tuple[LockedPool, ...]:
    """Return the pools as a lock lists them."""
    return tuple(sorted(map(locked_pool, pools)))


class LockResolver:
    """Answers from a lock, without any network; ask `check_lock` before."""

    def __init__(self, lock: ImageLock) -> None:
        self._lock = lock

    def resolve(self, images: Collection[ImageReference]) -> dict[ImageReference, TagLookup]:
        """Return what the lock recorded; raises KeyError for a tag that it lacks."""
        return {image: _answer(self._lock.entries[image]) for image in images}

    def list_tags(self, repositories: Collection[Repository]) -> dict[Repository, TagList]:
        """Return what the lock recorded of the lists: which of the needed tags are in them, and no others."""
        return {repository: self._list(repository) for repository in repositories}

    def _list(self, repository: Repository) -> TagList:
        listed = {
            image.tag: entry.listed
            for image, entry in self._lock.entries.items()
            if image.repository == repository and isinstance(entry, LockedImage) and entry.listed is not None
        }
        return TagList(frozenset(tag for tag, found in listed.items() if found), complete=bool(listed))


def _answer(entry: LockEntry) -> TagLookup:
    match entry:
        case LockedImage(digest):
            return TagExists(digest)
        case LockedMiss():
            return TagMissing()
        case never:
            assert_never(never)


def check_rendering(
    lock: ImageLock, place: Place, fix_command: str, problems: Problems, *, strict: bool
) -> None:
    """Report a lock of another rendering: its manifests were reviewed as another release renders them."""
    if lock.rendering == RENDERING:
        return
    message = f"the lock was written for rendering {lock.rendering}, and this gitops-doca renders {RENDERING}"
    if lock.rendering < RENDERING:
        message += ": the same inputs give other manifests now"
        remedy = f"read in the changelog what changed in the manifests, then run: {fix_command}"
    else:
        message += ": it is older than the one that wrote the lock, and gives other manifests"
        remedy = "use the gitops-doca that wrote the lock, or a newer one"
    if strict:
        problems.error(message, place.at("rendering"), category=Category.LOCK, remedy=remedy)
    else:
        problems.warn(message, place.at("rendering"), remedy=remedy)
