"""Real Git repositories, whose commits have the same names in every run."""

import os
import subprocess
from pathlib import Path
from shutil import copytree

from support.cli import ROOT

_ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.com",
    "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
    # Also for clones of folders, and submodules.
    "GIT_ALLOW_PROTOCOL": "file",
}


def git(folder: Path, *arguments: str | Path) -> str:
    """Run git in a folder, and return what it prints."""
    run = subprocess.run(
        ["git", "-C", folder, *arguments],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"} | _ENVIRONMENT,
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    return run.stdout.strip()


def commit(folder: Path, message: str = "change") -> str:
    """Commit all that is in the repository, and return the commit's name."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(folder, "rev-parse", "HEAD")


def start(folder: Path) -> Path:
    """Make an empty repository whose branch is `main`."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    return folder


def start_demo(folder: Path, cluster: str = "clusters/a") -> Path:
    """Make a repository with one commit, which holds the demo as one of its folders; return that folder."""
    start(folder)
    copytree(ROOT / "fixtures" / "demo", folder / cluster)
    commit(folder, "demo")
    return folder / cluster


def edit(file: Path, *replacements: tuple[str, str]) -> None:
    """Replace text that must be there."""
    text = file.read_text()
    for old, new in replacements:
        assert old in text, old
        text = text.replace(old, new)
    file.write_text(text)
