"""Writes small inputs: one cluster policy, and nodes of the pools that a test wants."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from fakes.nodes import node_document

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
    nodes = [
        node_document(f"node-{number}", kernel=pool.kernel, arch=pool.arch)
        for number, pool in enumerate(pools, start=1)
    ]
    inventory = {"apiVersion": "v1", "kind": "List", "items": nodes}
    (folder / "policy.yaml").write_text(yaml.safe_dump(policy))
    (folder / "nodes.json").write_text(json.dumps(inventory, indent=4))
    return ("-p", str(folder / "policy.yaml"), "-i", str(folder / "nodes.json"))
