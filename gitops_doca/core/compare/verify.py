"""Compare the DaemonSets in a tool's output with the pools and tags of a lock."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import assert_never

from gitops_doca.core.compare.lock import ImageLock, LockedImage, LockedMiss, LockedPool, LockEntry
from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.names import driver_name
from gitops_doca.core.reference import ImageReference, InvalidReferenceError, parse_image


class DifferenceKind(Enum):
    """How a built stream differs from the lock."""

    MISSING = "missing"
    """A pool has no DaemonSet."""
    TWICE = "twice"
    """A pool has a second DaemonSet: two drivers on a node."""
    UNLOCKED = "unlocked"
    """A DaemonSet is for a pool that the lock does not list."""
    RENAMED = "renamed"
    SELECTOR = "selector"
    """The selector differs, and the selector of a DaemonSet is immutable."""
    NAMESPACE = "namespace"
    IMAGE = "image"
    """The image is not the one in the lock, or lost its digest."""
    OWNERS = "owners"
    """The operator and this program would both make DaemonSets."""
    COUNT = "count"
    """There are more or fewer DaemonSets than were expected."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference."""

    kind: DifferenceKind
    subject: LockedPool | str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltDaemonSet:
    """The fields of a built DaemonSet that are compared."""

    name: str
    namespace: str
    pool: str
    """`<os><version>/<kernel>/<arch>` from its annotation; empty without it."""
    source: str
    """Its annotation about the image; empty without it."""
    selector: str
    """`<label>=<value>` of each label that it selects pods by, sorted and joined by commas."""
    image: str
    """The image of the driver's container; empty without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """The output of a tool."""

    objects: int
    daemon_sets: tuple[BuiltDaemonSet, ...]
    drivers: tuple[str, ...]
    """Policies with `ofedDriver`, as `<kind>/<name>`."""

    @property
    def ours(self) -> tuple[BuiltDaemonSet, ...]:
        """The DaemonSets of pools."""
        return tuple(one for one in self.daemon_sets if one.pool)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """Expectations on a built stream besides the lock."""

    namespace: str = ""
    """The namespace of all DaemonSets; empty: any, but the same for all."""
    pinned: bool = False
    """Whether images have digests."""
    policies: bool = False
    """Whether policies are emitted, and the operator makes the DaemonSets."""


def compare_count(built: Built, count: int) -> tuple[Difference, ...]:
    """Return a difference unless the number of DaemonSets of pools is this one."""
    actual = len(built.ours)
    difference = Difference(DifferenceKind.COUNT, f"{actual} DaemonSets of pools", f"expected {count}")
    return () if actual == count else (difference,)


def compare_built(lock: ImageLock, built: Built, expected: Expected) -> tuple[Difference, ...]:
    """Return the differences, pools first in the order of the lock; other DaemonSets are ignored.

    A lock has no settings: the choice among a pool's tags and the presence of a digest are not
    compared where the lock allows both.
    """
    if expected.policies:
        return (*_lost_policies(lock, built), *_beside_policies(built))
    return (*_daemon_sets(lock, built.daemon_sets, expected), *_beside_daemon_sets(built))


def _lost_policies(lock: ImageLock, built: Built) -> Iterator[Difference]:
    for policy in sorted({pool.policy for pool in lock.pools} - set(built.drivers)):
        yield Difference(DifferenceKind.MISSING, policy, "with ofedDriver")


def _beside_policies(built: Built) -> Iterator[Difference]:
    for one in built.ours:
        yield Difference(DifferenceKind.OWNERS, one.pool, f"DaemonSet {one.namespace}/{one.name}")


def _beside_daemon_sets(built: Built) -> Iterator[Difference]:
    for policy in sorted(built.drivers):
        yield Difference(DifferenceKind.OWNERS, policy, "ofedDriver has the operator make DaemonSets too")


def _daemon_sets(
    lock: ImageLock, built: Sequence[BuiltDaemonSet], expected: Expected
) -> tuple[Difference, ...]:
    owners, rest = _assign(lock, built)
    differences: list[Difference] = []
    for pool in lock.pools:
        if pool not in owners:
            differences.append(Difference(DifferenceKind.MISSING, pool))
            continue
        daemon_set = owners[pool]
        if daemon_set.name not in _names(pool):
            detail = f"{_names(pool)[0]} -> {daemon_set.name}"
            differences.append(Difference(DifferenceKind.RENAMED, pool, detail))
        if daemon_set.selector not in _selectors(pool):
            detail = f"{_selectors(pool)[0]} -> {daemon_set.selector or 'none'}"
            differences.append(Difference(DifferenceKind.SELECTOR, pool, detail))
        wrong = _image_problem(lock, pool, daemon_set, expected)
        if wrong:
            detail = f"{daemon_set.image or 'no image'}: {wrong}"
            differences.append(Difference(DifferenceKind.IMAGE, pool, detail))
    return (*differences, *_surplus(lock, rest), *_namespaces((*owners.values(), *rest), expected.namespace))


def _assign(
    lock: ImageLock, built: Iterable[BuiltDaemonSet]
) -> tuple[dict[LockedPool, BuiltDaemonSet], list[BuiltDaemonSet]]:
    """Give each pool its DaemonSet, by name or else by annotation; return also the others."""
    by_name = {name: pool for pool in lock.pools for name in _names(pool)}
    rest = sorted(
        (one for one in built if one.pool or one.name in by_name),
        key=lambda one: (one.pool, one.name, one.namespace),
    )
    owners: dict[LockedPool, BuiltDaemonSet] = {}
    for one in list(rest):
        pool = by_name.get(one.name)
        if pool and pool not in owners and one.pool in ("", pool.pool):
            owners[pool] = one
            rest.remove(one)
    # The selector and a part of the name first: unlike the annotation they belong to one policy.
    for same in (_has_selector, _holds_name, _has_annotation):
        for pool in (pool for pool in lock.pools if pool not in owners):
            renamed = next((one for one in rest if same(one, pool)), None)
            if renamed:
                owners[pool] = renamed
                rest.remove(renamed)
    return owners, rest


def _has_annotation(one: BuiltDaemonSet, pool: LockedPool) -> bool:
    return one.pool == pool.pool


def _has_selector(one: BuiltDaemonSet, pool: LockedPool) -> bool:
    return _has_annotation(one, pool) and one.selector in _selectors(pool)


def _holds_name(one: BuiltDaemonSet, pool: LockedPool) -> bool:
    return _has_annotation(one, pool) and any(name in one.name for name in _names(pool))


def _surplus(lock: ImageLock, rest: Iterable[BuiltDaemonSet]) -> Iterator[Difference]:
    listed = {pool.pool for pool in lock.pools}
    for one in rest:
        kind = DifferenceKind.TWICE if one.pool in listed or not one.pool else DifferenceKind.UNLOCKED
        yield Difference(kind, one.pool or "a pool", f"DaemonSet {one.namespace}/{one.name}")


def _namespaces(ours: Sequence[BuiltDaemonSet], expected: str) -> Iterator[Difference]:
    namespaces = sorted({one.namespace for one in ours})
    if expected and namespaces not in ([], [expected]):
        others = [name or "none" for name in namespaces if name != expected]
        yield Difference(DifferenceKind.NAMESPACE, ", ".join(others), f"expected {expected}")
    elif len(namespaces) > 1:
        yield Difference(DifferenceKind.NAMESPACE, ", ".join(namespaces), "expected one for all DaemonSets")


def _names(pool: LockedPool) -> tuple[str, ...]:
    """Return the possible names of the pool's DaemonSet: ours, or with `operatorNames`."""
    os, kernel, arch = pool.pool.split("/")
    kind, _, name = pool.policy.partition("/")
    node_policy = name if kind == "NicNodePolicy" else ""
    ours = driver_name(os, kernel, node_policy, "" if arch == "amd64" else arch)
    return tuple(dict.fromkeys((f"{ours}-ds", f"{driver_name(os, kernel, node_policy, '')}-ds")))


def _selectors(pool: LockedPool) -> tuple[str, ...]:
    """Return the possible selectors of the pool's DaemonSet, in the order of its names."""
    return tuple(f"app={name.removesuffix('-ds')}" for name in _names(pool))


def _image_problem(lock: ImageLock, pool: LockedPool, daemon_set: BuiltDaemonSet, expected: Expected) -> str:
    """Return what is wrong with a DaemonSet's image; empty when the lock allows it."""
    try:
        image = parse_image(daemon_set.image)
    except InvalidReferenceError:
        return "no image reference"
    if daemon_set.source == "digest" and not image.tag and _may_be_digest(lock, pool):
        # The policy names a digest: a lock has no entry for such images.
        return "" if image.digest else "the policy's digest is gone"
    match _by_name(lock).get(_key(image)):
        case None:
            return "not in the lock"
        case LockedMiss():
            return "missing according to the lock"
        case LockedImage() if image.tag not in _tags(lock, pool):
            return "another pool's"
        case LockedImage(digest):
            return _digest_problem(image.digest, digest, pinned=expected.pinned)
        case never:
            assert_never(never)


def _may_be_digest(lock: ImageLock, pool: LockedPool) -> bool:
    """Say whether the pool's policy may name a digest: the lock has no tag of this pool alone."""
    if pool in lock.chosen:
        return False
    is_shared = sum(one.pool == pool.pool for one in lock.pools) > 1
    return is_shared or not _tags(lock, pool)


def _digest_problem(digest: str, locked: str, *, pinned: bool) -> str:
    if not digest:
        return "its digest is gone" if pinned else ""
    return "" if digest == locked else f"the lock has {locked}"


def _tags(lock: ImageLock, pool: LockedPool) -> set[str]:
    """Return the tags that the pool may run: the chosen one.

    If the lock does not record it, the precompiled ones, or the others if those are missing.
    """
    if pool in lock.chosen:
        return {lock.chosen[pool].tag}
    tags: set[str] = set()
    for image, entry in lock.entries.items():
        if image.tag.endswith(pool.ending):
            version = image.tag.removesuffix(pool.ending)
            tags.add(image.tag if isinstance(entry, LockedImage) else version + pool.compiled_ending)
    return tags


def _by_name(lock: ImageLock) -> Mapping[tuple[str, str, str], LockEntry]:
    return {_key(image): entry for image, entry in lock.entries.items()}


def _key(image: ImageReference) -> tuple[str, str, str]:
    return image.repository.registry, image.repository.path, image.tag
