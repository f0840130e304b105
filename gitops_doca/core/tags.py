"""Make the tags of driver images as the operator does, and parse published ones."""

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import zip_longest
from typing import NamedTuple

from gitops_doca.core.distributions import DISTRIBUTIONS
from gitops_doca.core.model import Platform

# From `5.7-0.1.2.0-0` to `doca3.5.0-26.07-0.7.7.0-1`; from 26.10 on there may be a build number in
# the place of the four numbers, as in `doca3.6.0-26.10-043000-0`. The last number is the
# container's revision, which versions before 24.01 do not have.
_VERSION = r"(?:doca(?P<doca>\d+(?:\.\d+)*)-)?(?P<driver>\d+\.\d+-\d+(?:\.\d+)*)(?:-(?P<revision>\d+))?"
_DRIVER_VERSION = re.compile(_VERSION)
_PLATFORM_SUFFIX = (
    r"-(?:(?P<kernel>\d.*)-)?(?P<os_id>[a-z][a-z-]*+)(?P<os_version>\d[\d.]*+)-(?P<arch>[a-z0-9]++)"
)
# What follows a version of any form may be the rest of another one, such as `-9` of `my-build-9`.
_PLATFORM = re.compile(rf"(?!-\d+-){_PLATFORM_SUFFIX}")
_PUBLISHED = re.compile(rf"(?P<version>{_VERSION}){_PLATFORM_SUFFIX}")
_SYSTEMS = "|".join(DISTRIBUTIONS)
_KERNEL = re.compile(r"(?P<numbers>\d+(?:[.-]\d+)*)(?P<flavour>.*)")
_FULL_TAG = re.compile(
    rf".+-(?:[a-z][a-z-]*\d+(?:\.\d+)*-(?:amd64|arm64|ppc64le|s390x|riscv64)|(?:{_SYSTEMS})\d+(?:\.\d+)*)"
)


class DriverVersion(NamedTuple):
    """The parts of a driver's version."""

    doca: str
    """The DOCA release, such as `3.5.0`; empty in versions before 25.07."""
    driver: str
    """Release and build, such as `26.07-0.7.7.0` or `26.10-043000`."""
    revision: str
    """The container's revision, or empty."""


class PublishedTag(NamedTuple):
    """The parts of a tag of a driver repository."""

    tag: str
    version: str
    platform: Platform
    """Its kernel is empty for an image that compiles on the node."""


def precompiled_tag(version: str, platform: Platform) -> str:
    """Return the tag of the image that has the modules for one kernel."""
    return f"{version}-{platform.kernel}-{platform.os}-{platform.arch}"


def compile_tag(version: str, platform: Platform) -> str:
    """Return the tag of the image that compiles the modules on the node."""
    return f"{version}-{platform.os}-{platform.arch}"


def parse_tag(tag: str) -> PublishedTag | None:
    """Parse a published tag; None for one of another form."""
    parts = _PUBLISHED.fullmatch(tag)
    if parts is None:
        return None
    return PublishedTag(tag, parts["version"], _platform(parts))


def strip_version(tag: str, version: str) -> PublishedTag | None:
    """Parse a tag of a version that may have any form; None for a tag of another version."""
    parts = _PLATFORM.fullmatch(tag, len(version)) if tag.startswith(version) else None
    return None if parts is None else PublishedTag(tag, version, _platform(parts))


def _platform(parts: re.Match[str]) -> Platform:
    return Platform(parts["os_id"], parts["os_version"], parts["kernel"] or "", parts["arch"])


@lru_cache(maxsize=1 << 16)
def split_kernel(kernel: str) -> tuple[tuple[int, ...], str]:
    """Split a kernel release into numbers and flavour, such as `-generic` or `.el9_6.x86_64`."""
    found = _KERNEL.fullmatch(kernel)
    if found is None:
        return (), kernel
    return tuple(int(number) for number in re.findall(r"\d+", found["numbers"])), found["flavour"]


def flavour_of(platform: Platform) -> Platform:
    """Return a platform with its kernel's flavour in place of the kernel."""
    return platform._replace(kernel=split_kernel(platform.kernel)[1])


def kernel_distance(kernel: str, other: str) -> tuple[int, ...]:
    """Return how far apart the numbers of two kernels are, the first number first."""
    pairs = zip_longest(split_kernel(kernel)[0], split_kernel(other)[0], fillvalue=0)
    return tuple(abs(one - two) for one, two in pairs)


def nearest_kernel(kernel: str, others: Iterable[str]) -> str:
    """Return the closest of some kernels of one flavour, the newer of two; empty without any."""
    numbers = split_kernel(kernel)[0]
    return min(
        others,
        key=lambda other: (kernel_distance(kernel, other), split_kernel(other)[0] < numbers, other),
        default="",
    )


def is_full_tag(version: str) -> bool:
    """Say whether a `version` ends in an OS, with or without architecture, as a whole tag does."""
    return _FULL_TAG.fullmatch(version) is not None


def parse_version(version: str) -> DriverVersion | None:
    """Parse a driver's version; None for one of another form, such as a custom build's."""
    parts = _DRIVER_VERSION.fullmatch(version)
    if parts is None:
        return None
    return DriverVersion(doca=parts["doca"] or "", driver=parts["driver"], revision=parts["revision"] or "")


def version_key(version: str) -> tuple[tuple[int, ...], ...]:
    """Return a key that sorts versions by release: `24.10` < `25.04` < `doca3.1.0-25.07`.

    The month comes first, then the DOCA release, then the build and the revision: two DOCA releases
    of one month may number their builds differently.
    """
    parts = version.split("-")
    doca = [part for part in parts if part.startswith("doca")]
    driver = [_numbers(part) for part in parts if not part.startswith("doca")]
    # Versions without a DOCA release are older than all others.
    return (*driver[:1], *(map(_numbers, doca) if doca else [(-1,)]), *driver[1:])


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text))


def split_revision(version: str) -> tuple[str, str]:
    """Split off the container's revision: `25.04-0.6.1.0-2` gives `25.04-0.6.1.0` and `2`."""
    parsed = parse_version(version)
    if parsed is None or not parsed.revision:
        return version, ""
    return version.removesuffix(f"-{parsed.revision}"), parsed.revision
