import time

import pytest

from gitops_doca.core.model import Platform
from gitops_doca.core.resolve.hints import nearest_tags
from support.published import published_tags

REVISION = "same driver, another container revision"
SPELLING = "the same kernel, spelled otherwise"
RED_HAT = "the same kernel, as Red Hat's other name of the OS"
KERNEL = "closest kernel of the flavour"
KERNEL_REVISION = "closest kernel of the flavour, another container revision"
VERSION = "the same platform under another driver version"


def test_precompiled_images_under_another_revision_are_found() -> None:
    wanted = Platform("ubuntu", "22.04", "5.15.0-190-generic", "amd64")

    assert nearest_tags("doca3.5.0-26.07-0.7.7.0-1", wanted, frozenset(published_tags())) == (
        f"doca3.5.0-26.07-0.7.7.0-0-5.15.0-190-generic-ubuntu22.04-amd64 ({REVISION})",
    )


def test_another_revision_with_another_kernel_is_found_too() -> None:
    wanted = Platform("ubuntu", "22.04", "5.15.0-189-generic", "amd64")

    assert nearest_tags("doca3.5.0-26.07-0.7.7.0-1", wanted, frozenset(published_tags())) == (
        f"doca3.5.0-26.07-0.7.7.0-0-5.15.0-190-generic-ubuntu22.04-amd64 ({KERNEL_REVISION})",
    )


def test_closest_kernels_are_of_the_same_flavour_os_and_architecture() -> None:
    version, wanted = "doca3.3.0-26.01-1.0.0.0-0", Platform("ubuntu", "22.04", "6.8.0-1045-aws", "arm64")

    assert nearest_tags(version, wanted, frozenset(published_tags())) == (
        f"doca3.3.0-26.01-1.0.0.0-0-6.8.0-1046-aws-ubuntu22.04-arm64 ({KERNEL})",
    )


def test_at_most_three_kernels_are_named_the_closest_first() -> None:
    tags = [f"25.04-0.6.1.0-2-5.15.0-{n}-generic-ubuntu22.04-amd64" for n in (1, 85, 89, 93, 92, 200)]
    wanted = Platform("ubuntu", "22.04", "5.15.0-91-generic", "amd64")

    assert nearest_tags("25.04-0.6.1.0-2", wanted, frozenset(tags)) == tuple(
        f"25.04-0.6.1.0-2-5.15.0-{n}-generic-ubuntu22.04-amd64 ({KERNEL})" for n in (92, 89, 93)
    )


def test_the_first_number_that_differs_decides_what_is_close() -> None:
    tags = [f"25.04-0.6.1.0-2-{k}-generic-ubuntu22.04-amd64" for k in ("6.8.0-91", "5.19.0-1", "5.15.9-1")]
    wanted = Platform("ubuntu", "22.04", "5.15.0-91-generic", "amd64")

    assert [hint.split("-")[3] for hint in nearest_tags("25.04-0.6.1.0-2", wanted, frozenset(tags))] == [
        "5.15.9",
        "5.19.0",
        "6.8.0",
    ]


def test_the_same_platform_under_another_version_is_found_newest_first() -> None:
    wanted = Platform("rhel", "9.4", "", "amd64")

    assert nearest_tags("25.10-1.0.0.0-0", wanted, frozenset(published_tags())) == (
        f"doca3.5.0-26.07-0.7.7.0-1-rhel9.4-amd64 ({VERSION})",
        f"doca3.4.0-26.04-0.8.0.0-0-rhel9.4-amd64 ({VERSION})",
        f"doca3.3.0-26.01-1.0.0.0-0-rhel9.4-amd64 ({VERSION})",
    )


def test_the_same_kernel_under_another_version_is_found() -> None:
    wanted = Platform("ubuntu", "24.04", "6.8.0-71-generic", "amd64")

    assert nearest_tags("doca3.3.0-26.01-1.0.0.0-0", wanted, frozenset(published_tags())) == (
        f"doca3.3.0-26.01-1.0.0.0-0-6.8.0-100-generic-ubuntu24.04-amd64 ({KERNEL})",
        f"doca3.1.0-25.07-0.9.7.0-0-6.8.0-71-generic-ubuntu24.04-amd64 ({VERSION})",
    )


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("doca3.5.0-26.07-0.7.7.0-1", "doca3.6.0-26.10-043000-0"),
        ("doca3.6.0-26.10-043000-0", "doca3.6.0-26.10-043000-1"),
        ("doca3.6.0-26.10-043000-0", "doca3.6.0-26.10-100000-0"),
        ("doca3.6.0-26.10-043000-0", "doca3.6.1-26.10-0.8.0.0-0"),
        ("doca3.3.2-26.01-2.0.0.0-0", "doca3.3.2-26.01-2.0.0.0.427-0"),
        ("25.07-0.9.7.0-0", "doca3.1.0-25.07-0.9.7.0-0"),
    ],
)
def test_newest_first_holds_for_versions_of_both_schemes(older: str, newer: str) -> None:
    tags = frozenset(f"{version}-rhel9.6-amd64" for version in (older, newer))

    assert nearest_tags("doca3.7.0-27.01-1.0.0.0-0", Platform("rhel", "9.6", "", "amd64"), tags) == (
        f"{newer}-rhel9.6-amd64 ({VERSION})",
        f"{older}-rhel9.6-amd64 ({VERSION})",
    )


@pytest.mark.parametrize(
    ("wanted", "published"),
    [
        ("doca3.6.0-26.10-043000-1", "doca3.6.0-26.10-043000-0"),
        ("doca3.3.2-26.01-2.0.0.0.427-1", "doca3.3.2-26.01-2.0.0.0.427-0"),
    ],
)
def test_another_revision_is_found_in_every_scheme_of_versions(wanted: str, published: str) -> None:
    tags = [f"{published}-{kernel}-generic-ubuntu24.04-amd64" for kernel in ("6.8.0-146", "6.8.0-147")]
    platform = Platform("ubuntu", "24.04", "6.8.0-146-generic", "amd64")

    assert nearest_tags(wanted, platform, frozenset(tags)) == (
        f"{tags[0]} ({REVISION})",
        f"{tags[1]} ({KERNEL_REVISION})",
    )


def test_another_build_is_no_other_revision() -> None:
    tag = "doca3.6.0-26.10-043000-0-6.8.0-146-generic-ubuntu24.04-amd64"
    platform = Platform("ubuntu", "24.04", "6.8.0-146-generic", "amd64")

    assert nearest_tags("doca3.6.0-26.10-043001-0", platform, frozenset([tag])) == (f"{tag} ({VERSION})",)


def test_a_version_without_revision_is_older_than_the_same_with_one() -> None:
    tags = ["23.10-0.5.5.0-rhel9.2-amd64", "23.10-0.5.5.0-0-rhel9.2-amd64", "23.10-0.5.5.0-1-rhel9.2-amd64"]

    assert nearest_tags("24.01-0.3.3.1-0", Platform("rhel", "9.2", "", "amd64"), frozenset(tags)) == (
        f"23.10-0.5.5.0-1-rhel9.2-amd64 ({VERSION})",
        f"23.10-0.5.5.0-0-rhel9.2-amd64 ({VERSION})",
        f"23.10-0.5.5.0-rhel9.2-amd64 ({VERSION})",
    )


@pytest.mark.parametrize(
    ("kernel", "published"),
    [
        ("5.14.0-284.32.1.el9_2.x86_64", "5.14.0-284.32.1.el9_2"),
        ("5.14.0-284.32.1.el9_2", "5.14.0-284.32.1.el9_2.x86_64"),
        ("5.14.0-570.19.1.el9_6.aarch64_64k", "5.14.0-570.19.1.el9_6.aarch64"),
        ("5.14.0-570.19.1.el9_6.aarch64", "5.14.0-570.19.1.el9_6.aarch64_64k"),
        ("5.14.0-570.19.1.el9_6.aarch64_64k", "5.14.0-570.19.1.el9_6"),
    ],
)
def test_the_same_kernel_spelled_without_architecture_or_page_size_is_found(
    kernel: str, published: str
) -> None:
    version = "doca3.1.0-25.07-0.9.7.0-0"
    tag = f"{version}-{published}-rhel9.6-arm64"

    assert nearest_tags(version, Platform("rhel", "9.6", kernel, "arm64"), frozenset([tag])) == (
        f"{tag} ({SPELLING})",
    )


@pytest.mark.parametrize(
    ("wanted", "tag"),
    [
        (
            Platform("rhel", "9.6", "5.14.0-570.el9_6.x86_64", "amd64"),
            "5.14.0-570.el9_6.x86_64-rhcos4.18-amd64",
        ),
        (
            Platform("rhcos", "4.18", "5.14.0-570.el9_6.x86_64", "amd64"),
            "5.14.0-570.el9_6.x86_64-rhel9.6-amd64",
        ),
        (Platform("rhel", "9.6", "", "amd64"), "rhcos4.18-amd64"),
    ],
)
def test_red_hats_other_name_of_the_os_is_found(wanted: Platform, tag: str) -> None:
    assert nearest_tags("25.04-0.6.1.0-2", wanted, frozenset([f"25.04-0.6.1.0-2-{tag}"])) == (
        f"25.04-0.6.1.0-2-{tag} ({RED_HAT})",
    )


@pytest.mark.parametrize(
    "tag",
    [
        "latest",
        "25.04-0.6.1.0-2-5.15.0-92-aws-ubuntu22.04-amd64",
        "25.04-0.6.1.0-2-5.15.0-92-generic-ubuntu22.04-arm64",
        "25.04-0.6.1.0-2-5.15.0-92-generic-ubuntu24.04-amd64",
        "25.01-0.6.1.0-2-5.15.0-92-generic-ubuntu22.04-amd64",
        "25.04-0.6.1.0-2-ubuntu22.04-amd64",
        "25.01-0.6.0.0-0-ubuntu22.04-amd64",
        "25.04-0.6.1.0-2-5.15.0-91-generic-rhel22.04-amd64",
    ],
)
def test_what_would_not_help_is_no_hint(tag: str) -> None:
    wanted = Platform("ubuntu", "22.04", "5.15.0-91-generic", "amd64")

    assert nearest_tags("25.04-0.6.1.0-2", wanted, frozenset([tag])) == ()


def test_a_kernel_without_numbers_has_no_close_ones_but_its_own_kind() -> None:
    wanted = Platform("ubuntu", "22.04", "custom", "amd64")

    assert nearest_tags("25.04-0.6.1.0-2", wanted, frozenset(published_tags())) == ()


def test_a_tag_that_two_rules_fit_is_named_once() -> None:
    tag = "25.04-0.6.1.0-1-5.15.0-91-generic-ubuntu22.04-amd64"
    wanted = Platform("ubuntu", "22.04", "5.15.0-91-generic", "amd64")

    assert nearest_tags("25.04-0.6.1.0-2", wanted, frozenset([tag])) == (f"{tag} ({REVISION})",)


# What a run hints at, of a repository that has all tags alike.
MISSES = range(20)
SIMILAR = {
    "kernels": [f"25.04-0.6.1.0-2-5.15.0-{n}-generic-ubuntu22.04-amd64" for n in range(100, 30_100)],
    "versions": [f"25.{n}-0.6.1.0-2-5.15.0-7-generic-ubuntu22.04-amd64" for n in range(100, 30_100)],
    "revisions": [f"25.04-0.6.1.0-{n}-5.15.0-7-generic-ubuntu22.04-amd64" for n in range(100, 30_100)],
    "others": [f"24.{n}-0.6.1.0-2-6.8.0-{n}-aws-ubuntu24.04-arm64" for n in range(100, 30_100)],
}


@pytest.mark.parametrize(
    ("kind", "hints"), [("kernels", 3), ("versions", 3), ("revisions", 9), ("others", 0)]
)
def test_hints_among_thirty_thousand_similar_tags_take_seconds(kind: str, hints: int) -> None:
    tags = frozenset(SIMILAR[kind])
    began = time.process_time()

    found = [
        nearest_tags("25.04-0.6.1.0-2", Platform("ubuntu", "22.04", f"5.15.0-{n}-generic", "amd64"), tags)
        for n in MISSES
    ]

    assert max(map(len, found)) == hints
    assert time.process_time() - began < 6
