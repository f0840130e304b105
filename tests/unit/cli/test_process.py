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


PROGRAM = f"{sys.executable} -m gitops_doca"
PRINTED = {
    "a document": GENERATE + " -p policy.yaml -i nodes.json",
    "a schema": f"{PROGRAM} schema config",
    "parameters": f"{PROGRAM} argocd parameters",
    "the help": f"{PROGRAM} --help",
    "the help of a command": f"{PROGRAM} lock -h",
    "the version": f"{PROGRAM} --version",
    "a completion": f"_GITOPS_DOCA_COMPLETE=zsh_source {PROGRAM}",
    "words to complete": f"COMP_WORDS= COMP_CWORD=0 _GITOPS_DOCA_COMPLETE=zsh_complete {PROGRAM}",
}


@pytest.mark.parametrize("unbuffered", ["", "PYTHONUNBUFFERED=1 "])
@pytest.mark.parametrize("printed", PRINTED)
@pytest.mark.parametrize(
    ("redirect", "why"), [(">/dev/full", "No space left on device"), (">&-", "Bad file descriptor")]
)
def test_a_full_or_closed_stdout_is_an_io_error(
    redirect: str, why: str, printed: str, unbuffered: str, folder: Path
) -> None:
    assert shell(f"{unbuffered}{PRINTED[printed]} {redirect}", folder) == (
        74,
        f"error[io]: stdout could not be written: {why}\n",
    )


@pytest.mark.parametrize("unbuffered", ["", "PYTHONUNBUFFERED=1 "])
@pytest.mark.parametrize("printed", PRINTED)
def test_a_reader_that_is_gone_ends_the_run_quietly(printed: str, unbuffered: str, folder: Path) -> None:
    # The reader ends before the writer begins, so no part of the text finds room in the pipe.
    line = f"{{ sleep 0.2; {unbuffered}{PRINTED[printed]}; echo $? >code; }} | true"

    _, stderr = shell(line + "; while ! test -s code; do sleep 0.05; done", folder)

    assert ((folder / "code").read_text(), stderr) == ("141\n", "")


@pytest.mark.parametrize("redirect", ["2>&-", "2>/dev/full"])
@pytest.mark.parametrize(
    ("line", "code"),
    [
        (GENERATE + " -p absent -i nodes.json", 3),
        (GENERATE + " -p policy.yaml -i nodes.json >/dev/null", 0),
        (GENERATE + " -p policy.yaml -i nodes.json >/dev/full", 74),
        (f"{PROGRAM} nonsense", 2),
        (f"{PROGRAM} --help >/dev/null", 0),
    ],
)
def test_without_a_usable_stderr_the_exit_code_still_speaks(
    redirect: str, line: str, code: int, folder: Path
) -> None:
    assert shell(f"{line} {redirect}", folder)[0] == code


def test_too_little_memory_is_one_sentence(folder: Path) -> None:
    line = f"{GENERATE} -p policy.yaml -i nodes.json >/dev/null"

    ends = [shell(f"ulimit -v {megabytes}000; {line}", folder) for megabytes in range(20, 36, 3)]

    lacking = (
        "error[input]: the inputs need more memory than this process may take (ulimit -v)\n"
        "  help: split the inventory, or commit what gitops-doca inventory --write makes of it\n"
    )
    assert (3, lacking) in ends
    assert not [stderr for _, stderr in ends if "error[bug]" in stderr]


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
        "finally: print(*sorted({'kubernetes', 'requests', 'ruamel'} & set(sys.modules)), file=sys.stderr)",
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
