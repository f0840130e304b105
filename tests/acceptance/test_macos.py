"""Everything but the plugin for Argo CD runs without what Linux alone has."""

import json
import shutil
from pathlib import Path

import pytest

from fakes.api_server import FakeApiServer, node
from fakes.registry import Auth, FakeRegistry, image
from gitops_doca.cli import COMMANDS
from support.application import Application, make_application
from support.cli import ROOT, run_cli
from support.inputs import Pool, write_inputs
from support.krm import config, resource_list
from support.macos import run_as_on_macos
from support.repository import edit, start_demo

DEMO = ROOT / "fixtures" / "demo"
POOL = Pool(kernel="5.15.0-91-generic")


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    shutil.copytree(DEMO, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_starts(name: str, tmp_path: Path) -> None:
    result = run_as_on_macos(name, "--help", cwd=tmp_path)

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(f"Usage: gitops-doca {name} ".encode())


@pytest.mark.parametrize(
    "words",
    [["generate"], ["generate", "-o", "json"], ["check"], ["check", "-o", "json"], ["schema", "config"]],
    ids=" ".join,
)
def test_it_gives_what_it_gives_on_linux(words: list[str], demo: Path) -> None:
    result = run_as_on_macos(*words, cwd=demo)

    assert (result.exit_code, result.stderr) == (0, "")
    assert result == run_cli(*words, cwd=demo)


def test_a_folder_of_manifests_is_written_and_is_current(demo: Path) -> None:
    written = run_as_on_macos("generate", "--output-dir", "out", "--report", "report.json", cwd=demo)
    checked = run_as_on_macos("generate", "--output-dir", "out", "--check", cwd=demo)

    assert (written.exit_code, checked.exit_code, checked.stderr) == (0, 0, "out: current\n")
    assert json.loads((demo / "report.json").read_text())["kind"] == "DriverReport"


def test_a_lock_is_written_and_is_current(tmp_path: Path) -> None:
    manifest, blob = image()
    tags = {"nvidia/doca-driver": {POOL.tag: manifest}}
    with FakeRegistry(tags=tags, blobs=[blob]) as fake:
        inputs = write_inputs(tmp_path, repository=f"{fake.host}/nvidia", pools=[POOL], forced=True)
        written = run_as_on_macos("lock", *inputs, cwd=tmp_path)
        checked = run_as_on_macos("lock", *inputs, "--check", cwd=tmp_path)
        matrix = run_as_on_macos("matrix", *inputs, "-o", "json", cwd=tmp_path)

    assert (written.exit_code, written.stderr) == (0, "gitops-doca.lock.yaml: 1 image locked\n")
    assert (checked.exit_code, checked.stdout, checked.stderr) == (0, b"", "")
    assert (matrix.exit_code, matrix.stderr) == (0, "")


def test_a_credential_helper_is_run(tmp_path: Path) -> None:
    manifest, blob = image()
    helper = tmp_path / "bin" / "docker-credential-fake"
    helper.parent.mkdir()
    helper.write_text('#!/bin/sh\necho \'{"Username": "u", "Secret": "p"}\'\n')
    helper.chmod(0o755)
    with FakeRegistry(
        tags={"nvidia/doca-driver": {POOL.tag: manifest}},
        blobs=[blob],
        auth=Auth(scheme="basic", login=("u", "p")),
    ) as fake:
        (tmp_path / "config.json").write_text(json.dumps({"credHelpers": {fake.host: "fake"}}))
        inputs = write_inputs(tmp_path, repository=f"{fake.host}/nvidia", pools=[POOL], forced=True)
        result = run_as_on_macos(
            *("check", *inputs, "--registry-config", "config.json"),
            cwd=tmp_path,
            env={"PATH": f"{helper.parent}:/usr/bin:/bin"},
        )

    assert (result.exit_code, result.stderr) == (0, "")


def test_a_difference_to_another_revision_is_shown(tmp_path: Path) -> None:
    cluster = start_demo(tmp_path / "repository")
    edit(cluster / "gitops-doca.yaml", ("  annotations:", "  operatorNames: true\n  annotations:"))

    result = run_as_on_macos("diff", "main", cwd=cluster)

    assert (result.exit_code, result.stderr) == (1, "")
    assert result == run_cli("diff", "main", cwd=cluster)


def test_a_function_gives_its_resource_list(demo: Path) -> None:
    stdin = resource_list([], config(policies=["policy.yaml"], inventory=["nodes.yaml"]))

    result = run_as_on_macos("krm", cwd=demo, stdin=stdin)

    assert (result.exit_code, result.stderr) == (0, "")
    assert result == run_cli("krm", cwd=demo, stdin=stdin)


def test_a_built_stream_is_verified(demo: Path) -> None:
    stream = run_as_on_macos("generate", cwd=demo).stdout

    result = run_as_on_macos("verify", "-", cwd=demo, stdin=stream)

    assert (result.exit_code, result.stderr) == (0, "stdin: as expected, DaemonSets of pools: 3\n")


def test_an_inventory_is_written_and_is_current(tmp_path: Path) -> None:
    with FakeApiServer(nodes=[node("a")]) as fake:
        env = {"KUBECONFIG": str(fake.kubeconfig(tmp_path))}
        written = run_as_on_macos("inventory", "--write", "nodes.yaml", cwd=tmp_path, env=env)
        checked = run_as_on_macos("inventory", "--check", "nodes.yaml", cwd=tmp_path, env=env)

    assert (written.exit_code, written.stderr) == (0, "nodes.yaml: 1 node, 1 group\n")
    assert (checked.exit_code, checked.stderr) == (0, "nodes.yaml: current\n")


@pytest.fixture
def application(tmp_path: Path) -> Application:
    return make_application(tmp_path)


def test_the_plugin_says_that_it_needs_linux(application: Application) -> None:
    result = run_as_on_macos("argocd", "generate", cwd=application.folder, env=application.environment)

    assert (result.exit_code, result.stdout) == (2, b"")
    assert result.stderr == (
        "error[usage]: gitops-doca argocd generate needs Linux, where Argo CD runs its plugins\n"
        "  help: to see the same manifests here, run gitops-doca generate\n"
    )


def test_the_plugins_parameters_are_announced_everywhere(application: Application) -> None:
    result = run_as_on_macos("argocd", "parameters", cwd=application.folder)

    assert (result.exit_code, result.stderr) == (0, "")
    assert result == run_cli("argocd", "parameters", cwd=application.folder)
