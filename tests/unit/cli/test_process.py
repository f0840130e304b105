"""What only a process of its own can show: descriptors, terminals and imported modules."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from support.cli import clean_environment, run_cli
from support.inputs import Pool, write_inputs
from support.krm import config, resource_list

POOL = Pool(kernel="5.15.0-91-generic")
GENERATE = f"{sys.executable} -m gitops_doca generate"
DIGEST = "sha256:" + "a1" * 32


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Inputs that need no look-up."""
    write_inputs(tmp_path, repository="nvcr.io/nvidia/mellanox", pools=[POOL], forced=False)
    policy = tmp_path / "policy.yaml"
    policy.write_text(policy.read_text().replace("version: 25.04-0.6.1.0-2", f"version: {DIGEST}"))
    return tmp_path


def shell(command: str, folder: Path) -> tuple[int, str]:
    """Run a line of sh; return its exit code and stderr."""
    run = subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return run.returncode, run.stderr


def test_a_full_or_closed_stdout_is_an_io_error(folder: Path) -> None:
    for redirect, why in ((">/dev/full", "No space left on device"), (">&-", "Bad file descriptor")):
        code, stderr = shell(f"{GENERATE} -p policy.yaml -i nodes.json {redirect}", folder)

        assert (code, stderr.splitlines()[0]) == (
            74,
            f"error[io]: standard output could not be written: {why}",
        )
        assert "Traceback" not in stderr


def test_without_a_usable_stderr_the_exit_code_still_speaks(folder: Path) -> None:
    for redirect in ("2>&-", "2>/dev/full"):
        assert shell(f"{GENERATE} -p absent -i nodes.json {redirect}", folder)[0] == 3


def test_a_process_substitution_is_an_inventory(folder: Path) -> None:
    run = subprocess.run(
        ["bash", "-c", f"{GENERATE} -p policy.yaml -i <(cat nodes.json)"],
        cwd=folder,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=60,
    )

    assert (run.returncode, b"kind: DaemonSet" in run.stdout) == (0, True)


@pytest.mark.parametrize(
    "arguments", [["generate", "-p", "policy.yaml", "-i", "nodes.json"], ["krm"]], ids=["generate", "krm"]
)
def test_nothing_is_imported_that_a_run_on_files_does_not_need(folder: Path, arguments: list[str]) -> None:
    lines = (
        "import sys, gitops_doca.cli",
        "try: gitops_doca.cli.main(sys.argv[1:])",
        "finally: print(*sorted({'kubernetes', 'requests', 'yaml'} & set(sys.modules)), file=sys.stderr)",
    )
    program = "\n".join(lines)
    run = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=folder,
        env=clean_environment(),
        input=resource_list([], config(policies=["policy.yaml"], inventory="nodes.json")).decode(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert run.returncode == 0
    assert run.stderr.splitlines()[-1] == ""


def test_a_terminal_gets_colour(folder: Path) -> None:
    ours, theirs = pty.openpty()
    run = subprocess.run(
        [sys.executable, "-m", "gitops_doca", "generate", "-p", "absent", "-i", "nodes.json"],
        cwd=folder,
        env=clean_environment() | {"TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
        check=False,
        timeout=60,
    )
    os.close(theirs)
    written = os.read(ours, 10_000).decode()
    os.close(ours)

    assert (run.returncode, run.stdout) == (3, b"")
    assert written.startswith("\x1b[31m\x1b[1merror[input]\x1b[0m: absent: cannot be read")


def test_a_pipe_gets_no_colour(folder: Path) -> None:
    result = run_cli("generate", "-p", "absent", "-i", "nodes.json", cwd=folder, env={"TERM": "xterm"})

    assert result.stderr == "error[input]: absent: cannot be read: No such file or directory\n"
