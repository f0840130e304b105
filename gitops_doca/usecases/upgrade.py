"""Find the kernel that each pool needs for another driver version, from tag lists."""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from gitops_doca.core.compare.lock import LockedPool
from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.diagnostics import Category, Help, Problems
from gitops_doca.core.model import Policy, Pool
from gitops_doca.core.phrases import describe_nodes, name_nodes
from gitops_doca.core.reference import ImageReference, Repository
from gitops_doca.core.resolve.decide import HELP_BY_CAUSE, place_of
from gitops_doca.core.resolve.lookup import (
    Cause,
    Inspector,
    TagList,
    TagLookup,
    TagUnknown,
    cross_check,
)
from gitops_doca.core.upgrade.companions import CompanionsOfCluster, KernelCompanions
from gitops_doca.core.upgrade.edits import ClusterPlan, plan_cluster
from gitops_doca.core.upgrade.published import Published, kernel_key, published
from gitops_doca.core.upgrade.result import Outcome, PassedOver, Upgrade
from gitops_doca.core.upgrade.running import movable_pools, running
from gitops_doca.core.upgrade.targets import (
    Found,
    Group,
    Target,
    Wanted,
    evaluate,
    find_target,
    kernels_to_ask,
)
from gitops_doca.core.upgrade.ways import Way, doubted, image_of
from gitops_doca.sources.config import Settings
from gitops_doca.usecases.load import Inputs
from gitops_doca.usecases.look_up import MAX_LOOKUPS, RegistryTags, look_up

_NOT_ASKED = TagUnknown(Cause.DEADLINE, "it was not looked up")
_MOST_KERNELS = 3
"""The most kernels that a help text names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeInputs:
    """The inputs of one cluster."""

    label: str
    """Its name in documents."""
    name: str
    """Its name in the policies of its pools; empty when it is the only one."""
    inputs: Inputs
    settings: Settings
    chosen: Mapping[LockedPool, ImageReference]
    """The image of each pool by its lock; empty without one."""


def find_upgrade(
    clusters: Sequence[UpgradeInputs], resolver: Inspector, problems: Problems, *, to: str = ""
) -> Upgrade:
    """Return what each pool needs for the version `to`, or for the newest one that serves all pools.

    What the tag lists propose is confirmed by the manifests. Reports the pools that cannot use the
    version, and missing answers.
    """
    return _Search(clusters, resolver, problems, to).run()


class _Search:
    """One search: what is asked of the registries, and what was answered."""

    def __init__(
        self, clusters: Sequence[UpgradeInputs], resolver: Inspector, problems: Problems, to: str
    ) -> None:
        self._clusters = clusters
        self._resolver = resolver
        self._problems = problems
        self._to = to
        self._pools = {c.name: movable_pools(c.inputs.grouping.pools) for c in clusters}
        self._lookups: dict[ImageReference, TagLookup] = {}
        self._companions = KernelCompanions(
            clusters={
                cluster.name: CompanionsOfCluster(
                    companions=cluster.settings.companions,
                    pools=cluster.inputs.grouping.pools,
                )
                for cluster in clusters
            }
        )

    def run(self) -> Upgrade:
        pools = [pool for some in self._pools.values() for pool in some]
        passed_over = tuple(_passed_over(self._clusters))
        nothing = Upgrade(target=None, passed_over=passed_over, asked=self._to)
        if not pools:
            return replace(nothing, without_target=Outcome.POSSIBLE)
        lists = self._resolver.list_tags(sorted({pool.policy.driver.repository for pool in pools}))
        if not _are_complete(lists, pools, self._problems):
            return replace(nothing, without_target=Outcome.UNKNOWN)
        without: set[ImageReference] = set()
        while True:
            known = {
                repository: published(repository, listed, asked=self._to, without=without)
                for repository, listed in lists.items()
            }
            groups = self._groups(known)
            found = self._find(groups)
            target = found.target
            if target is None:
                _report_none(groups, self._problems)
                return nothing
            if not (absent := self._unconfirmed(target, lists)):
                break
            without |= absent
        if all(error.category is Category.UNKNOWN for error in self._problems.errors):
            _report(target, without, self._problems)
        target = self._with_doubts(target)
        return Upgrade(
            target=target,
            asked=self._to,
            newer=found.newer,
            older=found.older,
            passed_over=passed_over,
            plans={}
            if target.blocked
            else {cluster.label: self._plan(cluster, target, known) for cluster in self._clusters},
            published=known,
        )

    def _groups(self, known: Mapping[Repository, Published]) -> tuple[Group, ...]:
        """Return the pools by the place of their policy's version."""
        chosen = {cluster.name: cluster.chosen for cluster in self._clusters}
        by_place: dict[object, list[Pool]] = defaultdict(list)
        for pools in self._pools.values():
            for pool in pools:
                by_place[_place_of(pool.policy), pool.policy.driver.repository].append(pool)
        return tuple(
            Group(
                policies=tuple({pool.policy.key: pool.policy for pool in pools}.values()),
                pools=tuple(
                    running(pool, chosen[pool.policy.cluster], known[pool.policy.driver.repository])
                    for pool in pools
                ),
                published=known[pools[0].policy.driver.repository],
            )
            for pools in by_place.values()
        )

    def _find(self, groups: Sequence[Group]) -> Found:
        if not self._to:
            return find_target(groups, self._ask, self._companions.states)
        wanted = Wanted(version=self._to, is_explicit=True)
        _, kernels = kernels_to_ask(groups, [wanted], self._companions.states)
        self._ask(kernels)
        return Found(target=evaluate(groups, wanted, self._companions.states))

    def _ask(self, kernels: Sequence[tuple[Pool, str]]) -> None:
        """Look up the companions of pools with these kernels, in one round."""
        images = self._companions.require(kernels)
        if images:
            source = RegistryTags(lambda: self._resolver)
            self._companions.learn(look_up((), source, self._problems, companions=images).companions)

    def _unconfirmed(self, target: Target, lists: Mapping[Repository, TagList]) -> set[ImageReference]:
        """Look up the images of a target; return those that are listed and do not exist.

        Reports look-ups without an answer.
        """
        asked = [image for image in target.images if image not in self._lookups]
        if len(self._lookups) + len(asked) > MAX_LOOKUPS:
            self._problems.error(
                f"more than {MAX_LOOKUPS:,} tags would be looked up", help="take fewer clusters"
            )
            return set()
        if asked:
            self._lookups |= self._resolver.resolve(asked)
            self._lookups |= cross_check(self._lookups, lists)
        unknown = {
            image: lookup for image in target.images if isinstance(lookup := self._lookups[image], TagUnknown)
        }
        absent = {image for image, lookup in unknown.items() if lookup.cause is Cause.INCONSISTENT}
        _report_unknown({i: lookup for i, lookup in unknown.items() if i not in absent}, self._problems)
        return absent

    def _with_doubts(self, target: Target) -> Target:
        """Return a target in which no pool has a way by an image whose look-up gave no answer."""

        def confirmed(way: Way) -> Way:
            lookup = self._lookups.get(image_of(way), _NOT_ASKED) if way.exists else None
            return doubted(way, lookup) if isinstance(lookup, TagUnknown) else way

        return replace(
            target,
            choices=tuple(
                replace(choice, ways=tuple(map(confirmed, choice.ways))) for choice in target.choices
            ),
        )

    def _plan(
        self, cluster: UpgradeInputs, target: Target, known: Mapping[Repository, Published]
    ) -> ClusterPlan:
        settings = cluster.settings
        return plan_cluster(
            target,
            cluster.inputs.policies.policies,
            cluster.inputs.grouping.pools,
            settings.planned,
            settings.fallback_versions,
            known,
        )


def _place_of(policy: Policy) -> tuple[object, ...]:
    """Return the place of a policy's version in its file, the same for all clusters that share it."""
    place = policy.driver.places.get("version", policy.place)
    return (os.path.realpath(place.file), policy.kind, policy.name) if place.file else policy.key


def _passed_over(clusters: Iterable[UpgradeInputs]) -> Iterator[PassedOver]:
    for cluster in clusters:
        with_pools = {(pool.policy.kind, pool.policy.name) for pool in cluster.inputs.grouping.pools}
        for policy in cluster.inputs.policies.policies:
            if policy.driver.digest is not None:
                why = "its version is a digest"
            elif (policy.kind, policy.name) not in with_pools:
                why = "it has no pool"
            else:
                continue
            yield PassedOver(cluster=cluster.label, policy=policy, why=why)


def _are_complete(lists: Mapping[Repository, TagList], pools: Sequence[Pool], problems: Problems) -> bool:
    """Report tag lists that are not complete; say whether all are."""
    for repository, listed in lists.items():
        if listed.complete and not listed.repository_unknown:
            continue
        place = next(pool.policy.place for pool in pools if pool.policy.driver.repository == repository)
        problems.error(
            f"cannot list the tags of {repository} to the end: {listed.shortcoming}",
            place,
            category=Category.UNKNOWN,
            help=(*HELP_BY_CAUSE[listed.cause], ", then run again"),
        )
    return not problems.errors


def _report_none(groups: Sequence[Group], problems: Problems) -> None:
    versions = ", ".join(sorted({group.own for group in groups}))
    problems.error(
        f"the tag lists have no driver version that is as new as the policies' ({versions})",
        category=Category.MISSING,
        help="check version and repository of the policies",
    )


def _report(target: Target, without: Iterable[ImageReference], problems: Problems) -> None:
    """Report the pools without a way: as missing, or as unknown if an answer is missing."""
    blocked = target.blocked
    if target.wanted.is_explicit:
        for one in target.unlisted:
            _report_unlisted(one, target, problems)
        blocked = target.unserved
    # Those that a pool would get are told with the pool.
    told = {way.doubt.image for way in blocked if way.doubt}
    if gone := sorted(set(without) - told):
        problems.warn(
            "the tag list has images whose manifests are said not to exist, so they are not used",
            details=tuple(map(str, gone)),
            help="ask the registry's owner to fix it, then run again",
        )
    missing = [way for way in blocked if not way.is_unknown]
    unknown = [way for way in blocked if way.is_unknown]
    version = target.wanted.version
    if missing:
        count = _count(missing)
        if target.wanted.is_explicit:
            message = f"{version} cannot be used by {count}"
        else:
            message = (
                f"no driver version serves every pool; {version} comes nearest, and {count} cannot use it"
            )
        _report_ways(message, missing, problems, category=Category.MISSING, help=_help(missing))
    if unknown:
        message = f"cannot tell whether {version} can be used by {_count(unknown)}"
        causes = [way.unanswered.cause for way in unknown if way.unanswered]
        help = (*HELP_BY_CAUSE[causes[0]], ", then run again")
        _report_ways(message, unknown, problems, category=Category.UNKNOWN, help=help)


def _report_unlisted(repository: Published, target: Target, problems: Problems) -> None:
    version = target.wanted.version
    pools = [
        way.running.pool
        for choice in target.choices
        if choice.group.published.repository == repository.repository
        for way in choice.ways
    ]
    problems.error(
        f"{repository.repository} has no image of {version}",
        place_of(pools),
        category=Category.MISSING,
        details=(repository.near(version),),
        help="name a version that it has (gitops-doca matrix), or correct the repository",
    )


def _report_ways(
    message: str, ways: Sequence[Way], problems: Problems, *, category: Category, help: Help
) -> None:
    problems.error(
        message,
        place_of([way.running.pool for way in ways]),
        category=category,
        details=tuple(f"{_who(way)}: {way.why}" for way in ways),
        help=help,
    )


def _count(ways: Sequence[Way]) -> str:
    return f"{len(ways)} pool{'s' if len(ways) > 1 else ''}"


def _who(way: Way) -> str:
    pool = way.running.pool
    cluster = f"{pool.policy.cluster}: " if pool.policy.cluster else ""
    return f"{cluster}{pool.platform} ({describe_nodes(pool)})"


def _help(blocked: Sequence[Way]) -> Help:
    """Return what to do about pools without a way."""
    ahead: dict[str, list[Way]] = defaultdict(list)
    for way in blocked:
        if way.is_ahead:
            ahead[way.nearest].append(way)
    publish = "publish or mirror what is missing, or choose another version (gitops-doca matrix)"
    if not ahead:
        return publish
    boot = f"boot {_kernels_of_nodes(ahead)}"
    if all(way.is_ahead for way in blocked):
        return f"{boot}, or wait for a version with a newer kernel"
    return f"{boot}; for the other pools {publish}"


def _kernels_of_nodes(by_kernel: Mapping[str, Sequence[Way]]) -> str:
    """Name the nodes of each kernel: `K on nodes a, b, and L on node c`; some, and how many others."""
    some = []
    for kernel, ways in sorted(by_kernel.items(), key=lambda item: kernel_key(item[0])):
        names = _node_names(ways)
        some.append(f"{kernel} on node{'s' if len(names) > 1 else ''} {name_nodes(names)}")
    if (more := len(some) - _MOST_KERNELS) > 0:
        some[_MOST_KERNELS:] = [f"{more} more kernel{'s' if more > 1 else ''} on their nodes"]
    *first, last = some
    return f"{', '.join(first)}, and {last}" if first else last


def _node_names(ways: Iterable[Way]) -> Sequence[str]:
    return sorted(
        {
            f"{way.running.pool.policy.cluster}/{name}" if way.running.pool.policy.cluster else name
            for way in ways
            for name in way.running.pool.node_names
        }
    )


def _report_unknown(lookups: Mapping[ImageReference, TagLookup], problems: Problems) -> None:
    """Report images whose look-up gave no answer, one error for each reason."""
    by_reason: dict[TagUnknown, list[ImageReference]] = defaultdict(list)
    for image, lookup in lookups.items():
        if isinstance(lookup, TagUnknown):
            by_reason[lookup].append(image)
    for lookup, images in by_reason.items():
        exist = f"and {len(images) - 1} more exist" if len(images) > 1 else "exists"
        problems.error(
            f"cannot confirm that {images[0]} {exist}: {lookup.reason}",
            category=Category.UNKNOWN,
            details=tuple(image.tag for image in images),
            help=(*HELP_BY_CAUSE[lookup.cause], ", then run again; no version is chosen on a guess"),
        )
