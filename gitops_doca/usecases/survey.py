"""Find the driver versions in the pools' repositories, and which pools each one serves."""

from collections.abc import Iterable, Sequence

from gitops_doca.core.diagnostics import Category, Place, Problems
from gitops_doca.core.matrix.catalogue import build_catalogues
from gitops_doca.core.matrix.survey import (
    LatestVersion,
    VersionMatrix,
    VersionSurvey,
    build_survey,
    split_off_digests,
    unconfirmed,
)
from gitops_doca.core.model import Policy, Pool
from gitops_doca.core.reference import ImageReference
from gitops_doca.core.resolve.decide import HELP_BY_CAUSE, required_images
from gitops_doca.core.resolve.lookup import Resolver, TagLookup, cross_check
from gitops_doca.usecases.look_up import MAX_LOOKUPS


def survey(pools: Sequence[Pool], resolver: Resolver, problems: Problems) -> VersionSurvey:
    """Return a matrix for each repository of these pools; reports missing answers.

    Pools whose policy names a digest are passed over. What the others run today is looked up, as far
    as `MAX_LOOKUPS` allows, and the newest version that serves all pools is confirmed by its
    manifests; all other cells come from the tag list.
    """
    pools, passed_over = split_off_digests(pools)
    lists = resolver.list_tags(sorted({pool.policy.driver.repository for pool in pools}))
    lookups: dict[ImageReference, TagLookup] = {}

    def ask(images: Iterable[ImageReference], most: int) -> bool:
        required = [image for image in images if image not in lookups]
        if not required or len(lookups) + len(required) > most:
            return False
        lookups.update(resolver.resolve(required))
        lookups.update(cross_check(lookups, lists))
        return True

    usable = {repository for repository, tags in lists.items() if tags.tags or tags.complete}
    chosen = [pool for pool in pools if pool.policy.driver.repository in usable]
    # One version at least can then be confirmed.
    most = MAX_LOOKUPS - len({(pool.policy.driver.repository, pool.platform) for pool in pools})
    while ask(required_images(chosen, lookups), most):
        pass
    catalogues = build_catalogues(pools, lists, lookups)
    while ask(unconfirmed(catalogues, lookups), MAX_LOOKUPS):
        pass
    found = build_survey(catalogues, lookups, passed_over)
    for matrix in found.matrices:
        _report(matrix, problems)
    if len(found.matrices) > 1 and not problems.errors:
        _report_doubt(found.newest, "of all repositories", found.matrices[0], problems)
    return found


def _report(matrix: VersionMatrix, problems: Problems) -> None:
    place = _place(matrix)
    reason = matrix.listed.shortcoming
    if not matrix.usable:
        problems.error(
            f"cannot list the tags of {matrix.repository}: {reason}",
            place,
            category=Category.UNKNOWN,
            help=(
                *HELP_BY_CAUSE[matrix.listed.cause],
                ", then run again; where a registry lists no tags, ",
                "gitops-doca check still checks the policy's own version",
            ),
        )
    elif not matrix.listed.complete:
        problems.warn(
            f"the tag list of {matrix.repository} is incomplete ({reason}): tags that it does not have "
            "are unknown, not missing",
            place,
        )
    for latest in matrix.latest:
        whose = _of_policy(latest.policy) if latest.policy else f"in {matrix.repository}"
        _report_doubt(latest, whose, matrix, problems)


def _place(matrix: VersionMatrix) -> Place:
    return matrix.rows[0].pools[0].policy.place


def _report_doubt(latest: LatestVersion, whose: str, matrix: VersionMatrix, problems: Problems) -> None:
    if latest.doubtful:
        problems.error(
            f"cannot confirm that {latest.doubtful} has an image for every pool {whose}: {latest.reason}",
            _place(matrix),
            category=Category.UNKNOWN,
            help="run again when the registry answers; no version is guessed",
        )


def _of_policy(policy: Policy) -> str:
    return f"of {policy.kind} {policy.name}{f' in {policy.cluster}' if policy.cluster else ''}"
