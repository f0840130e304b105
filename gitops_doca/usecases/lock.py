"""Make a lock: look up the pools' images, then read the platform of each."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import assert_never

from gitops_doca.core.compare.lock import (
    ImageLock,
    LockedImage,
    LockedMiss,
    LockEntry,
    lock_companion,
    locked_pool,
    locked_pools,
)
from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.diagnostics import Category, Place, Problems
from gitops_doca.core.reference import ImageReference
from gitops_doca.core.resolve.companions import (
    CompanionState,
    companion_images,
    is_refused,
    judge_companions,
    report_companions,
)
from gitops_doca.core.resolve.decide import CompileOnNode, Decision, UsePrecompiled
from gitops_doca.core.resolve.decide import report as report_decisions
from gitops_doca.core.resolve.fallbacks import (
    report_own_versions,
    warn_unlisted_misses,
    without_own_version,
)
from gitops_doca.core.resolve.lookup import (
    ImagePlatforms,
    Inspection,
    Inspector,
    NotAnImage,
    TagExists,
    TagLookup,
    TagMissing,
    TagUnknown,
)
from gitops_doca.core.resolve.operator import is_listed, report_unlisted
from gitops_doca.usecases.generate import decide_pools
from gitops_doca.usecases.load import Inputs
from gitops_doca.usecases.look_up import RegistryTags, look_up

_REFUSED = ", so no lock is written (strict)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Locking:
    """The lock of the registries' current answers."""

    inputs: Inputs
    decisions: tuple[Decision, ...]
    companions: tuple[CompanionState, ...]
    lock: ImageLock
    is_refused: bool
    """Whether `strict` forbids to write the lock."""


def lock_inputs(
    inputs: Inputs, inspector: Callable[[], Inspector], problems: Problems, *, strict: bool
) -> Locking:
    """Look up all tags that the pools need; missing ones are recorded and reported.

    Raises `GenerationError` when an answer is unknown, or an image is for another platform than its
    tag says: then no lock may be written.
    """
    made = cache(inspector)
    pools, source = inputs.grouping.pools, RegistryTags(made)
    beside = companion_images(inputs.companions)
    answers = look_up(pools, source, problems, companions=beside, lists_wanted=inputs.emits_policies)
    lookups, lists = answers.lookups, answers.lists
    decisions = decide_pools(inputs.grouping, lookups)
    report_decisions(decisions, lists, problems)
    companions = judge_companions(inputs.companions, answers.companions)
    warn_unlisted_misses(decisions, lists, problems)
    report_own_versions(decisions, problems, strict=strict, refused=_REFUSED)
    report_companions(companions, problems, strict=strict, unknown_fails=True, refused=_REFUSED)
    listed: dict[ImageReference, bool | None] = {}
    if inputs.emits_policies:
        report_unlisted(decisions, lists, problems)
        listed = {d.image: is_listed(d.image, lists) for d in decisions if isinstance(d, UsePrecompiled)}
    _stop_at(Category.UNKNOWN, problems)
    entries = _entries(lookups, listed, made, decisions, problems)
    chosen = {
        locked_pool(d.pool): d.image for d in decisions if isinstance(d, UsePrecompiled | CompileOnNode)
    }
    lock = ImageLock(
        pools=locked_pools(pools),
        entries=entries,
        chosen=chosen,
        companions={
            image: lock_companion(answer)
            for image, answer in sorted(answers.companions.items())
            if not isinstance(answer, TagUnknown)
        },
    )
    return Locking(
        inputs=inputs,
        decisions=decisions,
        companions=companions,
        lock=lock,
        is_refused=strict and (is_refused(companions) or bool(without_own_version(decisions))),
    )


def _entries(
    lookups: Mapping[ImageReference, TagLookup],
    listed: Mapping[ImageReference, bool | None],
    inspector: Callable[[], Inspector],
    decisions: tuple[Decision, ...],
    problems: Problems,
) -> dict[ImageReference, LockEntry]:
    """Return the lock's entry of each image, sorted; raises `GenerationError` if one has no entry."""
    existing = [image for image, lookup in lookups.items() if isinstance(lookup, TagExists)]
    inspections = inspector().inspect(existing) if existing else {}
    entries: dict[ImageReference, LockEntry] = {}
    for image, lookup in sorted(lookups.items()):
        if isinstance(lookup, TagMissing):
            entries[image] = LockedMiss()
        elif entry := _entry(image, inspections[image], _place(image, decisions), problems):
            entries[image] = replace(entry, listed=listed.get(image))
    if len(entries) < len(lookups):
        problems.raise_errors()
    return entries


def _stop_at(category: Category, problems: Problems) -> None:
    if any(error.category is category for error in problems.errors):
        problems.raise_errors()


def _place(image: ImageReference, decisions: tuple[Decision, ...]) -> Place:
    return next((d.pool.policy.place for d in decisions if d.image == image), Place())


def _entry(
    image: ImageReference, inspection: Inspection, place: Place, problems: Problems
) -> LockedImage | None:
    match inspection:
        case TagUnknown(_, reason, _):
            problems.error(
                f"the platform of {image.tag} in {image.repository} is unknown: {reason}",
                place,
                category=Category.UNKNOWN,
                help="fix the access to the registry, then run again",
            )
            return None
        case ImagePlatforms(digest, platforms):
            return _checked(image, LockedImage(digest, ""), platforms, place, problems)
        case NotAnImage(digest, instead):
            problems.error(
                f"{image} is {instead}: no node can pull it, so no lock is written",
                place,
                category=Category.MISSING,
                details=(f"digest: {digest}",),
                help="publish an image under this tag, then run again",
            )
            return None
        case never:
            assert_never(never)


def _checked(
    image: ImageReference, locked: LockedImage, platforms: frozenset[str], place: Place, problems: Problems
) -> LockedImage | None:
    """Compare an image's own platforms with the architecture that its tag ends in."""
    expected = f"linux/{image.tag.rpartition('-')[2]}"
    if not platforms:
        problems.warn(f"{image} does not state its platform, so {expected} could not be checked", place)
        return locked
    if expected in platforms:
        return LockedImage(locked.digest, expected)
    problems.error(
        f"{image} is for {', '.join(sorted(platforms))}, but its tag says {expected}, so no lock is written",
        place,
        category=Category.MISSING,
        details=(f"digest: {locked.digest}",),
        help="publish an image of the right platform under this tag; a lock never names the wrong one",
    )
    return None
