"""Tags of driver images: how the operator composes them, and how a published one is taken apart."""

import re
from dataclasses import dataclass

from gitops_doca.core.model import Platform

# A driver's version, from `5.7-0.1.2.0-0` to `doca3.5.0-26.07-0.7.7.0-1`; the last number is the
# container's revision, which versions before 24.01 do not have.
_VERSION = r"(?:doca\d+(?:\.\d+)*-)?\d+\.\d+-\d+(?:\.\d+)+(?:-\d+)?"
_PUBLISHED = re.compile(
    rf"(?P<version>{_VERSION})-(?:(?P<kernel>\d.*)-)?(?P<os_id>[a-z][a-z-]*)(?P<os_version>\d[\d.]*)-(?P<arch>[a-z0-9]+)"
)
_FULL_TAG = re.compile(
    r".+-(?:[a-z][a-z-]*\d+(?:\.\d+)*-(?:amd64|arm64|ppc64le|s390x|riscv64)|(?:ubuntu|rhel|rhcos|sles)\d+(?:\.\d+)*)"
)
_REVISION = re.compile(r"(?P<driver>(?:doca[\d.]+-)?\d+\.\d+-\d+(?:\.\d+)+)-(?P<revision>\d+)")


@dataclass(frozen=True, slots=True)
class PublishedTag:
    """A tag of a driver repository, taken apart."""

    tag: str
    version: str
    platform: Platform
    """Its kernel is empty for an image that compiles on the node."""


def precompiled_tag(version: str, platform: Platform) -> str:
    """Return the tag of the image that holds the modules for one kernel."""
    return f"{version}-{platform.kernel}-{platform.os}-{platform.arch}"


def compile_tag(version: str, platform: Platform) -> str:
    """Return the tag of the image that compiles the modules on the node."""
    return f"{version}-{platform.os}-{platform.arch}"


def parse_tag(tag: str) -> PublishedTag | None:
    """Take a published tag apart; None for one of another shape."""
    found = _PUBLISHED.fullmatch(tag)
    if found is None:
        return None
    platform = Platform(found["os_id"], found["os_version"], found["kernel"] or "", found["arch"])
    return PublishedTag(tag, found["version"], platform)


def is_full_tag(version: str) -> bool:
    """Say whether a `version` already ends in an OS, as a whole tag does, with its architecture or not."""
    return _FULL_TAG.fullmatch(version) is not None


def version_key(version: str) -> tuple[tuple[int, ...], ...]:
    """Return a key that sorts versions as their authors count: `24.10` < `25.04` < `doca3.1.0-25.07`.

    The driver's numbers come first, those of the DOCA release decide between equal ones.
    """
    parts = version.split("-")
    doca = [part for part in parts if part.startswith("doca")]
    driver = [part for part in parts if not part.startswith("doca")]
    # The end of the driver's part sorts before any number that another version has there.
    return (*map(_numbers, driver), (-1,), *map(_numbers, doca))


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text))


def split_revision(version: str) -> tuple[str, str]:
    """Split off the container's revision: `25.04-0.6.1.0-2` gives `25.04-0.6.1.0` and `2`."""
    found = _REVISION.fullmatch(version)
    return (found["driver"], found["revision"]) if found else (version, "")
