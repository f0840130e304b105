"""Find the plans and fallback versions that are no longer needed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gitops_doca.core.model import PlannedPool
from gitops_doca.core.resolve.decide import Decision, UsePrecompiled, is_unknown
from gitops_doca.core.resolve.fallbacks import unused_fallbacks
from gitops_doca.core.tags import split_revision
from gitops_doca.core.upgrade.edits import ClusterPlan
from gitops_doca.core.upgrade.published import family_of

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


def finish(decisions: Sequence[Decision], plans: Sequence[PlannedPool], fallbacks: Sequence[str]) -> Finish:
    """Return which plans are done, and which fallback versions no pool runs.

    A plan is done when nodes run it and no pool with nodes of its policy and family runs a fallback
    version: a node may go back to the old kernel, and must not lose the new one's DaemonSet.
    """
    unused = unused_fallbacks(decisions, fallbacks)
    stay = [(plan, why) for plan in plans if (why := _not_done(plan, decisions))]
    left = [plan for plan, _ in stay]
    return Finish(
        plans=tuple(plan for plan in plans if not any(plan is one for one in left)),
        fallbacks=unused,
        stay=(
            *(Leftover(what=f"plan {plan}", why=why) for plan, why in stay),
            *(
                Leftover(what=f"fallback version {version}", why=_users(version, decisions))
                for version in fallbacks
                if version not in unused
            ),
        ),
    )


def _not_done(plan: PlannedPool, decisions: Sequence[Decision]) -> str:
    """Return why a plan has to stay; empty when it is done."""
    own = [d for d in decisions if d.pool.platform == plan.platform and plan.is_for(d.pool.policy)]
    waiting = [decision.pool.policy.name for decision in own if not decision.pool.nodes]
    if len(waiting) == len(own):
        return "no node runs it yet"
    if waiting:
        return f"no node of {' and '.join(waiting)} runs it yet"
    families = {(d.pool.policy.key, family_of(d.pool.platform)) for d in own}
    alike = [d for d in decisions if (d.pool.policy.key, family_of(d.pool.platform)) in families]
    if any(map(is_unknown, alike)):
        return _UNKNOWN
    behind = list(filter(is_behind, alike))
    return f"{_count(behind)} still on a fallback version" if behind else ""


def is_behind(decision: Decision) -> bool:
    """Say whether the nodes of a pool run another driver than their policy's, revisions aside."""
    match decision:
        case UsePrecompiled(pool=pool):
            own = split_revision(pool.policy.driver.version)[0]
            return bool(pool.nodes) and split_revision(decision.version)[0] != own
        case _:
            return False


def _users(version: str, decisions: Iterable[Decision]) -> str:
    users = [d for d in decisions if isinstance(d, UsePrecompiled) and d.fallback == version]
    if not users:
        return _UNKNOWN
    return f"{_count(users)} on it" if any(d.pool.nodes for d in users) else "a planned pool needs it"


def _count(decisions: Iterable[Decision]) -> str:
    count = len({name for decision in decisions for name in decision.pool.node_names})
    return "1 node is" if count == 1 else f"{count} nodes are"
