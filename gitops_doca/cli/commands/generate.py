"""The command `generate`: the manifests of all pools."""

from typing import Any

import click

from gitops_doca.cli.options import input_options, lock_options, registry_options
from gitops_doca.cli.run import run
from gitops_doca.emit.yaml import dump_json, dump_stream

_DUMPS = {"yaml": dump_stream, "json": dump_json}


@click.command("generate")
@input_options
@lock_options
@registry_options
@click.option(
    "-o", "--output", type=click.Choice(list(_DUMPS)), default="yaml", show_default=True, help="Format."
)
def command(output: str, **flags: Any) -> None:  # noqa: ANN401 (click's parameters)
    """Print the manifests of all pools.

    Reads gitops-doca.yaml in DIR (default: the working directory), or FILE;
    it is not needed when -p and -i are given.
    """
    run(flags, lambda generation: _DUMPS[output](generation.resources))
