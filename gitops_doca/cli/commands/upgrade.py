"""The command `upgrade`: which kernel each pool needs for another driver version."""

from collections.abc import Callable, Sequence

import click

from gitops_doca.cli.clusters import Fleet, collecting, connect_shared, load_cluster, open_fleet
from gitops_doca.cli.output.streams import write_stdout
from gitops_doca.cli.output.summary import summarize
from gitops_doca.cli.settings.flags import (
    Flags,
    live_options,
    lock_option,
    registry_options,
    source_options,
    targets_argument,
    with_flags,
)
from gitops_doca.cli.settings.run_config import read_locked
from gitops_doca.core.diagnostics import SAME, Problems
from gitops_doca.core.upgrade.result import UpgradeReport
from gitops_doca.emit.upgrade.document import json_upgrade
from gitops_doca.emit.upgrade.text import markdown_upgrade, text_upgrade
from gitops_doca.sources.driver_versions import check_version
from gitops_doca.usecases.upgrade import UpgradeInputs, find_upgrade

_JSON = "json"
_FORMS: dict[str, Callable[[UpgradeReport], str]] = {"text": text_upgrade, "markdown": markdown_upgrade}


def _version(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Refuse a text that cannot be a driver's version."""
    if value is not None:
        if value.startswith("sha256:"):
            raise click.BadParameter("a digest is one image for all pools, and no driver version")
        problems = Problems()
        check_version(value, problems=problems)
        for error in problems.errors:
            raise click.BadParameter(error.message)
    return value


@click.command("upgrade")
@targets_argument
@source_options
@lock_option
@live_options
@registry_options
@click.option(
    "--to",
    metavar="VERSION",
    callback=_version,
    help="Driver version to go to, with or without container revision "
    "(default: the newest that has an image for every pool).",
)
@click.option("--write", is_flag=True, help="Change policies and configs for --to or --finish.")
@click.option("--finish", is_flag=True, help="Show the plans and fallback versions that are of no more use.")
@click.option(
    "-o",
    "--output",
    type=click.Choice([*_FORMS, _JSON]),
    default="text",
    show_default=True,
    help="Format.",
)
@with_flags
def command(
    flags: Flags, *, finish: bool, output: str, targets: tuple[str, ...], to: str | None, write: bool
) -> int:
    """Print which kernel each pool needs for another driver version.

    Kernel and driver have to move together: NVIDIA publishes each precompiled image for one kernel.
    For each pool that is the newest kernel that the version has an image for, and all companions.
    With --write the policies name the version, and the configs plan the new kernels and keep the
    versions that pools still run as fallback versions. The manifests of running pools stay the same.

    When all nodes have moved, --finish --write removes the plans and fallback versions again.

    Exit code 4: the version has no image for some pool, 5: a registry gave no answer.
    """
    if finish and to:
        raise click.UsageError("--finish and --to exclude each other")
    if write and not (finish or to):
        raise click.UsageError("--write needs --to VERSION or --finish")
    fleet = open_fleet(targets, flags)
    if fleet is None:
        return SAME
    report = _Run(fleet, targets, write=write).plan(to or "")
    if output == _JSON:
        write_stdout(json_upgrade(report, fleet.clusters[0].label, fleet.diagnostics))
    else:
        write_stdout(_FORMS[output](report))
    summarize(lambda: markdown_upgrade(report), fleet.shared)
    fleet.end()
    return SAME


class _Run:
    """One run for all clusters."""

    def __init__(self, fleet: Fleet, targets: Sequence[str], *, write: bool) -> None:
        self._fleet = fleet
        self._targets = targets
        self._write = write
        self._run_configs = [run_config for _, run_config in fleet.usable]
        self._registries = connect_shared(self._run_configs, fleet.shared, whole_lists=True)

    def plan(self, to: str) -> UpgradeReport:
        """Find the way to a version, or to the newest one that serves all pools."""
        clusters = self._load()
        if clusters is None:
            return UpgradeReport()
        with collecting(self._fleet.shared):
            upgrade = find_upgrade(clusters, self._registries, self._fleet.shared, to=to)
            return UpgradeReport(upgrade=upgrade)
        return UpgradeReport()

    def _load(self) -> list[UpgradeInputs] | None:
        """Read all clusters; None if one of them cannot be read: all go to one version."""
        loaded = []
        for cluster, run_config in self._fleet.usable:
            with cluster.collecting():
                lock = read_locked(run_config, cluster.problems)
                inputs = load_cluster(cluster.name, run_config, cluster.problems)
                cluster.problems.raise_errors()
                loaded.append(
                    UpgradeInputs(
                        label=cluster.label,
                        name=cluster.name,
                        inputs=inputs,
                        settings=run_config.settings,
                        chosen=lock.chosen,
                    )
                )
        return loaded if len(loaded) == len(self._fleet.clusters) else None
