"""The command `check`: which image each pool gets, as a table."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import click

from gitops_doca.cli.fleet import one_or_fleet
from gitops_doca.cli.fleet_check import check_fleet
from gitops_doca.cli.run import cluster_result, run
from gitops_doca.cli.settings.flags import fleet_options, live_options, lock_options, registry_options
from gitops_doca.cli.settings.inputs import cluster_name
from gitops_doca.core.diagnostics import Diagnostic
from gitops_doca.core.fleet import ClusterResult
from gitops_doca.core.resolve.decide import Decision
from gitops_doca.emit.fleet_table import markdown_fleet, text_fleet
from gitops_doca.emit.image_build import build_script
from gitops_doca.emit.mirror import plain_list, skopeo_list
from gitops_doca.emit.pool_table import markdown_pools, text_pools
from gitops_doca.emit.report import json_report
from gitops_doca.usecases.generate import Generation

_FORMS: dict[str, Callable[[Generation], str]] = {
    "text": lambda found: text_pools(found.decisions, found.inputs.grouping),
    "markdown": lambda found: markdown_pools(found.decisions, found.inputs.grouping),
    "mirror": lambda found: plain_list(found.images),
    "mirror-skopeo": lambda found: skopeo_list(found.images, found.decisions),
    "build": lambda found: build_script(found.decisions),
}
_FLEET_FORMS: dict[str, Callable[[Sequence[ClusterResult]], str]] = {
    "text": text_fleet,
    "markdown": markdown_fleet,
    "mirror": lambda found: plain_list(_images(found)),
    "mirror-skopeo": lambda found: skopeo_list(_images(found), _decisions(found)),
    "build": lambda found: build_script(_decisions(found)),
}
_JSON = "json"


@click.command("check")
@fleet_options
@live_options
@lock_options
@registry_options
@click.option(
    "-o", "--output", type=click.Choice([*_FORMS, _JSON]), default="text", show_default=True, help="Format."
)
def command(output: str, targets: tuple[str, ...], **flags: Any) -> None:  # noqa: ANN401 (click's parameters)
    """Print a table of all pools with the image of each.

    It decides as generate does, with the same exit codes, but prints no manifests; the table also shows
    pools without an image. In its place -o mirror prints the images that the pods pull, and -o build the
    commands that build missing ones.

    With several folders: one table for all clusters, those that fail first.
    """
    match one_or_fleet(targets, flags):
        case tuple(fleet):
            dump = json_report if output == _JSON else lambda results, _: _FLEET_FORMS[output](results)
            check_fleet(fleet, flags, dump, summary=markdown_fleet)
        case single:
            report = partial(_report, cluster_name(single["target"]))
            run(
                single,
                report if output == _JSON else lambda generation, _: _FORMS[output](generation),
                with_errors=True,
                summary=_FORMS["markdown"],
                failure=partial(report, None) if output == _JSON else None,
            )


def _report(cluster: str, generation: Generation | None, diagnostics: Iterable[Diagnostic]) -> str:
    problems = tuple(diagnostics)
    return json_report([cluster_result(cluster, generation, problems)], problems)


def _images(results: Sequence[ClusterResult]) -> list[str]:
    return sorted({image for result in results for image in result.images})


def _decisions(results: Sequence[ClusterResult]) -> list[Decision]:
    return [decision for result in results for decision in result.decisions]
