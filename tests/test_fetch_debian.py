"""What tools/fetch_debian.sh does before it fetches anything; `make test` and `make e2e` hold the rest."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from support.cli import ROOT

_TOOLS = ("bash", "dirname", "ln", "mkdir", "sh")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the script alone, and a folder `bin` with what it needs, but without apt."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "bin").mkdir()
    shutil.copy(ROOT / "tools" / "fetch_debian.sh", tmp_path / "tools")
    for tool in _TOOLS:
        (tmp_path / "bin" / tool).symlink_to(str(shutil.which(tool)))
    return tmp_path


def test_a_program_of_that_version_on_path_is_taken(checkout: Path) -> None:
    installed = _install(checkout / "bin" / "frobd", says="frobd v=1.2.3 sha=0")

    run = _fetch(checkout, "frob-server", "frobd", "1.2")

    taken = checkout / ".cache" / "frobd-1.2" / "frobd"
    assert (run.returncode, run.stdout, run.stderr) == (0, f"{taken}\n", "")
    assert taken.resolve() == installed


@pytest.mark.parametrize("version", ["1.20.3", "11.2.0", "2.1.2"])
def test_another_version_on_path_is_not(checkout: Path, version: str) -> None:
    _install(checkout / "bin" / "frobd", says=f"frobd {version}")

    run = _fetch(checkout, "frob-server", "frobd", "1.2")

    message = "fetch_debian: no frobd 1.2 on PATH, and no apt-get to fetch it with; put frobd 1.2 on PATH\n"
    assert (run.returncode, run.stdout, run.stderr) == (1, "", message)
    assert not (checkout / ".cache").exists()


def test_what_was_fetched_once_is_not_looked_for_again(checkout: Path) -> None:
    fetched = _install(checkout / ".cache" / "frobd-1.2" / "frobd", says="anything")

    run = _fetch(checkout, "frob-server", "frobd", "1.2")

    assert (run.returncode, run.stdout, run.stderr) == (0, f"{fetched}\n", "")


def test_a_call_without_version_says_how_to_call(checkout: Path) -> None:
    run = _fetch(checkout, "frob-server", "frobd")

    usage = "usage: tools/fetch_debian.sh PACKAGE PROGRAM VERSION\n"
    assert (run.returncode, run.stdout, run.stderr) == (2, "", usage)


def _install(path: Path, *, says: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


def _fetch(checkout: Path, *args: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [checkout / "tools" / "fetch_debian.sh", *args],
        env=os.environ | {"PATH": str(checkout / "bin")},
        capture_output=True,
        text=True,
        check=False,
    )
