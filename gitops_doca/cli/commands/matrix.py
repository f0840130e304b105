"""The command `matrix`: which driver version has a precompiled image for every pool."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from gitops_doca.cli.fleet import Member, collecting, load_member, one_or_fleet, print_all, start_fleet
from gitops_doca.cli.output.console import print_diagnostics
from gitops_doca.cli.output.streams import write_stdout
from gitops_doca.cli.output.summary import summarize
from gitops_doca.cli.run import print_skipped, start
from gitops_doca.cli.settings.flags import registry_options, source_options
from gitops_doca.cli.settings.registries import make_resolver
from gitops_doca.core.compare.matrix import VersionMatrix
from gitops_doca.core.diagnostics import Problems
from gitops_doca.emit.matrix.html import html_matrix
from gitops_doca.emit.matrix.json import json_matrix
from gitops_doca.emit.matrix.tables import markdown_matrix, text_matrix
from gitops_doca.usecases.load import Inputs
from gitops_doca.usecases.survey import make_survey, survey

if TYPE_CHECKING:
    from gitops_doca.registry.resolver import RegistryResolver

Dump = Callable[[Sequence[VersionMatrix]], str]

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
def command(output: str, versions: int, targets: tuple[str, ...], **flags: Any) -> None:  # noqa: ANN401 (click's parameters)
    """Print which driver versions have images for which pools.

    Asks the registry for the tags of the policies' repositories, whatever lock there is. The newest
    version that serves every pool is confirmed by its manifests. With several folders the pools of
    all clusters are held against the versions.
    """
    dump = partial(_FORMS[output], versions=versions)
    summary = partial(markdown_matrix, versions=versions)
    flags["online"] = True
    match one_or_fleet(targets, flags):
        case tuple(fleet):
            _survey_fleet(fleet, flags, dump, summary)
        case single:
            _survey(single, dump, summary)


def _survey(flags: Mapping[str, Any], dump: Dump, summary: Dump) -> None:
    problems = Problems()
    run_config = start(flags, problems)
    if run_config is None:
        return
    survey = make_survey(
        run_config.settings, lambda: make_resolver(run_config.registry, problems, whole_lists=True), problems
    )
    if flags["verbose"]:
        print_skipped(survey.inputs)
    write_stdout(dump(survey.matrices))
    summarize(lambda: summary(survey.matrices), problems)
    problems.raise_errors()
    print_diagnostics(problems.warnings)


def _survey_fleet(fleet: Iterable[str], flags: Mapping[str, Any], dump: Dump, summary: Dump) -> None:
    """Survey the pools of all clusters that can be read; nothing is written when there is none."""
    members = start_fleet(fleet, flags)
    found: list[Inputs] = []
    for member in members:
        with collecting(member.problems):
            if member.run_config:
                found.append(load_member(member, member.run_config))
    if flags["verbose"]:
        for inputs in found:
            print_skipped(inputs)
    shared = Problems()
    with collecting(shared):
        pools = [pool for inputs in found for pool in inputs.grouping.pools]
        matrices = survey(pools, _resolver(members, shared), shared) if pools else ()
        if found:
            write_stdout(dump(matrices))
            summarize(lambda: summary(matrices), shared)
    print_all([*(d for member in members for d in member.diagnostics), *shared])


def _resolver(members: Iterable[Member], problems: Problems) -> "RegistryResolver":
    registry = next(member.run_config.registry for member in members if member.run_config)
    return make_resolver(registry, problems, whole_lists=True)
