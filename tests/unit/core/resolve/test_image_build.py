import pytest

from fakes.cluster import DIGEST, REPOSITORY, make_node, make_policy, make_pool
from gitops_doca.core.model import Pool
from gitops_doca.core.resolve.image_build import image_build
from gitops_doca.core.tags import precompiled_tag

DOCA = "doca2.9.1-24.10-1.1.4.0-0"


@pytest.mark.parametrize(
    ("os", "kernel", "arch", "dockerfile", "machine", "base", "final"),
    [
        ("ubuntu 22.04", "5.15.0-25-generic", "amd64", "Ubuntu_Dockerfile", "x86_64", "ubuntu:22.04", None),
        (
            "sles 15.5",
            "5.14.21-150500.55.83-default",
            "amd64",
            "SLES_Dockerfile",
            "x86_64",
            "registry.suse.com/suse/sle15:15.5",
            None,
        ),
        (
            "rhel 9.4",
            "5.14.0-427.22.1.el9_4.aarch64",
            "arm64",
            "RHEL_Dockerfile",
            "aarch64",
            None,
            "registry.access.redhat.com/ubi9/ubi:9.4",
        ),
        (
            "rhcos 4.16",
            "5.14.0-427.22.1.el9_4.x86_64",
            "amd64",
            "RHEL_Dockerfile",
            "x86_64",
            None,
            "registry.access.redhat.com/ubi9/ubi:9.4",
        ),
    ],
)
def test_each_distribution_has_its_dockerfile_and_base_images(
    os: str, kernel: str, arch: str, dockerfile: str, machine: str, base: str | None, final: str | None
) -> None:
    pool = make_pool(make_policy(version=DOCA), make_node(kernel=kernel, os=os, arch=arch))
    build = image_build(pool)

    assert build is not None
    assert build.image == REPOSITORY.tag(precompiled_tag(DOCA, pool.platform))
    assert build.dockerfile == dockerfile
    assert build.arguments == {
        "D_OS": os.replace(" ", ""),
        "D_ARCH": machine,
        **({"D_BASE_IMAGE": base} if base else {}),
        **({"D_FINAL_BASE_IMAGE": final} if final else {}),
        "D_KERNEL_VER": kernel,
        "D_DOCA_VERSION": "2.9.1",
        "D_OFED_VERSION": "24.10-1.1.4.0",
        "D_CONTAINER_VER": "0",
    }
    assert build.unknown == ({} if base else {"D_BASE_IMAGE": f"driver-toolkit image for kernel {kernel}"})


@pytest.mark.parametrize(
    ("label", "release"),
    [
        ("5.14.0-570.19.1.el9_6.aarch64_64k", "5.14.0-570.19.1.el9_6.aarch64+64k"),
        ("5.14.0-570.19.1.el9_6.x86_64_rt", "5.14.0-570.19.1.el9_6.x86_64+rt"),
        ("5.14.0-570.19.1.el9_6.x86_64", "5.14.0-570.19.1.el9_6.x86_64"),
        ("6.11.0-1003-nvidia-64k", "6.11.0-1003-nvidia-64k"),
    ],
)
def test_the_kernel_is_what_uname_says_and_not_what_its_label_says(label: str, release: str) -> None:
    build = image_build(make_pool(make_policy(), make_node(kernel=label, os="rhel 9.6")))

    assert build is not None
    assert build.arguments["D_KERNEL_VER"] == release
    assert label in build.image.tag


@pytest.mark.parametrize(
    ("version", "arguments", "unknown"),
    [
        (
            "25.04-0.6.1.0-2",
            {"D_OFED_VERSION": "25.04-0.6.1.0", "D_CONTAINER_VER": "2"},
            {"D_DOCA_VERSION": "DOCA release that has driver 25.04-0.6.1.0"},
        ),
        (
            "23.10-0.5.5.0",
            {"D_OFED_VERSION": "23.10-0.5.5.0", "D_CONTAINER_VER": "0"},
            {"D_DOCA_VERSION": "DOCA release that has driver 23.10-0.5.5.0"},
        ),
        (
            "doca3.6.0-26.10-043000-0",
            {"D_DOCA_VERSION": "3.6.0", "D_OFED_VERSION": "26.10-043000", "D_CONTAINER_VER": "0"},
            {},
        ),
        (
            "doca3.3.2-26.01-2.0.0.0.427-1",
            {"D_DOCA_VERSION": "3.3.2", "D_OFED_VERSION": "26.01-2.0.0.0.427", "D_CONTAINER_VER": "1"},
            {},
        ),
        (
            "26.10-043000-2",
            {"D_OFED_VERSION": "26.10-043000", "D_CONTAINER_VER": "2"},
            {"D_DOCA_VERSION": "DOCA release that has driver 26.10-043000"},
        ),
        (
            "inhouse-7",
            {"D_CONTAINER_VER": "0"},
            {
                "D_DOCA_VERSION": "DOCA release that has driver inhouse-7",
                "D_OFED_VERSION": "driver version of inhouse-7",
            },
        ),
    ],
)
def test_what_a_version_does_not_tell_is_not_made_up(
    version: str, arguments: dict[str, str], unknown: dict[str, str]
) -> None:
    build = image_build(make_pool(make_policy(version=version), make_node()))

    assert build is not None
    versions = ("D_DOCA_VERSION", "D_OFED_VERSION", "D_CONTAINER_VER")
    assert {name: build.arguments[name] for name in versions if name in build.arguments} == arguments
    assert build.unknown == unknown


def test_a_red_hat_kernel_without_its_release_names_no_final_image() -> None:
    build = image_build(make_pool(make_policy(version=DOCA), make_node(kernel="5.14.0-1", os="rhcos 4.16")))

    assert build is not None
    assert "D_FINAL_BASE_IMAGE" not in build.arguments
    assert build.unknown["D_FINAL_BASE_IMAGE"] == "UBI image of the RHEL release in rhcos4.16"


@pytest.mark.parametrize(
    "pool",
    [
        make_pool(make_policy(), make_node(os="debian 12")),
        make_pool(make_policy(), make_node(arch="s390x")),
        make_pool(make_policy(digest=DIGEST), make_node()),
    ],
    ids=["other distribution", "other architecture", "digest"],
)
def test_there_is_no_build_for(pool: Pool) -> None:
    assert image_build(pool) is None
