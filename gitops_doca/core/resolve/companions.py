"""Check the companions: other images that a kernel needs, such as the GPU driver's."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import assert_never

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.diagnostics import Category, Diagnostic, Problems
from gitops_doca.core.model import Companion, PlannedPool, Platform, Pool
from gitops_doca.core.reference import Digest, ImageReference, Repository, is_tag
from gitops_doca.core.resolve.decide import HELP_BY_CAUSE, describe_pools
from gitops_doca.core.resolve.lookup import ImagePlatforms, Inspection, NotAnImage, TagMissing, TagUnknown
from gitops_doca.core.resolve.pools import kind_of

PLACEHOLDERS = ("kernel", "os", "osVersion", "osMajor", "arch")
"""The placeholders of a companion's tag."""
_BRACES = re.compile(r"\{([^{}]*)\}|[{}]")

CompanionAnswer = Inspection | TagMissing
"""The answer about a companion's tag: missing, or digest and platforms of the image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequiredCompanion:
    """A companion that a pool needs, with the image for its kernel."""

    companion: Companion
    pool: Pool
    image: ImageReference


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanionExists:
    """The registry has the image for the pool's platform."""

    required: RequiredCompanion
    digest: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanionMissing:
    """The registry has no such image for the pool."""

    required: RequiredCompanion
    reason: str
    """What the tag has instead of an image for the platform, as a phrase; empty without a tag."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanionUnknown:
    """It is unknown whether the image exists."""

    required: RequiredCompanion
    lookup: TagUnknown


CompanionState = CompanionExists | CompanionMissing | CompanionUnknown


def wrong_braces(template: str) -> tuple[str, ...]:
    """Return the unknown placeholders in a tag, and unmatched braces."""
    return tuple(
        found[0] for found in _BRACES.finditer(template) if found[1] is None or found[1] not in PLACEHOLDERS
    )


def fill_tag(template: str, platform: Platform) -> str:
    """Return a companion's tag for a platform."""
    values = {
        "kernel": platform.kernel,
        "os": platform.os_id,
        "osVersion": platform.os_version,
        "osMajor": platform.os_version.partition(".")[0],
        "arch": platform.arch,
    }
    return _BRACES.sub(lambda found: values[found[1]], template)


def required_companions(
    companions: Iterable[Companion],
    pools: Sequence[Pool],
    plans: Iterable[PlannedPool],
    problems: Problems,
) -> tuple[RequiredCompanion, ...]:
    """Return which companions the pools need, by companion and pool.

    Reports a tag that no registry can hold.
    """
    # There may be hundreds of pools and thousands of nodes: each is looked at once for a companion.
    planned = _needed_by_plans(pools, plans)
    kinds = tuple(map(kind_of, pools))
    required = []
    for companion in companions:
        selected = [any(map(companion.selects, pool.nodes)) for pool in pools]
        known = {kind for kind, pool in zip(kinds, pools, strict=True) if pool.nodes}
        chosen = {kind for kind, is_selected in zip(kinds, selected, strict=True) if is_selected}
        for pool, kind, is_selected, is_planned in zip(pools, kinds, selected, planned, strict=True):
            # A plan needs what the pools like it do; where there is none like it, everything.
            if not (is_selected or (is_planned and (kind in chosen or kind not in known))):
                continue
            tag = fill_tag(companion.tag, pool.platform)
            if is_tag(tag):
                image = companion.repository.tag(tag)
                required.append(RequiredCompanion(companion=companion, pool=pool, image=image))
            else:
                problems.error(
                    f"the tag of companion {companion.name} for pool {pool.platform} would be {tag!r}, which "
                    "no registry can hold",
                    companion.tag_place,
                    help="a tag has at most 128 letters, digits and _ . -, and begins with none of . and -",
                )
    return tuple(required)


def unused_companions(
    companions: Iterable[Companion], required: Iterable[RequiredCompanion]
) -> tuple[str, ...]:
    """Return the names of the companions that no pool needs, as with a mistake in a nodeSelector."""
    needed = {one.companion.name for one in required}
    return tuple(companion.name for companion in companions if companion.name not in needed)


def _needed_by_plans(pools: Iterable[Pool], plans: Iterable[PlannedPool]) -> tuple[bool, ...]:
    """Say of each pool whether its platform is planned, with companions.

    Such a pool needs what the plan needs also when nodes run it: else the first node that is not selected
    would drop the image that the nodes after it need.
    """
    by_platform: dict[Platform, list[PlannedPool]] = defaultdict(list)
    for plan in plans:
        if not plan.without_companions:
            by_platform[plan.platform].append(plan)
    return tuple(any(plan.is_for(pool.policy) for plan in by_platform[pool.platform]) for pool in pools)


def companion_images(required: Iterable[RequiredCompanion]) -> tuple[ImageReference, ...]:
    """Return the images to look up, sorted and unique."""
    return tuple(sorted({one.image for one in required}))


def judge_companions(
    required: Iterable[RequiredCompanion], answers: Mapping[ImageReference, CompanionAnswer]
) -> tuple[CompanionState, ...]:
    """Return for each companion of each pool whether the image exists for the pool's platform."""
    return tuple(_judge(one, answers[one.image]) for one in required)


def _judge(required: RequiredCompanion, answer: CompanionAnswer) -> CompanionState:
    match answer:
        case ImagePlatforms(digest, platforms):
            # An image that states no platform is not known to be the wrong one.
            if not platforms or f"linux/{required.pool.platform.arch}" in platforms:
                return CompanionExists(required=required, digest=digest)
            return CompanionMissing(required=required, reason=f"is for {', '.join(sorted(platforms))}")
        case NotAnImage(_, instead):
            return CompanionMissing(required=required, reason=f"is {instead}")
        case TagMissing():
            return CompanionMissing(required=required, reason="")
        case TagUnknown() as lookup:
            return CompanionUnknown(required=required, lookup=lookup)


def report_companions(
    states: Iterable[CompanionState],
    problems: Problems,
    *,
    strict: bool,
    unknown_fails: bool = False,
    recorded: str = "",
    refused: str = "",
) -> None:
    """Report companions that are missing or unknown.

    For a planned pool that is an error: nodes must not boot its kernel. For a pool with nodes it is
    a warning, with `strict` an error: they run that kernel already. With `unknown_fails` unknown is
    an error for all of them. `recorded` is as in `decide.report`; `refused` says what `strict`
    prevents.
    """
    missing: dict[tuple[str, ImageReference, str, bool], list[RequiredCompanion]] = defaultdict(list)
    unknown: dict[tuple[str, Repository, TagUnknown, bool], list[RequiredCompanion]] = defaultdict(list)
    for state in states:
        required = state.required
        name, image, planned = required.companion.name, required.image, not required.pool.nodes
        match state:
            case CompanionExists():
                pass
            case CompanionMissing(reason=reason):
                missing[name, image, reason, strict or planned].append(required)
            case CompanionUnknown(lookup=lookup):
                is_error = strict or planned or unknown_fails
                unknown[name, image.repository, lookup, is_error].append(required)
            case never:
                assert_never(never)
    for (_, _, reason, is_error), group in missing.items():
        by_strict = strict and any(one.pool.nodes for one in group)
        problems.add(
            Diagnostic(
                category=Category.MISSING if is_error else None,
                message=_missing(reason, group) + (refused if by_strict else ""),
                place=group[0].companion.place,
                details=(
                    *describe_pools([required.pool for required in group]),
                    *((recorded,) if recorded else ()),
                ),
                help=_HELP,
            )
        )
    for (_, _, lookup, is_error), group in unknown.items():
        problems.add(_unknown(lookup, group, is_error=is_error))


def is_refused(states: Iterable[CompanionState]) -> bool:
    """Say whether `strict` refuses these: a companion is missing for a pool with nodes."""
    return any(isinstance(state, CompanionMissing) and state.required.pool.nodes for state in states)


_HELP = (
    "publish or mirror this tag, keep the nodes on a kernel that has it, or correct the companion's image "
    "and tag"
)


def _missing(reason: str, group: Sequence[RequiredCompanion]) -> str:
    name, image = group[0].companion.name, group[0].image
    if not reason:
        return f"companion {name} is missing: {image.tag} was not found in {image.repository}"
    architectures = sorted({f"linux/{required.pool.platform.arch}" for required in group})
    return f"companion {name} is missing for {', '.join(architectures)}: {image} {reason}"


def _unknown(lookup: TagUnknown, group: Sequence[RequiredCompanion], *, is_error: bool) -> Diagnostic:
    """Report the tags for which a registry gave one answer, which may be hundreds."""
    pools: dict[ImageReference, list[Pool]] = defaultdict(list)
    for required in group:
        pools[required.image].append(required.pool)
    first, *others = sorted(pools)
    more = f" and {len(others)} more tag{'s' if len(others) > 1 else ''}" if others else ""
    details = [
        f"{image.tag}: {line}" if others else line
        for image in (first, *others)
        for line in describe_pools(pools[image])
    ]
    name = group[0].companion.name
    return Diagnostic(
        category=Category.UNKNOWN if is_error else None,
        message=f"cannot tell whether companion {name} exists as {first}{more}: {lookup.reason}",
        place=group[0].companion.place,
        details=tuple(details),
        help=(*HELP_BY_CAUSE[lookup.cause], ", then run again"),
    )
