"""The command `schema`: the JSON schema of a file."""

import click

from gitops_doca.cli.help import Command
from gitops_doca.cli.output.streams import write_stdout
from gitops_doca.sources.reading.schema import SCHEMAS, schema_text


@click.command(
    "schema",
    cls=Command,
    examples=("gitops-doca schema config > gitops-doca.schema.json",),
    help=f"Print the JSON schema of a file.\n\nNAME is one of {', '.join(SCHEMAS)}.",
)
@click.argument("name", type=click.Choice(SCHEMAS), metavar="NAME")
def command(name: str) -> None:
    """Print the JSON schema of a file."""
    write_stdout(schema_text(name))
