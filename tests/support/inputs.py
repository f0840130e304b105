"""Writes small inputs: one cluster policy, and nodes of the pools that a test wants."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

VERSION = "25.04-0.6.1.0-2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Nodes of Ubuntu 22.04 with one kernel on one architecture."""

    kernel: str
    arch: str = "amd64"

    @property
    def tag(self) -> str:
        """The precompiled tag that these nodes need."""
        return f"{VERSION}-{self.kernel}-ubuntu22.04-{self.arch}"

    @property
    def compile_tag(self) -> str:
        """The tag of the image that compiles on the node."""
        return f"{VERSION}-ubuntu22.04-{self.arch}"

    @property
    def name(self) -> str:
        """What reports call it."""
        return f"ubuntu22.04/{self.kernel}/{self.arch}"


def write_inputs(folder: Path, *, repository: str, pools: Sequence[Pool], forced: bool) -> tuple[str, ...]:
    """Write policy and nodes, one node a pool, and return the arguments that name them."""
    driver = {
        "image": "doca-driver",
        "repository": repository,
        "version": VERSION,
        "forcePrecompiled": forced,
    }
    policy = {
        "apiVersion": "mellanox.com/v1alpha1",
        "kind": "NicClusterPolicy",
        "metadata": {"name": "nic-cluster-policy"},
        "spec": {"ofedDriver": driver},
    }
    nodes = [_node(f"node-{number}", pool) for number, pool in enumerate(pools, start=1)]
    inventory = {"apiVersion": "v1", "kind": "List", "items": nodes}
    (folder / "policy.yaml").write_text(yaml.safe_dump(policy))
    (folder / "nodes.json").write_text(json.dumps(inventory, indent=4))
    return ("-p", str(folder / "policy.yaml"), "-i", str(folder / "nodes.json"))


def _node(name: str, pool: Pool) -> dict[str, Any]:
    labels = {
        "feature.node.kubernetes.io/kernel-version.full": pool.kernel,
        "feature.node.kubernetes.io/pci-15b3.present": "true",
        "feature.node.kubernetes.io/system-os_release.ID": "ubuntu",
        "feature.node.kubernetes.io/system-os_release.VERSION_ID": "22.04",
        "kubernetes.io/arch": pool.arch,
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "status": {"nodeInfo": {"containerRuntimeVersion": "containerd://1.7.27"}},
    }
