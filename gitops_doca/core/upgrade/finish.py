"""Find the plans and fallback versions that are no longer needed."""

from collections.abc import Iterable, Sequence

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.model import PlannedPool
from gitops_doca.core.resolve.decide import Decision, UsePrecompiled, is_unknown
from gitops_doca.core.resolve.fallbacks import unused_fallbacks
from gitops_doca.core.resolve.pools import Grouping
from gitops_doca.core.resolve.progress import done_plans
from gitops_doca.core.tags import flavour_of
from gitops_doca.core.upgrade.edits import ClusterPlan

_UNKNOWN = "some answers are unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """A plan or fallback version that has to stay, and why."""

    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """The parts of a config that can be removed, and those that stay."""

    plans: tuple[PlannedPool, ...]
    fallbacks: tuple[str, ...]
    stay: tuple[Leftover, ...]

    def plan(self, fallbacks: Sequence[str]) -> ClusterPlan:
        """Return what a config with these fallback versions has to say."""
        left = tuple(version for version in fallbacks if version not in self.fallbacks)
        return ClusterPlan(versions={}, fallbacks=left, added=(), removed=self.plans)


def finish(
    grouping: Grouping,
    decisions: Sequence[Decision],
    plans: Sequence[PlannedPool],
    fallbacks: Sequence[str],
) -> Finish:
    """Return which plans are done, and which fallback versions no pool runs."""
    done, unused = done_plans(grouping, decisions), unused_fallbacks(decisions, fallbacks)
    staying = [plan for plan in plans if not any(plan is one for one in done)]
    used = [version for version in fallbacks if version not in unused]
    return Finish(
        plans=tuple(plan for plan in plans if any(plan is one for one in done)),
        fallbacks=unused,
        stay=(
            *(Leftover(what=f"plan {plan}", why=_not_done(plan, decisions)) for plan in staying),
            *(
                Leftover(what=f"fallback version {version}", why=_users(version, decisions))
                for version in used
            ),
        ),
    )


def _not_done(plan: PlannedPool, decisions: Sequence[Decision]) -> str:
    """Return why a plan has to stay."""
    own = [d for d in decisions if d.pool.platform == plan.platform and plan.is_for(d.pool.policy)]
    waiting = [decision.pool.policy.name for decision in own if not decision.pool.nodes]
    if len(waiting) == len(own):
        return "no node runs it yet"
    if waiting:
        return f"no node of {' and '.join(waiting)} runs it yet"
    kind = flavour_of(plan.platform)
    alike = [d for d in decisions if plan.is_for(d.pool.policy) and flavour_of(d.pool.platform) == kind]
    if any(map(is_unknown, alike)):
        return _UNKNOWN
    return "nodes of the same kind still run a fallback version"


def _users(version: str, decisions: Iterable[Decision]) -> str:
    users = [d for d in decisions if isinstance(d, UsePrecompiled) and d.fallback == version]
    nodes = sum(len(decision.pool.nodes) for decision in users)
    if nodes:
        return f"{nodes} {'node runs' if nodes == 1 else 'nodes run'} it"
    return "a planned pool needs it" if users else _UNKNOWN
