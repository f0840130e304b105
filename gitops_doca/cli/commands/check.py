"""The command `check`: which image each pool gets, as a table."""

from typing import Any

import click

from gitops_doca.cli.options import input_options, live_options, lock_options, registry_options
from gitops_doca.cli.run import run
from gitops_doca.emit.table import json_table, markdown_table, text_table

_TABLES = {"text": text_table, "json": json_table, "markdown": markdown_table}


@click.command("check")
@input_options
@live_options
@lock_options
@registry_options
@click.option(
    "-o", "--output", type=click.Choice(list(_TABLES)), default="text", show_default=True, help="Format."
)
def command(output: str, **flags: Any) -> None:  # noqa: ANN401 (click's parameters)
    """Print a table of all pools and the image of each, and no manifests.

    Exit codes are those of generate; the table also shows pools without an image.
    """
    run(
        flags,
        lambda generation: _TABLES[output](generation.decisions, generation.inputs.grouping),
        with_errors=True,
    )
