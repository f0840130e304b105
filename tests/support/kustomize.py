"""Runs kustomize and kpt as their users do."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from support.cli import Result, clean_environment
from support.require import require_program

_SECONDS = 120


class Program(NamedTuple):
    """A program that `make e2e` builds: the variable that names it, and what it is."""

    variable: str
    what: str


KUSTOMIZE = Program("KUSTOMIZE", "kustomize 5.8.1")
KUSTOMIZE_4 = Program("KUSTOMIZE_4", "kustomize 4.5.7")
KPT = Program("KPT", "kpt 1.0.0-beta.61")


def build(
    folder: Path, *flags: str, env: Mapping[str, str] | None = None, release: Program = KUSTOMIZE
) -> Result:
    """Run `kustomize build` of this folder, from within it, in the least environment and what `env` adds.

    Functions that are programs need the flags `--enable-alpha-plugins` and `--enable-exec`.
    """
    return run(release, "build", *flags, ".", cwd=folder, env=env)


def run(program: Program, *args: str, cwd: Path, env: Mapping[str, str] | None = None) -> Result:
    """Run one of the programs in a folder, in the least environment and what `env` adds."""
    done = subprocess.run(
        [require_program(*program), *args],
        cwd=cwd,
        env=clean_environment() | dict(env or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_SECONDS,
        check=False,
    )
    return Result(
        exit_code=done.returncode, stdout=done.stdout, stderr=done.stderr.decode("utf-8", "replace")
    )
