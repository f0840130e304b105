"""The hooks for pre-commit, run by it from a repository; its program is this checkout, not installed."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from fakes.registry import FakeRegistry
from support.cli import ROOT, Result
from support.repository import commit, git
from support.shell import Shell, blocks

HOOKS = ROOT / ".pre-commit-hooks.yaml"
DEMO = ROOT / "fixtures" / "demo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A repository that uses the hooks, and the one that they come from."""

    folder: Path

    def run(self, hook: str, *args: str) -> Result:
        """Run a hook on all files; `language` is the only key that its manifest does not decide."""
        source = self.folder / "source"
        hooks = [{"id": hook, "args": list(args), "language": "system"}]
        config = {"repos": [{"repo": str(source), "rev": git(source, "rev-parse", "HEAD"), "hooks": hooks}]}
        (self.folder / "project" / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
        git(self.folder / "project", "add", "--all")
        shell = Shell(folder=self.folder / "project", programs=self.folder / "bin")
        stage = "manual" if hook.endswith("lock-check") else "pre-commit"
        return shell.run(
            f"export PRE_COMMIT_HOME={self.folder}/home HOME={self.folder} PYTHONWARNINGS=\n"
            f"{sys.executable} -m pre_commit run --all-files --color never --hook-stage {stage} {hook}"
        )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    for name in ("source", "project"):
        (tmp_path / name).mkdir()
        git(tmp_path / name, "init", "--quiet")
    shutil.copy(HOOKS, tmp_path / "source")
    commit(tmp_path / "source")
    shutil.copytree(DEMO, tmp_path / "project" / "demo")
    commit(tmp_path / "project")
    return Project(folder=tmp_path)


def test_pre_commit_accepts_the_manifest() -> None:
    subprocess.run([sys.executable, "-m", "pre_commit", "validate-manifest", HOOKS], check=True)


def test_rendered_manifests_must_be_current(project: Project) -> None:
    arguments = ("--output-dir", "rendered", "demo")

    absent = project.run("gitops-doca-generate-check", *arguments)
    written = Shell(folder=project.folder / "project", programs=project.folder / "bin").run(
        "gitops-doca generate --output-dir rendered demo"
    )
    current = project.run("gitops-doca-generate-check", *arguments)

    assert (absent.exit_code, current.exit_code) == (1, 0), current
    assert b"missing    kustomization.yaml" in absent.stdout
    assert written.exit_code == 0
    assert current.stdout.decode().endswith("Passed\n")


def test_a_lock_must_say_what_the_registry_has(project: Project) -> None:
    with FakeRegistry(tags={}) as registry:
        folder = project.folder / "project" / "demo"
        policy = folder / "policy.yaml"
        policy.write_text(policy.read_text().replace("nvcr.io/", f"{registry.host}/"))
        result = project.run("gitops-doca-lock-check", "demo")

    assert result.exit_code == 1
    assert b"driver lock says what the registry has" in result.stdout
    assert b"- exit code: 5\n" in result.stdout
    assert b"error[unknown]: demo/policy.yaml:" in result.stdout
    assert registry.requests


def test_the_page_uses_the_hooks_that_there_are() -> None:
    configs: list[Any] = [yaml.safe_load(block) for block in blocks("ci.md", "yaml") if "hooks:" in block]
    (repository,) = configs[0]["repos"]

    assert [hook["id"] for hook in repository["hooks"]] == [
        hook["id"] for hook in yaml.safe_load(HOOKS.read_text())
    ]
