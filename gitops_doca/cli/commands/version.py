"""The command `version`: the version of gitops-doca."""

import click

from gitops_doca import __version__
from gitops_doca.cli.help import Command
from gitops_doca.cli.output.streams import write_stdout


@click.command("version", cls=Command, examples=("gitops-doca version",))
def command() -> None:
    """Print the version of gitops-doca."""
    write_stdout(f"gitops-doca {__version__}\n")
