"""Choose the version of each policy for a driver, and find the drivers to propose."""

from collections.abc import Callable, Iterable, Sequence

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.model import Platform, Policy, Pool
from gitops_doca.core.reference import ImageReference
from gitops_doca.core.tags import split_revision, version_key
from gitops_doca.core.upgrade.published import Published, kernel_key
from gitops_doca.core.upgrade.running import Running
from gitops_doca.core.upgrade.ways import Companions, Rules, Way, find_way, image_of, kernels_for

MOST_KERNELS = 3
"""The most kernels of a pool whose companions are looked up at the same time."""

MOST_VERSIONS = 10
"""The most versions whose companions are looked up at the same time."""

ENOUGH_OLDER = 2
"""The older candidates that end the search: the newest version may be a beta, and no tag says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Pools whose policies get their version together: those of one policy.

    Where several clusters share the policy's file, those of all of them.
    """

    policies: tuple[Policy, ...]
    pools: tuple[Running, ...]
    published: Published

    @property
    def own(self) -> str:
        """The version in the policy."""
        return self.policies[0].driver.version


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A driver version that the user asks for, or one that is a candidate."""

    version: str
    """With or without a container revision."""
    is_explicit: bool
    """The user asks for it: then it may be older, and precompiled images may be given up."""

    @property
    def driver(self) -> str:
        """The version without its container revision."""
        return split_revision(self.version)[0]

    def is_met_by(self, version: str) -> bool:
        """Say whether this is the version, or one of its container revisions."""
        return self.version in {version, split_revision(version)[0]}

    def versions(self, published: Published) -> tuple[str, ...]:
        """Return its listed versions, highest container revision first."""
        exact = (self.version,) if self.version in published.releases else ()
        return exact or published.drivers.get(self.version, ())

    def rules(self, running: Running) -> Rules:
        """Return what a pool's way may do: back to older kernels only with an older version.

        Older than the policy's, or than the one that the lock says; a version that is only inferred
        from a kernel was never asked for.
        """
        if not self.is_explicit:
            return Rules()
        locked = "" if running.inferred else running.version
        versions = (running.pool.policy.driver.version, locked)
        back = any(self._is_older_than(version) for version in versions if version)
        return Rules(may_compile=True, may_go_back=back)

    def _is_older_than(self, version: str) -> bool:
        other = version if self.version != self.driver else split_revision(version)[0]
        return version_key(self.version) < version_key(other)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The version for the policies of a group."""

    group: Group
    version: str
    """Empty when the repository lacks the driver."""
    ways: tuple[Way, ...]
    """In the order of the pools."""

    @property
    def revisions(self) -> tuple[str, ...]:
        """The versions of other container revisions that some pools need, highest first."""
        others = {way.version for way in self.ways if way.exists} - {self.version}
        return tuple(sorted(others, key=version_key, reverse=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a driver version has for each pool."""

    wanted: Wanted
    choices: tuple[Choice, ...]

    @property
    def ways(self) -> tuple[Way, ...]:
        """The ways of all pools."""
        return tuple(way for choice in self.choices for way in choice.ways)

    @property
    def blocked(self) -> tuple[Way, ...]:
        """The pools without a way."""
        return tuple(way for way in self.ways if not way.exists)

    @property
    def unlisted(self) -> tuple[Published, ...]:
        """The repositories that have no image of the version."""
        some = (choice.group.published for choice in self.choices if not choice.version)
        return tuple({one.repository: one for one in some}.values())

    @property
    def unserved(self) -> tuple[Way, ...]:
        """The pools without a way whose repository has the version."""
        listed = (choice for choice in self.choices if choice.version)
        return tuple(way for choice in listed for way in choice.ways if not way.exists)

    @property
    def is_reached(self) -> bool:
        """Whether every pool runs this version already."""
        return all(self.wanted.is_met_by(way.running.version) for way in self.ways)

    @property
    def images(self) -> tuple[ImageReference, ...]:
        """The images of all ways, sorted and unique."""
        return tuple(sorted({image_of(way) for way in self.ways if way.exists}))


def evaluate(groups: Iterable[Group], wanted: Wanted, companions: Companions) -> Target:
    """Return what a version has for all pools."""
    return Target(wanted=wanted, choices=tuple(_choose(group, wanted, companions) for group in groups))


def _choose(group: Group, wanted: Wanted, companions: Companions) -> Choice:
    """Choose the highest container revision that gives every pool its best way.

    If there is none, the revision with the images that compile becomes the policy's version: pools
    that need another one get it as a fallback version, of which only precompiled images are used.
    """
    versions = wanted.versions(group.published)
    if not versions:
        why = f"{group.published.repository} has no image of this version"
        return Choice(group=group, version="", ways=tuple(Way(running=one, why=why) for one in group.pools))
    pools = [(one, wanted.rules(one)) for one in group.pools]
    by_version: list[tuple[Way, ...]] = []
    for version in versions:
        ways = tuple(find_way(one, version, group.published, companions, rules) for one, rules in pools)
        if not any(way.rank for way in ways):
            return Choice(group=group, version=version, ways=ways)
        by_version.append(ways)
    by_pool = list(zip(*by_version, strict=True))
    best = [min(ways, key=_rank) for ways in by_pool]
    for number, version in enumerate(versions):
        ways = by_version[number]
        if all(way.rank == first.rank for way, first in zip(ways, best, strict=True)):
            return Choice(group=group, version=version, ways=ways)

    def served(number: int) -> tuple[int, int, int]:
        own = by_version[number]
        compiled = sum(way.exists and first.compiles for way, first in zip(own, best, strict=True))
        return compiled, sum(way.exists for way in own), -number

    chosen = max(range(len(versions)), key=served)
    return Choice(
        group=group, version=versions[chosen], ways=tuple(_beside(some, some[chosen]) for some in by_pool)
    )


def _beside(ways: Iterable[Way], own: Way) -> Way:
    """Return the best way of a pool, if other revisions are only used for precompiled images."""
    return min((own, *(way for way in ways if not way.compiles)), key=_rank)


def _rank(way: Way) -> int:
    return way.rank


def candidates(groups: Sequence[Group]) -> tuple[Wanted, ...]:
    """Return the drivers of all repositories that are older than no policy's, newest first."""
    if not groups:
        return ()
    listed = {driver for group in groups for driver in group.published.drivers}
    newest = max(version_key(split_revision(group.own)[0]) for group in groups)
    proposed = sorted((one for one in listed if version_key(one) >= newest), key=version_key, reverse=True)
    return tuple(Wanted(version=driver, is_explicit=False) for driver in proposed)


def kernels_to_ask(
    groups: Sequence[Group], some: Sequence[Wanted], companions: Companions
) -> tuple[int, tuple[tuple[Pool, str], ...]]:
    """Return how many of these versions to ask the companions for, and the kernels of each pool.

    The kernels are the newest of each version, at most `MOST_KERNELS` of a pool; the first version
    is always among them, and others, at most `MOST_VERSIONS`, as long as all their kernels are.
    Kernels that need no companion are not among them.
    """
    kernels: dict[tuple[object, Platform], tuple[Pool, list[str]]] = {}
    some = some[:MOST_VERSIONS]
    for number, wanted in enumerate(some):
        merged = dict(kernels)
        for group in groups:
            for one in group.pools:
                key = one.pool.policy.key, one.pool.platform
                known = merged.get(key, (one.pool, []))[1]
                merged[key] = (
                    one.pool,
                    list(dict.fromkeys([*known, *_kernels(one, wanted, group, companions)])),
                )
        if number and any(len(listed) > MOST_KERNELS for _, listed in merged.values()):
            return number, _first_of(kernels.values())
        kernels = merged
    return len(some), _first_of(kernels.values())


def _kernels(running: Running, wanted: Wanted, group: Group, companions: Companions) -> list[str]:
    """Return the newest kernels of a version that a pool may boot, newest first, without its own.

    Those that are known to need no companion are not among them.
    """
    rules = wanted.rules(running)
    found = {
        kernel
        for version in wanted.versions(group.published)
        # More are never asked for; its own may be one of them.
        for kernel in kernels_for(running, version, group.published, rules)[: MOST_KERNELS + 2]
        if (kernel != running.kernel or not running.pool.nodes) and companions(running.pool, kernel) != ()
    }
    return sorted(found, key=kernel_key, reverse=True)


def _first_of(kernels: Iterable[tuple[Pool, list[str]]]) -> tuple[tuple[Pool, str], ...]:
    return tuple((pool, kernel) for pool, some in kernels for kernel in some[:MOST_KERNELS])


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The result of the search for the newest version that serves all pools."""

    target: Target | None
    """Where no version serves all pools: the one that serves most; None if there is no version."""
    newer: tuple[Target, ...] = ()
    """Newer versions, which do not serve all pools; newest first."""
    older: tuple[Target, ...] = ()
    """Older versions that serve all pools too, as far as they were looked at; newest first."""


def find_target(
    groups: Sequence[Group], ask: Callable[[Sequence[tuple[Pool, str]]], None], companions: Companions
) -> Found:
    """Find the newest version that serves all pools.

    `ask` looks up the companions of pools with kernels; `companions` has the answers. The search
    ends at a version for which an answer is unknown: an older one must not be chosen because of
    that. When a version is found with fewer than `ENOUGH_OLDER` older ones, there is one more round
    for those.
    """
    by_list = {wanted: evaluate(groups, wanted, _needed_by_none) for wanted in candidates(groups)}
    known = {wanted: target for wanted, target in by_list.items() if target.blocked}
    left = [wanted for wanted in by_list if wanted not in known]
    found: list[Target] = []
    is_last = False
    while left:
        count, kernels = kernels_to_ask(groups, left, companions)
        ask(kernels)
        for wanted in left[:count]:
            known[wanted] = target = evaluate(groups, wanted, companions)
            if not target.blocked:
                found.append(target)
            elif not found and all(way.is_unknown for way in target.blocked):
                return Found(target=target)
        left = left[count:]
        if is_last or len(found) > ENOUGH_OLDER:
            break
        is_last = bool(found)
    every = [known[one] for one in by_list if one in known]
    if not found:
        return Found(target=min(every, key=lambda target: len(target.blocked), default=None))
    target, *older = found
    newer = every[: next(number for number, one in enumerate(every) if one is target)]
    return Found(target=target, newer=tuple(newer), older=tuple(one for one in older if not one.is_reached))


def _needed_by_none(_pool: Pool, _kernel: str) -> tuple[()]:
    """Say that no companion is needed, to see what the tag lists have."""
    return ()
