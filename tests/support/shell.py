"""Runs the commands that a page of docs/ shows, in a shell, with programs of the test's own before others."""

import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from support.cli import ROOT, Result, clean_environment


def blocks(page: str, language: str) -> list[str]:
    """Return the code blocks of a page of docs/ in this language, in their order."""
    text = (ROOT / "docs" / page).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """A folder to work in, and one with programs: `gitops-doca` is this checkout."""

    folder: Path
    programs: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    """Variables besides the least that is needed."""

    def program(self, name: str, script: str) -> None:
        """Write a program for `sh`."""
        self.programs.mkdir(exist_ok=True)
        file = self.programs / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    def run(self, commands: str) -> Result:
        """Run lines of a shell, the first that fails ends them."""
        self.program("gitops-doca", f'exec {sys.executable} -m gitops_doca "$@"')
        environment = clean_environment()
        run = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=self.folder,
            env={**environment, **self.environ, "PATH": f"{self.programs}:{environment['PATH']}"},
            capture_output=True,
            timeout=120,
            check=False,
        )
        return Result(exit_code=run.returncode, stdout=run.stdout, stderr=run.stderr.decode())
