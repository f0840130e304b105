"""What builds a precompiled image that is missing: the parameters of the driver image's own Dockerfiles.

Names and meanings are those of github.com/Mellanox/doca-driver-build, README, "build parameters".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gitops_doca.core.model import Platform, Pool
from gitops_doca.core.reference import ImageReference
from gitops_doca.core.resolve.decide import precompiled_image
from gitops_doca.core.tags import DriverVersion, parse_version

SOURCE = "https://github.com/Mellanox/doca-driver-build"

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
_DOCKERFILES = {
    "ubuntu": "Ubuntu_Dockerfile",
    "rhel": "RHEL_Dockerfile",
    "rhcos": "RHEL_Dockerfile",
    "sles": "SLES_Dockerfile",
}
_RED_HAT = frozenset({"rhel", "rhcos"})
# `uname -r` has a plus sign before a variant; node-feature-discovery writes _ for what no label may hold.
_VARIANT = re.compile(r"(?<=\.x86_64)_|(?<=\.aarch64)_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How to build the precompiled image of a pool, in a checkout of `SOURCE`."""

    image: ImageReference
    platform: Platform
    dockerfile: str
    arguments: Mapping[str, str]
    """Build arguments, in the order in which that README names them."""
    unknown: Mapping[str, str]
    """Arguments that neither tag nor pool tells, with what they mean."""


def recipe(pool: Pool) -> Recipe | None:
    """Return what builds a pool's precompiled image; None for an OS or architecture without a Dockerfile."""
    platform = pool.platform
    dockerfile, machine = _DOCKERFILES.get(platform.os_id), _MACHINES.get(platform.arch)
    if dockerfile is None or machine is None or pool.policy.driver.digest is not None:
        return None
    version = pool.policy.driver.version
    found = parse_version(version) or DriverVersion(doca="", driver="", revision="")
    wanted = {
        "D_OS": (platform.os, ""),
        "D_ARCH": (machine, ""),
        "D_BASE_IMAGE": _base_image(platform),
        **({"D_FINAL_BASE_IMAGE": _final_base_image(platform)} if platform.os_id in _RED_HAT else {}),
        "D_KERNEL_VER": (_kernel_release(platform.kernel), ""),
        "D_DOCA_VERSION": (found.doca, f"DOCA release that has driver {found.driver or version}"),
        "D_OFED_VERSION": (found.driver, f"driver version of {version}"),
        "D_CONTAINER_VER": (found.revision or "0", ""),
    }
    return Recipe(
        image=precompiled_image(pool),
        platform=platform,
        dockerfile=dockerfile,
        arguments={name: value for name, (value, _) in wanted.items() if value},
        unknown={name: meaning for name, (value, meaning) in wanted.items() if not value},
    )


def _base_image(platform: Platform) -> tuple[str, str]:
    match platform.os_id:
        case "ubuntu":
            return f"ubuntu:{platform.os_version}", ""
        case "sles":
            major = platform.os_version.partition(".")[0]
            return f"registry.suse.com/suse/sle{major}:{platform.os_version}", ""
        case _:
            return "", f"driver-toolkit image for kernel {_kernel_release(platform.kernel)}"


def _final_base_image(platform: Platform) -> tuple[str, str]:
    # RHCOS counts as OpenShift does; the release of RHEL in it stands in the kernel's name.
    found = re.search(r"\.el(\d+)_(\d+)", platform.kernel)
    if platform.os_id == "rhel" and (own := re.fullmatch(r"(\d+)\.(\d+)", platform.os_version)):
        found = own
    if found is None:
        return "", f"UBI image of the RHEL release in {platform.os}"
    return f"registry.access.redhat.com/ubi{found[1]}/ubi:{found[1]}.{found[2]}", ""


def _kernel_release(label: str) -> str:
    """Return `uname -r` for a kernel label: `….aarch64_64k` is `….aarch64+64k` there."""
    return _VARIANT.sub("+", label)
