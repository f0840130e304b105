"""While nodes move to another driver version, kustomize and Argo CD render what `generate` renders."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.application import Application
from support.argocd import CmpServer, cmp_server
from support.cli import ROOT, Result, install, run_cli
from support.cmp_client import manifests
from support.docker_registry import DockerRegistry
from support.kustomize import KUSTOMIZE, KUSTOMIZE_4, Program, build
from support.two_clusters import FOLDERS, Repository, go, publish

pytestmark = pytest.mark.e2e

PLUGINS = ("--enable-alpha-plugins", "--enable-exec")
# Nothing listens there: a run that asks a registry fails.
NOWHERE = {"HTTPS_PROXY": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1"}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """An environment with the programs on PATH, and no way to a registry."""
    folder = tmp_path_factory.mktemp("bin")
    install(folder)
    install(folder, "gitops-doca-krm")
    return NOWHERE | {"PATH": f"{folder}:{os.environ['PATH']}"}


@pytest.fixture(scope="module")
def server(environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[CmpServer]:
    """Argo CD's server with the plugin as it ships."""
    plugin = (ROOT / "plugin.yaml").read_text()
    with cmp_server(tmp_path_factory.mktemp("cmp"), plugin, env=environment) as running:
        yield running


@pytest.fixture(scope="module")
def stages(registry: DockerRegistry, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Repository]:
    """The repository at each stage of the upgrade, each folder with a kustomization."""
    stages = go(tmp_path_factory.mktemp("upgrade"), publish(registry))
    for repository in stages.values():
        for folder in FOLDERS:
            (repository.folder / folder / "kustomization.yaml").write_text("generators: [gitops-doca.yaml]\n")
    return stages


@pytest.fixture(params=["locked", "begun", "moved"])
def repository(stages: dict[str, Repository], request: pytest.FixtureRequest) -> Repository:
    """The repository at each stage in turn."""
    return stages[request.param]


def by_id(stream: bytes) -> dict[tuple[str, str], Any]:
    """Return the objects of a stream; kustomize sorts them in an order of its own."""
    found = [item for item in yaml.safe_load_all(stream) if item]
    objects = {(item["kind"], item["metadata"]["name"]): item for item in found}
    assert len(objects) == len(found)
    return objects


def generated(repository: Repository, folder: str) -> Result:
    return repository.run("generate", "--locked", folder)


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("release", [KUSTOMIZE, KUSTOMIZE_4], ids=["5.8", "4.5"])
def test_kustomize_gives_the_objects_that_generate_gives(
    repository: Repository, folder: str, release: Program, environment: Mapping[str, str], tmp_path: Path
) -> None:
    cluster = repository.folder / folder

    built = build(cluster, *PLUGINS, env=environment, release=release)
    verified = run_cli("verify", cluster, "-", cwd=tmp_path, stdin=built.stdout)

    assert built.exit_code == 0, built.stderr
    assert by_id(built.stdout) == by_id(generated(repository, folder).stdout)
    assert (verified.exit_code, verified.stdout) == (0, b"")


@pytest.mark.parametrize("folder", FOLDERS)
def test_argo_cd_syncs_the_objects_that_generate_gives(
    repository: Repository, folder: str, server: CmpServer
) -> None:
    environment = Application(repository.folder, folder).environment

    found = manifests(server.socket, repository.folder, folder, environment)

    assert found == [item for item in yaml.safe_load_all(generated(repository, folder).stdout) if item]
