"""The lock as values: round trip, what fits it, what differs."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_doca.core.compare.lock import (
    RENDERING,
    CompanionEntry,
    ImageLock,
    LockedCompanion,
    LockedImage,
    LockedMiss,
    LockedPool,
    LockEntry,
    lock_companion,
)
from gitops_doca.core.compare.lock_changes import Change, ChangeKind, compare
from gitops_doca.core.compare.locked_tags import LockedTags
from gitops_doca.core.diagnostics import Category, Diagnostic, Place, Problems
from gitops_doca.core.reference import Digest, ImageReference, parse_repository
from gitops_doca.core.resolve.lookup import ImagePlatforms, NotAnImage, TagExists, TagList, TagMissing
from gitops_doca.emit.lock import dump_lock
from gitops_doca.sources.lock import read_lock

REPOSITORY = parse_repository("nvcr.io/nvidia/mellanox/doca-driver")
DRIVER = parse_repository("nvcr.io/nvidia/driver")
OTHER = parse_repository("registry.example:5000/mirror/doca-driver")
ONE, TWO = Digest("sha256:" + "1" * 64), Digest("sha256:" + "2" * 64)
TAG = "25.04-0.6.1.0-2-5.15.0-91-generic-ubuntu22.04-amd64"
POOL = LockedPool("NicClusterPolicy/nic-cluster-policy", "ubuntu22.04/5.15.0-91-generic/amd64")
LOCK = ImageLock(
    pools=(POOL,),
    entries={
        REPOSITORY.tag(TAG): LockedImage(ONE, "linux/amd64"),
        REPOSITORY.tag("24.10"): LockedMiss(),
        OTHER.tag("latest"): LockedImage(TWO, ""),
    },
    chosen={POOL: REPOSITORY.tag(TAG)},
)
TEXT = f"""\
# What the registry had when this was written. To update it: gitops-doca lock
apiVersion: gitops-doca.dev/v1alpha1
kind: DriverLock
metadata:
  name: gitops-doca
  annotations:
    config.kubernetes.io/local-config: 'true'
rendering: {RENDERING}
pools:
- pool: ubuntu22.04/5.15.0-91-generic/amd64
  policy: NicClusterPolicy/nic-cluster-policy
  image: nvcr.io/nvidia/mellanox/doca-driver:{TAG}
repositories:
- repository: nvcr.io/nvidia/mellanox/doca-driver
  tags:
  - tag: '24.10'
    missing: true
  - tag: {TAG}
    digest: {ONE}
    platform: linux/amd64
- repository: registry.example:5000/mirror/doca-driver
  tags:
  - tag: latest
    digest: {TWO}
"""


def read(path: Path) -> tuple[ImageLock | None, tuple[Diagnostic, ...]]:
    problems = Problems()
    lock = read_lock(str(path), "gitops-doca lock", problems)
    return lock, problems.errors


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "gitops-doca.lock.yaml"
    file.write_text(text)
    return file


def test_the_text_is_readable_in_a_diff() -> None:
    assert dump_lock(LOCK) == TEXT


def test_a_lock_without_images_of_its_pools_is_read(tmp_path: Path) -> None:
    file = written(tmp_path, TEXT.replace(f"  image: {REPOSITORY}:{TAG}\n", ""))

    assert read(file) == (replace(LOCK, chosen={}), ())


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    assert read(written(tmp_path, TEXT)) == (LOCK, ())


digests = st.text("0123456789abcdef", min_size=64, max_size=64).map(lambda d: Digest(f"sha256:{d}"))
tags = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,20}-(u1-)?amd64", fullmatch=True)
entries = st.one_of(
    st.just(LockedMiss()),
    st.builds(
        LockedImage, digests, st.sampled_from(["linux/amd64", ""]), st.sampled_from([None, True, False])
    ),
)


companions = st.one_of(
    st.just(LockedMiss()),
    st.builds(
        LockedCompanion, digests, st.sampled_from([(), ("linux/amd64",), ("linux/amd64", "linux/arm64")])
    ),
)


def locked(
    pools: set[LockedPool],
    found: dict[ImageReference, LockEntry],
    beside: dict[ImageReference, CompanionEntry],
    rendering: int,
) -> ImageLock:
    """Return a lock in which pools have the images that could be theirs."""
    chosen = {
        pool: image
        for image, entry in found.items()
        for pool in sorted(pools)
        if isinstance(entry, LockedImage) and image.tag.endswith(pool.compiled_ending)
    }
    return ImageLock(
        pools=tuple(sorted(pools)),
        entries=dict(sorted(found.items())),
        chosen=dict(sorted(chosen.items())),
        # One image has one answer, wherever it stands.
        companions={image: entry for image, entry in sorted(beside.items()) if image not in found},
        rendering=rendering,
    )


locks = st.builds(
    locked,
    st.sets(
        st.builds(
            LockedPool,
            st.just("NicNodePolicy/rack-a"),
            st.from_regex(r"([a-z0-9.]{1,8}|u1)/[a-z0-9.]{1,8}/([a-z0-9]{1,5}|amd64)", fullmatch=True),
        )
    ),
    st.dictionaries(st.builds(lambda r, t: r.tag(t), st.sampled_from([REPOSITORY, OTHER]), tags), entries),
    st.dictionaries(
        st.builds(lambda r, t: r.tag(t), st.sampled_from([REPOSITORY, DRIVER]), tags), companions
    ),
    st.integers(1, 1000),
)


@given(locks)
def test_any_lock_is_read_back(tmp_path_factory: pytest.TempPathFactory, lock: ImageLock) -> None:
    file = written(tmp_path_factory.mktemp("lock"), dump_lock(lock))

    assert read(file) == (lock, ())


def test_a_lock_of_the_first_release_has_the_first_rendering(tmp_path: Path) -> None:
    file = written(tmp_path, TEXT.replace(f"rendering: {RENDERING}\n", ""))

    assert read(file) == (replace(LOCK, rendering=1), ())


@given(locks)
def test_a_lock_does_not_differ_from_itself(lock: ImageLock) -> None:
    assert compare(lock, lock, renders=True) == ()


def test_every_way_to_differ_has_a_name() -> None:
    new_pool = LockedPool(POOL.policy, "ubuntu24.04/6.8.0-31-generic/arm64")
    gone, moved, came, kept = (REPOSITORY.tag(name) for name in ("gone", "moved", "came", "kept"))
    old = ImageLock(
        rendering=1,
        pools=(POOL,),
        entries={
            came: LockedMiss(),
            gone: LockedImage(ONE, ""),
            kept: LockedImage(ONE, ""),
            moved: LockedImage(ONE, ""),
        },
    )
    new = ImageLock(
        pools=(new_pool,),
        entries={
            came: LockedImage(TWO, ""),
            gone: LockedMiss(),
            moved: LockedImage(TWO, ""),
            REPOSITORY.tag("new"): LockedMiss(),
        },
    )

    changes = (
        Change(ChangeKind.POOL_LOST, POOL),
        Change(ChangeKind.POOL_NEW, new_pool),
        Change(ChangeKind.AVAILABLE, str(came), TWO),
        Change(ChangeKind.GONE, str(gone), ONE),
        Change(ChangeKind.UNNEEDED, str(kept)),
        Change(ChangeKind.MOVED, str(moved), f"{ONE} -> {TWO}"),
        Change(ChangeKind.NEEDED, str(REPOSITORY.tag("new"))),
    )

    assert compare(old, new, renders=False) == changes
    assert compare(old, new, renders=True) == (Change(ChangeKind.RENDERING, f"1 -> {RENDERING}"), *changes)


@pytest.mark.parametrize(
    ("before", "after", "detail"),
    [("linux/amd64", "", "linux/amd64 -> no platform"), ("", "linux/amd64", "no platform -> linux/amd64")],
)
def test_an_image_that_states_no_platform_is_called_so_on_both_sides(
    before: str, after: str, detail: str
) -> None:
    image = REPOSITORY.tag("moved")
    old, new = (ImageLock(entries={image: LockedImage(ONE, platform)}) for platform in (before, after))

    assert compare(old, new, renders=False) == (Change(ChangeKind.MOVED, str(image), detail),)


def test_companions_differ_as_tags_do() -> None:
    gone, moved, came, kept = (DRIVER.tag(name) for name in ("gone", "moved", "came", "kept"))
    amd64, both = LockedCompanion(ONE, ("linux/amd64",)), LockedCompanion(ONE, ("linux/amd64", "linux/arm64"))
    old = replace(LOCK, companions={came: LockedMiss(), gone: amd64, kept: amd64, moved: amd64})
    new = replace(
        LOCK, companions={came: amd64, gone: LockedMiss(), moved: both, DRIVER.tag("new"): LockedMiss()}
    )

    assert compare(old, new, renders=False) == (
        Change(ChangeKind.AVAILABLE, str(came), ONE),
        Change(ChangeKind.GONE, str(gone), ONE),
        Change(ChangeKind.UNNEEDED, str(kept)),
        Change(ChangeKind.MOVED, str(moved), "linux/amd64 -> linux/amd64, linux/arm64"),
        Change(ChangeKind.NEEDED, str(DRIVER.tag("new"))),
    )
    assert compare(
        replace(LOCK, companions={moved: amd64}),
        replace(LOCK, companions={moved: replace(amd64, digest=TWO)}),
        renders=False,
    ) == (Change(ChangeKind.MOVED, str(moved), f"{ONE} -> {TWO}"),)


@pytest.mark.parametrize(
    ("answer", "entry"),
    [
        (ImagePlatforms(ONE, frozenset()), LockedCompanion(ONE, ())),
        (
            ImagePlatforms(ONE, frozenset({"linux/arm64", "unknown/unknown", "linux/amd64", "Linux/\n"})),
            LockedCompanion(ONE, ("linux/amd64", "linux/arm64")),
        ),
        (ImagePlatforms(ONE, frozenset({"windows/amd64"})), LockedMiss()),
        (NotAnImage(ONE, "a signature"), LockedMiss()),
        (TagMissing(), LockedMiss()),
    ],
)
def test_a_companion_is_locked_with_the_platforms_that_nodes_can_pull(
    answer: ImagePlatforms | NotAnImage | TagMissing, entry: CompanionEntry
) -> None:
    assert lock_companion(answer) == entry


@pytest.mark.parametrize("side", ["old", "new"])
def test_a_pool_without_an_image_in_one_of_the_locks_does_not_differ_by_that(side: str) -> None:
    without = replace(LOCK, chosen={})

    assert compare(*((without, LOCK) if side == "old" else (LOCK, without)), renders=True) == ()


def test_another_image_of_a_pool_is_a_difference() -> None:
    moved = replace(LOCK, chosen={POOL: OTHER.tag("latest")})

    assert compare(LOCK, moved, renders=True) == (
        Change(ChangeKind.IMAGE, POOL, f"{REPOSITORY}:{TAG} -> {OTHER}:latest"),
    )


def test_a_lock_answers_what_it_recorded() -> None:
    there, missing = REPOSITORY.tag(TAG), REPOSITORY.tag("24.10")

    tags = LockedTags(lock=LOCK, place=Place("x.lock.yaml"), fix_command="gitops-doca lock x")

    assert tags.resolve([there, missing]) == {there: TagExists(ONE), missing: TagMissing()}
    assert tags.list_tags([REPOSITORY]) == {REPOSITORY: TagList()}


BAD = {
    "empty": ("", 0, "is empty"),
    "no lock": ("root:$6$SECRET:\n", 0, "not a lock: expected one document of kind DriverLock"),
    "broken": ("pools: [\n", 2, "is not valid YAML"),
    "two documents": (TEXT + "---\n" + TEXT, 0, "not a lock: expected one document of kind DriverLock"),
    "a list": ("- a\n", 0, "not a lock: expected one document of kind DriverLock"),
    "broken digest": (
        TEXT.replace("1" * 64, "1" * 63),
        19,
        "is not sha256: and 64 lower-case hex digits",
    ),
    "both": (TEXT.replace("missing: true", f"missing: true\n    digest: {ONE}"), 16, "an entry with either"),
    "neither": (TEXT.replace("    missing: true\n", ""), 16, "an entry with either digest or missing: true"),
    "a companion without a tag": (
        f"{TEXT}companions:\n- image: nvcr.io/nvidia/driver\n  missing: true\n",
        26,
        "'nvcr.io/nvidia/driver' is not <repository>:<tag>",
    ),
    "a companion that is no image": (
        f"{TEXT}companions:\n- image: https://x/y:1\n  missing: true\n",
        26,
        "has a scheme",
    ),
    "a companion twice": (
        f"{TEXT}companions:\n" + "- image: nvcr.io/nvidia/driver:1\n  missing: true\n" * 2,
        28,
        "appears twice",
    ),
    "a missing companion with platforms": (
        f"{TEXT}companions:\n- image: a/b:1\n  missing: true\n  platforms: [linux/amd64]\n",
        26,
        "an entry with either digest or missing: true",
    ),
    "a pool twice": (
        TEXT.replace(
            "repositories:",
            "- pool: ubuntu22.04/5.15.0-91-generic/amd64\n"
            "  policy: NicClusterPolicy/nic-cluster-policy\nrepositories:",
        ),
        13,
        "ubuntu22.04/5.15.0-91-generic/amd64 of NicClusterPolicy/nic-cluster-policy appears twice",
    ),
    "a tag twice": (TEXT.replace(f"tag: {TAG}", "tag: '24.10'"), 18, "appears twice"),
    "another platform": (
        TEXT.replace("linux/amd64", "linux/arm64"),
        20,
        "linux/arm64 does not match the architecture at the end of the tag",
    ),
    "bad repository": (
        TEXT.replace("repository: nvcr.io/", "repository: https://nvcr.io/"),
        14,
        "has a scheme",
    ),
    "an image that is missing": (
        TEXT.replace(f"image: {REPOSITORY}:{TAG}", f"image: {REPOSITORY}:24.10"),
        12,
        f"'{REPOSITORY}:24.10' is not an image that this lock has a digest for",
    ),
    "an image of another repository": (
        TEXT.replace(f"image: {REPOSITORY}", f"image: {OTHER}"),
        12,
        f"'{OTHER}:{TAG}' is not an image that this lock has a digest for",
    ),
    "another pool's image": (
        TEXT.replace(f"image: {REPOSITORY}:{TAG}", f"image: {OTHER}:latest"),
        12,
        f"'{OTHER}:latest' is not an image for {POOL.pool}",
    ),
    "an image that is no text": (
        TEXT.replace(f"image: {REPOSITORY}:{TAG}", "image: 7"),
        12,
        "7 is a number to YAML, not a string",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_lock_that_cannot_be_used_is_of_class_lock(tmp_path: Path, name: str) -> None:
    text, line, message = BAD[name]

    lock, problems = read(written(tmp_path, text))

    assert lock is None
    assert problems
    assert "SECRET" not in repr(problems)
    assert {problem.category for problem in problems} == {Category.LOCK}
    remove = "" if "kind: DriverLock\n" in text or not text else "remove it or move it away, then "
    assert {problem.help for problem in problems} == {f"{remove}run: gitops-doca lock"}
    assert any(message in problem.message and problem.place.line == line for problem in problems)


def test_a_lock_of_a_newer_version_asks_for_a_newer_tool(tmp_path: Path) -> None:
    file = written(tmp_path, TEXT.replace("v1alpha1", "v1"))

    assert read(file) == (
        None,
        (
            Diagnostic(
                category=Category.LOCK,
                message="the lock is of 'gitops-doca.dev/v1', which this gitops-doca does not know",
                place=Place(str(file), 2, "apiVersion"),
                help="use the gitops-doca that wrote it, or a newer one",
            ),
        ),
    )


def test_a_lock_that_is_absent_says_how_to_write_it(tmp_path: Path) -> None:
    file = tmp_path / "gitops-doca.lock.yaml"

    assert read(file) == (
        None,
        (
            Diagnostic(
                category=Category.LOCK,
                message="there is no lock file here",
                place=Place(str(file)),
                help="run: gitops-doca lock",
            ),
        ),
    )
