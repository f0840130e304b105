"""The command `status`: which nodes of the live cluster run the rendered driver, and which wait."""

from collections.abc import Mapping
from typing import Any

import click

from gitops_doca.cli.console import print_diagnostics
from gitops_doca.cli.invocation import Invocation, produce
from gitops_doca.cli.live import LiveInventory
from gitops_doca.cli.options import input_options, live_options, lock_options, registry_options
from gitops_doca.cli.output import write_stdout
from gitops_doca.cli.run import reporting, start, tell_generation, write_report
from gitops_doca.cli.summary import summarize
from gitops_doca.core.diagnostics import Problems
from gitops_doca.core.rendered import rendering
from gitops_doca.core.scope import Scope
from gitops_doca.core.status import Status, compare_status
from gitops_doca.emit.status import json_status, markdown_status, text_status
from gitops_doca.loading import group_live
from gitops_doca.pipeline import Generation
from gitops_doca.sources.config import CONFIG_FILE, POLICIES

_CURRENT, _WAITING = 0, 1
_FORMS = {"text": text_status, "json": json_status, "markdown": markdown_status}


@click.command("status")
@input_options
@live_options
@lock_options
@registry_options
@click.option(
    "-o", "--output", type=click.Choice(list(_FORMS)), default="text", show_default=True, help="Format."
)
def command(output: str, **flags: Any) -> int:  # noqa: ANN401 (click's parameters)
    """Print which nodes of the live cluster run the rendered driver.

    Of the others it says what they wait for. Renders as generate does, reads the nodes, DaemonSets
    and driver pods of the cluster, and changes nothing there. With --live the pools are made of
    the cluster's nodes too.

    Exit code 0: every node runs the rendered driver, 1: some wait.
    """
    problems = Problems()
    # Here the cluster is read in any case.
    elsewhere = {} if flags["live"] else {"kubeconfig": None, "context": None}
    invocation = start({**flags, **elsewhere}, problems)
    if invocation is None:
        return _CURRENT
    with reporting(flags["report"]):
        _check_rendered(invocation, problems)
        generation = produce(invocation, problems)
    if flags["verbose"]:
        tell_generation(generation)
    write_report(flags["report"], generation, tuple(problems))
    problems.raise_errors()
    status = _compare(invocation, generation, flags, problems)
    write_stdout(_FORMS[output](status))
    summarize(lambda: markdown_status(status), problems)
    print_diagnostics(problems.warnings)
    return _CURRENT if status.is_current else _WAITING


def _check_rendered(invocation: Invocation, problems: Problems) -> None:
    """Report a config under which there is no DaemonSet to compare."""
    if invocation.settings["emit"].value == POLICIES:
        problems.error(
            "with emit: policies the DaemonSets are the operator's, so there is none to compare with",
            remedy=f"ask the operator's status, or leave emit out of {CONFIG_FILE}",
        )
    problems.raise_errors()


def _compare(
    invocation: Invocation, generation: Generation, flags: Mapping[str, Any], problems: Problems
) -> Status:
    """Read the cluster and hold it against what is rendered; raises `GenerationError` as its readers do."""
    settings, inputs = invocation.settings, generation.inputs
    namespace: str = settings["namespace"].value
    live, grouping = invocation.live, inputs.grouping
    if live is None:
        live = LiveInventory(
            kubeconfig=flags["kubeconfig"], context=flags["context"], deadline=flags["deadline"]
        )
        scope = Scope(
            namespace=namespace,
            labels=inputs.policies.labels,
            ignored_taints=frozenset(settings["ignoredTaints"].value),
            openshift=False,
        )
        grouping = group_live(inputs, settings, live(scope, problems), problems)
    drivers = live.drivers(namespace, problems)
    problems.raise_errors()
    pools = rendering(generation.resources, generation.decisions).pools
    return compare_status(pools, grouping, drivers)
