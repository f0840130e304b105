"""The command `matrix`: which driver version has a precompiled image for every pool."""

from typing import Any

import click

from gitops_doca.cli.console import print_diagnostics
from gitops_doca.cli.options import registry_options, source_options
from gitops_doca.cli.output import write_stdout
from gitops_doca.cli.registries import make_resolver
from gitops_doca.cli.run import start, tell_left_out
from gitops_doca.core.diagnostics import Problems
from gitops_doca.emit.matrix_html import html_matrix
from gitops_doca.emit.matrix_json import json_matrix
from gitops_doca.emit.matrix_table import markdown_matrix, text_matrix
from gitops_doca.surveying import make_survey

_FORMS = {"text": text_matrix, "markdown": markdown_matrix, "json": json_matrix, "html": html_matrix}


@click.command("matrix")
@source_options
@registry_options
@click.option(
    "--versions",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    metavar="N",
    help="Show the newest N versions, and those that the policies name.",
)
@click.option(
    "-o", "--output", type=click.Choice(list(_FORMS)), default="text", show_default=True, help="Format."
)
def command(output: str, versions: int, **flags: Any) -> None:  # noqa: ANN401 (click's parameters)
    """Print which driver versions have images for which pools.

    Asks the registry for the tags of the policies' repositories, whatever lock there is. The newest
    version that serves every pool is confirmed by its manifests.
    """
    problems = Problems()
    invocation = start(flags, problems)
    if invocation is None:
        return
    survey = make_survey(
        invocation.settings, lambda: make_resolver(invocation.registry, problems, whole_lists=True), problems
    )
    if flags["verbose"]:
        tell_left_out(survey.inputs)
    write_stdout(_FORMS[output](survey.tables, versions))
    problems.raise_errors()
    print_diagnostics(problems.warnings)
