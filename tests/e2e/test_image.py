"""The steps of the Dockerfile, one after the other, and what they make run as it does in the side car.

The wheels come from the package index: this test, like the build of the image, needs one.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from support.application import Application, make_application
from support.cli import ROOT, Result, clean_environment
from support.confinement import confined
from support.deployment import stages

pytestmark = pytest.mark.e2e

PLUGIN = "/home/argocd/cmp-server/config/plugin.yaml"


@dataclass(kw_only=True)
class Replay:
    """A folder that stands for the root of the images: each stage has one of its own, with Python in it."""

    root: Path
    at: dict[str, str] = field(default_factory=lambda: {"build": "/", "plugin": "/"})

    def stage(self, name: str) -> None:
        """Take all steps of a stage."""
        folder = self.root / name
        subprocess.run([sys.executable, "-m", "venv", folder / "python"], check=True)
        for step in stages()[name]:
            if step.word == "WORKDIR":
                self.at[name] = step.text
                (folder / step.text.lstrip("/")).mkdir(parents=True)
            elif step.word == "COPY":
                self._copy(name, *step.paths)
            elif step.word == "RUN":
                self._run(name, step.text)
            else:
                assert step.word in {"USER", "ENTRYPOINT"}

    def _copy(self, name: str, *paths: str) -> None:
        *sources, target = paths
        for source in sources:
            to = self.path(name, target) / source if target.endswith("/") else self.path(name, target)
            to.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / source).is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(ROOT / source, to, symlinks=True, ignore=ignored)
            else:
                shutil.copy(ROOT / source, to)

    def _run(self, name: str, command: str) -> None:
        """Run a command with the stage's Python; `/wheels` is the one folder that both stages see."""
        programs = self.root / name / "python" / "bin"
        # How pip gets to the index is this machine's own.
        environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"}
        run = subprocess.run(
            ["sh", "-c", command.replace("/wheels", str(self.root / "wheels"))],
            cwd=self.path(name, "."),
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert run.returncode == 0, run.stdout + run.stderr

    def path(self, name: str, path: str) -> Path:
        """Return where a path of a stage is on this machine."""
        return self.root / name / str(Path(self.at[name]) / path).lstrip("/")


@pytest.fixture(scope="module")
def image() -> Iterator[Replay]:
    """Both stages of the plugin's image, in a folder that any user may enter."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        replay = Replay(root=Path(folder))
        replay.stage("build")
        replay.stage("plugin")
        yield replay


@pytest.fixture
def application() -> Iterator[Application]:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield make_application(Path(folder) / "repository")


def call(image: Replay, application: Application, *command: str, stdin: bytes = b"") -> Result:
    """Run a program of the image in the application's folder, as the side car's user."""
    programs = image.root / "plugin" / "python" / "bin"
    run = subprocess.run(
        [*confined(str(programs / "python")), *command],
        cwd=application.folder,
        env={"PATH": f"{programs}:{clean_environment()['PATH']}"} | application.environment,
        input=stdin,
        capture_output=True,
        check=False,
    )
    return Result(exit_code=run.returncode, stdout=run.stdout, stderr=run.stderr.decode())


def test_the_plugin_gives_what_this_checkout_gives(image: Replay, application: Application) -> None:
    result = call(image, application, "gitops-doca", "argocd", "generate")

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == application.generate().stdout


@pytest.mark.parametrize(
    "command", [["gitops-doca", "argocd", "parameters"], ["gitops-doca", "schema", "lock"]]
)
def test_other_entry_points_run_too(image: Replay, application: Application, command: list[str]) -> None:
    result = call(image, application, *command)

    assert (result.exit_code, result.stderr, result.stdout[:1] in b"[{") == (0, "", True)


def test_argo_cd_finds_its_configuration(image: Replay) -> None:
    assert image.path("plugin", PLUGIN).read_bytes() == (ROOT / "plugin.yaml").read_bytes()


def test_the_wheels_are_those_of_the_pins(image: Replay) -> None:
    pins = dict(line.split("==") for line in (ROOT / "requirements-dev.txt").read_text().splitlines())
    wheels = [wheel.name.split("-")[:2] for wheel in (image.root / "wheels").iterdir()]
    versions = {name.lower().replace("_", "-"): version for name, version in wheels}
    pinned = {name.lower().replace("_", "-").replace(".", "-"): version for name, version in pins.items()}

    assert versions.pop("gitops-doca") == "0.1.0"
    assert versions == {name: pinned[name.replace(".", "-")] for name in versions}
    assert {"click", "requests"} <= versions.keys()
