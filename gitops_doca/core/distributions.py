"""The operating systems that the driver runs on: paths, builds, spellings."""

import re
from collections.abc import Mapping
from dataclasses import replace

from gitops_doca.core.dataclass import dataclass

MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
"""GOARCH to the output of `uname -m`."""

_MACHINE = "|".join(MACHINES.values())
# An RPM kernel has the machine in its release, and behind it a variant such as `+64k`. NFD writes
# `_` for the plus sign, which no label can hold.
_VARIANT = re.compile(rf"(?<=\.)({_MACHINE})_")
_SPELLING = re.compile(rf"\.(?:{_MACHINE})|_64k")
_RHEL_VERSION = re.compile(r"(\d+)\.(\d+)")
_RHEL_KERNEL = re.compile(r"\.el(\d+)_(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionPath:
    """A file or folder of the host's subscription that is mounted into the driver's container."""

    inside: str
    """Path in the container."""
    outside: str
    """Path on the host."""
    kind: str
    """Type of the hostPath volume."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """An operating system, by the `ID` of its os-release."""

    certificates: str
    """Folder of the container for the files of `certConfig`."""
    repositories: str
    """Folder of the container for the files of `repoConfig`."""
    subscription: tuple[SubscriptionPath, ...] = ()
    mounts_subscription: str = ""
    """The container runtime that mounts the subscription into every container by itself."""
    dockerfile: str = ""
    """The Dockerfile of precompiled images in the driver image's sources; empty without one."""
    builder: str = "docker"
    """The program that runs the Dockerfile: podman passes the host's subscription to a build."""
    base_image: str = ""
    """Where precompiled images are built, with `{version}` and `{major}` of the OS.

    Empty: in the driver toolkit image for the kernel.
    """
    is_red_hat: bool = False
    """One of the two names of one operating system, with the same kernels."""
    is_openshift: bool = False
    """Only nodes of OpenShift have it, and its version is OpenShift's."""


_ROCKY = Distribution(certificates="/etc/pki/ca-trust/extracted/pem", repositories="/etc/yum.repos.d")
_RED_HAT = replace(_ROCKY, dockerfile="RHEL_Dockerfile", builder="podman", is_red_hat=True)

DISTRIBUTIONS: Mapping[str, Distribution] = {
    "ubuntu": Distribution(
        certificates="/usr/local/share/ca-certificates",
        repositories="/etc/apt/sources.list.d",
        dockerfile="Ubuntu_Dockerfile",
        base_image="ubuntu:{version}",
    ),
    "rhel": replace(
        _RED_HAT,
        subscription=(
            SubscriptionPath(
                inside="/run/secrets/etc-pki-entitlement", outside="/etc/pki/entitlement", kind="Directory"
            ),
            SubscriptionPath(
                inside="/run/secrets/redhat.repo", outside="/etc/yum.repos.d/redhat.repo", kind="File"
            ),
            SubscriptionPath(inside="/run/secrets/rhsm", outside="/etc/rhsm", kind="Directory"),
        ),
        mounts_subscription="cri-o",
    ),
    "rhcos": replace(_RED_HAT, is_openshift=True),
    "rocky": _ROCKY,
    "sles": Distribution(
        certificates="/etc/ssl",
        repositories="/etc/zypp/repos.d",
        subscription=(
            SubscriptionPath(inside="/etc/SUSEConnect", outside="/etc/SUSEConnect", kind="FileOrCreate"),
            SubscriptionPath(
                inside="/etc/zypp/credentials.d", outside="/etc/zypp/credentials.d", kind="Directory"
            ),
        ),
        dockerfile="SLES_Dockerfile",
        base_image="registry.suse.com/suse/sle{major}:{version}",
    ),
}
"""By `ID` of os-release."""


def is_openshift(os_id: str) -> bool:
    """Say whether only nodes of OpenShift have this operating system."""
    return os_id in DISTRIBUTIONS and DISTRIBUTIONS[os_id].is_openshift


def are_names_of_red_hat(os_id: str, other: str) -> bool:
    """Say whether these are two names of one system.

    From OpenShift 4.19 on a node calls itself `rhel9.6` where it was `rhcos4.18`.
    """
    both = (DISTRIBUTIONS.get(os_id), DISTRIBUTIONS.get(other))
    return os_id != other and all(system is not None and system.is_red_hat for system in both)


def rhel_release(os_id: str, os_version: str, kernel: str) -> tuple[str, str] | None:
    """Return RHEL's major and minor release in a system; for RHCOS only the kernel tells it."""
    own = None if is_openshift(os_id) else _RHEL_VERSION.fullmatch(os_version)
    release = own or _RHEL_KERNEL.search(kernel)
    return (release[1], release[2]) if release else None


def kernel_release(label: str) -> str:
    """Return `uname -r` for a kernel label: `….aarch64_64k` is `….aarch64+64k` there."""
    return _VARIANT.sub(r"\1+", label)


def without_machine(kernel: str) -> str:
    """Return a kernel without machine and page size, which not every spelling has."""
    return _SPELLING.sub("", kernel)


def kernel_package(os_id: str, kernel: str) -> str:
    """Return the package that brings a kernel; empty for a system whose packages we do not know."""
    return f"linux-image-{kernel}" if os_id == "ubuntu" else ""
