"""Check that a lock has the pools of a run and all tags that they need."""

from collections.abc import Collection, Iterable, Iterator, Sequence

from gitops_doca.core.compare.lock import ImageLock, LockedImage, locked_pools
from gitops_doca.core.diagnostics import Category, Place, Problems
from gitops_doca.core.model import Pool
from gitops_doca.core.reference import ImageReference, Repository
from gitops_doca.core.resolve.decide import required_images

_SHOWN = 20
"""The most details of one kind in a message."""


def check_lock(
    lock: ImageLock,
    pools: Sequence[Pool],
    place: Place,
    fix_command: str,
    problems: Problems,
    *,
    companions: Collection[ImageReference] = (),
    lists_wanted: bool = False,
) -> None:
    """Report in one error all pools, tags and companions in which a lock and a run differ.

    So a pool that disappears (a lost label, a truncated file) is not pruned unnoticed.
    `lists_wanted`: the lock must say for each precompiled image whether the operator would find it.
    """
    now, then = set(locked_pools(pools)), set(lock.pools)
    lost = [f"pool {pool} is locked, but no node is in it any more" for pool in sorted(then - now)]
    new = [f"pool {pool} is not locked" for pool in sorted(now - then)]
    lacking = required_images(pools, lock.drivers)
    tags = [f"tag {image.tag} of {image.repository} is not locked" for image in lacking]
    beside = [f"companion {image} is not locked" for image in companions if image not in lock.companions]
    unlisted = list(_unlisted(lock, pools)) if lists_wanted else []
    details = (
        *_first(lost, "pools without a node"),
        *_first(new, "new pools"),
        *_first(tags, "tags"),
        *filter(None, [_other_repositories(lock, lacking)]),
        *_first(beside, "companions"),
        *_first(unlisted, "tags"),
    )
    if not details:
        return
    causes = filter(
        None,
        (
            _count(lost, "pool has no node any more", "pools have no node any more"),
            _count(new, "pool is new", "pools are new"),
            _count(tags, "tag is not locked", "tags are not locked"),
            _count(beside, "companion is not locked", "companions are not locked"),
            _count(
                unlisted, "tag was not looked up in the tag list", "tags were not looked up in the tag list"
            ),
        ),
    )
    alone = len(details) == 1
    problems.error(
        details[0] if alone else f"the lock is out of date: {', '.join(causes)}",
        place,
        category=Category.LOCK,
        details=() if alone else details,
        help=f"{_caution(len(lost))}run: {fix_command}",
    )


def _other_repositories(lock: ImageLock, lacking: Iterable[ImageReference]) -> str:
    """Name the repositories of which the lock has no tag, if any."""
    unknown = sorted({image.repository for image in lacking} - set(lock.repositories))
    if not unknown or not lock.repositories:
        return ""
    return f"the lock is for {_names(lock.repositories)}, and has no tag of {_names(unknown)}"


def _names(repositories: Sequence[Repository]) -> str:
    return ", ".join(_first(list(map(str, repositories)), "repositories"))


def _unlisted(lock: ImageLock, pools: Iterable[Pool]) -> Iterator[str]:
    for image in required_images(pools, {}):
        entry = lock.entries.get(image)
        if isinstance(entry, LockedImage) and entry.listed is None:
            yield (
                f"the lock does not say whether the operator would find {image.tag} of {image.repository}, "
                "which emit: policies needs"
            )


def _caution(lost: int) -> str:
    if not lost:
        return ""
    return f"check that {'this pool is' if lost == 1 else 'these pools are'} meant to be removed, then "


def _first(lines: Sequence[str], what: str) -> Iterator[str]:
    yield from lines[:_SHOWN]
    if len(lines) > _SHOWN:
        yield f"... and {len(lines) - _SHOWN} more {what}"


def _count(details: Sequence[str], one: str, many: str) -> str:
    return f"{len(details)} {one if len(details) == 1 else many}" if details else ""
