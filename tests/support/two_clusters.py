"""Two clusters in one Git repository, whose nodes go from one of NVIDIA's releases to another one."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copytree
from typing import Any

import yaml

from fakes.nodes import node_document
from support.cli import Result
from support.docker_registry import DockerRegistry
from support.images import Pusher
from support.in_process import run_here
from support.krm import FUNCTION
from support.move import GPU_DRIVER, GPU_LABEL, gpu_tag
from support.published import VERSIONS, published_tags
from support.repository import commit, start

OLD, NEW = "doca3.3.0-26.01-1.0.0.0-0", "doca3.4.0-26.04-0.8.0.0-0"
GPU, GPU_NEXT = (f"ubuntu24.04/6.8.0-{number}-generic/amd64" for number in (100, 117))
GRACE, GRACE_NEXT = (f"ubuntu24.04/6.17.0-{number}-nvidia/arm64" for number in (1008, 1018))
STORAGE, STORAGE_NEXT = (f"ubuntu22.04/5.15.0-{number}-generic/amd64" for number in (170, 179))
STORAGE_ARM, STORAGE_ARM_NEXT = (pool.replace("amd64", "arm64") for pool in (STORAGE, STORAGE_NEXT))
DATABASE = "rhel9.6/5.14.0-570.12.1.el9_6.x86_64/amd64"
NEXT = {GPU: GPU_NEXT, GRACE: GRACE_NEXT, STORAGE: STORAGE_NEXT, STORAGE_ARM: STORAGE_ARM_NEXT}
"""The pool of each pool's nodes after the move."""
ONE = {"gpu-1": GPU, "gpu-2": GPU, "grace-1": GRACE, "storage-1": STORAGE, "storage-2": STORAGE_ARM}
TWO = {"web-1": GPU, "web-2": GPU, "db-1": DATABASE}
FOLDERS = ("clusters/one", "clusters/two")
_SINCE = VERSIONS.index(OLD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The registry: all driver images since the old release, and the GPU driver for two releases."""

    host: str
    digests: Mapping[str, str]
    """Of the driver images of each architecture, which are the same in all versions."""

    @property
    def repository(self) -> str:
        """The driver's repository without its image."""
        return f"{self.host}/mellanox"

    @property
    def gpu_driver(self) -> dict[str, Any]:
        """The companion."""
        return {**GPU_DRIVER, "image": f"{self.host}/nvidia/driver"}


def publish(registry: DockerRegistry) -> Published:
    """Push NVIDIA's tags to a registry."""
    driver = Pusher(registry=registry, repository="mellanox/doca-driver")
    tags = [tag for tag in published_tags() if tag.startswith(VERSIONS[_SINCE:])]
    digests = {
        architecture: driver.tags(
            (tag for tag in tags if tag.endswith(architecture)), architecture=architecture
        )
        for architecture in ("amd64", "arm64")
    }
    gpu_driver = Pusher(registry=registry, repository="nvidia/driver")
    for pool in (GPU, GPU_NEXT, GRACE, GRACE_NEXT):
        gpu_driver.index(gpu_tag(pool.split("/")[1]), architectures=("amd64", "arm64"))
    return Published(host=registry.host, digests=digests)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """The Git repository with both folders; only the nodes are written again while nodes boot."""

    folder: Path
    nodes: dict[str, dict[str, str]] = field(
        default_factory=lambda: dict(zip(FOLDERS, (dict(ONE), dict(TWO)), strict=True))
    )
    """The pool of each node, by folder."""

    def create(self, published: Published, version: str = OLD) -> None:
        """Write the inputs of both clusters."""
        start(self.folder)
        one, two = FOLDERS
        driver = {"image": "doca-driver", "repository": published.repository, "version": version}
        cluster = _policy("NicClusterPolicy", "nic-cluster-policy", {**driver, "forcePrecompiled": True})
        self._write_cluster(one, [cluster], companions=[published.gpu_driver])
        by_system = [
            _policy(
                "NicNodePolicy",
                system,
                {**driver, "forcePrecompiled": forced},
                nodeSelector={"feature.node.kubernetes.io/system-os_release.ID": system},
            )
            for system, forced in (("ubuntu", True), ("rhel", False))
        ]
        self._write_cluster(two, by_system)

    def boot(self, folder: str, **nodes: str) -> None:
        """Have nodes run other kernels, and refresh the inventory; `_` stands for a hyphen."""
        self.nodes[folder] |= {name.replace("_", "-"): pool for name, pool in nodes.items()}
        items = [_node(name, pool) for name, pool in self.nodes[folder].items()]
        self._write(f"{folder}/nodes.yaml", [{"apiVersion": "v1", "kind": "List", "items": items}])

    def boot_all(self) -> None:
        """Have all nodes run the kernels of the new version."""
        for folder, nodes in self.nodes.items():
            self.boot(
                folder, **{name.replace("-", "_"): NEXT.get(pool, pool) for name, pool in nodes.items()}
            )

    def run(self, *arguments: str, exit_code: int = 0) -> Result:
        """Run a command in the top folder."""
        result = run_here(*arguments, cwd=self.folder)
        assert result.exit_code == exit_code, result.stderr
        return result

    def copy(self, folder: Path) -> "Repository":
        """Return a copy in another folder."""
        copytree(self.folder, folder)
        return Repository(folder=folder, nodes=deepcopy(self.nodes))

    def commit(self) -> None:
        """Commit all that is there."""
        commit(self.folder)

    def text(self, file: str) -> str:
        """Return a file's text."""
        return (self.folder / file).read_text()

    def _write_cluster(self, folder: str, policies: Iterable[Mapping[str, Any]], **spec: Any) -> None:
        (self.folder / folder).mkdir(parents=True)
        config = {
            "apiVersion": "gitops-doca.dev/v1alpha1",
            "kind": "DriverGenerator",
            "metadata": {"name": "drivers", "annotations": FUNCTION},
            "spec": {"policies": "policy.yaml", "inventory": "nodes.yaml", **spec},
        }
        self._write(f"{folder}/policy.yaml", policies)
        self._write(f"{folder}/gitops-doca.yaml", [config])
        self.boot(folder)

    def _write(self, file: str, documents: Iterable[Mapping[str, Any]]) -> None:
        (self.folder / file).write_text(yaml.safe_dump_all(documents, sort_keys=False))


def go(folder: Path, published: Published) -> dict[str, Repository]:
    """Return copies of the repository at the stages of an upgrade, in which all nodes take part.

    `before` is committed with the old version. In `written` the inputs name the new one; `locked`
    has its lock, and all later ones are committed too. In `begun` one node has booted the new
    kernel, in `moved` all nodes have.
    """
    repository = Repository(folder=folder / "work")
    repository.create(published)
    stages = {}

    def keep(name: str) -> None:
        stages[name] = repository.copy(folder / name)

    def lock() -> None:
        repository.run("lock", *FOLDERS)
        repository.commit()

    lock()
    keep("before")
    repository.run("upgrade", "--to", NEW, "--write", *FOLDERS)
    keep("written")
    lock()
    keep("locked")
    repository.boot(FOLDERS[0], gpu_2=GPU_NEXT)
    lock()
    keep("begun")
    repository.boot_all()
    lock()
    keep("moved")
    return stages


def _policy(kind: str, name: str, driver: Mapping[str, Any], **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "mellanox.com/v1alpha1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {**spec, "ofedDriver": dict(driver)},
    }


def _node(name: str, pool: str) -> dict[str, Any]:
    system, kernel, arch = pool.split("/")
    os = system.rstrip("0123456789.")
    gpu = {GPU_LABEL: "true"} if name.startswith(("gpu", "grace")) else {}
    return node_document(name, kernel=kernel, os=f"{os} {system.removeprefix(os)}", arch=arch, labels=gpu)
