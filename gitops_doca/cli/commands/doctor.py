"""The command `doctor`: what is set up, what is reachable, and what to do about the rest."""

import os
import sys
from collections.abc import Iterator

import click

from gitops_doca.cli.doctor.cluster import examine_cluster
from gitops_doca.cli.doctor.inputs import examine_application, examine_inputs, under_argocd
from gitops_doca.cli.doctor.kustomize import examine_kustomize
from gitops_doca.cli.doctor.registries import examine_registries
from gitops_doca.cli.help import OUTPUT, Command, option
from gitops_doca.cli.output.console import coloured, print_diagnostics, show_line
from gitops_doca.cli.output.streams import write_stdout
from gitops_doca.cli.settings.flags import (
    Flags,
    cluster_options,
    registry_options,
    target_argument,
    verbose_option,
    with_flags,
)
from gitops_doca.cli.settings.inputs import cluster_name, config_file, live_inventory
from gitops_doca.core.diagnostics import DIFFERENT, SAME
from gitops_doca.core.doctor import Finding, State
from gitops_doca.emit.doctor import json_findings, text_findings

_SECONDS = 30.0
"""The default for all registries together, and for the cluster."""
_COLOURS = {State.OK: "green", State.WARNING: "yellow", State.FAILURE: "red"}


@click.command(
    "doctor",
    cls=Command,
    examples=("gitops-doca doctor", "gitops-doca doctor clusters/a --context a"),
    page="getting-started",
    context_settings={"default_map": {"deadline": _SECONDS}},
)
@target_argument
@registry_options
@cluster_options
@option(
    OUTPUT,
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Format.",
)
@verbose_option
@with_flags
def command(flags: Flags, *, output: str, target: str | None) -> int:
    """Print what is set up and reachable, and what to do.

    It checks the config and its inputs, the lock, each registry by one tag that is needed, the
    cluster and what its role allows, and kustomize; under Argo CD also the application's
    environment. Nothing is written.

    Exit code 0: nothing failed, 1: something did.
    """
    findings = tuple(_examine(target, flags))
    show_line("")
    if output == "json":
        write_stdout(json_findings(findings, cluster_name(target)))
    else:
        write_stdout(text_findings(findings, _style))
    if output == "json" or flags.output.verbose:
        print_diagnostics(diagnostic for one in findings for diagnostic in one.diagnostics)
    return DIFFERENT if any(one.state is State.FAILURE for one in findings) else SAME


def _examine(target: str | None, flags: Flags) -> Iterator[Finding]:
    is_plugin = target is None and under_argocd(os.environ)
    examined = examine_application(os.environ) if is_plugin else examine_inputs(target, flags)
    yield from examined.findings
    yield from examine_registries(examined)
    live = examined.live if is_plugin else live_inventory(flags)
    if live is not None:
        show_line("checking the cluster")
        yield examine_cluster(live, examined)
    if not is_plugin:
        show_line("checking kustomize")
        yield examine_kustomize(config_file(target), os.environ)


def _style(state: State, text: str) -> str:
    return click.style(text, fg=_COLOURS[state]) if coloured(sys.stdout) else text
