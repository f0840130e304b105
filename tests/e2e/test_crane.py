"""The registry's other client reads the same references with the same credentials."""

import base64
import hashlib
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.cli import clean_environment, run_cli
from support.docker_registry import DockerRegistry
from support.images import DOCKER_LIST, DOCKER_MANIFEST, Pusher
from support.inputs import Pool, write_inputs
from support.require import require_program

pytestmark = pytest.mark.e2e

REPOSITORY = "second-opinion/doca-driver"
PUBLISHED = tuple(
    Pool(kernel=f"5.15.0-{number}-generic", arch=arch) for number in (91, 105) for arch in ("amd64", "arm64")
)
UNPUBLISHED = Pool(kernel="6.8.0-60-generic")


@dataclass(frozen=True, slots=True, kw_only=True)
class Crane:
    """What crane says of one repository."""

    image: str
    env: Mapping[str, str]

    def tags(self) -> set[str]:
        return set(self._run("ls", self.image).decode().split())

    def digest(self, tag: str) -> str:
        return self._run("digest", f"{self.image}:{tag}").decode().strip()

    def manifest(self, reference: str) -> bytes:
        return self._run("manifest", f"{self.image}{reference}")

    def _run(self, *args: str) -> bytes:
        crane = require_program("CRANE", "crane 0.22.1")
        environment = clean_environment() | dict(self.env)
        return subprocess.run([crane, *args], env=environment, capture_output=True, check=True).stdout


@dataclass(frozen=True, slots=True, kw_only=True)
class Both:
    """The product and crane, with the same login, on a registry that holds images of every format."""

    crane: Crane
    folder: Path
    flags: tuple[str | Path, ...]
    inputs: tuple[str, ...]

    def report(self) -> list[dict[str, Any]]:
        self._succeed("generate", "--report", "report.json")
        pools: list[dict[str, Any]] = json.loads((self.folder / "report.json").read_text())["pools"]
        return pools

    def locked(self) -> list[dict[str, Any]]:
        self._succeed("lock")
        (repository,) = yaml.safe_load((self.folder / "gitops-doca.lock.yaml").read_text())["repositories"]
        assert repository["repository"] == self.crane.image
        tags: list[dict[str, Any]] = repository["tags"]
        return tags

    def _succeed(self, command: str, *flags: str) -> None:
        result = run_cli(command, *self.inputs, *self.flags, *flags, cwd=self.folder, env={**self.crane.env})
        assert result.exit_code == 0, result.stderr


@pytest.fixture
def both(any_registry: DockerRegistry, tmp_path: Path) -> Both:
    _push_all(any_registry)
    repository = f"{any_registry.host}/{REPOSITORY.partition('/')[0]}"
    pools = [*PUBLISHED, UNPUBLISHED]
    return Both(
        crane=Crane(image=f"{any_registry.host}/{REPOSITORY}", env=_login(any_registry, tmp_path)),
        folder=tmp_path,
        flags=("--ca-file", any_registry.ca_file) if any_registry.ca_file else (),
        inputs=write_inputs(tmp_path, repository=repository, pools=pools, forced=False),
    )


def _push_all(server: DockerRegistry) -> None:
    pusher = Pusher(registry=server, repository=REPOSITORY)
    oci, docker, index, docker_list = PUBLISHED
    pusher.image(oci.tag, architecture=oci.arch)
    pusher.image(docker.tag, architecture=docker.arch, media_type=DOCKER_MANIFEST)
    pusher.index(index.tag, architectures=("amd64",))
    pusher.index(docker_list.tag, architectures=("amd64", "arm64"), media_type=DOCKER_LIST)
    pusher.image(UNPUBLISHED.compile_tag)


def _login(server: DockerRegistry, folder: Path) -> dict[str, str]:
    if server.credentials is None:
        return {}
    auth = base64.b64encode(":".join(server.credentials).encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {server.host: {"auth": auth}}}))
    return {"DOCKER_CONFIG": str(folder), "SSL_CERT_FILE": str(server.ca_file)}


def test_the_report_has_the_digests_that_crane_sees(both: Both) -> None:
    pools = both.report()

    listed = both.crane.tags()
    digests = {tag: both.crane.digest(tag) for tag in listed}
    assert {pool["pool"]: pool["digest"] for pool in pools} == {
        **{pool.name: digests[pool.tag] for pool in PUBLISHED},
        UNPUBLISHED.name: digests[UNPUBLISHED.compile_tag],
    }
    assert {pool["pool"]: pool["state"] for pool in pools} == {
        pool.name: "precompiled" if pool.tag in listed else "compiled" for pool in (*PUBLISHED, UNPUBLISHED)
    }


def test_the_lock_has_the_digests_and_the_misses_that_crane_sees(both: Both) -> None:
    locked = both.locked()

    listed = both.crane.tags()
    assert {entry["tag"]: entry.get("digest") for entry in locked} == {
        **{tag: both.crane.digest(tag) for tag in listed},
        UNPUBLISHED.tag: None,
    }
    assert [entry["tag"] for entry in locked if entry.get("missing")] == [UNPUBLISHED.tag]
    assert UNPUBLISHED.tag not in listed


def test_the_locked_digests_are_those_of_the_manifests_that_crane_reads(both: Both) -> None:
    existing = [entry for entry in both.locked() if "digest" in entry]

    by_tag = {entry["tag"]: both.crane.manifest(f":{entry['tag']}") for entry in existing}
    by_digest = {entry["tag"]: both.crane.manifest(f"@{entry['digest']}") for entry in existing}
    assert len(existing) == len(PUBLISHED) + 1
    assert by_tag == by_digest
    assert {entry["tag"]: entry["digest"] for entry in existing} == {
        tag: f"sha256:{hashlib.sha256(manifest).hexdigest()}" for tag, manifest in by_tag.items()
    }
