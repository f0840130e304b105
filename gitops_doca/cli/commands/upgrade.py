"""The command `upgrade`: which kernel each pool needs for another driver version."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace

import click

from gitops_doca.cli.clusters import Fleet, attempt, connect_shared, open_fleet
from gitops_doca.cli.help import INPUTS, OUTPUT, Command, option
from gitops_doca.cli.input_files import LoadedCluster, change_files, load_all
from gitops_doca.cli.output.console import stdout_layout
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
from gitops_doca.cli.settings.run_config import choose_source, input_words
from gitops_doca.core.diagnostics import SAME, Problems
from gitops_doca.core.resolve.decide import Decision, report_unknown
from gitops_doca.core.resolve.lookup import TagSource
from gitops_doca.core.upgrade.edits import chosen_tags, expected_tags
from gitops_doca.core.upgrade.finish import finish as find_finished
from gitops_doca.core.upgrade.result import Outcome, Upgrade, UpgradeReport
from gitops_doca.core.upgrade.targets import Target
from gitops_doca.emit.upgrade.document import json_upgrade
from gitops_doca.emit.upgrade.text import markdown_upgrade, text_upgrade
from gitops_doca.sources.driver_versions import check_version
from gitops_doca.sources.files import STDIN, display_name
from gitops_doca.usecases.change_inputs import Changed, decide_again, decide_by_lists, report_broken
from gitops_doca.usecases.generate import decide_pools
from gitops_doca.usecases.look_up import RegistryTags, look_up
from gitops_doca.usecases.upgrade import find_upgrade

_JSON = "json"
_TABLES = ("text", "wide")
_MARKDOWN = "markdown"


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


@click.command(
    "upgrade",
    cls=Command,
    examples=(
        "gitops-doca upgrade",
        "gitops-doca upgrade clusters/*/ --to doca3.4.0-26.04-0.8.0.0 --write",
        "gitops-doca upgrade clusters/*/ --finish --write",
    ),
    page="kernel-upgrade",
)
@targets_argument
@source_options
@lock_option
@live_options
@registry_options
@option(
    INPUTS,
    "--to",
    metavar="VERSION",
    callback=_version,
    help="Driver version to go to, with or without container revision "
    "(default: the newest that has an image for every pool).",
)
@option(OUTPUT, "--write", is_flag=True, help="Change policies and configs for --to or --finish.")
@option(INPUTS, "--finish", is_flag=True, help="Show plans and fallback versions that are no longer needed.")
@option(
    OUTPUT,
    "-o",
    "--output",
    type=click.Choice([*_TABLES, _MARKDOWN, _JSON]),
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
    Each pool gets the newest kernel for which the version has an image and all companions exist.
    With --write the policies get the version, and the configs get plans for the new kernels, and the
    versions that pools still run as fallback versions. Running pools keep their manifests.

    When all nodes have moved, --finish --write removes the plans and fallback versions again.

    Exit code 3: the inputs cannot be changed, 4: the version has no image for some pool, 5: a
    registry gave no answer.
    """
    if finish and to:
        raise click.UsageError("--finish and --to exclude each other")
    if write and not (finish or to):
        raise click.UsageError("--write needs --to VERSION or --finish")
    fleet = open_fleet(targets, flags)
    if fleet is None:
        return SAME
    run = _Run(fleet, targets, flags)
    report = run.finish(write=write) if finish else run.plan(to or "", write=write)
    if output == _JSON:
        write_stdout(json_upgrade(report, fleet.clusters[0].label, fleet.diagnostics))
    elif report.upgrade or report.finishes:
        layout = stdout_layout(wide=output == "wide")
        write_stdout(text_upgrade(report, layout) if output in _TABLES else markdown_upgrade(report))
    if report.upgrade or report.finishes:
        summarize(lambda: markdown_upgrade(report), fleet.shared)
    fleet.end()
    return SAME


class _Run:
    """One run for all clusters."""

    def __init__(self, fleet: Fleet, targets: Sequence[str], flags: Flags) -> None:
        self._fleet = fleet
        self._targets = list(map(_word, targets))
        self._given = flags.inputs
        self._registry = flags.registry.words
        self._registries = connect_shared(
            [run_config for _, run_config in fleet.usable], fleet.shared, whole_lists=True
        )

    def plan(self, to: str, *, write: bool) -> UpgradeReport:
        """Find the kernels for a version, or for the newest one that serves all pools."""
        clusters = load_all(self._fleet)
        if clusters is None:
            return UpgradeReport()
        inputs, shared = [cluster.inputs for cluster in clusters], self._fleet.shared
        found = attempt(shared, lambda: find_upgrade(inputs, self._registries, shared, to=to))
        upgrade = found or Upgrade(target=None, asked=to, without_target=Outcome.UNKNOWN)
        target = upgrade.target
        if target is None or not upgrade.is_possible or shared.errors:
            return UpgradeReport(upgrade=upgrade)
        source = RegistryTags(lambda: self._registries)

        def check(one: LoadedCluster, changed: Changed, problems: Problems) -> None:
            plan = upgrade.plans[one.inputs.label]
            change, files = one.change(plan), changed.files
            if write:
                decisions = decide_again(change, files, source, problems)
            else:
                decisions = decide_by_lists(change, files, upgrade.published)
            expected = expected_tags(target, one.inputs.name)
            report_broken(expected, decisions, plan, target.wanted.driver, problems)

        report = change_files(self._fleet, clusters, upgrade.plans, check, write=write)
        return replace(report, upgrade=upgrade, commands=self._next(report, target, clusters))

    def finish(self, *, write: bool) -> UpgradeReport:
        """Find the plans and fallback versions that are no longer needed, and remove them."""
        clusters = load_all(self._fleet)
        if clusters is None:
            return UpgradeReport()
        decided: dict[str, tuple[TagSource, tuple[Decision, ...]]] = {}
        for one in clusters:
            with one.cluster.collecting():
                source = choose_source(one.run_config, one.cluster.problems, self._registries)
                pools = one.inputs.inputs.grouping
                lookups = look_up(pools.pools, source, one.cluster.problems).lookups
                decisions = decide_pools(pools, lookups)
                report_unknown(decisions, one.cluster.problems)
                decided[one.inputs.label] = source, decisions
        if len(decided) < len(clusters):
            return UpgradeReport()
        finishes, plans = {}, {}
        for one in clusters:
            label, settings = one.inputs.label, one.inputs.settings
            finishes[label] = find_finished(
                one.inputs.inputs.grouping, decided[label][1], settings.planned, settings.fallback_versions
            )
            plans[label] = finishes[label].plan(settings.fallback_versions)
        if self._fleet.has_errors:
            return UpgradeReport(finishes=finishes)

        def check(one: LoadedCluster, changed: Changed, problems: Problems) -> None:
            if not write:
                return
            plan = plans[one.inputs.label]
            source, before = decided[one.inputs.label]
            decisions = decide_again(one.change(plan), changed.files, source, problems)
            report_broken(chosen_tags(before), decisions, plan, "", problems)

        report = change_files(self._fleet, clusters, plans, check, write=write)
        commands = [self._command("lock") if write else self._command("upgrade", "--finish", "--write")]
        return replace(report, finishes=finishes, commands=tuple(commands if report.edits else ()))

    def _next(
        self, report: UpgradeReport, target: Target, clusters: Sequence[LoadedCluster]
    ) -> tuple[str, ...]:
        """Return the commands that come after this one; none after an error."""
        if self._fleet.has_errors:
            return ()
        later: tuple[str, ...] = ()
        if any(way.moves and way.running.pool.nodes for way in target.ways):
            later = (
                "# when nodes have booted other kernels:",
                *self._inventories(clusters),
                self._command("lock"),
                self._command("upgrade", "--finish", "--write"),
            )
        if report.is_written:
            return self._command("lock"), _command("diff", *self._targets, *self._registry, "--stat"), *later
        if report.edits:
            return (self._command("upgrade", "--to", target.wanted.version, "--write"),)
        return later if not (target.is_reached or report.by_hand or report.refused) else ()

    def _inventories(self, clusters: Sequence[LoadedCluster]) -> Iterator[str]:
        """Yield the commands that update the inventories."""
        for one in clusters:
            if one.run_config.live:
                continue
            files = one.inputs.settings.inventory
            compact = {place.file for place in one.inputs.inputs.inventory.kept_labels}
            if len(files) > 1 or not compact.issuperset(files):
                yield f"# update the inventory: {' '.join(map(display_name, files))}"
                continue
            folder = [] if one.cluster.label == "." else [_word(one.cluster.label)]
            context = [] if self._fleet.is_one else ["--context", "CONTEXT"]
            policies = input_words(self._given.policies, (), None, None)
            yield _command("inventory", *folder, *policies, *context, "--write", *files)

    def _command(self, name: str, *flags: str) -> str:
        """Return a command for the same inputs and registries."""
        given = self._given
        live = next((run_config.live for _, run_config in self._fleet.usable), None)
        inputs = input_words(given.policies, given.inventory, given.lock, live)
        return _command(name, *self._targets, *inputs, *self._registry, *flags)


def _command(name: str, *words: str) -> str:
    return shlex.join(["gitops-doca", name, *words])


def _word(target: str) -> str:
    """Return a folder or config so that it is not read as a flag."""
    return f"./{target}" if target.startswith("-") and target != STDIN else target
