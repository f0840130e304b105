"""Find the pools that run a fallback version, and report doubtful ones."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from gitops_doca.core.diagnostics import Category, Problems
from gitops_doca.core.model import Policy, Pool
from gitops_doca.core.reference import Repository
from gitops_doca.core.resolve.decide import (
    CompileOnNode,
    Decision,
    NoImage,
    UseDigest,
    UsePrecompiled,
    describe_pools,
    is_unknown,
    precompiled_image,
)
from gitops_doca.core.resolve.lookup import TagList
from gitops_doca.core.tags import split_revision


def with_fallbacks(policies: Iterable[Policy], versions: Sequence[str]) -> tuple[Policy, ...]:
    """Give each policy the fallback versions, unless its version is a digest.

    A fallback version that equals a policy's own is skipped for that policy.
    """
    return tuple(
        replace(
            policy,
            driver=replace(
                policy.driver,
                fallbacks=tuple(version for version in versions if version != policy.driver.version),
            ),
        )
        if policy.driver.digest is None
        else policy
        for policy in policies
    )


def unused_fallbacks(decisions: Sequence[Decision], versions: Iterable[str]) -> tuple[str, ...]:
    """Return the fallback versions that no pool runs; none while an answer is unknown."""
    if any(map(is_unknown, decisions)):
        return ()
    used = {decision.fallback for decision in decisions if isinstance(decision, UsePrecompiled)}
    return tuple(version for version in versions if version not in used)


def without_own_version(decisions: Iterable[Decision]) -> tuple[tuple[Policy, int], ...]:
    """Return the policies whose pools all run a fallback, and how many pools that are.

    A fallback that differs from the policy's version in the container revision alone counts as its
    own.
    """
    by_policy: dict[tuple[str, str, str], list[Decision]] = defaultdict(list)
    for decision in decisions:
        by_policy[decision.pool.policy.key].append(decision)
    return tuple(
        (group[0].pool.policy, len(group))
        for group in by_policy.values()
        if not any(map(runs_own_version, group))
    )


def report_own_versions(
    decisions: Iterable[Decision], problems: Problems, *, strict: bool, refused: str = ""
) -> None:
    """Report each policy whose pools all run a fallback: its version may be mistyped.

    A warning; with `strict` an error of class missing, and `refused` says what it prevents.
    """
    for policy, pools in without_own_version(decisions):
        runs = "its only pool runs" if pools == 1 else f"all {pools} run"
        message = (
            f"no pool of {policy.kind} {policy.name} runs its version {policy.driver.version}: "
            f"{runs} a fallback version"
        )
        place = policy.driver.places.get("version", policy.place)
        help = "check the version in the policy, or plan a kernel that has an image of it (spec.planned)"
        if strict:
            problems.error(f"{message}{refused}", place, category=Category.MISSING, help=help)
        else:
            problems.warn(message, place, help=help)


def runs_own_version(decision: Decision) -> bool:
    """Say whether a pool runs its policy's version, or that is unknown."""
    match decision:
        case UsePrecompiled():
            own = decision.pool.policy.driver.version
            return split_revision(decision.version)[0] == split_revision(own)[0]
        case CompileOnNode() | UseDigest() | NoImage():
            return True


def warn_unlisted_misses(
    decisions: Iterable[Decision], lists: Mapping[Repository, TagList], problems: Problems
) -> None:
    """Warn if a pool runs a fallback and the tag list could not confirm that its tag is missing.

    A cache in front of a registry may report a tag as missing that it has not fetched yet.
    """
    pools: dict[Repository, list[Pool]] = defaultdict(list)
    for decision in decisions:
        repository = decision.image.repository
        listed = lists.get(repository, TagList())
        if isinstance(decision, UsePrecompiled) and decision.fallback and not listed.complete:
            pools[repository].append(decision.pool)
    for repository, on_fallback in sorted(pools.items()):
        reason = lists.get(repository, TagList()).reason
        problems.warn(
            f"cannot confirm by the tag list of {repository} that tags for which fallback versions are used "
            f"are missing: it could not be read to its end{f': {reason}' if reason else ''}",
            on_fallback[0].policy.place,
            details=(
                *(f"missing: {precompiled_image(pool).tag}" for pool in on_fallback),
                *describe_pools(on_fallback),
            ),
            help="let the registry list the repository's tags to these credentials",
        )
