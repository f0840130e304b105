"""A change of the demo, as a pull request would have it: a node boots another kernel, a setting differs."""

from pathlib import Path

from support.repository import edit

_TAG = "doca3.3.0-26.01-1.0.0.0-0-6.17.0-1008-nvidia-ubuntu24.04-amd64"
_DIGEST = "sha256:4d161686f5c8d936021517753c4cccf24b9cb9da655e3f05a58be21ce2ae1834"


def change(cluster: Path) -> None:
    """Make the change in a folder that holds the demo."""
    edit(cluster / "policy.yaml", ('value: "true"', 'value: "false"'))
    boot(cluster, "gpu-2", "6.8.0-100-generic", "6.17.0-1008-nvidia")
    pool = "- policy: NicClusterPolicy/nic-cluster-policy\n  pool: ubuntu24.04/6.17.0-1008-nvidia/amd64\n"
    lock = cluster / "gitops-doca.lock.yaml"
    edit(lock, ("repositories:\n", f"{pool}repositories:\n"))
    with lock.open("a") as file:
        file.write(f"  - tag: {_TAG}\n    digest: {_DIGEST}\n    platform: linux/amd64\n")


def boot(cluster: Path, node: str, old: str, new: str) -> None:
    """Have a node run another kernel."""
    nodes = cluster / "nodes.yaml"
    before, separator, after = nodes.read_text().partition(f"kubernetes.io/hostname: {node}\n")
    head, found, tail = before.rpartition(old)
    assert separator
    assert found
    nodes.write_text(f"{head}{new}{tail}{separator}{after}")
