"""The command `upgrade`: which kernel each pool needs for another driver version."""

import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from gitops_doca.cli.clusters import Cluster, Fleet, collecting, connect_shared, load_cluster, open_fleet
from gitops_doca.cli.output.streams import write_file, write_stdout
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
from gitops_doca.cli.settings.run_config import RunConfig, choose_source, read_locked
from gitops_doca.core.compare.lock import locked_pool
from gitops_doca.core.diagnostics import SAME, Category, Diagnostic, GenerationError, Problems, spell
from gitops_doca.core.resolve.decide import Decision, UsePrecompiled
from gitops_doca.core.resolve.lookup import TagSource
from gitops_doca.core.upgrade.edits import (
    ClusterPlan,
    config_by_hand,
    kept_tags,
    version_by_hand,
)
from gitops_doca.core.upgrade.finish import finish as find_finished
from gitops_doca.core.upgrade.result import Upgrade, UpgradeReport
from gitops_doca.core.upgrade.targets import Target
from gitops_doca.emit.upgrade.document import json_upgrade
from gitops_doca.emit.upgrade.text import markdown_upgrade, text_upgrade
from gitops_doca.sources.driver_versions import check_version
from gitops_doca.sources.files import STDIN
from gitops_doca.usecases.change_inputs import (
    ChangedFile,
    InputsChange,
    change_inputs,
    decide_again,
    report_broken,
)
from gitops_doca.usecases.generate import decide_pools
from gitops_doca.usecases.look_up import RegistryTags, look_up
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
    run = _Run(fleet, targets)
    report = run.finish(write=write) if finish else run.plan(to or "", write=write)
    if output == _JSON:
        write_stdout(json_upgrade(report, fleet.clusters[0].label, fleet.diagnostics))
    elif report.upgrade or report.finishes:
        write_stdout(_FORMS[output](report))
    if report.upgrade or report.finishes:
        summarize(lambda: markdown_upgrade(report), fleet.shared)
    fleet.end()
    return SAME


class _Run:
    """One run for all clusters."""

    def __init__(self, fleet: Fleet, targets: Sequence[str]) -> None:
        self._fleet = fleet
        self._targets = targets
        self._registries = connect_shared(
            [run_config for _, run_config in fleet.usable], fleet.shared, whole_lists=True
        )

    def plan(self, to: str, *, write: bool) -> UpgradeReport:
        """Find the way to a version, or to the newest one that serves all pools, and go it."""
        clusters = self._load()
        if clusters is None:
            return UpgradeReport()
        upgrade = Upgrade(target=None)
        with collecting(self._fleet.shared):
            upgrade = find_upgrade(
                [cluster.inputs for cluster in clusters], self._registries, self._fleet.shared, to=to
            )
        target = upgrade.target
        if target is None or not upgrade.is_possible or self._fleet.shared.errors:
            return UpgradeReport(upgrade=upgrade)
        report = self._change(
            clusters,
            upgrade.plans,
            lambda one, changed, problems: report_broken(
                kept_tags(target, one.inputs.name),
                decide_again(
                    one.change(upgrade.plans), changed, RegistryTags(lambda: self._registries), problems
                ),
                upgrade.plans[one.inputs.label],
                target.wanted.driver,
                problems,
            ),
            write=write,
        )
        return replace(report, upgrade=upgrade, commands=self._next(report, target))

    def finish(self, *, write: bool) -> UpgradeReport:
        """Find the plans and fallback versions that are of no more use, and remove them."""
        clusters = self._load()
        if clusters is None:
            return UpgradeReport()
        decisions: dict[str, tuple[Decision, ...]] = {}
        for one in clusters:
            with one.cluster.collecting():
                decisions[one.inputs.label] = self._decide(one)
        if len(decisions) < len(clusters):
            return UpgradeReport()
        finishes = {
            one.inputs.label: find_finished(
                decisions[one.inputs.label],
                one.inputs.settings.planned,
                one.inputs.settings.fallback_versions,
            )
            for one in clusters
        }
        plans = {
            one.inputs.label: finishes[one.inputs.label].plan(one.inputs.settings.fallback_versions)
            for one in clusters
        }
        report = self._change(
            clusters,
            plans,
            lambda one, changed, problems: report_broken(
                {
                    locked_pool(decision.pool): decision.image.tag
                    for decision in decisions[one.inputs.label]
                    if isinstance(decision, UsePrecompiled)
                },
                decide_again(one.change(plans), changed, one.source, problems),
                plans[one.inputs.label],
                "",
                problems,
            ),
            write=write,
        )
        commands: tuple[str, ...] = ()
        if report.edits:
            commands = (self._command("lock") if write else self._command("upgrade", "--finish", "--write"),)
        return replace(report, finishes=finishes, commands=commands)

    def _decide(self, one: "_Cluster") -> tuple[Decision, ...]:
        inputs = one.inputs.inputs
        answers = look_up(inputs.grouping.pools, one.source, one.cluster.problems)
        return decide_pools(inputs.grouping, answers.lookups)

    def _change(
        self,
        clusters: "Sequence[_Cluster]",
        plans: Mapping[str, ClusterPlan],
        check: "Callable[[_Cluster, Sequence[ChangedFile], Problems], None]",
        *,
        write: bool,
    ) -> UpgradeReport:
        """Change the inputs in memory; with `write` check what they give, and write them."""
        # What cannot be written is an error only for somebody who wants it written.
        problems = self._fleet.shared if write else Problems()
        reasons = {
            one: reason for one in clusters if (reason := one.unwritable) and not one.change(plans).is_empty
        }
        for one, reason in reasons.items():
            problems.error(
                f"the inputs of {one.cluster.label} cannot be changed: {reason}",
                help=f"by hand: {'; '.join(_by_hand(one, plans))}",
            )
        changes = [one.change(plans) for one in clusters if one not in reasons]
        changed = change_inputs(changes, problems)
        by_hand = [
            f"{error.place}: {spell(error.help).removeprefix('by hand: ')}" for error in problems.errors
        ]
        edits = tuple(edit for file in changed for edit in file.edits)
        report = UpgradeReport(edits=edits, by_hand=tuple(by_hand))
        if not write or problems.errors:
            return replace(report, edits=() if problems.errors else edits)
        for one in clusters:
            with one.cluster.collecting():
                check(one, changed, one.cluster.problems)
        if any(diagnostic.category for diagnostic in self._fleet.diagnostics):
            return replace(report, edits=())
        is_written = False
        with collecting(self._fleet.shared):
            _write(changed)
            is_written = True
        return replace(report, is_written=is_written)

    def _load(self) -> "list[_Cluster] | None":
        """Read all clusters; None if one of them cannot be read: all go to one version."""
        loaded = []
        for cluster, run_config in self._fleet.usable:
            with cluster.collecting():
                source = choose_source(run_config, cluster.problems, self._registries)
                lock = read_locked(run_config, cluster.problems)
                inputs = load_cluster(cluster.name, run_config, cluster.problems)
                cluster.problems.raise_errors()
                loaded.append(
                    _Cluster(
                        cluster=cluster,
                        run_config=run_config,
                        source=source,
                        inputs=UpgradeInputs(
                            label=cluster.label,
                            name=cluster.name,
                            inputs=inputs,
                            settings=run_config.settings,
                            chosen=lock.chosen,
                        ),
                    )
                )
        return loaded if len(loaded) == len(self._fleet.clusters) else None

    def _next(self, report: UpgradeReport, target: Target) -> tuple[str, ...]:
        """Return the commands that come after this one."""
        later = (
            "# when nodes have booted other kernels:",
            *self._inventories(),
            self._command("lock"),
            self._command("upgrade", "--finish", "--write"),
        )
        if report.is_written:
            return self._command("lock"), self._command("diff", "--stat"), *later
        if report.edits:
            return (self._command("upgrade", "--to", target.wanted.version, "--write"),)
        return later if not (target.is_reached or report.by_hand) else ()

    def _inventories(self) -> Iterator[str]:
        """Yield the commands that update the inventories."""
        for cluster, run_config in self._fleet.usable:
            for file in run_config.settings.inventory[:1]:
                folder = [] if cluster.label == "." else [cluster.label]
                yield shlex.join(["gitops-doca", "inventory", *folder, "--write", file])

    def _command(self, name: str, *flags: str) -> str:
        return shlex.join(["gitops-doca", name, *self._targets, *flags])


@dataclass(frozen=True, kw_only=True, eq=False)
class _Cluster:
    """A cluster whose inputs could be read."""

    cluster: Cluster
    run_config: RunConfig
    source: TagSource
    inputs: UpgradeInputs

    @property
    def unwritable(self) -> str:
        """Why its inputs cannot be changed; empty when they can."""
        if self.run_config.live:
            return "with --live there is no inventory that could say where the nodes are"
        if not self.cluster.config or self.cluster.config == STDIN:
            return "there is no config"
        if self.inputs.settings.emits_policies:
            return "with emit: policies the operator makes the DaemonSets, and has no fallback versions"
        return ""

    def change(self, plans: Mapping[str, ClusterPlan]) -> InputsChange:
        """Return what its inputs should say."""
        return InputsChange(cluster=self.inputs, config=self.cluster.config, plan=plans[self.inputs.label])


def _by_hand(one: _Cluster, plans: Mapping[str, ClusterPlan]) -> Iterator[str]:
    plan = plans[one.inputs.label]
    policies = {pool.policy.key: pool.policy for pool in one.inputs.inputs.grouping.pools}
    for key, version in plan.versions.items():
        yield version_by_hand(policies[key], version)
    if not one.inputs.settings.emits_policies:
        yield from config_by_hand(plan)


def _write(changed: Sequence[ChangedFile]) -> None:
    """Write all files; raises `GenerationError` of class `io` that names those that were written."""
    locked = [file.file for file in changed if not os.access(file.real, os.W_OK)]
    if locked:
        message = f"{', '.join(locked)} cannot be written, so nothing was written"
        raise GenerationError((Diagnostic(category=Category.IO, message=message),))
    written: list[str] = []
    for file in changed:
        try:
            write_file(Path(file.real), file.data.decode())
        except GenerationError as error:
            details = tuple(f"written before: {name}" for name in written)
            raise GenerationError(tuple(replace(d, details=details) for d in error.diagnostics)) from None
        written.append(file.file)
