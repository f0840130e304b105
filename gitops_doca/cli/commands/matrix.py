"""The command `matrix`: which driver versions have a precompiled image for which pools."""

from dataclasses import replace
from functools import partial

import click

from gitops_doca.cli.clusters import Fleet, collecting, connect_shared, load_cluster, open_fleet
from gitops_doca.cli.help import OUTPUT, Command, option
from gitops_doca.cli.output.console import stdout_layout
from gitops_doca.cli.output.report import print_skipped
from gitops_doca.cli.output.streams import write_stdout
from gitops_doca.cli.output.summary import summarize
from gitops_doca.cli.settings.flags import (
    Flags,
    registry_options,
    source_options,
    targets_argument,
    with_flags,
)
from gitops_doca.core.matrix.survey import KIND, LatestVersion, VersionSurvey
from gitops_doca.emit.json_document import document_text
from gitops_doca.emit.matrix.html import html_matrix
from gitops_doca.emit.matrix.json import json_matrix
from gitops_doca.emit.matrix.tables import markdown_matrix, text_matrix
from gitops_doca.usecases.load import Inputs
from gitops_doca.usecases.survey import survey

_TABLES = ("text", "wide")
_DOCUMENTS = {"markdown": markdown_matrix, "html": html_matrix}
_JSON = "json"


@click.command(
    "matrix",
    cls=Command,
    examples=(
        "gitops-doca matrix",
        "gitops-doca matrix clusters/*/ -o html > matrix.html",
    ),
    page="driver-versions",
)
@targets_argument
@source_options
@registry_options
@option(
    OUTPUT,
    "--versions",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    metavar="N",
    help="Show the newest N versions, and those that the policies name.",
)
@option(
    OUTPUT,
    "-o",
    "--output",
    type=click.Choice([*_TABLES, "markdown", _JSON, "html"]),
    default="text",
    show_default=True,
    help="Format.",
)
@with_flags
def command(flags: Flags, *, output: str, versions: int, targets: tuple[str, ...]) -> None:
    """Print which driver versions have images for which pools.

    Asks the registry for the tags of the policies' repositories, also where there is a lock. The
    newest version that serves every pool is confirmed by its manifests. With several folders the
    matrix has the pools of all clusters.
    """
    fleet = open_fleet(targets, replace(flags, inputs=replace(flags.inputs, online=True)))
    if fleet is None:
        return
    loaded: list[Inputs] = []
    for cluster, run_config in fleet.usable:
        with cluster.collecting():
            loaded.append(load_cluster(cluster.name, run_config, cluster.problems))
    if flags.output.verbose:
        for inputs in loaded:
            print_skipped(inputs.grouping)
    run_configs = [run_config for _, run_config in fleet.usable]
    found: VersionSurvey | None = None
    with collecting(fleet.shared):
        pools = [pool for inputs in loaded for pool in inputs.grouping.pools]
        registries = connect_shared(run_configs, fleet.shared, whole_lists=True)
        if loaded:
            nothing = VersionSurvey(matrices=(), newest=LatestVersion())
            found = survey(pools, registries, fleet.shared) if pools else nothing
    if output == _JSON:
        write_stdout(_document(fleet, found, versions))
    elif found is not None and output in _TABLES:
        write_stdout(text_matrix(found, versions, stdout_layout(wide=output == "wide")))
    elif found is not None:
        write_stdout(_DOCUMENTS[output](found, versions=versions))
    if found is not None:
        summarize(partial(markdown_matrix, found, versions=versions), fleet.shared)
    fleet.end()


def _document(fleet: Fleet, found: VersionSurvey | None, versions: int) -> str:
    if found is None:
        return document_text(KIND, fleet.diagnostics)
    return json_matrix(found, versions, fleet.clusters[0].label, fleet.diagnostics)
