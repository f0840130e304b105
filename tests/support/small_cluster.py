"""A cluster's folder, with a lock: nodes, policies and settings as a test wants them."""

import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from fakes.nodes import node_document
from fakes.resolver import FakeResolver
from support.in_process import run_here
from support.inputs import VERSION

REPOSITORY = "nvcr.io/nvidia/mellanox"


def host(
    name: str,
    kernel: str | None = "5.15.0-91-generic",
    *,
    os_version: str = "22.04",
    nic: str | None = "true",
    taints: Iterable[str] = (),
    **labels: str | None,
) -> dict[str, Any]:
    """Return a node of Ubuntu; a taint is `key:effect`, and None leaves a label out."""
    return node_document(
        name, kernel=kernel, os=f"ubuntu {os_version}", nic=nic, labels=labels, taints=taints
    )


def policy(
    name: str = "",
    *,
    version: str = VERSION,
    selector: Mapping[str, str] | None = None,
    forced: bool = False,
    **spec: Any,
) -> dict[str, Any]:
    """Return a NicNodePolicy, or without a name the NicClusterPolicy."""
    driver = {
        "image": "doca-driver",
        "repository": REPOSITORY,
        "version": version,
        "forcePrecompiled": forced,
    }
    return {
        "apiVersion": "mellanox.com/v1alpha1",
        "kind": "NicNodePolicy" if name else "NicClusterPolicy",
        "metadata": {"name": name or "nic-cluster-policy"},
        "spec": {"ofedDriver": driver, **({"nodeSelector": selector} if selector else {}), **spec},
    }


def tag(kernel: str = "", *, version: str = VERSION, os_version: str = "22.04") -> str:
    """Return the tag of the precompiled image; without a kernel that of the image that compiles."""
    return "-".join([version, *filter(None, [kernel]), f"ubuntu{os_version}", "amd64"])


def write_cluster(
    folder: Path,
    nodes: Iterable[Mapping[str, Any]],
    policies: Iterable[Mapping[str, Any]],
    tags: Collection[str],
    **spec: Any,
) -> None:
    """Write config, policies, inventory, and the lock of a registry that has these tags and no others."""
    folder.mkdir(parents=True, exist_ok=True)
    inventory = {"apiVersion": "v1", "kind": "List", "items": list(nodes)}
    settings = {"policies": ["policies.yaml"], "inventory": "nodes.json", **spec}
    (folder / "nodes.json").write_text(json.dumps(inventory, indent=4))
    (folder / "policies.yaml").write_text(yaml.safe_dump_all(policies))
    # Under `strict` a lock with pools that compile now is refused: it is written once without.
    _write_config(folder, {**settings, "strict": False})
    result = run_here("lock", cwd=folder, connect=FakeResolver(tags))
    _write_config(folder, settings)
    assert result.exit_code == 0, result.stderr


def _write_config(folder: Path, settings: Mapping[str, Any]) -> None:
    config = {"apiVersion": "gitops-doca.dev/v1alpha1", "kind": "DriverGenerator", "spec": settings}
    (folder / "gitops-doca.yaml").write_text(yaml.safe_dump(config))
