"""Find published tags that are similar to a missing one, and say what differs."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from functools import lru_cache
from heapq import nsmallest
from typing import Any

from gitops_doca.core.distributions import are_names_of_red_hat, without_machine
from gitops_doca.core.model import Platform
from gitops_doca.core.tags import (
    PublishedTag,
    kernel_distance,
    parse_tag,
    split_kernel,
    split_revision,
    version_key,
)

_MOST = 3
_CACHED = 1 << 16


def nearest_tags(version: str, platform: Platform, tags: frozenset[str]) -> tuple[str, ...]:
    """Return hints such as `<tag> (closest kernel of the flavour)`, the likeliest mistake first.

    `platform.kernel` is empty when the image that compiles on the node is missing. At most three
    tags a rule.
    """
    return tuple(dict.fromkeys(_hints(version, platform, _indexed(tags))))


@lru_cache(maxsize=1)
def _indexed(tags: frozenset[str]) -> Mapping[Hashable, Sequence[PublishedTag]]:
    """Parse the tags once for all misses of a repository: a registry may have very many.

    For each rule they are indexed by what a miss must have in common with them.
    """
    by_share: dict[Hashable, list[PublishedTag]] = defaultdict(list)
    shares = dict.fromkeys(shared for _, shared, _, _ in _RULES)
    for published in sorted(filter(None, map(parse_tag, tags)), key=lambda p: p.tag):
        for shared in shares:
            by_share[shared(published.version, published.platform)].append(published)
    return by_share


def _hints(
    version: str, wanted: Platform, published: Mapping[Hashable, Sequence[PublishedTag]]
) -> Iterator[str]:
    shown: set[str] = set()
    for what, shared, differs, closeness in _RULES:
        near = published.get(shared(version, wanted), ())
        candidates = [p for p in near if p.tag not in shown and differs(version, wanted, p)]
        for nearest in nsmallest(_MOST, candidates, key=closeness(wanted)):
            shown.add(nearest.tag)
            yield f"{nearest.tag} ({what})"


def _platform(_version: str, platform: Platform) -> Hashable:
    return "platform", platform


def _platform_and_driver(version: str, platform: Platform) -> Hashable:
    return "platform and driver", platform, split_revision(version)[0]


def _kernel_spelled(version: str, platform: Platform) -> Hashable:
    return "kernel spelled", version, platform.os, platform.arch, without_machine(platform.kernel)


def _kernel(version: str, platform: Platform) -> Hashable:
    return "kernel", version, platform.kernel, platform.arch


def _flavour(version: str, platform: Platform) -> Hashable:
    return "flavour", version, platform.os, platform.arch, _flavour_of(platform)


def _flavour_and_driver(version: str, platform: Platform) -> Hashable:
    driver = split_revision(version)[0]
    return "flavour and driver", driver, platform.os, platform.arch, _flavour_of(platform)


def _flavour_of(platform: Platform) -> str | None:
    return split_kernel(platform.kernel)[1] if platform.kernel else None


def _other_version(version: str, _wanted: Platform, near: PublishedTag) -> bool:
    # The precompiled images of a release may have another revision than the rest.
    return near.version != version


def _other_platform(_version: str, wanted: Platform, near: PublishedTag) -> bool:
    return near.platform != wanted


def _other_red_hat(_version: str, wanted: Platform, near: PublishedTag) -> bool:
    return are_names_of_red_hat(wanted.os_id, near.platform.os_id)


def _precompiled(_version: str, wanted: Platform, _near: PublishedTag) -> bool:
    return bool(wanted.kernel)


def _precompiled_other_version(version: str, wanted: Platform, near: PublishedTag) -> bool:
    return bool(wanted.kernel) and near.version != version


def _by_kernel(wanted: Platform) -> Callable[[PublishedTag], tuple[tuple[int, ...], str]]:
    return lambda near: (kernel_distance(wanted.kernel, near.platform.kernel), near.tag)


def _newest_first(_wanted: Platform) -> Callable[[PublishedTag], tuple[tuple[tuple[int, ...], ...], str]]:
    return lambda near: (_backwards(near.version), near.tag)


@lru_cache(maxsize=_CACHED)
def _backwards(version: str) -> tuple[tuple[int, ...], ...]:
    # The end counts more than any negated number, so longer keys sort before their prefixes.
    parts = (*version_key(version), ())
    return tuple(tuple(-number for number in (*part, -1)) for part in parts)


_Shared = Callable[[str, Platform], Hashable]
_Differs = Callable[[str, Platform, PublishedTag], bool]
_Closeness = Callable[[Platform], Callable[[PublishedTag], Any]]
_RULES: tuple[tuple[str, _Shared, _Differs, _Closeness], ...] = (
    ("same driver, another container revision", _platform_and_driver, _other_version, _newest_first),
    ("the same kernel, spelled otherwise", _kernel_spelled, _other_platform, _by_kernel),
    ("the same kernel, as Red Hat's other name of the OS", _kernel, _other_red_hat, _by_kernel),
    ("closest kernel of the flavour", _flavour, _precompiled, _by_kernel),
    (
        "closest kernel of the flavour, another container revision",
        _flavour_and_driver,
        _precompiled_other_version,
        _by_kernel,
    ),
    ("the same platform under another driver version", _platform, _other_version, _newest_first),
)
"""The rules: hint, what tags have in common with the miss, what differs, which is nearest."""
