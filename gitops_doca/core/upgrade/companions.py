"""Find the companions that pools would need with other kernels."""

from collections.abc import Iterable, Mapping
from dataclasses import field, replace

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.diagnostics import Problems
from gitops_doca.core.model import Companion, PlannedPool, Platform, Pool
from gitops_doca.core.reference import ImageReference
from gitops_doca.core.resolve.companions import (
    CompanionAnswer,
    CompanionState,
    RequiredCompanion,
    judge_companions,
    required_companions,
)

_Key = tuple[tuple[str, str, str], Platform]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanionsOfCluster:
    """The companions of a cluster, and its pools."""

    companions: tuple[Companion, ...]
    pools: tuple[Pool, ...]


@dataclass(frozen=True, kw_only=True)
class KernelCompanions:
    """The companions of pools with other kernels, as far as they were looked up."""

    clusters: Mapping[str, CompanionsOfCluster]
    """By the cluster of the pools' policies."""
    _required: dict[_Key, tuple[RequiredCompanion, ...]] = field(default_factory=dict)
    _answers: dict[ImageReference, CompanionAnswer] = field(default_factory=dict)

    def require(self, kernels: Iterable[tuple[Pool, str]]) -> tuple[ImageReference, ...]:
        """Return the images that pools need with other kernels, and that have no answer yet."""
        wanted: dict[str, dict[_Key, Pool]] = {}
        for pool, kernel in kernels:
            platform = pool.platform._replace(kernel=kernel)
            key = pool.policy.key, platform
            if key not in self._required and self.clusters[pool.policy.cluster].companions:
                wanted.setdefault(pool.policy.cluster, {})[key] = _planned(pool, platform)
        for name, pools in wanted.items():
            self._require(self.clusters[name], pools)
        images = (one.image for pools in wanted.values() for key in pools for one in self._required[key])
        return tuple(dict.fromkeys(image for image in images if image not in self._answers))

    def learn(self, answers: Mapping[ImageReference, CompanionAnswer]) -> None:
        """Keep the answers about images."""
        self._answers.update(answers)

    def states(self, pool: Pool, kernel: str) -> tuple[CompanionState, ...] | None:
        """Return the companions of a pool with a kernel; None if they were not looked up."""
        if not self.clusters[pool.policy.cluster].companions:
            return ()
        required = self._required.get((pool.policy.key, pool.platform._replace(kernel=kernel)))
        return None if required is None else judge_companions(required, self._answers)

    def _require(self, cluster: CompanionsOfCluster, wanted: Mapping[_Key, Pool]) -> None:
        """Keep what pools of a cluster need, as new plans; a plan of today may say that it needs nothing."""
        exempt = {
            (pool.policy.key, pool.platform)
            for pool in cluster.pools
            if pool.plan and pool.plan.without_companions
        }
        added = [pool for key, pool in wanted.items() if key not in exempt]
        plans = [pool.plan for pool in added if pool.plan]
        found: dict[_Key, list[RequiredCompanion]] = {key: [] for key in wanted}
        pools = [*(pool for pool in cluster.pools if pool.nodes), *added]
        for one in required_companions(cluster.companions, pools, plans, Problems()):
            if one.pool.plan:
                found[one.pool.policy.key, one.pool.platform].append(one)
        self._required.update({key: tuple(some) for key, some in found.items()})


def _planned(pool: Pool, platform: Platform) -> Pool:
    plan = PlannedPool(platform=platform, policies=frozenset({pool.policy.name}))
    return replace(pool, platform=platform, nodes=(), plan=plan)
