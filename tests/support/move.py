"""One cluster whose kernels and driver versions move: inputs as values, and a registry in memory."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from fakes.nodes import node_document
from fakes.resolver import FakeResolver
from gitops_doca.core.resolve.lookup import Inspection, TagLookup
from support.cli import Result
from support.in_process import run_here

REPOSITORY = "nvcr.io/nvidia/mellanox"
OLD, NEW = "doca3.3.0-26.01-1.0.0.0-0", "doca3.4.0-26.04-0.8.0.0-0"
OLD_KERNEL, NEW_KERNEL = "6.8.0-100-generic", "6.8.0-117-generic"
GPU_LABEL = "nvidia.com/gpu.present"


def tag(version: str, kernel: str, arch: str = "amd64") -> str:
    """Return a precompiled tag for Ubuntu 24.04."""
    return f"{version}-{kernel}-ubuntu24.04-{arch}"


def gpu_tag(kernel: str) -> str:
    """Return the tag of the GPU driver for a kernel of Ubuntu 24.04."""
    return f"580-{kernel}-ubuntu24.04"


GPU_DRIVER = {
    "name": "gpu-driver",
    "image": "nvcr.io/nvidia/driver",
    "tag": "580-{kernel}-{os}{osVersion}",
    "nodeSelector": {GPU_LABEL: "true"},
}


def plan(kernel: str, **fields: Any) -> dict[str, Any]:
    """Return an entry of `planned` for Ubuntu 24.04."""
    return {"os": "ubuntu", "osVersion": "24.04", "kernel": kernel, "arch": "amd64", **fields}


def manifests_by_pool(stream: bytes) -> dict[str, str]:
    """Return each pool's DaemonSet, as its bytes in a stream."""
    return {
        loaded["metadata"]["annotations"]["gitops-doca.dev/pool"]: text
        for text in stream.decode().split("---\n")
        if (loaded := yaml.safe_load(text)) and loaded["kind"] == "DaemonSet"
    }


def node_documents(nodes: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Yield the nodes of these names, by kernel or pool as in `Move.nodes`."""
    for name, pool in nodes.items():
        system, kernel, arch = pool.split("/") if "/" in pool else ("ubuntu24.04", pool, "amd64")
        os = system.rstrip("0123456789.")
        gpu = {GPU_LABEL: "true"} if name.startswith("gpu") else {}
        yield node_document(name, kernel=kernel, os=f"{os} {system.removeprefix(os)}", arch=arch, labels=gpu)


@dataclass(kw_only=True)
class Move:
    """The inputs of a cluster, and what the registry has."""

    folder: Path
    nodes: Mapping[str, str] = field(default_factory=lambda: {"a": OLD_KERNEL, "b": NEW_KERNEL})
    """Name to kernel, or to pool where that is not amd64 of Ubuntu 24.04; `gpu…` has a GPU."""
    repository: str = REPOSITORY
    version: str = NEW
    forced: bool = True
    spec: dict[str, Any] = field(default_factory=dict)
    published: Collection[str] = (tag(OLD, OLD_KERNEL), tag(NEW, NEW_KERNEL))
    faults: dict[str, TagLookup] = field(default_factory=dict)
    inspections: dict[str, Inspection] = field(default_factory=dict)

    def run(self, *args: str) -> Result:
        """Write the inputs and run a command."""
        self.write()
        return self.call(*args)

    def call(self, *args: str) -> Result:
        """Run a command with the inputs that are there."""
        return run_here(*args, cwd=self.folder, connect=self.resolver)

    @property
    def resolver(self) -> FakeResolver:
        """A registry that has what is published."""
        return FakeResolver(self.published, faults=self.faults, inspections=self.inspections)

    def write(self) -> None:
        """Write policy, nodes and config."""
        driver = _driver(self.version, self.repository, forced=self.forced)
        self._write("policy.yaml", _policy("NicClusterPolicy", "nic-cluster-policy", {"ofedDriver": driver}))
        self._write(
            "nodes.yaml", {"apiVersion": "v1", "kind": "List", "items": list(node_documents(self.nodes))}
        )
        config = {
            "apiVersion": "gitops-doca.dev/v1alpha1",
            "kind": "DriverGenerator",
            "metadata": {"name": "move"},
            "spec": {"policies": "policy.yaml", "inventory": "nodes.yaml", **self.spec},
        }
        self._write("gitops-doca.yaml", config)

    def table(self, *args: str) -> dict[str, tuple[str, str]]:
        """Return state and version of each kernel's pool as `check -o json` has them."""
        document = json.loads(self.run("check", "-o", "json", *args).stdout)
        return {
            pool["pool"].split("/")[1]: (
                "fallback" if pool.get("fallback") else pool["state"],
                pool.get("version", ""),
            )
            for pool in document["pools"]
        }

    @property
    def lock(self) -> Any:
        """The lock that was written."""
        return yaml.safe_load((self.folder / "gitops-doca.lock.yaml").read_text())

    def daemon_sets(self, *args: str) -> dict[str, str]:
        """Return the manifest of each pool, as its bytes in the stream."""
        result = self.run("generate", *args)
        assert result.exit_code == 0, result.stderr
        return manifests_by_pool(result.stdout)

    def _write(self, name: str, value: object) -> None:
        (self.folder / name).write_text(yaml.safe_dump(value))


def node_policy(
    name: str,
    selector: Mapping[str, str] | None = None,
    *,
    version: str = OLD,
    repository: str = REPOSITORY,
    forced: bool = True,
) -> dict[str, Any]:
    """Return a NicNodePolicy, without a selector for the nodes of the architecture that is its name."""
    driver = _driver(version, repository, forced=forced)
    nodes = {"kubernetes.io/arch": name} if selector is None else dict(selector)
    return _policy("NicNodePolicy", name, {"nodeSelector": nodes, "ofedDriver": driver})


def _driver(version: str, repository: str, *, forced: bool) -> dict[str, Any]:
    return {
        "image": "doca-driver",
        "repository": repository,
        "version": version,
        "forcePrecompiled": forced,
    }


def _policy(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "mellanox.com/v1alpha1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": spec,
    }
