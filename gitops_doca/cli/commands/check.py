"""The command `check`: which image each pool gets, as a table."""

from collections.abc import Callable, Sequence

import click

from gitops_doca.cli.clusters import decide_all, open_fleet
from gitops_doca.cli.help import OUTPUT, Command, option
from gitops_doca.cli.output.console import stdout_layout
from gitops_doca.cli.output.streams import write_stdout
from gitops_doca.cli.output.summary import summarize
from gitops_doca.cli.settings.flags import (
    Flags,
    input_options,
    live_options,
    lock_options,
    registry_options,
    targets_argument,
    with_flags,
)
from gitops_doca.core.fleet import ClusterResult
from gitops_doca.core.resolve.companions import CompanionExists, CompanionState
from gitops_doca.core.resolve.decide import Decision
from gitops_doca.emit.fleet_table import markdown_fleet, text_fleet
from gitops_doca.emit.image_build import build_script
from gitops_doca.emit.mirror import plain_list, skopeo_list
from gitops_doca.emit.report import json_report

_FORMS: dict[str, Callable[[Sequence[ClusterResult]], str]] = {
    "text": lambda results: text_fleet(results, stdout_layout()),
    "wide": lambda results: text_fleet(results, stdout_layout(wide=True)),
    "markdown": markdown_fleet,
    "mirror": lambda results: plain_list(_images(results)),
    "mirror-skopeo": lambda results: skopeo_list(_images(results), _decisions(results), _companions(results)),
    "build": lambda results: build_script(_decisions(results)),
}
_JSON = "json"


@click.command(
    "check",
    cls=Command,
    examples=(
        "gitops-doca check -p policy.yaml -i nodes.json",
        "gitops-doca check clusters/*/",
    ),
)
@targets_argument
@input_options
@live_options
@lock_options
@registry_options
@option(
    OUTPUT,
    "-o",
    "--output",
    type=click.Choice([*_FORMS, _JSON]),
    default="text",
    show_default=True,
    help="Format.",
)
@with_flags
def command(flags: Flags, *, output: str, targets: tuple[str, ...]) -> None:
    """Print a table of all pools with the image of each.

    It decides as generate does and has the same exit codes, but prints no manifests; the table also
    shows pools without an image. -o mirror prints the images that the pods pull, and -o build the
    commands that build missing ones.

    With several folders: one table for all clusters, those that fail first.
    """
    fleet = open_fleet(targets, flags)
    if fleet is None:
        return
    generations = decide_all(fleet, flags)
    results = fleet.results(generations)
    if output == _JSON:
        write_stdout(json_report(results, fleet.diagnostics))
    elif generations or not fleet.is_one:
        write_stdout(_FORMS[output](results))
    if generations or not fleet.is_one:
        summarize(lambda: markdown_fleet(results), fleet.shared)
    fleet.end()


def _images(results: Sequence[ClusterResult]) -> list[str]:
    """Return the images that are pulled: those of the pools' pods, and existing companions."""
    return sorted(
        {
            *(image for result in results for image in result.images),
            *(str(one.required.image) for one in _companions(results) if isinstance(one, CompanionExists)),
        }
    )


def _companions(results: Sequence[ClusterResult]) -> list[CompanionState]:
    return [companion for result in results for companion in result.companions]


def _decisions(results: Sequence[ClusterResult]) -> list[Decision]:
    return [decision for result in results for decision in result.decisions]
