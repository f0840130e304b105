"""The result of a run for the clusters of a fleet."""

from collections.abc import Iterable
from dataclasses import replace

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.diagnostics import Category
from gitops_doca.core.resolve.companions import CompanionState
from gitops_doca.core.resolve.decide import Decision
from gitops_doca.core.resolve.pools import Grouping

NO_POOLS = Grouping(pools=(), skipped=())


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterResult:
    """The result of a run for one cluster."""

    cluster: str
    """Its folder, as the command line names it; `.` for the working directory."""
    decisions: tuple[Decision, ...] = ()
    """Empty also if the run of this cluster failed before."""
    grouping: Grouping = NO_POOLS
    companions: tuple[CompanionState, ...] = ()
    """One for each companion that a pool needs."""
    unused_fallbacks: tuple[str, ...] = ()
    """Fallback versions that no pool runs."""
    unused_companions: tuple[str, ...] = ()
    """The names of companions that no pool needs."""
    images: tuple[str, ...] = ()
    """All images that its pods pull."""
    differs: bool = False
    """Whether a comparison found differences."""
    failure: Category | None = None
    """The class of error of a run for this cluster alone; None: success."""

    @property
    def exit_code(self) -> int:
        """Exit status of a run for this cluster alone."""
        return self.failure.exit_code if self.failure else int(self.differs)


def failing_first(results: Iterable[ClusterResult]) -> tuple[ClusterResult, ...]:
    """Return the clusters that fail, then the others, each in order of name."""
    return tuple(sorted(results, key=lambda result: (result.failure is None, result.cluster)))


def with_cluster(grouping: Grouping, cluster: str) -> Grouping:
    """Return the pools and skipped nodes with the name of their cluster."""
    policies = {pool.policy.key: replace(pool.policy, cluster=cluster) for pool in grouping.pools}
    return replace(
        grouping,
        pools=tuple(replace(pool, policy=policies[pool.policy.key]) for pool in grouping.pools),
        skipped=tuple(replace(node, cluster=cluster) for node in grouping.skipped),
    )
