"""Two owners of one driver: the operator, where inputs show that it is at work, and what is rendered here."""

from collections.abc import Iterable

from gitops_doca.core.diagnostics import Problems
from gitops_doca.core.model import OperatorEvidence, Policy, RenderOptions

_REMEDY = "docs/beside-the-operator.md has the order of steps; with emit: policies the operator keeps them"


def warn_two_owners(
    policies: Iterable[Policy], traces: Iterable[OperatorEvidence], problems: Problems
) -> None:
    """Warn where DaemonSets are rendered beside an operator that makes them too.

    It overwrites ours, and deletes them when `ofedDriver` goes. A policy that an API server has stored, a
    driver DaemonSet of the operator's, or a policy with `ofedDriver` in the inventory shows it.
    """
    for policy in policies:
        if policy.from_cluster:
            problems.warn(
                f"{policy.kind} {policy.name} was read from a cluster, with ofedDriver: the operator makes "
                "driver DaemonSets there, and two owners would fight over them",
                policy.place,
                remedy=f"apply it without ofedDriver; {_REMEDY}",
            )
    for trace in traces:
        problems.warn(
            f"the inventory has {trace.what}: the operator makes driver DaemonSets there, and two owners "
            "would fight over them",
            trace.place,
            remedy=f"hand the drivers over first; {_REMEDY}",
        )


def warn_lost_init_container(
    traces: Iterable[OperatorEvidence], options: RenderOptions, problems: Problems
) -> None:
    """Warn where the operator's DaemonSets have an init container that the rendered ones lack.

    The chart of the operator turns it on by default, so most clusters that are taken over have it. One
    warning for each of its images.
    """
    if options.init_container_image:
        return
    first: dict[str, OperatorEvidence] = {}
    for trace in traces:
        if trace.init_image:
            first.setdefault(trace.init_image, trace)
    for image, trace in first.items():
        problems.warn(
            f"{trace.what} has an init container, and initContainerImage is empty: taking the drivers over "
            "would remove it",
            trace.place,
            remedy=f"set initContainerImage: {image} to keep it; docs/beside-the-operator.md says what is "
            "left to delete without it",
        )
