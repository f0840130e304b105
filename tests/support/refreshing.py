"""A repository with the folder of a cluster, for deploy/refresh/refresh.sh to refresh."""

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

import yaml

from support.cli import ROOT, Result
from support.deployment import objects
from support.shell import Shell

_SCRIPT = ROOT / "deploy" / "refresh" / "refresh.sh"
FOLDER = "clusters/berlin"
BRANCH = f"gitops-doca/refresh/{FOLDER}"
_WHO = {"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.com"}
IDENTITY = _WHO | {"GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.com"}
_ALONE = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Forge:
    """A bare repository with the branch `main`, and a clone of it in which the script is run."""

    folder: Path

    @property
    def cluster(self) -> Path:
        """The cluster's folder in the work tree of whoever commits to `main`."""
        return self.folder / "author" / FOLDER

    @property
    def clone(self) -> Path:
        """Where the script is run."""
        return self.folder / "clone"

    @property
    def called(self) -> list[str]:
        """The arguments of each call of the hook so far."""
        log = self.folder / "hook.log"
        return log.read_text().splitlines() if log.exists() else []

    def create(self, inventory: str) -> None:
        """Make both repositories, and in `main` a config that names this inventory."""
        for name in ("tmp", "author"):
            (self.folder / name).mkdir()
        self.cluster.mkdir(parents=True)
        self._git("init", "--quiet", "--bare", "--initial-branch=main", "remote.git", at=self.folder)
        self._git("init", "--quiet", "--initial-branch=main", at=self.folder / "author")
        config = {
            "apiVersion": "gitops-doca.dev/v1alpha1",
            "kind": "DriverGenerator",
            "spec": {"policies": ["policy.yaml"], "inventory": inventory},
        }
        (self.cluster / "gitops-doca.yaml").write_text(yaml.safe_dump(config))

    def commit(self) -> None:
        """Commit the author's work tree to `main`; the clone, made once, is not told."""
        author = self.folder / "author"
        self._git("add", "--all", at=author)
        self._git("commit", "--quiet", "--allow-empty", "--message", "Change by hand", at=author)
        self._git("push", "--quiet", "../remote.git", "main", at=author)
        if not self.clone.exists():
            self._git("clone", "--quiet", "remote.git", "clone", at=self.folder)

    def merge(self, branch: str = BRANCH) -> None:
        """Merge a proposal into `main`."""
        author = self.folder / "author"
        self._git("pull", "--quiet", "--ff-only", "../remote.git", branch, at=author)
        self._git("push", "--quiet", "../remote.git", "main", at=author)

    def shallow_clone(self) -> Path:
        """Make a clone that has the last commit alone."""
        remote = f"file://{self.folder / 'remote.git'}"
        self._git("clone", "--quiet", "--depth=1", remote, "shallow", at=self.folder)
        return self.folder / "shallow"

    def refresh(self, *args: str, env: Mapping[str, str] | None = None, clone: Path | None = None) -> Result:
        """Run the script for the cluster's folder, or with these arguments, and a hook that writes a log.

        Its temporary folder is `tmp`.
        """
        self.program("hook", f'echo "$* $(git log -1 --format=%s)" >> {self.folder}/hook.log')
        command = " ".join(map(quote, (str(_SCRIPT), *(args or (FOLDER,)))))
        return self.run(command, env=IDENTITY | {"REFRESH_HOOK": "hook"} | dict(env or {}), clone=clone)

    def program(self, name: str, script: str) -> None:
        """Write a program for `sh` that what is run finds on PATH."""
        self._shell(self.clone).program(name, script)

    def run(self, commands: str, *, env: Mapping[str, str], clone: Path | None = None) -> Result:
        """Run lines of a shell in the clone, with no other configuration of Git, and `tmp` as its TMPDIR."""
        variables = _ALONE | {"TMPDIR": str(self.folder / "tmp")} | dict(env)
        exports = "".join(f"export {name}={quote(value)}\n" for name, value in variables.items())
        return self._shell(clone or self.clone).run(exports + commands)

    def _shell(self, clone: Path) -> Shell:
        return Shell(folder=clone, programs=self.folder / "bin")

    def git(self, *args: str) -> str:
        """Ask the bare repository."""
        return self._git(*args, at=self.folder / "remote.git")

    def branches(self) -> list[str]:
        """Return the names of the branches that it has."""
        return self.git("for-each-ref", "--format=%(refname:short)", "refs/heads").splitlines()

    def file(self, name: str, branch: str = BRANCH) -> str:
        """Return a file of the cluster's folder as a branch has it."""
        return self.git("show", f"{branch}:{FOLDER}/{name}")

    def at_rest(self) -> dict[str, str]:
        """Return what a run must leave as it was: branches and work trees of the clone, temporary files."""
        asked = {
            "head": ("rev-parse", "HEAD"),
            "branches": ("for-each-ref", "refs/heads"),
            "files": ("status", "--porcelain", "--ignored"),
            "worktrees": ("worktree", "list", "--porcelain"),
        }
        left = " ".join(path.name for path in (self.folder / "tmp").iterdir())
        return {name: self._git(*args, at=self.clone) for name, args in asked.items()} | {"temporary": left}

    def _git(self, *args: str, at: Path) -> str:
        run = subprocess.run(
            ["git", *args],
            cwd=at,
            env={"PATH": os.defpath} | _ALONE | IDENTITY,
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stderr
        return run.stdout


def run_workflow(forge: Forge, file: Path, job: str) -> Result:
    """Run the steps of a job for the one folder of its matrix; `pip` is not here, and leaves a log."""
    (workflow,) = objects(file)
    wanted = workflow["jobs"][job]
    (folder,) = wanted["strategy"]["matrix"]["folder"]
    known = {"matrix.folder": folder, "github.token": "a-token"}
    env = {
        name: re.sub(r"\$\{\{ (\S+) \}\}", lambda found: known[found[1]], value)
        for name, value in wanted["env"].items()
    }
    forge.program("pip", f'printf "%s\\n" pip "$@" >> {forge.folder}/pip.log')
    return forge.run("\n".join(step["run"] for step in wanted["steps"] if "run" in step), env=env)
