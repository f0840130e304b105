"""Published tags that come near a missing one, with what differs."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import zip_longest

from gitops_doca.core.model import Platform
from gitops_doca.core.tags import PublishedTag, parse_tag, split_revision, version_key

_MOST = 3
_KERNEL = re.compile(r"(?P<numbers>\d+(?:[.-]\d+)*)(?P<flavour>.*)")
# RPM's architecture is part of `uname -r`, and the page size follows it; Ubuntu has neither.
_SPELLING = re.compile(r"\.(?:x86_64|aarch64)|_64k")
_RED_HAT = frozenset({"rhel", "rhcos"})


def nearest_tags(version: str, platform: Platform, tags: frozenset[str]) -> tuple[str, ...]:
    """Return hints such as `<tag> (closest kernel of the flavour)`, the likeliest mistake first.

    `platform.kernel` is empty when the image that compiles on the node is missing. At most three tags a rule.
    """
    return tuple(dict.fromkeys(_hints(version, platform, _parsed(tags))))


@lru_cache(maxsize=1)
def _parsed(tags: frozenset[str]) -> tuple[PublishedTag, ...]:
    """Take the tags apart once for all misses of a repository: a registry may list very many."""
    return tuple(sorted(filter(None, map(parse_tag, tags)), key=lambda p: p.tag))


def _hints(version: str, wanted: Platform, published: Sequence[PublishedTag]) -> Iterator[str]:
    shown: set[str] = set()
    for what, rule, closeness in _RULES:
        found = [p for p in published if p.tag not in shown and rule(version, wanted, p)]
        for near in sorted(found, key=lambda p: closeness(version, wanted, p))[:_MOST]:
            shown.add(near.tag)
            yield f"{near.tag} ({what})"


def _same_os(wanted: Platform, other: Platform) -> bool:
    return wanted.os == other.os and wanted.arch == other.arch


def _other_revision(version: str, wanted: Platform, near: PublishedTag) -> bool:
    return (
        near.platform == wanted
        and near.version != version
        and split_revision(near.version)[0] == split_revision(version)[0]
    )


def _other_spelling(version: str, wanted: Platform, near: PublishedTag) -> bool:
    kernel, other = wanted.kernel, near.platform.kernel
    return (
        near.version == version
        and _same_os(wanted, near.platform)
        and kernel != other
        and _SPELLING.sub("", kernel) == _SPELLING.sub("", other)
    )


def _other_red_hat(version: str, wanted: Platform, near: PublishedTag) -> bool:
    # From OpenShift 4.19 on a node calls itself `rhel9.6` where it was `rhcos4.18`.
    return (
        near.version == version
        and {wanted.os_id, near.platform.os_id} == _RED_HAT
        and (near.platform.kernel, near.platform.arch) == (wanted.kernel, wanted.arch)
    )


def _same_flavour(version: str, wanted: Platform, near: PublishedTag) -> bool:
    return near.version == version and _is_flavour(wanted, near.platform)


def _same_flavour_other_revision(version: str, wanted: Platform, near: PublishedTag) -> bool:
    # A release may have its precompiled images under another revision than the rest.
    return (
        near.version != version
        and split_revision(near.version)[0] == split_revision(version)[0]
        and _is_flavour(wanted, near.platform)
    )


def _is_flavour(wanted: Platform, other: Platform) -> bool:
    return (
        bool(wanted.kernel and other.kernel)
        and _same_os(wanted, other)
        and _split(wanted.kernel)[1] == _split(other.kernel)[1]
    )


def _other_version(version: str, wanted: Platform, near: PublishedTag) -> bool:
    return near.platform == wanted and near.version != version


def _split(kernel: str) -> tuple[tuple[int, ...], str]:
    found = _KERNEL.fullmatch(kernel)
    if found is None:
        return (), kernel
    return tuple(int(n) for n in re.findall(r"\d+", found["numbers"])), found["flavour"]


def _by_kernel(_version: str, wanted: Platform, near: PublishedTag) -> tuple[tuple[int, ...], str]:
    numbers = zip_longest(_split(wanted.kernel)[0], _split(near.platform.kernel)[0], fillvalue=0)
    return tuple(abs(mine - theirs) for mine, theirs in numbers), near.tag


def _newest_first(
    _version: str, _wanted: Platform, near: PublishedTag
) -> tuple[tuple[tuple[int, ...], ...], str]:
    # With an end that counts more than any number negated, what goes on comes before what ends.
    parts = (*version_key(near.version), ())
    key = tuple(tuple(-number for number in (*part, -1)) for part in parts)
    return key, near.tag


_RULES = (
    ("same driver, another container revision", _other_revision, _newest_first),
    ("the same kernel, spelled otherwise", _other_spelling, _by_kernel),
    ("the same kernel, as Red Hat's other name of the OS", _other_red_hat, _by_kernel),
    ("closest kernel of the flavour", _same_flavour, _by_kernel),
    ("closest kernel of the flavour, another container revision", _same_flavour_other_revision, _by_kernel),
    ("the same platform under another driver version", _other_version, _newest_first),
)
