"""A change of the demo, as a pull request would have it: a node boots the next kernel, a setting differs."""

import re
from pathlib import Path

from demo import FALLBACK, VERSION, boot, change
from support.repository import edit

__all__ = ["FALLBACK", "VERSION", "boot", "change", "finish"]


def finish(cluster: Path) -> None:
    """Have the other nodes run kernels of the policy's version too, without fallback versions."""
    kernels = ("6.8.0-100-generic", "6.8.0-117-generic"), ("6.17.0-1008-nvidia", "6.17.0-1018-nvidia")
    lock = cluster / "gitops-doca.lock.yaml"
    edit(cluster / "gitops-doca.yaml", (f"  fallbackVersions:\n  - {FALLBACK}\n", ""))
    edit(cluster / "nodes.yaml", *kernels)
    lock.write_text(re.sub(r"  - tag: .*\n    missing: true\n", "", lock.read_text()))
    edit(lock, (FALLBACK, VERSION), *kernels)
