"""Shell completion, as docs/ci.md tells people to switch it on."""

from pathlib import Path

import pytest

from gitops_doca.cli import COMMANDS
from support.cli import run_cli
from support.shell import Shell, blocks

LINES = {
    "bash": 'eval "$(_GITOPS_DOCA_COMPLETE=bash_source gitops-doca)"',
    "zsh": 'eval "$(_GITOPS_DOCA_COMPLETE=zsh_source gitops-doca)"',
    "fish": "_GITOPS_DOCA_COMPLETE=fish_source gitops-doca | source",
}
ASK = (
    "COMP_WORDS=({words}); COMP_CWORD={at}; COMPREPLY=()\n"
    '_gitops_doca_completion gitops-doca; echo "${{COMPREPLY[*]}}"\n'
)


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


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_zsh_and_fish_get_a_function_and_what_it_asks_for(shell: str, tmp_path: Path) -> None:
    """Neither shell is at hand: these are the questions that their functions put."""
    at = {"zsh": "1", "fish": "ge"}[shell]
    words = {"zsh": "gitops-doca ge", "fish": "gitops-doca ge"}[shell]

    source = run_cli(cwd=tmp_path, env={"_GITOPS_DOCA_COMPLETE": f"{shell}_source"})
    answer = run_cli(
        cwd=tmp_path,
        env={"_GITOPS_DOCA_COMPLETE": f"{shell}_complete", "COMP_WORDS": words, "COMP_CWORD": at},
    )

    assert (source.exit_code, source.stderr) == (0, "")
    text = source.stdout.decode()
    assert f"_GITOPS_DOCA_COMPLETE={shell}_complete" in text
    assert {"zsh": "#compdef gitops-doca\n", "fish": "complete --no-files --command gitops-doca"}[
        shell
    ] in text
    assert (answer.exit_code, answer.stderr) == (0, "")
    expected = {"zsh": ["plain", "generate"], "fish": ["plain,generate"]}[shell]
    assert [line.partition("\t")[0] for line in answer.stdout.decode().splitlines()][
        : len(expected)
    ] == expected
