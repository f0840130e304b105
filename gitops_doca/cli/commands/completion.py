"""The command `completion`: what a shell needs to complete commands, flags and files."""

import click
from click.shell_completion import get_completion_class

from gitops_doca.cli.help import COMPLETE, PROGRAM, Command
from gitops_doca.cli.output.streams import write_stdout

_SHELLS = ("bash", "zsh", "fish")


@click.command(
    "completion",
    cls=Command,
    examples=(
        "source <(gitops-doca completion bash)",
        "source <(gitops-doca completion zsh)",
        "gitops-doca completion fish | source",
    ),
    page="ci",
)
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print what a shell needs to complete commands.

    It completes commands, flags, their values, files and folders, in bash (4.4 or newer), zsh or
    fish. Let the shell read it when it starts.
    """
    program = context.find_root().command
    completion = get_completion_class(shell)
    assert completion is not None  # noqa: S101 (the shells are those that click knows)
    write_stdout(completion(program, {}, PROGRAM, COMPLETE).source())
