"""Find what the inputs have to say so that pools can go to another driver version."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from gitops_doca.core.compare.lock import LockedPool, locked_pool
from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.distributions import DISTRIBUTIONS
from gitops_doca.core.model import PlannedPool, Platform, Policy, Pool
from gitops_doca.core.reference import ImageReference, Repository
from gitops_doca.core.resolve.decide import (
    CompileOnNode,
    Decision,
    NoImage,
    UseDigest,
    UsePrecompiled,
    decide,
)
from gitops_doca.core.resolve.fallbacks import with_fallbacks
from gitops_doca.core.resolve.lookup import TagLookup
from gitops_doca.core.resolve.pools import kind_of
from gitops_doca.core.tags import precompiled_tag, version_key
from gitops_doca.core.upgrade.published import Published
from gitops_doca.core.upgrade.running import Driver, is_of
from gitops_doca.core.upgrade.targets import Choice, Target, Wanted
from gitops_doca.core.upgrade.ways import Way, image_of

MOST_FALLBACKS = 5
"""The most fallback versions of a config."""

PolicyKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterPlan:
    """What a cluster's inputs have to say for a target."""

    versions: Mapping[PolicyKey, str]
    """The new version of each policy that gets one."""
    fallbacks: tuple[str, ...]
    """All fallback versions of the config, in order of preference."""
    added: tuple[PlannedPool, ...]
    """Without places; `policies` only where the config has several."""
    removed: tuple[PlannedPool, ...] = ()
    """Plans of today that go: no node runs them and they are not for the target, or they are done."""


def plan_cluster(
    target: Target,
    policies: Sequence[Policy],
    pools: Sequence[Pool],
    plans: Sequence[PlannedPool],
    fallbacks: Sequence[str],
    published: Mapping[Repository, Published],
) -> ClusterPlan:
    """Return what the inputs of one cluster have to say.

    `policies` are all with a driver, `pools` those of the cluster, `plans` and `fallbacks` those of
    its config today.
    """
    keys = {pool.policy.key for pool in pools}
    choices = [c for c in target.choices if any(way.running.pool.policy.key in keys for way in c.ways)]
    ways = [way for choice in choices for way in choice.ways if way.running.pool.policy.key in keys]
    versions = {
        policy.key: choice.version
        for choice in choices
        for policy in choice.group.policies
        if policy.key in keys and choice.version != policy.driver.version
    }
    # A version that all policies name already is of no use as a fallback.
    own = {version for key, old in _versions(pools).items() if (version := versions.get(key, old))}
    today = [version for version in fallbacks if own != {version}]
    kept = _fallbacks(today, choices, ways, published)
    added = _new_plans(ways, pools, [policy.name for policy in policies])
    plan = ClusterPlan(versions=versions, fallbacks=kept, added=added)
    lookups = ListedImages(published)
    ends = {
        (way.running.pool.policy.key, way.running.pool.platform._replace(kernel=way.kernel)) for way in ways
    }
    # Their nodes are not to boot a kernel for which the driver is compiled.
    precompiled = {
        kind_of(way.running.pool)
        for way in ways
        if way.running.pool.nodes and way.running.driver is Driver.PRECOMPILED
    }
    useful = [
        pool
        for pool in pools
        if (pool.policy.key, pool.platform) in ends
        or (
            pool.plan
            and _is_of(
                decide(changed_pool(plan, pool), lookups),
                target.wanted,
                may_compile=kind_of(pool) not in precompiled,
            )
        )
    ]
    return replace(plan, removed=tuple(_superseded(plans, pools, useful)))


def _versions(pools: Iterable[Pool]) -> dict[PolicyKey, str]:
    return {pool.policy.key: pool.policy.driver.version for pool in pools}


def _fallbacks(
    today: Sequence[str],
    choices: Iterable[Choice],
    ways: Sequence[Way],
    published: Mapping[Repository, Published],
) -> tuple[str, ...]:
    """Return today's fallback versions and the needed ones, so that each pool finds its own first."""
    kept = [way for way in ways if _keeps(way, published)]
    revisions = [version for choice in choices for version in choice.revisions]
    others = sorted({way.running.version for way in kept}, key=version_key, reverse=True)
    order = list(dict.fromkeys([*revisions, *today, *others]))
    # A version before the one that a pool keeps must not have an image for its kernel.
    for _ in order:
        for way in kept:
            at = order.index(way.running.version)
            first = next((n for n, other in enumerate(order[:at]) if _has(way, other, published)), at)
            order.insert(first, order.pop(at))
    return tuple(order)


def _keeps(way: Way, published: Mapping[Repository, Published]) -> bool:
    """Say whether a pool keeps its version, since its policy's new one has no image for its kernel."""
    running = way.running
    if not running.pool.nodes or running.driver is not Driver.PRECOMPILED or not way.exists:
        return False
    return not _has(way, way.version, published)


def _has(way: Way, version: str, published: Mapping[Repository, Published]) -> bool:
    """Say whether a version is listed with a precompiled image for the kernel of a pool."""
    pool = way.running.pool
    listed = published[pool.policy.driver.repository].listed
    return precompiled_tag(version, pool.platform) in listed.tags


def _new_plans(
    ways: Iterable[Way], pools: Iterable[Pool], policies: Sequence[str]
) -> tuple[PlannedPool, ...]:
    """Return a plan for each new platform, with the policies that have no pool of it."""
    existing = {(pool.policy.key, pool.platform) for pool in pools}
    names: dict[Platform, dict[str, str]] = {}
    for way in ways:
        pool = way.running.pool
        platform = pool.platform._replace(kernel=way.kernel)
        if way.moves and (pool.policy.key, platform) not in existing:
            names.setdefault(platform, {})[pool.policy.name] = _runtime(pool)
    return tuple(
        PlannedPool(
            platform=platform,
            container_runtime=min(found.values()),
            policies=frozenset(found) if len(policies) > 1 else frozenset(),
        )
        for platform, found in sorted(names.items())
    )


def _runtime(pool: Pool) -> str:
    """Return the container runtime of a pool's nodes where rendering depends on it, else nothing."""
    system = DISTRIBUTIONS.get(pool.platform.os_id)
    return pool.source.container_runtime if system and system.mounts_subscription else ""


class ListedImages(dict[ImageReference, TagLookup]):
    """Answers about images, by the tag lists: a listed one may still have no manifest."""

    def __init__(self, published: Mapping[Repository, Published]) -> None:
        super().__init__()
        self._published = published

    def __missing__(self, image: ImageReference) -> TagLookup:
        return self._published[image.repository].lookup(image)


def changed_pool(plan: ClusterPlan, pool: Pool) -> Pool:
    """Return a pool of today as it would be with the changed inputs."""
    driver = pool.policy.driver
    version = plan.versions.get(pool.policy.key, driver.version)
    policy = replace(pool.policy, driver=replace(driver, version=version))
    return replace(pool, policy=with_fallbacks([policy], plan.fallbacks)[0])


def _superseded(
    plans: Iterable[PlannedPool], pools: Sequence[Pool], useful: Sequence[Pool]
) -> Iterator[PlannedPool]:
    """Yield the plans without nodes of which no pool is of use for the target."""
    for plan in plans:
        own = [pool for pool in pools if pool.platform == plan.platform and plan.is_for(pool.policy)]
        if own and all(pool.plan is plan and not any(pool is one for one in useful) for pool in own):
            yield plan


def _is_of(decision: Decision, wanted: Wanted, *, may_compile: bool) -> bool:
    """Say whether a planned pool gets an image of the target, revisions aside, or one by digest."""
    match decision:
        case UsePrecompiled():
            return is_of(decision.version, wanted.driver)
        case CompileOnNode():
            return may_compile and is_of(decision.version, wanted.driver)
        case UseDigest():
            return True
        case NoImage():
            return False


def expected_tags(target: Target, cluster: str) -> dict[LockedPool, str]:
    """Return the tag that each pool with nodes of a cluster should have with the changed inputs.

    It is today's where the pool has a precompiled image, else the one of its way. Pools whose nodes
    have to boot another kernel for an image are not among them.
    """
    return {
        locked_pool(way.running.pool): tag
        for way in target.ways
        if way.running.pool.nodes and way.running.pool.policy.cluster == cluster and (tag := _expected(way))
    }


def _expected(way: Way) -> str:
    running = way.running
    if running.driver is Driver.PRECOMPILED:
        return precompiled_tag(running.version, running.pool.platform)
    return image_of(way).tag if way.exists and not way.moves else ""


def chosen_tags(decisions: Iterable[Decision]) -> dict[LockedPool, str]:
    """Return the tag of each pool that has an image."""
    return {
        locked_pool(decision.pool): decision.image.tag
        for decision in decisions
        if not isinstance(decision, NoImage)
    }


def config_by_hand(plan: ClusterPlan, today: Sequence[str]) -> Iterator[str]:
    """Yield what has to be written by hand into a config with these fallback versions today."""
    if plan.fallbacks != today:
        versions = ", ".join(plan.fallbacks)
        yield f"fallbackVersions: [{versions}]" if versions else "remove fallbackVersions"
    yield from (f"add to planned: {_spelled(one)}" for one in plan.added)
    yield from (f"remove from planned: {one}" for one in plan.removed)


def plan_entry(plan: PlannedPool) -> dict[str, str | tuple[str, ...]]:
    """Return the entry of `planned` for a plan."""
    platform = plan.platform
    runtime = {"containerRuntime": plan.container_runtime} if plan.container_runtime else {}
    policies = {"policies": tuple(sorted(plan.policies))} if plan.policies else {}
    return {
        "os": platform.os_id,
        "osVersion": platform.os_version,
        "kernel": platform.kernel,
        "arch": platform.arch,
        **runtime,
        **policies,
    }


def _spelled(plan: PlannedPool) -> str:
    """Return the entry of `planned` for a plan, as YAML in one line."""
    entry = {**plan_entry(plan), "osVersion": f'"{plan.platform.os_version}"'}
    fields = (
        f"{name}: {value}" if isinstance(value, str) else f"{name}: [{', '.join(value)}]"
        for name, value in entry.items()
    )
    return f"{{{', '.join(fields)}}}"


def version_by_hand(policy: Policy, version: str) -> str:
    """Return what has to be written into a policy by hand."""
    return f"version: {version} in ofedDriver of {policy.kind} {policy.name}"
