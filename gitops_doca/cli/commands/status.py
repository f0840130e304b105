"""The command `status`: which nodes of a live cluster run the rendered driver."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from gitops_doca.cli.help import CLUSTER, OUTPUT, Command, option
from gitops_doca.cli.output.console import print_diagnostics, show_line, stdout_layout
from gitops_doca.cli.output.documents import documented
from gitops_doca.cli.output.report import print_result, reporting, write_report
from gitops_doca.cli.output.streams import write_stdout
from gitops_doca.cli.output.summary import summarize
from gitops_doca.cli.process.waiting import ask_until
from gitops_doca.cli.settings.explain import explain
from gitops_doca.cli.settings.flags import (
    Flags,
    input_options,
    live_options,
    lock_options,
    registry_options,
    seconds,
    target_argument,
    with_flags,
)
from gitops_doca.cli.settings.inputs import cluster_name, live_inventory, read_run_config
from gitops_doca.cli.settings.live import LiveInventory
from gitops_doca.cli.settings.run_config import RunConfig, generate_for
from gitops_doca.core.compare.rendered import rendering
from gitops_doca.core.compare.status import (
    KIND,
    MOST_ASKED,
    AbsentNode,
    Cluster,
    Status,
    compare_status,
    explain_absent,
    find_absent,
)
from gitops_doca.core.diagnostics import DIFFERENT, SAME, Problems
from gitops_doca.core.documentation import page
from gitops_doca.emit.json_document import document_text
from gitops_doca.emit.status import count_current, json_status, markdown_status, text_status
from gitops_doca.sources.files import STDIN, display_name
from gitops_doca.sources.reading.document import Document
from gitops_doca.usecases.fleet import cluster_result
from gitops_doca.usecases.generate import Generation
from gitops_doca.usecases.load import group_live, node_query

_FORMS: dict[str, Callable[[Status], str]] = {
    "text": lambda status: text_status(status, stdout_layout()),
    "wide": lambda status: text_status(status, stdout_layout(wide=True)),
    "markdown": markdown_status,
}
_JSON = "json"


@click.command(
    "status",
    cls=Command,
    examples=(
        "gitops-doca status clusters/a",
        "gitops-doca status clusters/a --wait 1800",
    ),
    page="rollout",
)
@target_argument
@input_options
@live_options
@lock_options
@registry_options
@option(
    CLUSTER,
    "--wait",
    type=click.FloatRange(min=0),
    callback=seconds,
    default=0.0,
    metavar="SECONDS",
    help="Wait until all is current, at most this long.",
)
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
def command(flags: Flags, *, output: str, wait: float, target: str | None) -> int:
    """Print which nodes of the live cluster run the rendered driver.

    For the other nodes, it prints what they wait for. Renders as generate does, and reads the
    nodes, DaemonSets and driver pods of the cluster; changes nothing. It also names nodes of the
    inventory that the cluster lacks, and DaemonSets that are not applied or no longer rendered.
    With --live the pools are made of the cluster's nodes, and no inventory is compared.

    Exit code 0: all is current, 1: something differs or waits, 5: the cluster gave no answer.
    """
    with documented(partial(document_text, KIND) if output == _JSON else None):
        outcome = _compare(target, flags, wait)
    if outcome is None:
        return SAME
    status, problems = outcome
    if output == _JSON:
        write_stdout(json_status(status, cluster_name(target), problems))
    else:
        write_stdout(_FORMS[output](status))
    summarize(lambda: markdown_status(status), problems)
    print_diagnostics(problems.warnings)
    return SAME if status.is_current else DIFFERENT


def _compare(target: str | None, flags: Flags, wait: float) -> tuple[Status, Problems] | None:
    """Compare until all is current or the time is over; None if only the settings are explained."""
    problems = Problems()
    label = cluster_name(target)
    with reporting(flags.output.report, label):
        run_config = _read_run_config(target, flags, problems)
    if flags.output.explain_config:
        write_stdout(explain(run_config))
        return None
    with reporting(flags.output.report, label):
        _check_rendered(run_config, problems)
    if wait and run_config.live:
        _check_policies(run_config.settings.policies)
    comparison = _Comparison(label, run_config, flags, problems)
    try:
        status = ask_until(comparison.ask, lambda status: status.is_current, wait, _show)
    finally:
        if wait:
            show_line("")
    return status, comparison.problems


def _read_run_config(target: str | None, flags: Flags, problems: Problems) -> RunConfig:
    inputs = flags.inputs
    if not inputs.live:
        # The cluster is read in any case, so these flags do not need --live.
        inputs = replace(inputs, kubeconfig=None, context=None)
    run_config = read_run_config(target, replace(flags, inputs=inputs), problems)
    problems.raise_errors()
    return run_config


def _show(status: Status | None, left: float) -> None:
    nodes = "no answer from the API server" if status is None else count_current(status)
    show_line(f"{nodes}; {left:.0f} s left")


def _check_rendered(run_config: RunConfig, problems: Problems) -> None:
    """Report a config under which there is no DaemonSet to compare."""
    if run_config.settings.emits_policies:
        problems.error(
            "with emit: policies the DaemonSets are the operator's, so there is none to compare with",
            help="see the operator's status; how gitops-doca takes the drivers over: "
            f"{page('beside-the-operator')}",
        )
    problems.raise_errors()


def _check_policies(policies: Iterable[str | Document]) -> None:
    """Refuse policies that can be read only once, since each try reads them again."""
    for file in policies:
        if isinstance(file, str) and (file == STDIN or Path(file).is_fifo()):
            raise click.UsageError(
                f"with --live and --wait the policies are read again and again, which {display_name(file)} "
                "does not allow; write them into a file"
            )


class _Comparison:
    """One cluster and what is rendered for it; can be compared repeatedly."""

    def __init__(self, label: str, run_config: RunConfig, flags: Flags, problems: Problems) -> None:
        self._label = label
        self._run_config = run_config
        self._flags = flags
        self._known = tuple(problems)
        self._generation: Generation | None = None
        self.problems = problems
        """The problems of the last comparison."""

    def ask(self) -> Status:
        """Read the cluster and compare it.

        Raises `GenerationError` as the pipeline and the readers of a cluster do.
        """
        self.problems = Problems(self._known)
        # With --live, the output depends on the nodes that the cluster has now.
        if self._generation is None or self._run_config.live:
            self._generation = self._render(self.problems)
        generation, settings = self._generation, self._run_config.settings
        cluster = self._read(generation, self.problems)
        self.problems.raise_errors()
        return compare_status(
            rendering(generation.resources, generation.decisions).pools,
            generation.inputs.inventory,
            cluster,
            may_be_empty=settings.allow_empty,
        )

    def _render(self, problems: Problems) -> Generation:
        output = self._flags.output
        with reporting(output.report, self._label):
            generation = generate_for(self._run_config, problems)
        result = replace(
            cluster_result(generation, self._label),
            failure=next((error.category for error in problems.errors), None),
        )
        if output.verbose and self._generation is None:
            print_result(result)
        write_report(output.report, [result], tuple(problems))
        problems.raise_errors()
        if not self._run_config.live:
            self._known = tuple(problems)
        return generation

    def _read(self, generation: Generation, problems: Problems) -> Cluster:
        settings, inputs = self._run_config.settings, generation.inputs
        namespace = settings.namespace
        live = self._run_config.live
        if live is not None:
            drivers = live.drivers(namespace, problems)
            return Cluster(inventory=inputs.inventory, grouping=inputs.grouping, drivers=drivers)
        live = live_inventory(self._flags)
        inventory = live.read(node_query(inputs.policies, settings), problems)
        return Cluster(
            inventory=inventory,
            grouping=group_live(inputs, settings, inventory, problems),
            drivers=live.drivers(namespace, problems),
            absent=_absent(live, find_absent(inputs.inventory, inventory), problems),
        )


def _absent(live: LiveInventory, names: tuple[str, ...], problems: Problems) -> tuple[AbsentNode, ...]:
    there = live.find_nodes(names[:MOST_ASKED], problems) if names else frozenset()
    return explain_absent(names, there)
