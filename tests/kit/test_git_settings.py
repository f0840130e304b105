"""The program and the scripts of deploy/ call git with the same settings."""

import os
import shutil
from itertools import takewhile
from pathlib import Path

import pytest

from support.deployment import DEPLOY
from support.repository import start_demo
from support.shell import Shell

COMMON = DEPLOY / "refresh" / "common.sh"
VARIABLES = ("GIT_NO_LAZY_FETCH", "GIT_ALLOW_PROTOCOL", "GIT_TERMINAL_PROMPT")


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Give a shell in the demo's folder of a repository, in which `git` writes down how it is called."""
    shell = Shell(folder=start_demo(tmp_path / "repository"), programs=tmp_path / "bin")
    shown = " ".join(f"{name}=${{{name}-unset}}" for name in VARIABLES)
    real = shutil.which("git", path=os.defpath)
    shell.program("git", f'echo "{shown} $*" >> {tmp_path}/calls\nexec {real} "$@"')
    return shell


def settings(shell: Shell, commands: str) -> list[set[str]]:
    """Run lines of a shell, and return the settings of each call that names its repository."""
    result = shell.run(commands)
    assert result.exit_code in {0, 1}, result.stderr
    calls = [line.split() for line in (shell.programs.parent / "calls").read_text().splitlines()]
    top = shell.folder.parents[1]
    place = {f"--git-dir={top}/.git", f"--work-tree={top}"}
    found = []
    for words in calls:
        if place <= set(words):
            options = takewhile(lambda word: "=" in word or word.startswith("-"), words)
            found.append(set(options) - place)
    (shell.programs.parent / "calls").unlink()
    return found


def test_every_call_of_the_program_and_of_the_scripts_has_the_same(shell: Shell) -> None:
    program = settings(shell, "gitops-doca diff main")
    script = settings(shell, f"source {COMMON}; git rev-parse HEAD; git cat-file -e HEAD")

    expected = {
        *("--no-pager", "--no-replace-objects", "-c", "protocol.allow=never"),
        *("safe.bareRepository=explicit", "core.fsmonitor=false", "core.hooksPath=/dev/null"),
        *("GIT_NO_LAZY_FETCH=1", "GIT_ALLOW_PROTOCOL=", "GIT_TERMINAL_PROMPT=0"),
    }
    assert len(program) > 3
    assert program == [expected] * len(program)
    assert script == [expected] * 2


def test_a_call_that_asks_a_remote_lacks_only_what_forbids_it(shell: Shell) -> None:
    (asked,) = settings(shell, f"source {COMMON}; git_remote ls-remote .")

    assert asked == {
        *("--no-pager", "--no-replace-objects", "-c"),
        *("safe.bareRepository=explicit", "core.fsmonitor=false", "core.hooksPath=/dev/null"),
        *("GIT_NO_LAZY_FETCH=unset", "GIT_ALLOW_PROTOCOL=unset", "GIT_TERMINAL_PROMPT=0"),
    }


def test_no_script_calls_git_another_way() -> None:
    scripts = [file for file in DEPLOY.rglob("*.sh") if file != COMMON]
    texts = {file.name: file.read_text() for file in scripts}

    assert {name for name, text in texts.items() if "common.sh" in text} == set(texts)
    assert [name for name, text in texts.items() if "command git" in text or "git -C" in text] == []
