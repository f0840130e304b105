from itertools import product

import pytest

from gitops_doca.core.model import Platform
from gitops_doca.core.tags import (
    DriverVersion,
    PublishedTag,
    compile_tag,
    is_full_tag,
    parse_tag,
    parse_version,
    precompiled_tag,
    split_kernel,
    split_revision,
    version_key,
)
from support.published import VERSIONS as PUBLISHED_VERSIONS
from support.published import published_tags

UBUNTU = Platform("ubuntu", "22.04", "5.15.0-91-generic", "amd64")
VERSIONS = (
    "5.7-0.1.2.0-0",
    "23.10-0.5.5.0",
    "24.01-0.3.3.1-0",
    "25.04-0.6.1.0-2",
    "doca3.1.0-25.07-0.9.7.0-0",
    "doca3.1-25.07-0.9.7.0-0",
    "doca3.5.0-26.07-0.7.7.0-1",
    "doca3.3.2-26.01-2.0.0.0.427-0",
    "doca3.6.0-26.10-043000-0",
    "doca3.6.0-26.10-043000",
    "26.10-043000-0",
)
PLATFORMS = (
    UBUNTU,
    Platform("ubuntu", "24.04", "6.11.0-1003-nvidia-64k", "arm64"),
    Platform("ubuntu", "24.04", "6.8.0-1021-azure", "arm64"),
    Platform("rhel", "9.4", "5.14.0-427.87.1.el9_4.x86_64", "amd64"),
    Platform("rhel", "9.6", "5.14.0-570.19.1.el9_6.aarch64_64k", "arm64"),
    Platform("rhcos", "4.16", "5.14.0-427.22.1.el9_4.x86_64", "amd64"),
    Platform("sles", "15.5", "5.14.21-150500.55.83-default", "amd64"),
    Platform("rocky", "9.6", "5.14.0-570.19.1.el9_6.x86_64", "amd64"),
    Platform("debian", "12", "6.6.95-cloud-amd64", "amd64"),
)


def test_a_precompiled_tag_names_the_kernel_and_a_compile_tag_does_not() -> None:
    assert precompiled_tag("25.04-0.6.1.0-2", UBUNTU) == (
        "25.04-0.6.1.0-2-5.15.0-91-generic-ubuntu22.04-amd64"
    )
    assert compile_tag("25.04-0.6.1.0-2", UBUNTU) == "25.04-0.6.1.0-2-ubuntu22.04-amd64"


@pytest.mark.parametrize(("version", "platform"), list(product(VERSIONS, PLATFORMS)))
def test_a_tag_is_taken_apart_as_it_was_composed(version: str, platform: Platform) -> None:
    precompiled, compiled = precompiled_tag(version, platform), compile_tag(version, platform)
    without_kernel = Platform(platform.os_id, platform.os_version, "", platform.arch)

    assert parse_tag(precompiled) == PublishedTag(precompiled, version, platform)
    assert parse_tag(compiled) == PublishedTag(compiled, version, without_kernel)


def test_every_published_tag_with_an_architecture_is_taken_apart_exactly() -> None:
    tags = [tag for tag in published_tags() if tag.endswith(("-amd64", "-arm64"))]

    assert [parse_tag(tag) for tag in tags] == [_split_by_hand(tag) for tag in tags]
    assert len(tags) == 388


def _split_by_hand(tag: str) -> PublishedTag:
    """Split by the versions that are known to be there; of what follows none but the kernel has a dash."""
    (version,) = (known for known in PUBLISHED_VERSIONS if tag.startswith(f"{known}-"))
    *kernel, system, arch = tag.removeprefix(f"{version}-").rsplit("-", 2)
    (os_id,) = (known for known in ("ubuntu", "rhel", "rhcos", "sles") if system.startswith(known))
    return PublishedTag(tag, version, Platform(os_id, system.removeprefix(os_id), "".join(kernel), arch))


def test_published_tags_without_an_architecture_are_images_of_all_architectures() -> None:
    tags = [tag for tag in published_tags() if parse_tag(tag) is None]

    assert len(tags) == 20
    assert {f"{tag}-amd64" for tag in tags} <= set(published_tags())


def test_every_published_tag_is_a_whole_tag_and_none_of_their_versions_is() -> None:
    assert [tag for tag in published_tags() if not is_full_tag(tag)] == []
    assert [version for version in PUBLISHED_VERSIONS if is_full_tag(version)] == []


@pytest.mark.parametrize(
    "tag", ["latest", "", "25.04-0.6.1.0-2", "25.04-0.6.1.0-2-ubuntu22.04", "v1.0-amd64"]
)
def test_a_tag_of_another_shape_is_not_taken_apart(tag: str) -> None:
    assert parse_tag(tag) is None


@pytest.mark.parametrize(("version", "platform"), list(product(VERSIONS, PLATFORMS)))
def test_a_whole_tag_is_told_from_a_version(version: str, platform: Platform) -> None:
    assert is_full_tag(precompiled_tag(version, platform))
    assert is_full_tag(compile_tag(version, platform))
    assert not is_full_tag(version)
    assert not is_full_tag(f"{version}-custom-build")


@pytest.mark.parametrize("system", ["ubuntu24.04", "rhel9.6", "rhcos4.18", "rocky9.6", "sles15.7"])
def test_a_whole_tag_without_an_architecture_is_told_from_a_version(system: str) -> None:
    assert is_full_tag(f"doca3.6.0-26.10-043000-0-{system}")


def test_versions_sort_as_their_authors_count() -> None:
    ordered = [
        "5.7-0.1.2.0-0",
        "23.10-0.2.2.0",
        "23.10-0.5.5.0",
        "24.01-0.3.3.1-0",
        "24.10-0.7.0.0-0",
        "25.04-0.6.1.0-2",
        "25.04-0.6.1.0-10",
        "doca3.1.0-25.07-0.9.7.0-0",
        "doca3.3.0-26.01-1.0.0.0-0",
        "doca3.3.2-26.01-2.0.0.0-0",
        "doca3.3.2-26.01-2.0.0.0.427-0",
        "doca3.5.0-26.07-0.7.7.0-0",
        "doca3.5.0-26.07-0.7.7.0-1",
        "doca3.6.0-26.10-043000",
        "doca3.6.0-26.10-043000-0",
        "doca3.6.0-26.10-043000-1",
        "doca3.6.0-26.10-100000-0",
        "doca3.6.1-26.10-0.8.0.0-0",
        "doca3.7.0-27.01-012000-0",
    ]

    shuffled = ordered[5:] + ordered[:5]

    assert sorted(shuffled, key=version_key) == ordered


@pytest.mark.parametrize(
    ("version", "driver", "revision"),
    [
        ("25.04-0.6.1.0-2", "25.04-0.6.1.0", "2"),
        ("doca3.5.0-26.07-0.7.7.0-1", "doca3.5.0-26.07-0.7.7.0", "1"),
        ("doca3.6.0-26.10-043000-0", "doca3.6.0-26.10-043000", "0"),
        ("doca3.6.0-26.10-043000", "doca3.6.0-26.10-043000", ""),
        ("26.10-043000-12", "26.10-043000", "12"),
        ("doca3.3.2-26.01-2.0.0.0.427-0", "doca3.3.2-26.01-2.0.0.0.427", "0"),
        ("23.10-0.5.5.0", "23.10-0.5.5.0", ""),
        ("25.04-0.6.1.0-2-custom", "25.04-0.6.1.0-2-custom", ""),
    ],
)
def test_the_containers_revision_is_split_off(version: str, driver: str, revision: str) -> None:
    assert split_revision(version) == (driver, revision)


@pytest.mark.parametrize(
    ("version", "doca", "driver", "revision"),
    [
        ("23.10-0.5.5.0", "", "23.10-0.5.5.0", ""),
        ("25.04-0.6.1.0-2", "", "25.04-0.6.1.0", "2"),
        ("doca3.5.0-26.07-0.7.7.0-1", "3.5.0", "26.07-0.7.7.0", "1"),
        ("doca3.3.2-26.01-2.0.0.0.427-0", "3.3.2", "26.01-2.0.0.0.427", "0"),
        ("doca3.6.0-26.10-043000-0", "3.6.0", "26.10-043000", "0"),
        ("26.10-043000", "", "26.10-043000", ""),
    ],
)
def test_a_version_is_taken_apart(version: str, doca: str, driver: str, revision: str) -> None:
    assert parse_version(version) == DriverVersion(doca=doca, driver=driver, revision=revision)


@pytest.mark.parametrize(
    "version", ["", "latest", "inhouse-7", "26.10", "doca-26.10-043000-0", "25.04-0.6.1.0-2-custom", "1.2-3-"]
)
def test_a_version_of_another_shape_is_not_taken_apart(version: str) -> None:
    assert parse_version(version) is None


@pytest.mark.parametrize(
    ("kernel", "numbers", "flavour"),
    [
        ("5.15.0-91-generic", (5, 15, 0, 91), "-generic"),
        ("6.11.0-1003-nvidia-64k", (6, 11, 0, 1003), "-nvidia-64k"),
        ("5.14.0-427.87.1.el9_4.x86_64", (5, 14, 0, 427, 87, 1), ".el9_4.x86_64"),
        ("custom", (), "custom"),
    ],
)
def test_a_kernel_has_numbers_and_a_flavour(kernel: str, numbers: tuple[int, ...], flavour: str) -> None:
    assert split_kernel(kernel) == (numbers, flavour)
