"""An application for Argo CD's plugin, and how long the plugin server's whole answer for it takes."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONFIG = """\
apiVersion: gitops-doca.dev/v1alpha1
kind: DriverGenerator
metadata: {name: drivers}
spec: {policies: [policy.yaml], inventory: [nodes.yaml]}
"""


@contextmanager
def application(policy: Path, nodes: Path) -> Iterator[Path]:
    """Give the folder of an application with these inputs; while the registry runs its lock is written."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "gitops-doca.yaml").write_text(CONFIG)
        (folder / "policy.yaml").write_bytes(policy.read_bytes())
        (folder / "nodes.yaml").write_bytes(nodes.read_bytes())
        subprocess.run([sys.executable, "-m", "gitops_doca", "lock", folder], check=True, capture_output=True)
        yield folder


def command(folder: Path) -> list[str]:
    """Return what the plugin server runs, in the application's folder."""
    return ["env", "-C", str(folder), sys.executable, "-m", "gitops_doca", "argocd", "generate"]


@contextmanager
def answering(folder: Path) -> Iterator[Callable[[], float] | None]:
    """Run Argo CD's plugin server, and give what measures one answer; None when its program is not here."""
    if not os.environ.get("ARGOCD"):
        yield None
        return
    sys.path.insert(0, str(ROOT / "tests"))
    from support.argocd import cmp_server
    from support.cli import install
    from support.cmp_client import manifests

    with tempfile.TemporaryDirectory() as name:
        side_car = Path(name)
        install(side_car)
        env = {"PATH": f"{side_car}:{os.environ['PATH']}"}
        with cmp_server(side_car, (ROOT / "plugin.yaml").read_text(), env=env) as server:

            def seconds() -> float:
                started = time.perf_counter()
                manifests(server.socket, folder, ".", {"ARGOCD_APP_SOURCE_PATH": "."})
                return time.perf_counter() - started

            yield seconds
