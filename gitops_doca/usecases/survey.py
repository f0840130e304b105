"""Find the driver versions in the pools' repositories, and which pools each one serves."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from gitops_doca.core.compare.matrix import (
    LatestVersion,
    VersionMatrix,
    build_catalogues,
    build_matrices,
    unconfirmed,
)
from gitops_doca.core.diagnostics import Category, Flag, Place, Problems
from gitops_doca.core.model import Policy, Pool
from gitops_doca.core.reference import ImageReference
from gitops_doca.core.resolve.decide import required_images
from gitops_doca.core.resolve.lookup import Resolver, TagLookup, cross_check
from gitops_doca.usecases.look_up import MAX_LOOKUPS


def survey(pools: Sequence[Pool], resolver: Resolver, problems: Problems) -> tuple[VersionMatrix, ...]:
    """Return a matrix for each repository of these pools; reports missing answers.

    The newest version of a matrix is confirmed by its manifests. So are the versions that the policies
    name, and the fallback versions up to the one that a pool runs, as far as `MAX_LOOKUPS` allows; all other
    cells come from the tag list.
    """
    lists = resolver.list_tags(sorted({pool.policy.driver.repository for pool in pools}))
    catalogues = build_catalogues(pools, lists)
    lookups: dict[ImageReference, TagLookup] = {}

    def ask(images: Iterable[ImageReference]) -> bool:
        required = [image for image in images if image not in lookups]
        if not required or len(lookups) + len(required) > MAX_LOOKUPS:
            return False
        lookups.update(resolver.resolve(required))
        lookups.update(cross_check(lookups, lists))
        return True

    while ask(unconfirmed(catalogues, lookups)):
        pass
    usable = {repository for repository, tags in lists.items() if tags.tags or tags.complete}
    chosen = [pool for pool in map(_precompiled_only, pools) if pool.policy.driver.repository in usable]
    while ask(required_images(chosen, lookups)):
        pass
    matrices = build_matrices(catalogues, lookups)
    for matrix in matrices:
        _report(matrix, problems)
    return matrices


def _precompiled_only(pool: Pool) -> Pool:
    driver = replace(pool.policy.driver, force_precompiled=True)
    return replace(pool, policy=replace(pool.policy, driver=driver))


def _report(matrix: VersionMatrix, problems: Problems) -> None:
    place = matrix.rows[0].pools[0].policy.place
    reason = matrix.listed.reason or "its answer is not a list"
    if matrix.listed.repository_unknown:
        reason = "the registry says that it has no such repository"
    if not matrix.usable:
        problems.error(
            f"cannot list the tags of {matrix.repository}: {reason}",
            place,
            category=Category.UNKNOWN,
            help=(
                "correct the repository, or give credentials with ",
                Flag("--registry-config"),
                "; where a registry lists no tags, gitops-doca check still checks the policy's own version",
            ),
        )
    elif not matrix.listed.complete:
        problems.warn(
            f"the tag list of {matrix.repository} is incomplete ({reason}): tags that it does not have "
            "are unknown, not missing",
            place,
        )
    for latest in matrix.latest:
        _report_doubt(matrix, latest, place, problems)


def _report_doubt(matrix: VersionMatrix, latest: LatestVersion, place: Place, problems: Problems) -> None:
    if latest.doubtful:
        whose = _of_policy(latest.policy) if latest.policy else f"in {matrix.repository}"
        problems.error(
            f"cannot confirm that {latest.doubtful} has an image for every pool {whose}: {latest.reason}",
            place,
            category=Category.UNKNOWN,
            help="run again when the registry answers; no version is guessed",
        )


def _of_policy(policy: Policy) -> str:
    return f"of {policy.kind} {policy.name}{f' in {policy.cluster}' if policy.cluster else ''}"
