"""The command `check`: which image each pool gets, as a table."""

from collections.abc import Callable
from typing import Any

import click

from gitops_doca.cli.options import input_options, live_options, lock_options, registry_options
from gitops_doca.cli.run import run
from gitops_doca.emit.mirror import plain_list, skopeo_list
from gitops_doca.emit.recipe import build_script
from gitops_doca.emit.table import json_table, markdown_table, text_table
from gitops_doca.pipeline import Generation

_FORMS: dict[str, Callable[[Generation], str]] = {
    "text": lambda found: text_table(found.decisions, found.inputs.grouping),
    "json": lambda found: json_table(found.decisions, found.inputs.grouping),
    "markdown": lambda found: markdown_table(found.decisions, found.inputs.grouping),
    "mirror": lambda found: plain_list(found.images),
    "mirror-skopeo": lambda found: skopeo_list(found.images, found.decisions),
    "build": lambda found: build_script(found.decisions),
}


@click.command("check")
@input_options
@live_options
@lock_options
@registry_options
@click.option(
    "-o", "--output", type=click.Choice(list(_FORMS)), default="text", show_default=True, help="Format."
)
def command(output: str, **flags: Any) -> None:  # noqa: ANN401 (click's parameters)
    """Print a table of all pools with the image of each.

    It decides as generate does, with the same exit codes, but prints no manifests; the table also shows
    pools without an image. In its place -o mirror prints the images that the pods pull, and -o build the
    commands that build missing ones.
    """
    run(flags, _FORMS[output], with_errors=True)
