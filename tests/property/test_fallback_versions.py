"""Whatever is published: a lock gives the registry's bytes, and pools that stay keep theirs."""

import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.cluster import DIGEST
from gitops_doca.core.resolve.lookup import ImagePlatforms, Inspection, NotAnImage
from support.move import GPU_DRIVER, Move, plan
from support.published import VERSIONS

POOLS = (
    "ubuntu24.04/6.8.0-100-generic/amd64",
    "ubuntu24.04/6.8.0-117-generic/amd64",
    "ubuntu24.04/6.8.0-117-generic/arm64",
    "ubuntu22.04/6.8.0-1046-nvidia/amd64",
)
DRIVERS = VERSIONS[-4:]
EVERYWHERE = ImagePlatforms(DIGEST, frozenset({"linux/amd64", "linux/arm64"}))
INSPECTIONS: st.SearchStrategy[Inspection] = st.sampled_from(
    [
        EVERYWHERE,
        ImagePlatforms(DIGEST, frozenset({"linux/arm64"})),
        ImagePlatforms(DIGEST, frozenset()),
        NotAnImage(DIGEST, "a Helm chart"),
    ]
)


def tags(version: str, pool: str) -> tuple[str, str]:
    """Return the precompiled tag, and that of the image that compiles."""
    system, kernel, arch = pool.split("/")
    return f"{version}-{kernel}-{system}-{arch}", f"{version}-{system}-{arch}"


def gpu_tag(pool: str) -> str:
    system, kernel, _ = pool.split("/")
    return f"580-{kernel}-{system}"


def planned(pool: str, companions: list[str] | None) -> dict[str, Any]:
    system, kernel, arch = pool.split("/")
    fields = {} if companions is None else {"companions": companions}
    return plan(kernel, osVersion=system.removeprefix("ubuntu"), arch=arch, **fields)


DRIVER_TAGS = sorted({tag for version in DRIVERS for pool in POOLS for tag in tags(version, pool)})
GPU_TAGS = sorted(set(map(gpu_tag, POOLS)))
SUBSETS_OF_POOLS = st.lists(st.sampled_from(POOLS), unique=True)
NODES = st.dictionaries(
    st.sampled_from(["gpu-1", "gpu-2", "cpu-1", "cpu-2"]), st.sampled_from(POOLS), min_size=1
)
ORDERS = st.permutations(DRIVERS).flatmap(lambda order: st.integers(1, 4).map(lambda count: order[:count]))


@settings(max_examples=60)
@given(
    nodes=NODES,
    plans=st.dictionaries(st.sampled_from(POOLS), st.sampled_from([None, []])),
    versions=ORDERS,
    forced=st.booleans(),
    published=st.frozensets(st.sampled_from([*DRIVER_TAGS, *GPU_TAGS]), min_size=8),
    with_companions=st.booleans(),
    inspections=st.dictionaries(st.sampled_from(GPU_TAGS), INSPECTIONS),
)
def test_a_lock_gives_the_bytes_of_the_registry_that_it_was_written_from(
    nodes: Mapping[str, str],
    plans: Mapping[str, list[str] | None],
    versions: list[str],
    *,
    forced: bool,
    published: Collection[str],
    with_companions: bool,
    inspections: dict[str, Inspection],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        move = Move(
            folder=Path(folder),
            nodes=nodes,
            version=versions[0],
            forced=forced,
            spec={
                "fallbackVersions": versions[1:],
                "planned": [planned(pool, companions) for pool, companions in plans.items()],
                "companions": [GPU_DRIVER] if with_companions else [],
            },
            published=published,
            inspections=dict.fromkeys(GPU_TAGS, EVERYWHERE) | inspections,
        )
        online = move.run("generate", "--online")

        written = move.run("lock")

        assert written.exit_code == online.exit_code
        locked = move.run("generate", "--locked")
        assert (locked.exit_code, locked.stdout) == (online.exit_code, online.stdout)
        before = move.lock
        move.run("lock")
        assert move.lock == before
        assert move.run("lock", "--check").stdout == b""


@settings(max_examples=60)
@given(
    nodes=NODES,
    plans=SUBSETS_OF_POOLS,
    versions=st.permutations(DRIVERS),
    forced=st.booleans(),
    images=st.fixed_dictionaries(
        {pool: st.frozensets(st.sampled_from(DRIVERS), min_size=1) for pool in POOLS}
    ),
)
def test_a_pool_that_stays_keeps_its_bytes_when_the_policy_moves(
    nodes: Mapping[str, str],
    plans: list[str],
    versions: list[str],
    *,
    forced: bool,
    images: Mapping[str, Collection[str]],
) -> None:
    published = {tags(version, pool)[0] for pool in POOLS for version in images[pool]}
    new, old, *others = versions

    def drivers(version: str, fallbacks: list[str], planned_pools: list[str]) -> dict[str, str]:
        """Return each pool's DaemonSet as it is printed."""
        spec = {
            "fallbackVersions": fallbacks,
            "planned": [planned(pool, None) for pool in planned_pools],
        }
        with tempfile.TemporaryDirectory() as folder:
            move = Move(
                folder=Path(folder),
                nodes=nodes,
                version=version,
                forced=forced,
                spec=spec,
                published=published,
            )
            return move.daemon_sets()

    before = drivers(old, [*others, new], [])
    after = drivers(new, [old, *others], plans)

    assert set(after) == {*before, *plans}
    for pool, manifest in before.items():
        if new in images[pool]:
            assert f":{tags(new, pool)[0]}" in after[pool]
        else:
            assert after[pool] == manifest
