"""Find how far nodes have moved to their policy's version, and which plans are done."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.model import PlannedPool, Policy
from gitops_doca.core.resolve.decide import Decision, NoImage, is_unknown
from gitops_doca.core.resolve.fallbacks import runs_own_version
from gitops_doca.core.resolve.pools import Grouping
from gitops_doca.core.tags import flavour_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A move of a policy's nodes to its version, which is not done yet."""

    policy: Policy
    nodes: int
    """The nodes of all its pools."""
    moved: int
    """Those that run its version, in any container revision."""

    @property
    def version(self) -> str:
        """The version to which the nodes move."""
        return self.policy.driver.version


def find_progress(decisions: Iterable[Decision]) -> tuple[Progress, ...]:
    """Return the moves that are on: some nodes are on a fallback, while others, or plans, are not."""
    by_policy: dict[tuple[str, str, str], list[Decision]] = defaultdict(list)
    for decision in decisions:
        by_policy[decision.pool.policy.key].append(decision)
    return tuple(
        Progress(
            policy=group[0].pool.policy,
            nodes=sum(len(decision.pool.nodes) for decision in group),
            moved=sum(len(decision.pool.nodes) for decision in group if _has_own_version(decision)),
        )
        for group in by_policy.values()
        if any(map(_has_own_version, group))
        and any(decision.pool.nodes and not runs_own_version(decision) for decision in group)
    )


def _has_own_version(decision: Decision) -> bool:
    return not isinstance(decision, NoImage) and runs_own_version(decision)


def done_plans(grouping: Grouping, decisions: Sequence[Decision]) -> tuple[PlannedPool, ...]:
    """Return the plans that can go from the config: nodes run them, and none can come that still needs them.

    While a pool with nodes of a policy, OS, OS version, flavour and architecture is on a fallback, or its
    image is unknown, its nodes have not moved, and one that moves back for an hour must not take the new
    kernel's DaemonSet with it.
    """
    staying = [decision.pool for decision in decisions if decision.pool.nodes and _may_be_behind(decision)]
    return tuple(
        plan
        for plan in grouping.obsolete_plans
        if not any(
            plan.is_for(pool.policy) and flavour_of(pool.platform) == flavour_of(plan.platform)
            for pool in staying
        )
    )


def _may_be_behind(decision: Decision) -> bool:
    return is_unknown(decision) or not runs_own_version(decision)
