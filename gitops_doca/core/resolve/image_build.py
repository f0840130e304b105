"""Find the build arguments of a missing precompiled image.

They are those of the driver image's own Dockerfiles: github.com/Mellanox/doca-driver-build, README,
"build parameters".
"""

from collections.abc import Mapping

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.distributions import (
    DISTRIBUTIONS,
    MACHINES,
    Distribution,
    kernel_release,
    rhel_release,
)
from gitops_doca.core.model import Platform, Pool
from gitops_doca.core.reference import ImageReference
from gitops_doca.core.resolve.decide import precompiled_image
from gitops_doca.core.tags import DriverVersion, parse_version

SOURCE = "https://github.com/Mellanox/doca-driver-build"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageBuild:
    """How to build the precompiled image of a pool, in a checkout of `SOURCE`."""

    image: ImageReference
    platform: Platform
    builder: str
    """`docker` or `podman`."""
    dockerfile: str
    arguments: Mapping[str, str]
    """Build arguments, in the order of that README."""
    unknown: Mapping[str, str]
    """Arguments that neither tag nor pool determines, with their meaning."""


def image_build(pool: Pool) -> ImageBuild | None:
    """Return the build of a pool's precompiled image; None without a Dockerfile for its platform."""
    platform = pool.platform
    system, machine = DISTRIBUTIONS.get(platform.os_id), MACHINES.get(platform.arch)
    if system is None or not system.dockerfile or machine is None or pool.policy.driver.digest is not None:
        return None
    arguments = _arguments(pool, system, machine)
    return ImageBuild(
        image=precompiled_image(pool),
        platform=platform,
        builder=system.builder,
        dockerfile=system.dockerfile,
        arguments={name: value for name, (value, _) in arguments.items() if value},
        unknown={name: meaning for name, (value, meaning) in arguments.items() if not value},
    )


def _arguments(pool: Pool, system: Distribution, machine: str) -> dict[str, tuple[str, str]]:
    """Return each argument's value, or its meaning if the value is unknown."""
    platform, version = pool.platform, pool.policy.driver.version
    parsed = parse_version(version) or DriverVersion(doca="", driver="", revision="")
    return {
        "D_OS": (platform.os, ""),
        "D_ARCH": (machine, ""),
        "D_BASE_IMAGE": _base_image(platform, system),
        **({"D_FINAL_BASE_IMAGE": _final_base_image(platform)} if system.is_red_hat else {}),
        "D_KERNEL_VER": (kernel_release(platform.kernel), ""),
        "D_DOCA_VERSION": (parsed.doca, f"DOCA release that has driver {parsed.driver or version}"),
        "D_OFED_VERSION": (parsed.driver, f"driver version of {version}"),
        "D_CONTAINER_VER": (parsed.revision or "0", ""),
    }


def _base_image(platform: Platform, system: Distribution) -> tuple[str, str]:
    version = platform.os_version
    image = system.base_image.format(version=version, major=version.partition(".")[0])
    return image, f"driver-toolkit image for kernel {kernel_release(platform.kernel)}"


def _final_base_image(platform: Platform) -> tuple[str, str]:
    release = rhel_release(platform.os_id, platform.os_version, platform.kernel)
    if release is None:
        return "", f"UBI image of the RHEL release in {platform.os}"
    major, minor = release
    return f"registry.access.redhat.com/ubi{major}/ubi:{major}.{minor}", ""
