import subprocess
import sys

import yaml

from support.cli import ROOT, clean_environment

DRIVER = "nvcr.io/nvidia/mellanox/doca-driver:doca3.3.0-26.01-1.0.0.0-0"


def test_the_demo_shows_three_pools_of_published_images() -> None:
    run = subprocess.run(
        [sys.executable, ROOT / "tools" / "demo.py"],
        env=clean_environment(),
        capture_output=True,
        check=False,
    )

    assert run.returncode == 0, run.stderr.decode()
    daemon_sets = [item for item in yaml.safe_load_all(run.stdout) if item["kind"] == "DaemonSet"]
    assert [item["spec"]["template"]["spec"]["containers"][0]["image"] for item in daemon_sets] == [
        f"{DRIVER}-5.15.0-170-generic-ubuntu22.04-amd64",
        f"{DRIVER}-6.8.0-100-generic-ubuntu24.04-amd64",
        f"{DRIVER}-6.17.0-1008-nvidia-ubuntu24.04-arm64",
    ]
    assert b"127.0.0.1" not in run.stdout + run.stderr
