"""Writes inventories of any size, in the shape and weight that `kubectl get nodes` prints."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import yaml


class Weight(NamedTuple):
    """How much of a node is of no interest to the product."""

    features: int
    """Labels of node-feature-discovery about the processor."""
    images: int


_COMMON = Weight(features=60, images=22)
_HEAVY = Weight(features=80, images=30)
HEAVY = ".heavy.json"
COMPACT = ".compact.yaml"
FLAVOURS = ".flavours.compact.yaml"
VERSION = "25.04-0.6.1.0-2"
FALLBACKS = ("25.04-0.6.1.0-1", "25.01-0.6.0.0-0")
POLICY = """\
apiVersion: mellanox.com/v1alpha1
kind: NicClusterPolicy
metadata:
  name: nic-cluster-policy
spec:
  ofedDriver:
    image: {image}
    repository: {repository}
    version: {version}
    forcePrecompiled: true
"""


CONFIG = """\
apiVersion: gitops-doca.dev/v1alpha1
kind: DriverGenerator
spec:
  policies: [policy.yaml]
  inventory: [nodes.json]
"""


def kernel(pool: int) -> str:
    """Return the kernel release of a pool."""
    return f"5.15.0-{100 + pool}-generic"


def tag(pool: int, version: str = VERSION) -> str:
    """Return the tag that a pool needs."""
    return f"{version}-{kernel(pool)}-ubuntu22.04-amd64"


def flavour(pool: int, number: int = 100) -> str:
    """Return a kernel release of a pool whose kernels have a flavour of their own."""
    return f"5.15.0-{number}-flavour{pool:02d}x"


def releases(pools: int, *, count: int) -> dict[str, list[str]]:
    """Return the tags of newer versions, each with five newer kernels for each pool's flavour.

    The newest comes first, and so does its newest kernel.
    """
    return {
        version: [
            f"{version}-{flavour(pool, 1000 + 10 * number + kernel)}-ubuntu22.04-amd64"
            for kernel in range(4, -1, -1)
            for pool in range(pools)
        ]
        for number in range(count - 1, -1, -1)
        for version in (f"doca3.{number}.0-26.{number + 1:02d}-0.7.7.0-0",)
    }


def write_nodes(path: Path, *, nodes: int, pools: int) -> None:
    """Write nodes, spread evenly over the pools, as the name's ending says.

    A List in JSON or YAML, for `.heavy.json` of larger nodes, or for `.compact.yaml` a NodeInventory,
    for `.flavours.compact.yaml` one whose pools have kernels of different flavours.
    """
    part = path.with_name(f"{path.name}.part")
    with part.open("w") as file:
        if path.name.endswith(COMPACT):
            _write_compact(file, nodes, pools, flavour if path.name.endswith(FLAVOURS) else kernel)
        else:
            write = _write_json if path.suffix == ".json" else _write_yaml
            weight = _HEAVY if path.name.endswith(HEAVY) else _COMMON
            write(file, nodes, lambda index: _node(index, index % pools, weight))
    part.replace(path)


def _write_compact(file: TextIO, nodes: int, pools: int, release: Callable[[int], str]) -> None:
    document = {
        "apiVersion": "gitops-doca.dev/v1alpha1",
        "kind": "NodeInventory",
        "groups": [
            {
                "labels": {
                    "feature.node.kubernetes.io/kernel-version.full": release(pool),
                    "feature.node.kubernetes.io/system-os_release.ID": "ubuntu",
                    "feature.node.kubernetes.io/system-os_release.VERSION_ID": "22.04",
                    "kubernetes.io/arch": "amd64",
                },
                "containerRuntime": "containerd",
                "nodes": [f"node-{index:05d}" for index in range(pool, nodes, pools)],
            }
            for pool in range(pools)
        ],
    }
    yaml.dump(document, file, Dumper=yaml.CSafeDumper, sort_keys=False)


def _write_json(file: TextIO, nodes: int, node: Callable[[int], dict[str, Any]]) -> None:
    file.write('{\n    "apiVersion": "v1",\n    "items": [')
    for index in range(nodes):
        text = json.dumps(node(index), indent=4).replace("\n", "\n        ")
        file.write(f"{',' if index else ''}\n        {text}")
    file.write('\n    ],\n    "kind": "List",\n    "metadata": {\n        "resourceVersion": ""\n    }\n}\n')


def _write_yaml(file: TextIO, nodes: int, node: Callable[[int], dict[str, Any]]) -> None:
    file.write("apiVersion: v1\nitems:\n")
    for index in range(nodes):
        yaml.dump([node(index)], file, Dumper=yaml.CSafeDumper)
    file.write('kind: List\nmetadata:\n  resourceVersion: ""\n')


def new_node(index: int, pool: int) -> dict[str, Any]:
    """Return a node as a client creates it, without the fields that are the API server's own."""
    node = _node(index, pool, _COMMON)
    for field in ("creationTimestamp", "resourceVersion", "uid"):
        del node["metadata"][field]
    return node


def _node(index: int, pool: int, weight: Weight) -> dict[str, Any]:
    name = f"node-{index:05d}"
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "annotations": _annotations(index, weight),
            "creationTimestamp": "2025-06-01T08:00:00Z",
            "labels": _labels(name, pool, weight),
            "name": name,
            "resourceVersion": str(90_000_000 + index),
            "uid": f"7f0c2d4e-0000-4000-8000-{index:012d}",
        },
        "spec": {"podCIDR": f"10.{index // 256}.{index % 256}.0/24", "providerID": f"metal://{name}"},
        "status": _status(name, index, pool, weight),
    }


def _annotations(index: int, weight: Weight) -> dict[str, str]:
    features = ",".join(f"cpu-cpuid.FEATURE{number:02d}" for number in range(weight.features))
    return {
        "csi.volume.kubernetes.io/nodeid": json.dumps(
            {f"csi{number}.example.com": "x" * 36 for number in range(3)}
        ),
        "nfd.node.kubernetes.io/feature-labels": features,
        "node.alpha.kubernetes.io/ttl": "0",
        "projectcalico.org/IPv4Address": f"192.168.{index // 256}.{index % 256}/16",
        "volumes.kubernetes.io/controller-managed-attach-detach": "true",
    }


def _labels(name: str, pool: int, weight: Weight) -> dict[str, str]:
    labels = {
        f"feature.node.kubernetes.io/cpu-cpuid.FEATURE{number:02d}": "true"
        for number in range(weight.features)
    }
    labels |= {
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/os": "linux",
        "feature.node.kubernetes.io/cpu-hardware_multithreading": "true",
        "feature.node.kubernetes.io/cpu-model.family": "6",
        "feature.node.kubernetes.io/cpu-model.id": "143",
        "feature.node.kubernetes.io/kernel-config.NO_HZ": "true",
        "feature.node.kubernetes.io/kernel-version.full": kernel(pool),
        "feature.node.kubernetes.io/kernel-version.major": "5",
        "feature.node.kubernetes.io/kernel-version.minor": "15",
        "feature.node.kubernetes.io/pci-15b3.present": "true",
        "feature.node.kubernetes.io/pci-15b3.sriov.capable": "true",
        "feature.node.kubernetes.io/system-os_release.ID": "ubuntu",
        "feature.node.kubernetes.io/system-os_release.VERSION_ID": "22.04",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "topology.kubernetes.io/zone": f"rack-{pool:02d}",
    }
    return dict(sorted(labels.items()))


def _status(name: str, index: int, pool: int, weight: Weight) -> dict[str, Any]:
    resources = {"cpu": "128", "ephemeral-storage": "921300812Ki", "memory": "1056270364Ki", "pods": "110"}
    conditions = ("NetworkUnavailable", "MemoryPressure", "DiskPressure", "PIDPressure", "Ready")
    return {
        "addresses": [
            {"address": f"192.168.{index // 256}.{index % 256}", "type": "InternalIP"},
            {"address": name, "type": "Hostname"},
        ],
        "allocatable": resources,
        "capacity": dict(resources),
        "conditions": [
            {
                "lastHeartbeatTime": "2025-11-01T10:00:00Z",
                "lastTransitionTime": "2025-06-01T08:03:00Z",
                "message": f"kubelet has sufficient resources for {condition}",
                "reason": f"KubeletHas{condition}",
                "status": "True" if condition == "Ready" else "False",
                "type": condition,
            }
            for condition in conditions
        ],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "images": [_image(number) for number in range(weight.images)],
        "nodeInfo": {
            "architecture": "amd64",
            "bootID": f"0a1b2c3d-0000-4000-8000-{index:012d}",
            "containerRuntimeVersion": "containerd://1.7.27",
            "kernelVersion": kernel(pool),
            "kubeletVersion": "v1.33.4",
            "machineID": f"{index:032x}",
            "operatingSystem": "linux",
            "osImage": "Ubuntu 22.04.5 LTS",
        },
    }


def _image(number: int) -> dict[str, Any]:
    repository = f"registry.example.com/platform/component-{number:02d}"
    digest = f"sha256:{number:064x}"
    return {
        "names": [f"{repository}@{digest}", f"{repository}:v1.{number}.0"],
        "sizeBytes": 100_000_000 + number,
    }


if __name__ == "__main__":
    # A process of its own: what it needs in memory would otherwise show in what the benchmark measures.
    write_nodes(Path(sys.argv[1]), nodes=int(sys.argv[2]), pools=int(sys.argv[3]))
