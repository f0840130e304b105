import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from demo import run_on_terminal
from support.cli import ROOT, clean_environment, run_cli
from support.published import published_digests
from support.upgrade import FALLBACK, VERSION

DEMO = ROOT / "fixtures" / "demo"
REPOSITORY = "nvcr.io/nvidia/mellanox/doca-driver"
# Nothing listens there: a run that asks anybody fails.
NOWHERE = {"HTTPS_PROXY": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1"}


def test_the_demo_shows_three_pools_of_published_images() -> None:
    result = run_cli("generate", DEMO, cwd=ROOT, env=NOWHERE)

    assert (result.exit_code, result.stderr) == (0, "")
    daemon_sets = [item for item in yaml.safe_load_all(result.stdout) if item["kind"] == "DaemonSet"]
    assert [item["spec"]["template"]["spec"]["containers"][0]["image"] for item in daemon_sets] == [
        f"{REPOSITORY}:{VERSION}-5.15.0-179-generic-ubuntu22.04-amd64",
        f"{REPOSITORY}:{FALLBACK}-6.8.0-100-generic-ubuntu24.04-amd64",
        f"{REPOSITORY}:{FALLBACK}-6.17.0-1008-nvidia-ubuntu24.04-arm64",
    ]


def test_two_of_its_pools_run_a_fallback_version() -> None:
    result = run_cli("check", DEMO, "-o", "json", cwd=ROOT, env=NOWHERE)

    assert (result.exit_code, result.stderr) == (0, "")
    pools = json.loads(result.stdout)["pools"]
    assert [(pool["version"], pool.get("fallback", False)) for pool in pools] == [
        (VERSION, False),
        (FALLBACK, True),
        (FALLBACK, True),
    ]


def test_the_lock_of_the_demo_has_the_digests_that_were_published() -> None:
    published = published_digests()
    (repository,) = yaml.safe_load((DEMO / "gitops-doca.lock.yaml").read_text())["repositories"]

    assert repository["repository"] == REPOSITORY
    assert {entry["tag"]: entry.get("digest") for entry in repository["tags"]} == {
        entry["tag"]: published.get(entry["tag"]) for entry in repository["tags"]
    }


def test_the_story_is_told_without_network() -> None:
    told = subprocess.run(
        [sys.executable, "tools/demo.py"],
        cwd=ROOT,
        env=clean_environment() | NOWHERE,
        capture_output=True,
        check=False,
        text=True,
    )

    assert (told.returncode, told.stderr) == (0, "")
    lines = told.stdout.splitlines()
    assert [line for line in lines if line.startswith(("$ ", "(exit "))] == [
        "$ gitops-doca check",
        "$ gitops-doca diff main --stat",
        "(exit 1)",
        "$ gitops-doca generate",
        "(exit 4)",
        "$ gitops-doca generate | head -n 24",
    ]
    assert "1 pool added, 1 node moves" in lines
    assert sum("ForcePrecompiled is enabled and precompiled tag was not found" in line for line in lines) == 2
    assert "kind: DaemonSet" in lines


def test_the_tables_of_the_story_fit_the_terminal_and_have_its_colours() -> None:
    plain = tell_on_terminal(80, NO_COLOR="1")

    lines = plain.splitlines()
    assert lines[lines.index("$ gitops-doca check") + 1 :][:5] == [
        "POOL                               NODES  STATE        VERSION",
        f"…tu22.04/5.15.0-179-generic/amd64  2      precompiled  {VERSION}",
        f"…tu24.04/6.17.0-1008-nvidia/arm64  1      fallback     {FALLBACK}",
        f"…ntu24.04/6.8.0-100-generic/amd64  2      fallback     {FALLBACK}",
        "every pool: policy nic-cluster-policy",
    ]
    assert "\033[3" in tell_on_terminal(80)


def tell_on_terminal(columns: int, **environ: str) -> str:
    command = [sys.executable, "tools/demo.py"]
    text, code = run_on_terminal(ROOT, command, columns, clean_environment() | NOWHERE | environ)
    assert code == 0
    return text


def test_a_reader_that_has_seen_enough_ends_the_story_quietly() -> None:
    script = f"{shlex.quote(sys.executable)} tools/demo.py | head -n 1; exit ${{PIPESTATUS[0]}}"
    run = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        env=clean_environment() | NOWHERE,
        capture_output=True,
        check=False,
        text=True,
    )

    assert (run.returncode, run.stdout, run.stderr) == (
        0,
        "Which image does each pool of nodes get?\n",
        "",
    )


def test_without_git_the_story_says_what_it_needs(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "tools/demo.py"],
        cwd=ROOT,
        env={**clean_environment(), "PATH": str(tmp_path)},
        capture_output=True,
        check=False,
        text=True,
    )

    assert (run.returncode, run.stdout, run.stderr) == (
        1,
        "",
        "error: git is not on PATH, and the demo compares two revisions\n  help: install git\n",
    )


@pytest.mark.parametrize(("target", "dev"), [("demo", False), ("test", True)])
def test_the_packages_of_developers_are_not_installed_for_the_demo(
    target: str, tmp_path: Path, *, dev: bool
) -> None:
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)

    planned = make(tmp_path, target)

    assert ("-r requirements-dev.txt" in planned, "-r requirements.txt" in planned) == (dev, True)


def make(folder: Path, target: str) -> str:
    """Return what make would run, also where another make runs this test."""
    command = ["make", "--dry-run", "--no-print-directory", target]
    run = subprocess.run(
        command, cwd=folder, capture_output=True, check=True, text=True, env=clean_environment()
    )
    return run.stdout


def test_after_the_demo_a_test_run_installs_what_it_needs(tmp_path: Path) -> None:
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "runs").touch()

    demo, test = make(tmp_path, "demo"), make(tmp_path, "test")

    assert demo == ".venv/bin/python tools/demo.py\n"
    assert "-r requirements-dev.txt" in test
