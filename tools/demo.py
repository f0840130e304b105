"""Show what gitops-doca is for, with `fixtures/demo`: in a few seconds, and without network.

Needs only the packages that gitops-doca runs with, and git.
"""

import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import termios
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VERSION, FALLBACK = "doca3.4.0-26.04-0.8.0.0-0", "doca3.3.0-26.01-1.0.0.0-0"
KERNEL, NEXT_KERNEL = "6.8.0-100-generic", "6.8.0-117-generic"
_TAG = f"{VERSION}-{NEXT_KERNEL}-ubuntu24.04-amd64"
_DIGEST = "sha256:b4e7bf4f7ef45aafcb1bd67de263c592840409af0c2beceae0c8abcb0974e201"
_HEAD = 24
_BOLD, _DIM, _PLAIN = "\033[1m", "\033[2m", "\033[0m"
_ROWS = 40
_MOVES = re.compile(r"\033\[[0-9;?]*[A-Za-ln-z]|\r")
"""What moves the cursor or clears the screen, rather than colours text."""
_GIT = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in (
        ("NAME", "demo"), ("EMAIL", "demo@example.com"), ("DATE", "2026-01-01T00:00:00Z"),
    )},
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A command of the story, and what came of it."""

    title: str
    command: str
    output: str
    exit_code: int


Run = Callable[[Path, Sequence[str]], tuple[str, int]]
"""Runs a command in a folder; returns what it prints, and its exit code."""


def scenes(run: Run) -> Iterator[Scene]:
    """Run the story in a folder of its own."""
    with work_tree() as cluster:
        yield _scene(run, cluster, "Which image does each pool of nodes get?", "check")
        boot_next(cluster)
        title = "A node boots the next kernel. What does that do?"
        yield _scene(run, cluster, title, "diff main --stat")
        _git(cluster, "checkout", "--quiet", ".")
        replace(cluster / "gitops-doca.yaml", f"  fallbackVersions:\n  - {FALLBACK}\n", "")
        title = "Without the fallback version, two kernels have no image: nothing is rendered."
        yield _scene(run, cluster, title, "generate")
        _git(cluster, "checkout", "--quiet", ".")
        title = "With it: the manifests, the same bytes each time."
        yield _scene(run, cluster, title, "generate", head=_HEAD)


def change(cluster: Path) -> None:
    """Change a variable of the demo's policy, and let a node boot the next kernel."""
    replace(cluster / "policy.yaml", 'value: "true"', 'value: "false"')
    boot_next(cluster)


def boot_next(cluster: Path) -> None:
    """Let a node of the demo boot the next kernel, whose image is in the lock then."""
    boot(cluster, "gpu-2", KERNEL, NEXT_KERNEL)
    pool = f"- policy: NicClusterPolicy/nic-cluster-policy\n  pool: ubuntu24.04/{NEXT_KERNEL}/amd64\n"
    lock = cluster / "gitops-doca.lock.yaml"
    replace(lock, "repositories:\n", f"{pool}repositories:\n")
    with lock.open("a") as file:
        file.write(f"  - tag: {_TAG}\n    digest: {_DIGEST}\n    platform: linux/amd64\n")


def boot(cluster: Path, node: str, old: str, new: str) -> None:
    """Let a node run another kernel."""
    nodes = cluster / "nodes.yaml"
    before, separator, after = nodes.read_text().partition(f"kubernetes.io/hostname: {node}\n")
    head, found, tail = before.rpartition(old)
    if not separator or not found:
        raise LookupError(node)
    nodes.write_text(f"{head}{new}{tail}{separator}{after}")


def replace(file: Path, old: str, new: str) -> None:
    """Replace a text that must be there."""
    text = file.read_text()
    if old not in text:
        raise LookupError(old)
    file.write_text(text.replace(old, new))


@contextmanager
def work_tree() -> Iterator[Path]:
    """Give a Git work tree that holds the demo."""
    with tempfile.TemporaryDirectory() as folder:
        cluster = Path(folder) / "demo"
        shutil.copytree(ROOT / "fixtures" / "demo", cluster)
        _git(cluster, "init", "--quiet", "--initial-branch=main")
        _git(cluster, "add", "--all")
        _git(cluster, "commit", "--quiet", "--message", "demo")
        yield cluster


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, env={**os.environ, **_GIT}, check=True)


def _scene(run: Run, cluster: Path, title: str, arguments: str, *, head: int | None = None) -> Scene:
    output, exit_code = run(cluster, [sys.executable, "-m", "gitops_doca", *arguments.split()])
    command = f"gitops-doca {arguments}"
    lines = output.splitlines(keepends=True)
    if head is not None:
        command += f" | head -n {head}"
        lines = lines[:head]
    return Scene(title=title, command=command, output="".join(lines), exit_code=exit_code)


def _run(folder: Path, command: Sequence[str]) -> tuple[str, int]:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        text=True,
    )
    return done.stdout, done.returncode


def run_on_terminal(
    folder: Path, command: Sequence[str], columns: int, environ: Mapping[str, str]
) -> tuple[str, int]:
    """Run a command whose streams are a terminal; return its text with colours, and its exit code."""
    controller, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (_ROWS, columns))
    with subprocess.Popen(
        list(command), cwd=folder, env=environ, stdin=terminal, stdout=terminal, stderr=terminal
    ) as process:
        os.close(terminal)
        output = bytearray()
        with suppress(OSError):
            # An error means that the last process has closed the terminal.
            while chunk := os.read(controller, 65536):
                output += chunk
        code = process.wait()
    os.close(controller)
    return _MOVES.sub("", output.decode()), code


def _run_as_here(folder: Path, command: Sequence[str]) -> tuple[str, int]:
    """Run a command on a terminal like this one: what it prints depends on the width and on colours."""
    columns = shutil.get_terminal_size().columns
    return run_on_terminal(folder, command, columns, {**os.environ, "PYTHONPATH": str(ROOT)})


def main() -> None:
    """Print the story."""
    if shutil.which("git") is None:
        sys.exit("error: git is not on PATH, and the demo compares two revisions\n  help: install git")
    try:
        _tell()
    except BrokenPipeError:
        # The reader has seen enough; Python would fail again when it flushes stdout at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _tell() -> None:
    is_terminal = sys.stdout.isatty()
    bold, dim, plain = (_BOLD, _DIM, _PLAIN) if is_terminal else ("", "", "")
    for scene in scenes(_run_as_here if is_terminal else _run):
        print(f"{bold}{scene.title}{plain}\n\n$ {scene.command}\n{scene.output}", end="")
        print(f"{dim}(exit {scene.exit_code}){plain}\n" if scene.exit_code else "", flush=True)
    print("Your own cluster: gitops-doca init, then check, lock, generate and diff. See README.md.")


if __name__ == "__main__":
    main()
