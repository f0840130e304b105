"""A cluster goes from one of NVIDIA's releases to the next, with a registry that has their real tags."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from support.cli import Result
from support.docker_registry import DockerRegistry
from support.images import Pusher
from support.in_process import run_here
from support.move import GPU_DRIVER, Move, manifests_by_pool, plan
from support.published import published_tags
from support.repository import commit, start

pytestmark = pytest.mark.service

OLD, NEW = "doca3.3.0-26.01-1.0.0.0-0", "doca3.4.0-26.04-0.8.0.0-0"
GPU_POOL, GPU_NEXT = (f"ubuntu24.04/6.8.0-{number}-generic/amd64" for number in (100, 117))
ARM_POOL, ARM_NEXT = (f"ubuntu24.04/6.17.0-{number}-nvidia/arm64" for number in (1008, 1018))
STORAGE_POOL, STORAGE_NEXT = (f"ubuntu22.04/5.15.0-{number}-generic/amd64" for number in (170, 179))
NODES = {"gpu-1": GPU_POOL, "gpu-2": GPU_POOL, "gpu-arm-1": ARM_POOL, "storage-1": STORAGE_POOL}
OLD_POOLS = (STORAGE_POOL, GPU_POOL, ARM_POOL)
NEW_POOLS = (STORAGE_NEXT, GPU_NEXT, ARM_NEXT)
LATER = dict(zip(OLD_POOLS, NEW_POOLS, strict=True))
GPU_TAGS = [f"580-{pool.split('/')[1]}-ubuntu24.04" for pool in (ARM_POOL, ARM_NEXT, GPU_POOL, GPU_NEXT)]
PLANNED = [
    plan(kernel, osVersion=system.removeprefix("ubuntu"), arch=arch)
    for system, kernel, arch in (pool.split("/") for pool in NEW_POOLS)
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What the registry has: both releases' images for Ubuntu, and the GPU driver's."""

    host: str
    digests: Mapping[str, str]
    """By tag."""

    @property
    def repository(self) -> str:
        """The driver's repository without its image."""
        return f"{self.host}/mellanox"

    @property
    def gpu_driver(self) -> dict[str, Any]:
        """The companion."""
        return {**GPU_DRIVER, "image": f"{self.host}/nvidia/driver"}


@pytest.fixture(scope="module")
def published(registry: DockerRegistry) -> Published:
    driver = Pusher(registry=registry, repository="mellanox/doca-driver")
    gpu_driver = Pusher(registry=registry, repository="nvidia/driver")
    tags = [tag for tag in published_tags() if tag.startswith((OLD, NEW)) and "-ubuntu" in tag]
    digests = {
        tag: driver.image(tag, architecture=tag.rpartition("-")[2])
        for tag in tags
        if tag.endswith(("-amd64", "-arm64"))
    }
    assert len(digests) == 48
    digests |= {tag: gpu_driver.index(tag, architectures=("amd64", "arm64")) for tag in GPU_TAGS}
    return Published(host=registry.host, digests=digests)


class Cluster:
    """The cluster's folder, at each step of its way."""

    def __init__(self, folder: Path, published: Published) -> None:
        self._move = Move(
            folder=start(folder),
            nodes=NODES,
            version=OLD,
            repository=published.repository,
            spec={"companions": [published.gpu_driver]},
        )

    def run(self, *arguments: str, exit_code: int = 0) -> Result:
        result = run_here(*arguments, cwd=self._move.folder)
        assert result.exit_code == exit_code, result.stderr
        return result

    def lines(self, *arguments: str, exit_code: int = 0) -> list[str]:
        return self.run(*arguments, exit_code=exit_code).stdout.decode().splitlines()

    def boot(self, nodes: Mapping[str, str]) -> None:
        """Have nodes run other kernels."""
        self.change(nodes={**self._move.nodes, **nodes})

    def change(self, **fields: Any) -> None:
        """Write other inputs."""
        self._move = replace(self._move, **fields)
        self._move.write()

    def spec(self, **spec: Any) -> dict[str, Any]:
        return {"companions": self._move.spec["companions"], **spec}

    def commit(self) -> None:
        commit(self._move.folder)

    @property
    def lock(self) -> Any:
        return self._move.lock

    @property
    def manifests(self) -> dict[str, str]:
        """The DaemonSet of each pool, as its bytes in what `generate` prints."""
        return manifests_by_pool(self.run("generate", "--locked").stdout)

    @property
    def table(self) -> dict[str, tuple[str, bool]]:
        """The version of each pool, and whether it is a fallback."""
        report = json.loads(self.run("check", "-o", "json").stdout)
        return {pool["pool"]: (pool["version"], pool.get("fallback", False)) for pool in report["pools"]}


@pytest.fixture
def cluster(published: Published, tmp_path: Path) -> Cluster:
    """All nodes on the kernels of the old release."""
    cluster = Cluster(tmp_path / "cluster", published)
    cluster.change()
    cluster.run("lock")
    cluster.commit()
    return cluster


@pytest.fixture
def moved(cluster: Cluster) -> Cluster:
    """The policy has moved, with the old version as fallback and the new kernels planned."""
    cluster.change(version=NEW, spec=cluster.spec(fallbackVersions=[OLD], planned=PLANNED))
    cluster.run("lock")
    return cluster


def test_the_lock_has_the_digests_and_platforms_of_the_registry(
    cluster: Cluster, published: Published
) -> None:
    (repository,) = cluster.lock["repositories"]

    assert {entry["tag"]: entry["digest"] for entry in repository["tags"]} == {
        tag: published.digests[tag]
        for tag in (
            f"{OLD}-{kernel}-{system}-{arch}"
            for system, kernel, arch in (pool.split("/") for pool in OLD_POOLS)
        )
    }
    assert cluster.lock["companions"] == [
        {
            "image": f"{published.host}/nvidia/driver:{tag}",
            "digest": published.digests[tag],
            "platforms": ["linux/amd64", "linux/arm64"],
        }
        for tag in (GPU_TAGS[0], GPU_TAGS[2])
    ]


def test_without_a_fallback_the_policy_cannot_move(cluster: Cluster) -> None:
    cluster.change(version=NEW)

    result = cluster.run("lock", exit_code=4)

    assert result.stderr.count("error[missing]: ") == 3
    assert "published near it: " in result.stderr


def test_when_the_policy_moves_no_pool_with_nodes_changes(cluster: Cluster) -> None:
    before = cluster.manifests
    cluster.change(version=NEW, spec=cluster.spec(fallbackVersions=[OLD], planned=PLANNED))

    locked = cluster.run("lock")

    assert locked.stderr.splitlines()[-1] == (
        "gitops-doca.lock.yaml: 10 images locked; 3 pools run a fallback version"
    )
    assert cluster.table == {
        **dict.fromkeys(OLD_POOLS, (OLD, True)),
        **dict.fromkeys(NEW_POOLS, (NEW, False)),
    }
    after = cluster.manifests
    assert {pool: after[pool] for pool in OLD_POOLS} == before
    assert set(after) == {*OLD_POOLS, *NEW_POOLS}
    assert cluster.lines("diff", "main", "--stat", exit_code=1)[1:3] == [
        "3 pools added",
        f"3 pools stay on {OLD}, nothing reloads",
    ]


def test_a_node_that_boots_the_new_kernel_changes_neither_lock_nor_manifests(moved: Cluster) -> None:
    moved.commit()
    before = moved.manifests, moved.lock
    moved.boot({"gpu-2": GPU_NEXT})

    locked = moved.run("lock")

    assert locked.stderr == "gitops-doca.lock.yaml: 10 images locked; 3 pools run a fallback version\n"
    assert (moved.manifests, moved.lock) == before
    assert moved.run("lock", "--check").stdout == b""
    assert moved.lines("diff", "main", "--stat", exit_code=1)[1:] == [
        "1 node moves",
        f"3 pools stay on {OLD}, nothing reloads",
        f"3 pools stay on {NEW}, nothing reloads",
        "",
        "nodes that move, join or leave",
        f"  {GPU_POOL} -> {GPU_NEXT}",
        "    1: gpu-2",
    ]


def test_at_the_end_the_old_pools_go_and_nothing_else_changes(moved: Cluster) -> None:
    moved.commit()
    before = moved.manifests
    booted = {name: LATER[pool] for name, pool in NODES.items()}
    moved.change(nodes=booted, spec=moved.spec(fallbackVersions=[OLD]))
    note = f"fallback version {OLD}: no pool runs it, so remove it from fallbackVersions"
    assert note in moved.lines("check", "--online")[-3:]
    moved.change(spec=moved.spec())

    locked = moved.run("lock")

    assert locked.stderr.splitlines()[-1] == "gitops-doca.lock.yaml: 5 images locked"
    assert moved.manifests == {pool: before[pool] for pool in NEW_POOLS}
    said = moved.lines("diff", "main", "--stat", exit_code=1)
    assert said[1:3] == ["3 pools removed, 4 nodes move", f"3 pools stay on {NEW}, nothing reloads"]
    drivers = [line.removeprefix("  driver  ") for line in said if line.startswith("  driver  ")]
    assert [line.partition(" from ")[0] for line in drivers] == ["nothing is unloaded"] * 3


def test_in_the_middle_the_registry_gives_the_bytes_of_the_lock(moved: Cluster) -> None:
    moved.boot({"gpu-2": GPU_NEXT})

    assert moved.run("generate", "--online").stdout == moved.run("generate", "--locked").stdout


def test_the_mirror_list_names_what_runs_and_its_companions(moved: Cluster, published: Published) -> None:
    images = moved.lines("check", "-o", "mirror")

    assert [image for image in images if "/nvidia/driver:" in image] == [
        f"{published.host}/nvidia/driver:{tag}" for tag in GPU_TAGS
    ]
    assert len(images) == 10
