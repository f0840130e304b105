import json
from pathlib import Path
from typing import Any

import pytest

from support.cli import run_cli
from support.docker_registry import DockerRegistry
from support.images import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, Pusher
from support.inputs import Pool, write_inputs

pytestmark = pytest.mark.service


def _summary(report: Path) -> list[dict[str, Any]]:
    fields = ("pool", "state", "tag", "digest")
    return [{field: pool[field] for field in fields} for pool in json.loads(report.read_text())["pools"]]


def test_tags_of_every_manifest_format_exist(registry: DockerRegistry, tmp_path: Path) -> None:
    pusher = Pusher(registry=registry, repository="formats/doca-driver")
    oci, docker, index, docker_list = (Pool(kernel=f"5.15.0-{number}-generic") for number in range(91, 95))
    both = ("amd64", "arm64")
    digests = {
        oci: pusher.image(oci.tag, media_type=OCI_MANIFEST),
        docker: pusher.image(docker.tag, media_type=DOCKER_MANIFEST),
        index: pusher.index(index.tag, architectures=both, media_type=OCI_INDEX),
        docker_list: pusher.index(docker_list.tag, architectures=both, media_type=DOCKER_LIST),
    }
    inputs = write_inputs(tmp_path, repository=f"{registry.host}/formats", pools=list(digests), forced=True)

    result = run_cli("generate", *inputs, "--report", tmp_path / "report.json", cwd=tmp_path)

    assert (result.exit_code, result.stderr) == (0, "")
    assert _summary(tmp_path / "report.json") == [
        {"pool": pool.name, "state": "precompiled", "tag": pool.tag, "digest": digest}
        for pool, digest in digests.items()
    ]


def test_a_forced_tag_that_is_not_there_is_missing(registry: DockerRegistry, tmp_path: Path) -> None:
    published, wanted = Pool(kernel="5.15.0-91-generic"), Pool(kernel="5.15.0-105-generic")
    Pusher(registry=registry, repository="forced/doca-driver").image(published.tag)
    inputs = write_inputs(
        tmp_path, repository=f"{registry.host}/forced", pools=[published, wanted], forced=True
    )

    result = run_cli("generate", *inputs, cwd=tmp_path)

    assert (result.exit_code, result.stdout) == (4, b"")
    assert result.stderr.startswith("error[missing]: ")
    assert f"ForcePrecompiled is enabled and precompiled tag was not found: {wanted.tag}" in result.stderr
    assert published.tag in result.stderr
    assert "node-2" in result.stderr


def test_without_force_the_pool_compiles_on_its_nodes(registry: DockerRegistry, tmp_path: Path) -> None:
    pool = Pool(kernel="5.15.0-105-generic")
    digest = Pusher(registry=registry, repository="fallback/doca-driver").image(pool.compile_tag)
    inputs = write_inputs(tmp_path, repository=f"{registry.host}/fallback", pools=[pool], forced=False)

    result = run_cli("generate", *inputs, "--report", tmp_path / "report.json", cwd=tmp_path)

    assert result.exit_code == 0, result.stderr
    assert _summary(tmp_path / "report.json") == [
        {"pool": pool.name, "state": "compiled", "tag": pool.compile_tag, "digest": digest}
    ]


def test_without_force_the_image_that_compiles_must_exist(registry: DockerRegistry, tmp_path: Path) -> None:
    pool = Pool(kernel="5.15.0-105-generic")
    Pusher(registry=registry, repository="nothing/doca-driver").image("other")
    inputs = write_inputs(tmp_path, repository=f"{registry.host}/nothing", pools=[pool], forced=False)

    result = run_cli("generate", *inputs, cwd=tmp_path)

    assert (result.exit_code, result.stdout) == (4, b"")
    assert pool.compile_tag in result.stderr


def test_a_repository_that_does_not_exist_is_unknown(registry: DockerRegistry, tmp_path: Path) -> None:
    pool = Pool(kernel="5.15.0-91-generic")
    inputs = write_inputs(tmp_path, repository=f"{registry.host}/never-pushed", pools=[pool], forced=True)

    result = run_cli("generate", *inputs, cwd=tmp_path)

    assert (result.exit_code, result.stdout) == (5, b"")
    assert result.stderr.startswith("error[unknown]: ")
    assert pool.tag in result.stderr


def test_a_registry_that_is_not_there_is_unknown(tmp_path: Path) -> None:
    pool = Pool(kernel="5.15.0-91-generic")
    inputs = write_inputs(tmp_path, repository="127.0.0.1:1/absent", pools=[pool], forced=False)

    result = run_cli("generate", *inputs, "--deadline", "5", cwd=tmp_path)

    assert (result.exit_code, result.stdout) == (5, b"")
    assert "127.0.0.1:1" in result.stderr


def test_check_shows_the_decisions_of_generate(registry: DockerRegistry, tmp_path: Path) -> None:
    precompiled, compiled = Pool(kernel="5.15.0-91-generic"), Pool(kernel="5.15.0-105-generic")
    pusher = Pusher(registry=registry, repository="check/doca-driver")
    pusher.image(precompiled.tag)
    pusher.image(compiled.compile_tag)
    inputs = write_inputs(
        tmp_path, repository=f"{registry.host}/check", pools=[precompiled, compiled], forced=False
    )

    generated = run_cli("generate", *inputs, "--report", tmp_path / "report.json", cwd=tmp_path)
    checked = run_cli("check", *inputs, "-o", "json", cwd=tmp_path)

    assert (generated.exit_code, checked.exit_code) == (0, 0), checked.stderr
    assert json.loads(checked.stdout)["pools"] == json.loads((tmp_path / "report.json").read_text())["pools"]
