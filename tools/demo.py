"""Renders fixtures/demo without any network: the published tags come from a registry on loopback."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from loopback_registry import LoopbackRegistry, serving

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
HOST = "nvcr.io"
REPOSITORY = "nvidia/mellanox/doca-driver"


def main() -> int:
    """Print what `gitops-doca generate` makes of the demo, and return its exit code."""
    registry = LoopbackRegistry(REPOSITORY, _published())
    with serving(registry), tempfile.TemporaryDirectory() as folder:
        demo = Path(folder) / "demo"
        shutil.copytree(FIXTURES / "demo", demo)
        policy = demo / "policy.yaml"
        policy.write_text(policy.read_text().replace(HOST, registry.host))
        run = subprocess.run(
            [sys.executable, "-m", "gitops_doca", "generate", demo],
            env=os.environ | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"},
            capture_output=True,
            text=True,
            check=False,
        )
    sys.stderr.write(run.stderr.replace(registry.host, HOST))
    sys.stdout.write(run.stdout.replace(registry.host, HOST))
    return run.returncode


def _published() -> dict[str, str]:
    lines = (FIXTURES / "published-tags.tsv").read_text().splitlines()
    return dict(line.split("\t") for line in lines if not line.startswith("#"))


if __name__ == "__main__":
    sys.exit(main())
