import subprocess
import sys

import click

from gitops_doca.cli import COMMANDS, cli
from support.cli import clean_environment


def test_the_help_has_the_first_sentence_of_each_commands_own_help() -> None:
    context = click.Context(cli)
    commands = {name: cli.get_command(context, name) for name in COMMANDS}

    assert {name: command.get_short_help_str(limit=80) for name, command in commands.items()} == COMMANDS


def test_the_help_imports_no_command() -> None:
    script = (
        "import sys\n"
        "from gitops_doca.cli import main\n"
        "try:\n"
        "    main(['--help'])\n"
        "except SystemExit:\n"
        "    names = [name for name in sys.modules if name.startswith('gitops_doca.cli.commands')]\n"
        "    print(names, file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=clean_environment(), capture_output=True, check=True, text=True
    )

    assert done.stderr == "[]\n"
    assert all(sentence in done.stdout for sentence in COMMANDS.values())
