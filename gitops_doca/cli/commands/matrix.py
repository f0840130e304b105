"""The command `matrix`: which driver version has a precompiled image for every pool."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from gitops_doca.cli.fleet import Member, collecting, load_member, one_or_fleet, print_all, start_fleet
from gitops_doca.cli.output.console import print_diagnostics
from gitops_doca.cli.output.documents import FailureDump, documented
from gitops_doca.cli.output.streams import write_stdout
from gitops_doca.cli.output.summary import summarize
from gitops_doca.cli.run import print_skipped, start
from gitops_doca.cli.settings.flags import registry_options, source_options
from gitops_doca.cli.settings.inputs import cluster_name
from gitops_doca.cli.settings.registries import make_resolver
from gitops_doca.core.compare.matrix import KIND, VersionMatrix
from gitops_doca.core.diagnostics import Diagnostic, Problems
from gitops_doca.emit.json_document import document_text
from gitops_doca.emit.matrix.html import html_matrix
from gitops_doca.emit.matrix.json import json_matrix
from gitops_doca.emit.matrix.tables import markdown_matrix, text_matrix
from gitops_doca.usecases.load import Inputs
from gitops_doca.usecases.survey import make_survey, survey

if TYPE_CHECKING:
    from gitops_doca.registry.resolver import RegistryResolver

Dump = Callable[[Sequence[VersionMatrix], Sequence[Diagnostic]], str]
Summary = Callable[[Sequence[VersionMatrix]], str]

_FORMS = {"text": text_matrix, "markdown": markdown_matrix, "html": html_matrix}
_JSON = "json"


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
    "-o",
    "--output",
    type=click.Choice(["text", "markdown", _JSON, "html"]),
    default="text",
    show_default=True,
    help="Format.",
)
def command(output: str, versions: int, targets: tuple[str, ...], **flags: Any) -> None:  # noqa: ANN401 (click's parameters)
    """Print which driver versions have images for which pools.

    Asks the registry for the tags of the policies' repositories, whatever lock there is. The newest
    version that serves every pool is confirmed by its manifests. With several folders the pools of
    all clusters are compared with the versions.
    """
    summary = partial(markdown_matrix, versions=versions)
    failure = partial(document_text, KIND) if output == _JSON else None
    flags["online"] = True

    def dump(tables: Sequence[VersionMatrix], diagnostics: Sequence[Diagnostic]) -> str:
        if output == _JSON:
            return json_matrix(tables, versions, cluster_name(targets[0] if targets else None), diagnostics)
        return _FORMS[output](tables, versions)

    match one_or_fleet(targets, flags):
        case tuple(fleet):
            _survey_fleet(fleet, flags, dump, summary, failure)
        case single:
            _survey(single, dump, summary, failure)


def _survey(flags: Mapping[str, Any], dump: Dump, summary: Summary, failure: FailureDump | None) -> None:
    problems = Problems()
    with documented(failure):
        run_config = start(flags, problems)
        if run_config is None:
            return
        survey = make_survey(
            run_config.settings,
            lambda: make_resolver(run_config.registry, problems, whole_lists=True),
            problems,
        )
    if flags["verbose"]:
        print_skipped(survey.inputs)
    write_stdout(dump(survey.matrices, tuple(problems)))
    summarize(lambda: summary(survey.matrices), problems)
    problems.raise_errors()
    print_diagnostics(problems.warnings)


def _survey_fleet(
    fleet: Iterable[str], flags: Mapping[str, Any], dump: Dump, summary: Summary, failure: FailureDump | None
) -> None:
    """Survey the pools of all clusters that can be read; when there is none, no table is written."""
    members = start_fleet(fleet, flags)
    if not members:
        return
    found: list[Inputs] = []
    for member in members:
        with collecting(member.problems):
            if member.run_config:
                found.append(load_member(member, member.run_config))
    if flags["verbose"]:
        for inputs in found:
            print_skipped(inputs)
    tables: tuple[VersionMatrix, ...] | None = None
    shared = Problems()
    with collecting(shared):
        pools = [pool for inputs in found for pool in inputs.grouping.pools]
        if found:
            tables = survey(pools, _resolver(members, shared), shared) if pools else ()
    diagnostics = [*(d for member in members for d in member.diagnostics), *shared]
    if tables is not None:
        write_stdout(dump(tables, list(dict.fromkeys(diagnostics))))
        summarize(partial(summary, tables), shared)
    with documented(failure if tables is None else None):
        print_all([*diagnostics, *shared])


def _resolver(members: Iterable[Member], problems: Problems) -> "RegistryResolver":
    registry = next(member.run_config.registry for member in members if member.run_config)
    return make_resolver(registry, problems, whole_lists=True)
