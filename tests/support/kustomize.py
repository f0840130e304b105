"""Runs kustomize as its users do."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from support.cli import Result, clean_environment
from support.require import require_program

_SECONDS = 120


def build(folder: Path, *flags: str, env: Mapping[str, str] | None = None) -> Result:
    """Run `kustomize build` of this folder, from within it, in the least environment and what `env` adds.

    Functions that are programs need the flags `--enable-alpha-plugins` and `--enable-exec`.
    """
    program = require_program("KUSTOMIZE", "kustomize 5.8.1")
    run = subprocess.run(
        [program, "build", *flags, "."],
        cwd=folder,
        env=clean_environment() | dict(env or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_SECONDS,
        check=False,
    )
    return Result(exit_code=run.returncode, stdout=run.stdout, stderr=run.stderr.decode("utf-8", "replace"))
