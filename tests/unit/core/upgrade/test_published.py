from fakes.cluster import REPOSITORY
from gitops_doca.core.model import Platform
from gitops_doca.core.resolve.lookup import TagExists, TagList, TagMissing
from gitops_doca.core.upgrade.published import Published, Release, published
from support.published import VERSIONS, published_tags

GENERIC = Platform("ubuntu", "24.04", "-generic", "amd64")


def of(*tags: str, asked: str = "") -> Published:
    return published(REPOSITORY, TagList(frozenset(tags), complete=True), asked=asked)


def test_versions_and_drivers_of_both_schemes_are_sorted_newest_first() -> None:
    found = of(*published_tags())

    assert tuple(found.releases) == VERSIONS[::-1]
    assert list(found.drivers.items())[:3] == [
        ("doca3.6.0-26.10-043000", ("doca3.6.0-26.10-043000-0",)),
        ("doca3.5.0-26.07-0.7.7.0", ("doca3.5.0-26.07-0.7.7.0-1", "doca3.5.0-26.07-0.7.7.0-0")),
        ("doca3.4.0-26.04-0.8.0.0", ("doca3.4.0-26.04-0.8.0.0-0",)),
    ]


def test_a_release_has_the_kernels_of_each_family_newest_first_and_the_systems_that_compile() -> None:
    version = "25.04-0.6.1.0-2"

    assert of(
        f"{version}-6.8.0-9-generic-ubuntu24.04-amd64",
        f"{version}-6.8.0-100-generic-ubuntu24.04-amd64",
        f"{version}-6.8.0-100-nvidia-ubuntu24.04-amd64",
        f"{version}-rhel9.6-arm64",
        "latest",
    ).releases == {
        version: Release(
            kernels={
                GENERIC: ("6.8.0-100-generic", "6.8.0-9-generic"),
                GENERIC._replace(kernel="-nvidia"): ("6.8.0-100-nvidia",),
            },
            compiled=frozenset({("rhel9.6", "arm64")}),
        )
    }


def test_a_build_of_any_name_is_found_if_it_is_asked_for() -> None:
    tags = ("mine-6.8.0-9-generic-ubuntu24.04-amd64", "mine-ubuntu24.04-amd64", "minerva-rhel9.6-amd64")

    assert of(*tags).releases == {}
    assert of(*tags, asked="mine").releases == {
        "mine": Release(
            kernels={GENERIC: ("6.8.0-9-generic",)}, compiled=frozenset({("ubuntu24.04", "amd64")})
        )
    }


def test_an_image_that_cannot_be_pulled_is_not_there() -> None:
    gone, left = (f"25.04-0.6.1.0-2-6.8.0-{kernel}-generic-ubuntu24.04-amd64" for kernel in (9, 100))
    listed = TagList(frozenset({gone, left}), complete=True)

    found = published(REPOSITORY, listed, without=[REPOSITORY.tag(gone)])

    assert found.releases["25.04-0.6.1.0-2"].kernels == {GENERIC: ("6.8.0-100-generic",)}
    assert isinstance(found.lookup(REPOSITORY.tag(left)), TagExists)
    assert found.lookup(REPOSITORY.tag(gone)) == TagMissing()
