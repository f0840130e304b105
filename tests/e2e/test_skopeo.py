"""skopeo copies what `check -o mirror-skopeo` lists, and nothing else."""

import subprocess
from pathlib import Path

import pytest
import requests
import yaml

from support.cli import clean_environment, run_cli
from support.docker_registry import DockerRegistry
from support.images import Pusher
from support.inputs import Pool, write_inputs
from support.require import require_program

pytestmark = pytest.mark.e2e

THERE = [Pool(kernel="5.15.0-91-generic"), Pool(kernel="5.15.0-105-generic", arch="arm64")]
GONE, OTHER = Pool(kernel="6.8.0-60-generic"), Pool(kernel="6.8.0-71-generic")


@pytest.mark.parametrize("pinned", [False, True])
def test_skopeo_copies_the_images_that_are_listed(
    registry: DockerRegistry,
    tmp_path: Path,
    pinned: bool,  # noqa: FBT001 (a parameter)
) -> None:
    skopeo = require_program("SKOPEO", "skopeo")
    name = f"mirrored-{pinned}".lower()
    pusher = Pusher(registry=registry, repository=f"{name}/doca-driver")
    for pool in (*THERE, OTHER):
        pusher.image(pool.tag, architecture=pool.arch)
    inputs = write_inputs(tmp_path, repository=f"{registry.host}/{name}", pools=[*THERE, GONE], forced=True)
    flags = ["--pin-digests"] if pinned else []

    listed = run_cli("check", *inputs, *flags, "-o", "mirror-skopeo", cwd=tmp_path)
    # This registry has no TLS, which that file has to say: a flag does not reach it.
    images = yaml.safe_load(listed.stdout)
    images[registry.host]["tls-verify"] = False
    (tmp_path / "images.yaml").write_text(yaml.safe_dump(images))
    subprocess.run(
        [
            *(skopeo, "--insecure-policy", "sync", "--all"),
            "--dest-tls-verify=false",
            *("--src", "yaml", "--dest", "docker", "images.yaml", f"{registry.host}/{name}-copies"),
        ],
        cwd=tmp_path,
        env=clean_environment() | {"HOME": str(tmp_path)},
        check=True,
    )

    assert listed.exit_code == 4
    tags = requests.get(f"{registry.url}/{name}-copies/doca-driver/tags/list", timeout=10).json()["tags"]
    assert sorted(tags) == sorted(pool.tag for pool in THERE)
