"""docs/kernel-upgrade.md, gone through: its YAML, its commands, and what they print."""

import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import yaml

from fakes.api_server import FakeApiServer
from fakes.cluster import DIGEST
from fakes.nodes import node_document
from fakes.resolver import FakeResolver
from gitops_doca.core.model import OSTREE_LABEL
from gitops_doca.core.resolve.lookup import ImagePlatforms
from support.cli import ROOT
from support.move import GPU_LABEL, NEW, NEW_KERNEL, OLD, OLD_KERNEL, gpu_tag, manifests_by_pool
from support.published import published_tags
from support.repository import commit, start
from support.walk import Reader, page, sections, walk

PAGE = "kernel-upgrade.md"
SECTIONS = sections(page(PAGE))
STORAGE_KERNEL, STORAGE_NEXT = "5.15.0-170-generic", "5.15.0-179-generic"
OTHER_KERNEL = "6.8.0-120-generic"
EXIT_CODES = {"gitops-doca diff main --stat": 1, "gitops-doca inventory --check inventory.yaml": 1}
GPU_TAGS = (gpu_tag(OLD_KERNEL), gpu_tag(NEW_KERNEL))


def registry() -> FakeResolver:
    """All that is published, and the GPU driver for the kernels of two releases."""
    both = ImagePlatforms(DIGEST, frozenset({"linux/amd64", "linux/arm64"}))
    return FakeResolver((*published_tags(), *GPU_TAGS), inspections=dict.fromkeys(GPU_TAGS, both))


@dataclass(kw_only=True)
class World:
    """The cluster of the page, and the folder of its repository."""

    folder: Path
    cluster: FakeApiServer
    nodes: dict[str, str] = field(
        default_factory=lambda: {"gpu-1": OLD_KERNEL, "gpu-2": OLD_KERNEL, "storage-1": STORAGE_KERNEL}
    )

    def boot(self, **kernels: str) -> None:
        """Have nodes boot other kernels; `_` stands for a hyphen."""
        self.nodes |= {name.replace("_", "-"): kernel for name, kernel in kernels.items()}
        self.cluster.nodes = [_node(name, kernel) for name, kernel in self.nodes.items()]

    def copy(self, folder: Path) -> "World":
        """Return the same world with another folder."""
        shutil.copytree(self.folder, folder)
        return World(folder=folder, cluster=self.cluster, nodes=dict(self.nodes))

    @property
    def policy(self) -> str:
        """The text of the policy."""
        return (self.folder / "policy.yaml").read_text()

    @property
    def config(self) -> str:
        """The text of the config."""
        return (self.folder / "gitops-doca.yaml").read_text()

    @property
    def lock(self) -> str:
        """The text of the lock."""
        return (self.folder / "gitops-doca.lock.yaml").read_text()

    def write(self, text: str) -> None:
        """Write a policy or a config of the page."""
        name = "policy.yaml" if "kind: NicClusterPolicy" in text else "gitops-doca.yaml"
        (self.folder / name).write_text(text)

    def walk(
        self,
        title: str,
        *,
        exit_codes: Mapping[str, int] | None = None,
        before: Mapping[str, Callable[[], None]] | None = None,
    ) -> str:
        """Go through a section; `before` has what happens before the block with this first line."""

        def run(commands: str) -> str:
            (before or {}).get(commands.splitlines()[0], lambda: None)()
            return self.run(commands, exit_codes or {})

        return walk(SECTIONS[title], run, self.write)

    def run(self, commands: str, exit_codes: Mapping[str, int] = MappingProxyType({})) -> str:
        """Run the lines of a shell; `exit_codes` has those that are not 0."""
        self.boot()
        reader = Reader(
            folder=self.folder,
            connect=registry(),
            environ={"KUBECONFIG": str(self.cluster.kubeconfig(self.folder.parent))},
            exit_codes=EXIT_CODES | dict(exit_codes),
        )
        return reader.run(commands)


def _node(name: str, kernel: str) -> dict[str, Any]:
    system = "ubuntu 22.04" if kernel in {STORAGE_KERNEL, STORAGE_NEXT} else "ubuntu 24.04"
    labels = {GPU_LABEL: "true"} if name.startswith("gpu") else {}
    whole = node_document(name, kernel=kernel, os=system, labels=labels)
    return {key: value for key, value in whole.items() if key not in ("apiVersion", "kind")}


@pytest.fixture(scope="module")
def cluster() -> Iterator[FakeApiServer]:
    with FakeApiServer() as running:
        yield running


@pytest.fixture(scope="module")
def walked(cluster: FakeApiServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Each section with what its commands print."""
    top = tmp_path_factory.mktemp("page")
    world = World(folder=start(top / "work"), cluster=cluster)
    texts = {}
    texts["The folder"] = world.walk("The folder")
    before = world.policy, world.config
    many = _fleet(world, top / "many")
    for title in ("1. See the way", "2. Change the inputs"):
        texts[title] = world.walk(title)
    locked = world.lock
    world.boot(gpu_2=NEW_KERNEL)
    texts["3. Boot the nodes"] = world.walk("3. Boot the nodes")
    assert world.lock == locked

    unplanned, back = world.copy(top / "unplanned"), world.copy(top / "back")
    unplanned.boot(gpu_1=OTHER_KERNEL)
    title = "A node boots a kernel that was not planned"
    asked = f"gitops-doca upgrade --to {NEW.rpartition('-')[0]}"
    texts[title] = unplanned.walk(title, exit_codes={"gitops-doca lock": 4, asked: 4})
    unplanned.boot(gpu_1=OLD_KERNEL)
    unplanned.run("gitops-doca inventory --write inventory.yaml\ngitops-doca lock")
    assert unplanned.lock == locked
    texts["The way back"] = back.walk(
        "The way back",
        before={"gitops-doca inventory --write inventory.yaml": lambda: back.boot(gpu_2=OLD_KERNEL)},
    )
    assert (back.policy, back.config) == before

    world.boot(gpu_1=NEW_KERNEL, storage_1=STORAGE_NEXT)
    texts["4. Finish"] = world.walk("4. Finish")
    assert (world.policy, world.config) == (before[0].replace(OLD, NEW), before[1])

    texts["Many clusters"] = many.walk(
        "Many clusters", exit_codes={"gitops-doca diff main clusters/*/ --stat": 1}
    )
    return texts


def _fleet(world: World, folder: Path) -> World:
    """Return a repository with two clusters like the one of the page."""
    many = World(folder=start(folder), cluster=world.cluster)
    for name in ("berlin", "canary"):
        shutil.copytree(world.folder, folder / "clusters" / name, ignore=shutil.ignore_patterns(".git"))
    commit(folder)
    return many


WALKED = [
    "The folder",
    "1. See the way",
    "2. Change the inputs",
    "3. Boot the nodes",
    "4. Finish",
    "A node boots a kernel that was not planned",
    "The way back",
    "Many clusters",
]


@pytest.mark.parametrize("title", WALKED)
def test_a_section_shows_what_its_commands_print(
    title: str, walked: Mapping[str, str], request: pytest.FixtureRequest
) -> None:
    if request.config.option.update_snapshots:
        file = ROOT / "docs" / PAGE
        file.write_text(file.read_text().replace(SECTIONS[title], walked[title]))
        return

    assert SECTIONS[title] == walked[title]


def test_the_walk_goes_through_all_sections_but_two() -> None:
    assert [title for title in SECTIONS if title not in WALKED] == ["", "RHEL and SLES", "OpenShift"]


def test_two_clusters_with_one_policy_file_are_told_that_both_move(
    cluster: FakeApiServer, tmp_path: Path
) -> None:
    world = World(folder=start(tmp_path / "work"), cluster=cluster)
    world.walk("The folder")
    many = _fleet(world, tmp_path / "many")
    (many.folder / "clusters" / "canary" / "policy.yaml").unlink()
    config = many.folder / "clusters" / "canary" / "gitops-doca.yaml"
    config.write_text(config.read_text().replace("[policy.yaml]", "[../berlin/policy.yaml]"))

    told = many.run(f"gitops-doca upgrade clusters/canary clusters/berlin --to {NEW} --write")

    assert "use this policy file, so all of them move" in told


@pytest.mark.parametrize(
    ("title", "before", "after", "extra"),
    [
        ("RHEL and SLES", ("rhel", "9.6", "5.14.0-570.10.1.el9_6.x86_64"), "containerd", {}),
        (
            "OpenShift",
            ("rhcos", "4.18", "5.14.0-427.50.1.el9_4.x86_64"),
            "cri-o",
            {"418.94.202501221327-0": "9.6.20250611-0"},
        ),
    ],
)
def test_a_kernel_that_compiles_is_planned_by_hand(
    title: str,
    before: tuple[str, str, str],
    after: str,
    extra: Mapping[str, str],
    cluster: FakeApiServer,
    tmp_path: Path,
) -> None:
    world = World(folder=start(tmp_path / "work"), cluster=cluster)
    folder = sections(page(PAGE))["The folder"]
    policy, _ = yaml_blocks(folder)
    world.write(policy.replace(OLD, NEW).replace("forcePrecompiled: true", "forcePrecompiled: false"))
    (config,) = yaml_blocks(SECTIONS[title])
    (plan,) = yaml.safe_load(config)["spec"]["planned"]
    _nodes(world.folder, *before, after, extra, old=True)
    world.write(config.partition("  planned:\n")[0])
    world.run("gitops-doca lock")
    pools = manifests_by_pool(world.run("gitops-doca generate").encode())

    world.walk(title)

    planned = manifests_by_pool(world.run("gitops-doca generate").encode())
    new = f"{plan['os']}{plan['osVersion']}/{plan['kernel']}/amd64"
    assert set(planned) == {*pools, new}
    assert {pool: planned[pool] for pool in pools} == pools
    _nodes(world.folder, plan["os"], plan["osVersion"], plan["kernel"], after, extra, old=False)
    world.run("gitops-doca lock\ngitops-doca upgrade --finish --write\ngitops-doca lock")
    assert "planned" not in world.config
    assert manifests_by_pool(world.run("gitops-doca generate").encode()) == {new: planned[new]}


def _nodes(
    folder: Path,
    os: str,
    version: str,
    kernel: str,
    runtime: str,
    releases: Mapping[str, str],
    *,
    old: bool,
) -> None:
    """Write the inventory: one node, and the driver toolkits of both releases where there are some."""
    pairs = [pair for both in releases.items() for pair in both]
    labels = {OSTREE_LABEL: pairs[0 if old else 1]} if pairs else {}
    items = [
        node_document(
            "node-1", os=f"{os} {version}", kernel=kernel, runtime=f"{runtime}://1.32", labels=labels
        )
    ]
    if pairs:
        tags = [{"name": tag, "from": {"kind": "DockerImage", "name": f"quay.io/dtk:{tag}"}} for tag in pairs]
        items.append(
            {
                "apiVersion": "image.openshift.io/v1",
                "kind": "ImageStream",
                "metadata": {"name": "driver-toolkit", "namespace": "openshift"},
                "spec": {"tags": tags},
            }
        )
    inventory = {"apiVersion": "v1", "kind": "List", "items": items}
    (folder / "inventory.yaml").write_text(yaml.safe_dump(inventory))


def yaml_blocks(section: str) -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
