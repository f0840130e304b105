"""Shell completion, as docs/ci.md tells people to switch it on, in the shells themselves."""

import os
import pty
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

import pytest

from gitops_doca.cli import COMMANDS
from support.cli import clean_environment
from support.require import require_program
from support.shell import Shell, blocks
from support.waiting import wait_until

LINES = {
    "bash": "source <(gitops-doca completion bash)",
    "zsh": "source <(gitops-doca completion zsh)",
    "fish": "gitops-doca completion fish | source",
}
ASK = (
    "COMP_WORDS=({words}); COMP_CWORD={at}; COMPREPLY=()\n"
    '_gitops_doca_completion gitops-doca; echo "${{COMPREPLY[*]}}"\n'
)
TYPED = {
    "ge": ["generate"],
    "check -p pol": ["check", "-p", "policy.yaml"],
    "check -p two": ["check", "-p", "two words.yaml"],
    "check -i nod": ["check", "-i", "nodes"],
    "check --ca-file pol": ["check", "--ca-file", "policy.yaml"],
    "lock clus": ["lock", "clusters"],
    "generate --output-dir ren": ["generate", "--output-dir", "rendered"],
    "inventory --write pol": ["inventory", "--write", "policy.yaml"],
    "verify clus": ["verify", "clusters"],
    "diff clus": ["diff", "clusters"],
    "matrix -o mar": ["matrix", "-o", "markdown"],
    "completion f": ["completion", "fish"],
}
"""What is typed before the tab, and the arguments that it becomes."""
JOINED = {
    "check --policy=pol": ["check", "--policy=policy.yaml"],
    "check --policy=two": ["check", "--policy=two words.yaml"],
    "check --inventory=nod": ["check", "--inventory=nodes"],
    "matrix --output=mar": ["matrix", "--output=markdown"],
    "generate -p a.yaml --output-dir=ren": ["generate", "-p", "a.yaml", "--output-dir=rendered"],
}
"""The same, for values that an equals sign joins with their flag."""


@pytest.mark.parametrize("shell", LINES)
def test_the_page_has_a_line_for_each_shell(shell: str) -> None:
    assert blocks("ci.md", shell) == [LINES[shell] + "\n"]


def test_bash_completes_commands_flags_and_values(tmp_path: Path) -> None:
    asked = [
        ("gitops-doca ''", 1),
        ("gitops-doca ge", 1),
        ("gitops-doca matrix --ver", 2),
        ("gitops-doca matrix -o ''", 3),
    ]
    lines = [ASK.format(words=words, at=at) for words, at in asked]

    shell = Shell(folder=tmp_path, programs=tmp_path / "bin")
    result = shell.run("".join([LINES["bash"], "\n", *lines, "complete -p gitops-doca"]))

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.decode().splitlines() == [
        " ".join(COMMANDS),
        "generate",
        "--verbose --versions",
        "text wide markdown json html",
        "complete -o nosort -F _gitops_doca_completion gitops-doca",
    ]


def test_bash_completes_what_is_typed(tmp_path: Path) -> None:
    typed = typed_in(["bash", "--norc", "--noprofile", "-i"], [LINES["bash"]], tmp_path)

    assert typed == TYPED


def test_bash_completes_a_value_after_an_equals_sign(tmp_path: Path) -> None:
    typed = typed_in(["bash", "--norc", "--noprofile", "-i"], [LINES["bash"]], tmp_path, JOINED)

    assert typed == JOINED


@pytest.mark.e2e
def test_zsh_completes_what_is_typed(tmp_path: Path) -> None:
    zsh = require_program("ZSH", "zsh 5.9")
    start = ["autoload -Uz compinit; compinit -u", LINES["zsh"]]
    # A package that is unpacked, but not installed, does not find its own files.
    root = Path(zsh).resolve().parent / "root"
    if root.is_dir():
        shared = root / "usr/share/zsh/functions"
        start[:0] = [
            f"module_path=({root}/usr/lib/*/zsh/*)",
            f"fpath=({shared}/*(/) {shared}/Completion/*(/))",
        ]

    typed = typed_in([zsh, "-f", "-i"], start, tmp_path)

    assert typed == TYPED


@pytest.mark.e2e
def test_fish_completes_what_is_typed(tmp_path: Path) -> None:
    fish = require_program("FISH", "fish 3.6")
    lay_out(tmp_path)
    root = Path(fish).resolve().parent / "root"
    start = [f"set fish_function_path {root}/usr/share/fish/functions"] if root.is_dir() else []
    asked = [f"complete -C 'gitops-doca {words}'" for words in TYPED]

    run = subprocess.run(
        [fish, "--no-config", "-c", "\n".join([*start, LINES["fish"], *asked])],
        cwd=tmp_path / "work",
        env=environment(tmp_path),
        capture_output=True,
        timeout=120,
        check=False,
        text=True,
    )

    assert (run.returncode, run.stderr) == (0, "")
    completed = [line.partition("\t")[0].rstrip("/").replace("\\ ", " ") for line in run.stdout.splitlines()]
    assert completed == [words[-1] for words in TYPED.values()]


def lay_out(folder: Path) -> None:
    """Make a folder with files to complete, and a program that completes or notes its arguments."""
    work, programs = folder / "work", folder / "bin"
    programs.mkdir()
    for name in ("clusters", "nodes", "rendered"):
        (work / name).mkdir(parents=True)
    for name in ("policy.yaml", "rendered.txt", "two words.yaml"):
        (work / name).touch()
    program = programs / "gitops-doca"
    program.write_text(
        f"""#!/bin/sh
if [ -n "$_GITOPS_DOCA_COMPLETE" ] || [ -z "$TYPING" ]; then exec {sys.executable} -m gitops_doca "$@"; fi
{{ printf '%s\\n' "$@"; echo; }} >>{folder / "asked"}
"""
    )
    program.chmod(0o755)


def environment(folder: Path) -> dict[str, str]:
    least = clean_environment()
    return {**least, "PATH": f"{folder / 'bin'}:{least['PATH']}", "HOME": str(folder), "TERM": "xterm"}


def typed_in(
    shell: Sequence[str],
    start: Sequence[str],
    folder: Path,
    typed: Mapping[str, Sequence[str]] = MappingProxyType(TYPED),
) -> dict[str, list[str]]:
    """Type each line and a tab on a terminal, and return the arguments of the command that runs then."""
    lay_out(folder)
    asked = folder / "asked"
    asked.touch()
    controller, terminal = pty.openpty()
    os.set_blocking(controller, False)
    process = subprocess.Popen(
        shell,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        cwd=folder / "work",
        env=environment(folder),
        start_new_session=True,
    )
    os.close(terminal)

    def blocks_written() -> list[str]:
        # A shell whose terminal nothing reads from stops.
        with suppress(BlockingIOError):
            while os.read(controller, 65536):
                pass
        return asked.read_text().split("\n\n")[:-1]

    try:
        for line in (*start, "export TYPING=yes"):
            os.write(controller, f"{line}\r".encode())
        for number, words in enumerate(typed, 1):
            os.write(controller, f"gitops-doca {words}\t\r".encode())
            wait_until(lambda number=number: len(blocks_written()) == number)  # type: ignore[misc]
    finally:
        process.kill()
        process.wait()
        os.close(controller)
    arguments = [block.split("\n") for block in asked.read_text().split("\n\n")[:-1]]
    return dict(zip(typed, [[word.rstrip("/") for word in words] for words in arguments], strict=True))
