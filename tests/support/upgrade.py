"""A change of the demo, as a pull request would have it: a node boots the next kernel, a setting differs."""

import re
from pathlib import Path

from support.repository import edit

VERSION, FALLBACK = "doca3.4.0-26.04-0.8.0.0-0", "doca3.3.0-26.01-1.0.0.0-0"
_TAG = f"{VERSION}-6.8.0-117-generic-ubuntu24.04-amd64"
_DIGEST = "sha256:b4e7bf4f7ef45aafcb1bd67de263c592840409af0c2beceae0c8abcb0974e201"


def change(cluster: Path) -> None:
    """Make the change in a folder that holds the demo."""
    edit(cluster / "policy.yaml", ('value: "true"', 'value: "false"'))
    boot(cluster, "gpu-2", "6.8.0-100-generic", "6.8.0-117-generic")
    pool = "- policy: NicClusterPolicy/nic-cluster-policy\n  pool: ubuntu24.04/6.8.0-117-generic/amd64\n"
    lock = cluster / "gitops-doca.lock.yaml"
    edit(lock, ("repositories:\n", f"{pool}repositories:\n"))
    with lock.open("a") as file:
        file.write(f"  - tag: {_TAG}\n    digest: {_DIGEST}\n    platform: linux/amd64\n")


def finish(cluster: Path) -> None:
    """Have the other nodes run kernels of the policy's version too, without fallback versions."""
    kernels = ("6.8.0-100-generic", "6.8.0-117-generic"), ("6.17.0-1008-nvidia", "6.17.0-1018-nvidia")
    lock = cluster / "gitops-doca.lock.yaml"
    edit(cluster / "gitops-doca.yaml", (f"  fallbackVersions:\n  - {FALLBACK}\n", ""))
    edit(cluster / "nodes.yaml", *kernels)
    lock.write_text(re.sub(r"  - tag: .*\n    missing: true\n", "", lock.read_text()))
    edit(lock, (FALLBACK, VERSION), *kernels)


def boot(cluster: Path, node: str, old: str, new: str) -> None:
    """Have a node run another kernel."""
    nodes = cluster / "nodes.yaml"
    before, separator, after = nodes.read_text().partition(f"kubernetes.io/hostname: {node}\n")
    head, found, tail = before.rpartition(old)
    assert separator
    assert found
    nodes.write_text(f"{head}{new}{tail}{separator}{after}")
