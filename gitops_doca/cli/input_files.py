"""Change the policies and configs of clusters, after a check of what they would give."""

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from gitops_doca.cli.clusters import Cluster, Fleet, collecting, load_cluster
from gitops_doca.cli.output.streams import refuse_way_out, write_file
from gitops_doca.cli.settings.run_config import RunConfig, read_locked
from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.diagnostics import Category, Diagnostic, GenerationError, Problems
from gitops_doca.core.upgrade.edits import ClusterPlan
from gitops_doca.core.upgrade.result import UpgradeReport
from gitops_doca.sources.files import STDIN
from gitops_doca.usecases.change_inputs import (
    Changed,
    ChangedFile,
    InputsChange,
    Refusal,
    all_by_hand,
    change_inputs,
    warn_shared,
)
from gitops_doca.usecases.upgrade import UpgradeInputs

Check = Callable[["LoadedCluster", Changed, Problems], None]
"""Reports what the changed inputs of a cluster would do and must not."""

_WRITABLE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, kw_only=True, eq=False)
class LoadedCluster:
    """A cluster whose inputs could be read."""

    cluster: Cluster
    run_config: RunConfig
    inputs: UpgradeInputs

    @property
    def unwritable(self) -> str:
        """Why its inputs cannot be changed; empty when they can."""
        if self.run_config.live:
            return "with --live no inventory says which nodes a plan is for"
        config = self.cluster.config
        if config == STDIN:
            return "the config comes from stdin"
        if not config or Path(config).is_dir():
            return "there is no gitops-doca.yaml"
        if STDIN in self.inputs.settings.policies:
            return "a policy comes from stdin"
        if self.inputs.settings.emits_policies:
            return "with emit: policies the operator makes the DaemonSets, and has no fallback versions"
        return ""

    @property
    def prefix(self) -> str:
        """What messages about it begin with; empty for the working directory."""
        return "" if self.cluster.label in {".", STDIN} else f"{self.cluster.label}: "

    def change(self, plan: ClusterPlan) -> InputsChange:
        """Return what its inputs should say."""
        return InputsChange(cluster=self.inputs, config=self.cluster.config, plan=plan)

    def by_hand(self, plan: ClusterPlan) -> Iterator[str]:
        """Return what has to be written by hand."""
        return (text for _, text in self.change(plan).by_hand())


def load_all(fleet: Fleet) -> list[LoadedCluster] | None:
    """Read all clusters; None if one of them cannot be read, since all go to one version."""
    loaded = []
    for cluster, run_config in fleet.usable:
        with cluster.collecting():
            lock = read_locked(run_config, cluster.problems)
            inputs = load_cluster(cluster.name, run_config, cluster.problems)
            cluster.problems.raise_errors()
            upgrade = UpgradeInputs(
                label=cluster.label,
                name=cluster.name,
                inputs=inputs,
                settings=run_config.settings,
                chosen=lock.chosen,
            )
            loaded.append(LoadedCluster(cluster=cluster, run_config=run_config, inputs=upgrade))
    return loaded if len(loaded) == len(fleet.clusters) else None


def change_files(
    fleet: Fleet,
    clusters: Sequence[LoadedCluster],
    plans: Mapping[str, ClusterPlan],
    check: Check,
    *,
    write: bool,
) -> UpgradeReport:
    """Change the inputs in memory and check what they give; with `write`, write all or nothing.

    `plans` has what each cluster should say, by its name in documents. `check` reports what must
    not be written.
    """
    wanted = [(one, plans[one.inputs.label]) for one in clusters]
    wanted = [(one, plan) for one, plan in wanted if not one.change(plan).is_empty]
    unwritable = [(one, plan) for one, plan in wanted if one.unwritable]
    changes = [one.change(plan) for one, plan in wanted if not one.unwritable]
    changed = change_inputs(changes)
    warn_shared(changes, changed.files, fleet.shared)
    if unwritable or changed.refusals:
        lines = (
            *(f"{one.prefix}{line}" for one, plan in unwritable for line in one.by_hand(plan)),
            *(
                all_by_hand(changes)
                or (f"{refusal.place}: {'; '.join(refusal.by_hand)}" for refusal in changed.refusals)
            ),
        )
        if write:
            _report_by_hand(unwritable, changed.refusals, lines, fleet.shared)
        return UpgradeReport(by_hand=lines)
    refused = [message for one, _ in wanted for message in _check(one, changed, check, write=write)]
    if refused:
        return UpgradeReport(refused=tuple(refused))
    report = UpgradeReport(edits=tuple(edit for file in changed.files for edit in file.edits))
    if not write:
        return report
    is_written = False
    with collecting(fleet.shared):
        _write(changed.files)
        is_written = True
    return replace(report, is_written=is_written)


def _report_by_hand(
    unwritable: Iterable[tuple[LoadedCluster, ClusterPlan]],
    refusals: Sequence[Refusal],
    lines: Sequence[str],
    problems: Problems,
) -> None:
    """Report what cannot be changed, and all that has to be written by hand then."""
    told = 0
    for one, plan in unwritable:
        texts = list(one.by_hand(plan))
        told += len(texts)
        message = f"{one.prefix}the inputs cannot be changed: {one.unwritable}"
        problems.error(message, help=f"by hand: {'; '.join(texts)}")
    for refusal in refusals:
        message = f"cannot be changed here: {refusal.reason}"
        problems.error(message, refusal.place, help=f"by hand: {'; '.join(refusal.by_hand)}")
        told += len(refusal.by_hand)
    if told < len(lines):
        # Half of it would lose images.
        problems.error(
            "not all inputs can be changed, so nothing is written",
            details=tuple(lines),
            help="write all of this by hand, or make the refused values plain text and run again",
        )


def _check(one: LoadedCluster, changed: Changed, check: Check, *, write: bool) -> tuple[str, ...]:
    """Report what must not be written, without `write` as warnings; return the messages about it."""
    problems = Problems()
    with collecting(problems):
        check(one, changed, problems)
    for diagnostic in problems:
        as_warning = diagnostic if write else replace(diagnostic, category=None)
        one.cluster.problems.add(as_warning)
    return tuple(f"{one.prefix}{error.message}" for error in problems.errors)


def _write(files: Sequence[ChangedFile]) -> None:
    """Write all files; raises `GenerationError` of class `io` that names those that were written."""
    for file in files:
        refuse_way_out(Path(file.file))
    for is_bad, what in ((_is_read_only, "read-only"), (_has_changed, "not as it was read any more")):
        if bad := [file.file for file in files if is_bad(file)]:
            message = f"{', '.join(bad)} {'is' if len(bad) == 1 else 'are'} {what}, so nothing was written"
            raise GenerationError((Diagnostic(category=Category.IO, message=message),))
    written: list[str] = []
    for file in files:
        try:
            write_file(Path(file.file), file.data.decode())
        except GenerationError as error:
            details = tuple(f"written before: {name}" for name in written)
            help = "run the same command again: it writes the rest" if written else ""
            raise GenerationError(
                tuple(replace(d, details=details, help=help or d.help) for d in error.diagnostics)
            ) from None
        written.append(file.file)


def _is_read_only(file: ChangedFile) -> bool:
    """Say whether a file or its folder is not meant to be written, even by those who may always write."""
    real = Path(file.real)
    return real.exists() and any(
        not os.access(path, os.W_OK) or not path.stat().st_mode & _WRITABLE for path in (real, real.parent)
    )


def _has_changed(file: ChangedFile) -> bool:
    """Say whether a file was changed since it was read: that change must not be lost."""
    try:
        return Path(file.real).read_bytes() != file.old
    except OSError:
        return True
