"""Runs the product as its users do: a process of its own, in an environment that the test chose."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_SECONDS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a run ended, and what it wrote."""

    exit_code: int
    stdout: bytes
    stderr: str


def run_cli(*args: str | Path, cwd: Path, env: Mapping[str, str] | None = None, stdin: bytes = b"") -> Result:
    """Run `python -m gitops_doca` with these arguments.

    Of the caller's environment only PATH reaches it: no home (so no docker login), no proxies, no locale.
    """
    run = subprocess.run(
        [sys.executable, "-m", "gitops_doca", *map(str, args)],
        cwd=cwd,
        env=clean_environment() | dict(env or {}),
        input=stdin,
        capture_output=True,
        timeout=_SECONDS,
        check=False,
    )
    return Result(exit_code=run.returncode, stdout=run.stdout, stderr=run.stderr.decode("utf-8", "replace"))


def clean_environment() -> dict[str, str]:
    """Return the least that a Python process needs to run this checkout; warnings are errors there too."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "error",
        "HOME": "/nonexistent",
        "LC_ALL": "C.UTF-8",
    }


def install(folder: Path, name: str = "gitops-doca") -> None:
    """Write a console script of this name for this checkout into a folder."""
    script = folder / name
    script.write_text(f"#!{sys.executable}\nfrom gitops_doca.cli import main\nmain()\n")
    script.chmod(0o755)
