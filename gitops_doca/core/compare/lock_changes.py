"""Compare a lock with the one that would be written now."""

from collections.abc import Iterator
from enum import Enum

from gitops_doca.core.compare.lock import ImageLock, LockedCompanion, LockedImage, LockedMiss, LockedPool
from gitops_doca.core.dataclass import dataclass


class ChangeKind(Enum):
    """The kinds of changes since a lock was written: of registry, inputs or program."""

    RENDERING = "rendering"
    """The lock was written by a release that renders differently."""
    GONE = "gone"
    """The lock has a digest, but the tag is now missing in the registry."""
    MOVED = "moved"
    """The tag now names another digest, or its image another platform."""
    AVAILABLE = "available"
    """The lock has the tag as missing, and it exists now."""
    LISTING = "listing"
    """The tag list has the tag now and did not before, or the reverse, or it was not recorded."""
    UNNEEDED = "unneeded"
    """No pool needs the tag now."""
    NEEDED = "needed"
    """A pool needs a tag that is not in the lock."""
    POOL_LOST = "pool lost"
    POOL_NEW = "pool new"
    IMAGE = "image"
    """The pool has another image."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between a lock and a new one."""

    kind: ChangeKind
    subject: LockedPool | str
    """The pool, or the reference or both renderings as text."""
    detail: str = ""


_LISTED = {True: "listed", False: "not listed", None: "not recorded"}


def compare(old: ImageLock, new: ImageLock, *, renders: bool) -> tuple[Change, ...]:
    """Return the differences between a lock and the one that would be written now.

    The rendering comes first, then pools, their images, tags, and companions. `renders`: manifests
    are rendered from the lock; if the operator makes them, the rendering does not matter.
    """
    return (
        *([_rendering_change(old, new)] if renders and old.rendering != new.rendering else []),
        *_pool_changes(old, new),
        *_image_changes(old, new),
        *_tag_changes(old, new),
        *_companion_changes(old, new),
    )


def _rendering_change(old: ImageLock, new: ImageLock) -> Change:
    return Change(ChangeKind.RENDERING, f"{old.rendering} -> {new.rendering}")


def _pool_changes(old: ImageLock, new: ImageLock) -> Iterator[Change]:
    for lost in sorted(set(old.pools) - set(new.pools)):
        yield Change(ChangeKind.POOL_LOST, lost)
    for added in sorted(set(new.pools) - set(old.pools)):
        yield Change(ChangeKind.POOL_NEW, added)


def _image_changes(old: ImageLock, new: ImageLock) -> Iterator[Change]:
    # A pool may lack an image: locks of 0.1.0 name none, and a missing tag is a change by itself.
    for pool in new.pools:
        before, after = old.chosen.get(pool), new.chosen.get(pool)
        if before and after and before != after:
            yield Change(ChangeKind.IMAGE, pool, f"{before} -> {after}")


def _tag_changes(old: ImageLock, new: ImageLock) -> Iterator[Change]:
    for image in sorted({*old.entries, *new.entries}):
        match old.entries.get(image), new.entries.get(image):
            case None, _:
                yield Change(ChangeKind.NEEDED, str(image))
            case _, None:
                yield Change(ChangeKind.UNNEEDED, str(image))
            case LockedImage(before), LockedMiss():
                yield Change(ChangeKind.GONE, str(image), before)
            case LockedMiss(), LockedImage(after):
                yield Change(ChangeKind.AVAILABLE, str(image), after)
            case LockedImage(before), LockedImage(after) if before != after:
                yield Change(ChangeKind.MOVED, str(image), f"{before} -> {after}")
            case LockedImage(_, before), LockedImage(_, after) if before != after:
                yield Change(
                    ChangeKind.MOVED, str(image), f"{before or 'no platform'} -> {after or 'no platform'}"
                )
            case LockedImage(listed=before), LockedImage(listed=after) if before != after:
                yield Change(ChangeKind.LISTING, str(image), f"{_LISTED[before]} -> {_LISTED[after]}")
            case _:
                pass


def _companion_changes(old: ImageLock, new: ImageLock) -> Iterator[Change]:
    for image in sorted({*old.companions, *new.companions}):
        match old.companions.get(image), new.companions.get(image):
            case None, _:
                yield Change(ChangeKind.NEEDED, str(image))
            case _, None:
                yield Change(ChangeKind.UNNEEDED, str(image))
            case LockedCompanion(digest), LockedMiss():
                yield Change(ChangeKind.GONE, str(image), digest)
            case LockedMiss(), LockedCompanion(digest):
                yield Change(ChangeKind.AVAILABLE, str(image), digest)
            case LockedCompanion(before), LockedCompanion(after) if before != after:
                yield Change(ChangeKind.MOVED, str(image), f"{before} -> {after}")
            case LockedCompanion(_, had), LockedCompanion(_, has) if had != has:
                yield Change(ChangeKind.MOVED, str(image), f"{_platforms(had)} -> {_platforms(has)}")
            case _:
                pass


def _platforms(platforms: tuple[str, ...]) -> str:
    return ", ".join(platforms) or "no platform"
