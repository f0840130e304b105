"""What the Dockerfile copies is there, and goes into the build; tests/e2e/test_image.py replays its steps."""

import subprocess
import tomllib

from support.cli import ROOT
from support.deployment import context, stages


def copied(stage: str) -> list[str]:
    return [path for step in stages()[stage] if step.word == "COPY" for path in step.paths[:-1]]


def test_the_build_gets_what_is_copied_and_nothing_else() -> None:
    assert sorted(context()) == sorted({path for stage in stages() for path in copied(stage)})


def test_what_is_copied_is_in_git() -> None:
    paths = [path for stage in stages() for path in copied(stage)]
    listed = subprocess.run(
        ["git", "ls-files", "--", *paths], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert {line.partition("/")[0] for line in listed.stdout.splitlines()} == set(paths)


def test_the_project_finds_what_it_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert {project["readme"], *project["license-files"]} <= set(copied("build"))


def test_the_base_is_pinned() -> None:
    text = (ROOT / "deploy" / "argocd" / "Dockerfile").read_text()
    bases = [line.split()[1] for line in text.splitlines() if line.startswith("FROM ")]

    assert bases == ["${PYTHON}", "${PYTHON}", "plugin"]
    assert "\nARG PYTHON=python:3.13.13-slim-bookworm@sha256:" in text


def test_both_images_run_as_argo_cds_user() -> None:
    users = {stage: [step.text for step in steps if step.word == "USER"] for stage, steps in stages().items()}

    assert users == {"build": [], "plugin": ["999"], "refresh": ["0", "999"]}
