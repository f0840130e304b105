import shutil
import subprocess
from pathlib import Path

import yaml

from fakes.cluster import DIGEST, make_node, make_policy, make_pool
from gitops_doca.core.model import Companion, Pool
from gitops_doca.core.reference import parse_repository
from gitops_doca.core.resolve.companions import (
    CompanionExists,
    CompanionMissing,
    CompanionState,
    CompanionUnknown,
    RequiredCompanion,
)
from gitops_doca.core.resolve.decide import Decision, NoImage, precompiled_image
from gitops_doca.core.resolve.lookup import Cause, TagMissing, TagUnknown
from gitops_doca.emit.image_build import build_script
from gitops_doca.emit.mirror import plain_list, skopeo_list

POOL = make_pool(make_policy(), make_node())
OTHER = make_pool(make_policy("storage"), make_node(kernel="6.8.0-1", arch="arm64"))
DEBIAN = make_pool(make_policy(), make_node(os="debian 12"))
IMAGES = ("nvcr.io/nvidia/doca-driver:a", "nvcr.io/nvidia/doca-driver:b", "registry.example:5000/x/y:1")


def withhold(pool: Pool) -> Decision:
    return NoImage(pool=pool, image=precompiled_image(pool), lookup=TagMissing())


MISSING, MISSING_OTHER, MISSING_DEBIAN = map(withhold, (POOL, OTHER, DEBIAN))
UNKNOWN = NoImage(pool=OTHER, image=precompiled_image(OTHER), lookup=TagUnknown(Cause.DNS, "no\nsuch host"))


def test_the_plain_list_has_one_image_a_line() -> None:
    assert plain_list(IMAGES) == "".join(f"{image}\n" for image in IMAGES)
    assert plain_list(()) == ""


def test_the_list_for_skopeo_groups_tags_by_registry_and_repository() -> None:
    assert skopeo_list(IMAGES, ()) == (
        "# To copy these images: skopeo sync --all --src yaml --dest docker FILE HOST[:PORT][/PATH]\n"
        "nvcr.io:\n"
        "  images:\n"
        "    nvidia/doca-driver:\n"
        "    - a\n"
        "    - b\n"
        "registry.example:5000:\n"
        "  images:\n"
        "    x/y:\n"
        "    - '1'\n"
    )


def test_no_image_of_the_list_for_skopeo_means_all_tags() -> None:
    images = ("busybox", f"nvcr.io/a@{DIGEST}", f"nvcr.io/b:1@{DIGEST}")

    assert yaml.safe_load(skopeo_list(images, ())) == {
        "docker.io": {"images": {"library/busybox": ["latest"]}},
        "nvcr.io": {"images": {"a": [DIGEST], "b": ["1", DIGEST]}},
    }


def test_what_is_not_there_stands_in_comments_of_the_list_for_skopeo() -> None:
    text = skopeo_list((), [MISSING, MISSING, UNKNOWN])

    assert text.splitlines()[1:] == [
        f"# missing: {precompiled_image(POOL)}",
        f"# not known to exist: {precompiled_image(OTHER)}",
    ]
    assert yaml.safe_load(text) is None


def test_companions_that_are_missing_or_unknown_are_comments_too() -> None:
    gpu = Companion(name="gpu", repository=parse_repository("nvcr.io/nvidia/driver"), tag="{kernel}")
    missing, unknown, exists = (
        RequiredCompanion(companion=gpu, pool=POOL, image=gpu.repository.tag(tag)) for tag in "abc"
    )
    states: list[CompanionState] = [
        CompanionMissing(required=missing, reason="is for linux/arm64"),
        CompanionUnknown(required=unknown, lookup=TagUnknown(Cause.DNS, "no such host")),
        CompanionExists(required=exists, digest=DIGEST),
    ]

    assert skopeo_list([], [], states).splitlines()[1:] == [
        "# missing: nvcr.io/nvidia/driver:a",
        "# not known to exist: nvcr.io/nvidia/driver:b",
    ]


def test_the_script_builds_each_missing_image_once() -> None:
    assert build_script([MISSING, MISSING, MISSING_OTHER, MISSING_DEBIAN, UNKNOWN]).partition("set -eu\n")[
        2
    ] == (
        """
# ubuntu22.04/5.15.0-91-generic/amd64
docker build --platform linux/amd64 \\
    --build-arg D_OS=ubuntu22.04 \\
    --build-arg D_ARCH=x86_64 \\
    --build-arg D_BASE_IMAGE=ubuntu:22.04 \\
    --build-arg D_KERNEL_VER=5.15.0-91-generic \\
    --build-arg D_OFED_VERSION=25.04-0.6.1.0 \\
    --build-arg D_CONTAINER_VER=2 \\
    --build-arg 'D_DOCA_VERSION=<DOCA release that has driver 25.04-0.6.1.0>' \\
    --tag nvcr.io/nvidia/mellanox/doca-driver:25.04-0.6.1.0-2-5.15.0-91-generic-ubuntu22.04-amd64 \\
    --file Ubuntu_Dockerfile --target precompiled .

# ubuntu22.04/6.8.0-1/arm64
docker build --platform linux/arm64 \\
    --build-arg D_OS=ubuntu22.04 \\
    --build-arg D_ARCH=aarch64 \\
    --build-arg D_BASE_IMAGE=ubuntu:22.04 \\
    --build-arg D_KERNEL_VER=6.8.0-1 \\
    --build-arg D_OFED_VERSION=25.04-0.6.1.0 \\
    --build-arg D_CONTAINER_VER=2 \\
    --build-arg 'D_DOCA_VERSION=<DOCA release that has driver 25.04-0.6.1.0>' \\
    --tag nvcr.io/nvidia/mellanox/doca-driver:25.04-0.6.1.0-2-6.8.0-1-ubuntu22.04-arm64 \\
    --file Ubuntu_Dockerfile --target precompiled .

# debian12/5.15.0-91-generic/amd64: there is no Dockerfile for this OS and architecture
"""
    )


def test_red_hats_images_are_built_by_podman_which_has_the_subscription() -> None:
    pool = make_pool(make_policy(), make_node(kernel="5.14.0-427.22.1.el9_4.x86_64", os="rhel 9.4"))
    script = build_script([withhold(pool)])

    assert "\npodman build --platform linux/amd64 \\\n" in script
    assert "'D_BASE_IMAGE=<driver-toolkit image for kernel 5.14.0-427.22.1.el9_4.x86_64>'" in script
    assert "--file RHEL_Dockerfile --target precompiled .\n" in script


def test_without_a_missing_image_the_script_says_so() -> None:
    assert build_script([UNKNOWN]) == "#!/bin/sh\n# No image is missing.\n"


def test_a_shell_passes_on_what_the_script_says(tmp_path: Path) -> None:
    (tmp_path / "docker").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (tmp_path / "docker").chmod(0o755)
    shell = shutil.which("sh")
    assert shell is not None

    run = subprocess.run(
        [shell],
        input=build_script([MISSING]),
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert run.stderr == ""
    words = run.stdout.splitlines()
    assert words[:3] == ["build", "--platform", "linux/amd64"]
    assert "D_DOCA_VERSION=<DOCA release that has driver 25.04-0.6.1.0>" in words
    assert words[-5:] == ["--file", "Ubuntu_Dockerfile", "--target", "precompiled", "."]
