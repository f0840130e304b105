"""Report images that the operator would not find, and drivers that it makes itself.

For the operator an image exists if the repository's tag list has its tag.
"""

from collections.abc import Iterable, Mapping, Sequence

from gitops_doca.core.affinity import REQUIRED, driver_affinity
from gitops_doca.core.diagnostics import Category, Diagnostic, Problems
from gitops_doca.core.documentation import page
from gitops_doca.core.model import LOADED_LABEL, OperatorEvidence, Policy, Pool, RenderOptions
from gitops_doca.core.reference import ImageReference, Repository
from gitops_doca.core.resolve.decide import Decision, UsePrecompiled, describe_pools, place_of
from gitops_doca.core.resolve.lookup import TagList

_PAGE = page("beside-the-operator")
_OURS = "let gitops-doca make the DaemonSets"
_HAND_OVER = f"{_PAGE} has the order of steps; with emit: policies the operator keeps them"


def is_listed(image: ImageReference, lists: Mapping[Repository, TagList]) -> bool | None:
    """Say whether the operator would find a tag; None if an incomplete list leaves it unknown.

    It compares tags exactly, on all pages that `Link` headers lead to (go-containerregistry's
    `remote.List`).
    """
    listed = lists.get(image.repository, TagList())
    if image.tag in listed.tags:
        return image.tag not in listed.unlinked
    return False if listed.complete else None


def report_unlisted(
    decisions: Iterable[Decision],
    lists: Mapping[Repository, TagList],
    problems: Problems,
    *,
    recorded: str = "",
) -> None:
    """Report existing precompiled images that the operator would not find, or might not.

    It never looks up the image that compiles on the node. `recorded` is as in `decide.report`.
    """
    pools: dict[ImageReference, list[Pool]] = {}
    for decision in decisions:
        if isinstance(decision, UsePrecompiled):
            pools.setdefault(decision.image, []).append(decision.pool)
    for image, wanting in pools.items():
        match is_listed(image, lists):
            case False:
                problems.add(_unlisted(image, wanting, recorded))
            case None:
                problems.add(_unsettled(image, wanting, lists.get(image.repository, TagList()).reason))
            case True:
                pass


def report_global_repositories(
    policies: Iterable[Policy],
    problems: Problems,
    *,
    help: str = f"write the repository under spec.ofedDriver too, or {_OURS} (emit: daemonsets)",
) -> None:
    """Report repositories that are only in `global`: the operator lists tags before it reads that.

    It would look up a repository without a name, find no tag, and stop, or compile on every node.
    """
    for policy in policies:
        if not policy.driver.has_own_repository:
            problems.error(
                "the repository is only in spec.global, and the operator would find no image: it looks "
                "tags up before it fills ofedDriver from global",
                policy.driver.places.get("repository", policy.place),
                help=help,
            )


def report_waiting_drivers(
    policies: Iterable[Policy],
    problems: Problems,
    *,
    help: str = f"remove the requirement, or {_OURS}, which do not have it (emit: daemonsets)",
) -> None:
    """Report a nodeAffinity that requires a loaded driver, which the driver's pods get too."""
    for policy in policies:
        affinity = policy.node_affinity or {}
        if driver_affinity(affinity).get(REQUIRED) != affinity.get(REQUIRED):
            problems.error(
                f"nodeAffinity requires the label {LOADED_LABEL}, and the operator's driver would wait for "
                "itself",
                policy.driver.places.get("nodeAffinity", policy.place),
                help=help,
            )


def warn_shared_daemon_sets(pools: Sequence[Pool], problems: Problems) -> None:
    """Warn of pools that differ only in the architecture: the operator has one DaemonSet for them."""
    groups: dict[tuple[str, str, str], list[Pool]] = {}
    for pool in pools:
        key = (pool.policy.name, pool.platform.os, pool.platform.kernel)
        groups.setdefault(key, []).append(pool)
    for (policy, os, kernel), alike in groups.items():
        if len(alike) > 1:
            architectures = " and ".join(sorted(pool.platform.arch for pool in alike))
            problems.warn(
                f"the operator makes one DaemonSet of {policy} for {os}/{kernel} on {architectures}, "
                "with the image of one of them on all nodes",
                alike[0].policy.place,
                help="give each architecture a NicNodePolicy of its own, or let gitops-doca make the "
                "DaemonSets (emit: daemonsets)",
            )


def warn_two_owners(
    policies: Iterable[Policy], evidence: Iterable[OperatorEvidence], problems: Problems
) -> None:
    """Warn if DaemonSets are rendered beside an operator that makes them too.

    It overwrites ours, and deletes them when `ofedDriver` is removed. A policy that an API server
    has stored, a driver DaemonSet of the operator's, or a policy with `ofedDriver` in the inventory
    shows it.
    """
    for policy in policies:
        if policy.from_cluster:
            problems.warn(
                f"{policy.kind} {policy.name} was read from a cluster, with ofedDriver: the operator makes "
                "driver DaemonSets there, and two owners would fight over them",
                policy.place,
                help=f"apply it without ofedDriver; {_HAND_OVER}",
            )
    for sign in evidence:
        problems.warn(
            f"the inventory has {sign.what}: the operator makes driver DaemonSets there, and two owners "
            "would fight over them",
            sign.place,
            help=f"hand the drivers over first; {_HAND_OVER}",
        )


def warn_lost_init_container(
    evidence: Iterable[OperatorEvidence], options: RenderOptions, problems: Problems
) -> None:
    """Warn if the operator's DaemonSets have an init container that the rendered ones lack.

    The operator's chart enables it by default, so most existing clusters have it. One warning for
    each of its images.
    """
    if options.init_container_image:
        return
    first: dict[str, OperatorEvidence] = {}
    for sign in evidence:
        if sign.init_image:
            first.setdefault(sign.init_image, sign)
    for image, sign in first.items():
        problems.warn(
            f"{sign.what} has an init container, and initContainerImage is empty: taking the drivers over "
            "would remove it",
            sign.place,
            help=f"set initContainerImage: {image} to keep it; {_PAGE} says what is left to delete "
            "without it",
        )


def _unlisted(image: ImageReference, pools: Sequence[Pool], recorded: str) -> Diagnostic:
    forced = {pool.policy.driver.force_precompiled for pool in pools}
    then = {
        True: "forcePrecompiled makes it stop there, without a driver",
        False: "without forcePrecompiled it silently compiles the driver on the node",
    }
    outcome = "; ".join(then[one] for one in sorted(forced))
    return Diagnostic(
        category=Category.MISSING,
        message=f"the image {image.tag} exists in {image.repository}, but the operator would not find it: "
        f"the repository's tag list does not name it; {outcome}",
        place=place_of(pools),
        details=(*describe_pools(pools), *((recorded,) if recorded else ())),
        help="push the tag to the registry that the policy names (a pull-through cache may list only "
        "what it holds), or let gitops-doca make the DaemonSets (emit: daemonsets)",
    )


def _unsettled(image: ImageReference, pools: Sequence[Pool], reason: str) -> Diagnostic:
    return Diagnostic(
        category=Category.UNKNOWN,
        message=f"cannot tell whether the operator would find {image.tag} in {image.repository}: "
        f"the repository's tag list could not be read to its end{f': {reason}' if reason else ''}",
        place=place_of(pools),
        details=describe_pools(pools),
        help="let the registry list the repository's tags to these credentials, then run again",
    )
