import base64
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from support.cli import clean_environment, run_cli
from support.docker_registry import DockerRegistry
from support.images import DOCKER_LIST, DOCKER_MANIFEST, Pusher
from support.inputs import Pool, write_inputs
from support.require import require

pytestmark = pytest.mark.e2e

REPOSITORY = "second-opinion/doca-driver"
PUBLISHED = tuple(
    Pool(kernel=f"5.15.0-{number}-generic", arch=arch) for number in (91, 105) for arch in ("amd64", "arm64")
)
UNPUBLISHED = Pool(kernel="6.8.0-60-generic")


def _crane(*args: str, env: Mapping[str, str]) -> str:
    crane = os.environ.get("CRANE")
    require(crane, "CRANE does not name a crane; `make e2e` builds one")
    run = subprocess.run(
        [str(crane), *args], env=clean_environment() | dict(env), capture_output=True, text=True, check=True
    )
    return run.stdout


def _push_all(registry: DockerRegistry) -> None:
    pusher = Pusher(registry=registry, repository=REPOSITORY)
    oci, docker, index, docker_list = PUBLISHED
    pusher.image(oci.tag, architecture=oci.arch)
    pusher.image(docker.tag, architecture=docker.arch, media_type=DOCKER_MANIFEST)
    pusher.index(index.tag, architectures=("amd64",))
    pusher.index(docker_list.tag, architectures=("amd64", "arm64"), media_type=DOCKER_LIST)
    pusher.image(UNPUBLISHED.compile_tag)


def _report(registry: DockerRegistry, folder: Path, env: Mapping[str, str]) -> list[dict[str, Any]]:
    repository = f"{registry.host}/{REPOSITORY.partition('/')[0]}"
    inputs = write_inputs(folder, repository=repository, pools=[*PUBLISHED, UNPUBLISHED], forced=False)
    ca_file = ("--ca-file", registry.ca_file) if registry.ca_file else ()
    result = run_cli("generate", *inputs, *ca_file, "--report", folder / "report.json", cwd=folder, env=env)
    assert result.exit_code == 0, result.stderr
    pools: list[dict[str, Any]] = json.loads((folder / "report.json").read_text())["pools"]
    return pools


def _assert_crane_agrees(registry: DockerRegistry, folder: Path, env: Mapping[str, str]) -> None:
    _push_all(registry)

    pools = _report(registry, folder, env)
    image = f"{registry.host}/{REPOSITORY}"
    listed = set(_crane("ls", image, env=env).split())
    digests = {tag: _crane("digest", f"{image}:{tag}", env=env).strip() for tag in listed}

    assert {pool["pool"]: pool["digest"] for pool in pools} == {
        **{pool.name: digests[pool.tag] for pool in PUBLISHED},
        UNPUBLISHED.name: digests[UNPUBLISHED.compile_tag],
    }
    assert {pool["pool"]: pool["state"] for pool in pools} == {
        pool.name: "precompiled" if pool.tag in listed else "compiled" for pool in (*PUBLISHED, UNPUBLISHED)
    }


def test_crane_sees_the_same_digests(registry: DockerRegistry, tmp_path: Path) -> None:
    _assert_crane_agrees(registry, tmp_path, {})


def test_crane_sees_the_same_digests_behind_tls_and_a_password(
    secure_registry: DockerRegistry, tmp_path: Path
) -> None:
    assert secure_registry.credentials is not None
    auth = base64.b64encode(":".join(secure_registry.credentials).encode()).decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {secure_registry.host: {"auth": auth}}}))

    environment = {"DOCKER_CONFIG": str(tmp_path), "SSL_CERT_FILE": str(secure_registry.ca_file)}
    _assert_crane_agrees(secure_registry, tmp_path, environment)
