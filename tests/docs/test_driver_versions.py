"""docs/driver-versions.md, gone through: its YAML, its commands, and what it says about them."""

import json
import re
import shlex
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from fakes.cluster import DIGEST
from fakes.resolver import FakeResolver
from gitops_doca.core.resolve.lookup import ImagePlatforms
from support.cli import ROOT, Result
from support.in_process import run_here
from support.move import GPU_DRIVER, NEW, NEW_KERNEL, OLD, OLD_KERNEL, Move, gpu_tag, manifests_by_pool
from support.published import VERSIONS, published_tags
from support.repository import start
from support.shell import blocks

PAGE = "driver-versions.md"
TEXT = (ROOT / "docs" / PAGE).read_text()
CONFIG, REVISION_POLICY, REVISION_CONFIG, COMPANIONS, BY_OS = blocks(PAGE, "yaml")
POLICY = REVISION_POLICY.replace("doca3.5.0-26.07-0.7.7.0-1", f"{NEW}\n    forcePrecompiled: true")
PLANNED = "  planned:\n"
OLD_POOL, NEW_POOL = (f"ubuntu24.04/{kernel}/amd64" for kernel in (OLD_KERNEL, NEW_KERNEL))
GPU_TAGS = (gpu_tag(OLD_KERNEL), gpu_tag(NEW_KERNEL))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """The folder of the page; the registries have all that is published, and two GPU drivers."""

    folder: Path

    def write(self, policy: str, config: str, nodes: Mapping[str, str]) -> None:
        """Write the folder, with these nodes."""
        Move(folder=self.folder, nodes=nodes).write()
        (self.folder / "nodes.yaml").rename(self.folder / "inventory.yaml")
        (self.folder / "policy.yaml").write_text(policy)
        (self.folder / "gitops-doca.yaml").write_text(config)

    def run(self, command: str) -> Result:
        """Run a line of a shell."""
        program, *arguments = shlex.split(command)
        assert program == "gitops-doca"
        both = ImagePlatforms(DIGEST, frozenset({"linux/amd64", "linux/arm64"}))
        published = (*published_tags(), *GPU_TAGS)
        resolver = FakeResolver(published, inspections=dict.fromkeys(GPU_TAGS, both))
        return run_here(*arguments, cwd=self.folder, connect=resolver)

    def versions(self) -> dict[str, tuple[str, str]]:
        """Return state and version of each pool; nothing may be said besides."""
        result = self.run("gitops-doca check --online -o json")
        assert (result.exit_code, result.stderr) == (0, "")
        return {
            pool["pool"]: ("fallback" if pool.get("fallback") else pool["state"], pool["version"])
            for pool in json.loads(result.stdout)["pools"]
        }


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(folder=start(tmp_path / "cluster"))


def precompiled() -> dict[str, list[str]]:
    """Return the versions of each precompiled platform."""
    versions = defaultdict(list)
    for tag in published_tags():
        version = next(version for version in VERSIONS if tag.startswith(f"{version}-"))
        platform = tag.removeprefix(f"{version}-")
        if platform[0].isdigit():
            versions[platform].append(version)
    return versions


def test_the_counts_are_those_of_the_published_tags() -> None:
    versions = list(precompiled().values())
    two = [found for found in versions if len(found) > 1]

    assert (len(published_tags()), len(versions), len(versions) - len(two), len(two)) == (408, 149, 141, 8)
    assert {tuple(found) for found in two} == {("doca3.2.0-25.10-1.2.8.0-0", "doca3.2.0-25.10-1.2.8.0-2")}
    assert {"408", "149", "141", "8"} <= set(re.findall(r"\d+", TEXT.partition("## To the next")[0]))


def test_each_version_has_one_kernel_of_a_flavour_but_for_one() -> None:
    kernels = defaultdict(set)
    for platform, versions in precompiled().items():
        kernel, system, _ = platform.rsplit("-", 2)
        for version in versions:
            kernels[version, kernel.rpartition("-")[2], system].add(kernel)

    assert [key for key, found in kernels.items() if len(found) > 1] == [
        ("doca3.2.0-25.10-1.2.8.0-0", "aws", "ubuntu22.04")
    ]


def test_the_table_is_that_of_the_published_tags() -> None:
    rows = dict(re.findall(r"^\| [^|]+ \| `([^`]+)` \| `([^`]+-generic)` \|$", TEXT, re.MULTILINE))
    published = {
        version: platform.removesuffix("-ubuntu24.04-amd64")
        for platform, versions in precompiled().items()
        for version in versions
        if platform.endswith("-generic-ubuntu24.04-amd64")
    }

    assert len(rows) == 5
    assert rows.items() <= published.items()


def test_the_config_is_what_upgrade_writes(cluster: Cluster) -> None:
    nodes = {"a": OLD_KERNEL, "b": OLD_KERNEL}
    alone = CONFIG.partition("  fallbackVersions:\n")[0]
    cluster.write(POLICY.replace(NEW, OLD), alone, nodes)
    cluster.run("gitops-doca lock")
    manifest = manifests_by_pool(cluster.run("gitops-doca generate").stdout)[OLD_POOL]

    written = cluster.run(f"gitops-doca upgrade --to {NEW} --write")

    assert written.exit_code == 0, written.stderr
    assert (cluster.folder / "gitops-doca.yaml").read_text() == CONFIG
    assert (cluster.folder / "policy.yaml").read_text() == POLICY
    assert cluster.versions() == {OLD_POOL: ("fallback", OLD), NEW_POOL: ("precompiled", NEW)}
    cluster.run("gitops-doca lock")
    assert manifests_by_pool(cluster.run("gitops-doca generate").stdout)[OLD_POOL] == manifest


def test_another_revision_of_26_7_has_the_precompiled_images(cluster: Cluster) -> None:
    own, fallback = "doca3.5.0-26.07-0.7.7.0-1", "doca3.5.0-26.07-0.7.7.0-0"
    nodes = {"a": "6.8.0-138-generic", "b": "6.8.0-139-generic"}
    published, other = (f"ubuntu24.04/{kernel}/amd64" for kernel in nodes.values())
    assert not [tag for tag in published_tags() if tag.startswith(own) and "-generic-" in tag]
    cluster.write(REVISION_POLICY, REVISION_CONFIG.partition("  fallback")[0], nodes)
    assert cluster.versions() == {published: ("compiled", own), other: ("compiled", own)}

    cluster.write(REVISION_POLICY, REVISION_CONFIG, nodes)

    assert cluster.versions() == {published: ("fallback", fallback), other: ("compiled", own)}


def test_the_companion_is_looked_up_for_the_planned_kernel(cluster: Cluster) -> None:
    cluster.write(POLICY, COMPANIONS, {"gpu-1": OLD_KERNEL})

    lines = cluster.run("gitops-doca check --online").stdout.decode().splitlines()

    assert lines[-2:] == [
        f"companion gpu-driver exists: {GPU_DRIVER['image']}:{gpu_tag(kernel)} for {pool}"
        for kernel, pool in ((OLD_KERNEL, OLD_POOL), (NEW_KERNEL, NEW_POOL))
    ]
    cluster.write(POLICY, COMPANIONS.replace("580-", "570-"), {"gpu-1": OLD_KERNEL})
    assert cluster.run("gitops-doca lock").exit_code == 4


def test_policies_by_os_have_each_their_version(cluster: Cluster) -> None:
    rhel = "rhel9.6/5.14.0-570.12.1.el9_6.x86_64/amd64"
    cluster.write(BY_OS, CONFIG.partition(PLANNED)[0], {"a": OLD_KERNEL, "b": NEW_KERNEL, "c": rhel})

    assert cluster.versions() == {
        OLD_POOL: ("fallback", OLD),
        NEW_POOL: ("precompiled", NEW),
        rhel: ("compiled", "doca3.5.0-26.07-0.7.7.0-1"),
    }


def test_its_lines_fit_a_hundred_columns() -> None:
    assert [line for line in TEXT.splitlines() if len(line) > 100] == []
