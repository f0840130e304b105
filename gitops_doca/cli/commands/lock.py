"""The command `lock`: write a lock, or say how it differs from what the registry has now."""

from collections.abc import Mapping
from typing import Any

import click

from gitops_doca.cli.fleet import one_or_fleet, print_all
from gitops_doca.cli.fleet_lock import DIFFERENT, SAME, compare_locks, write_locks
from gitops_doca.cli.locks import (
    failure_class,
    find_compiling,
    is_strict,
    read_replaced,
    tell_entries,
    unknown_first,
    update_lock,
)
from gitops_doca.cli.output.console import print_diagnostics, print_message, table
from gitops_doca.cli.output.documents import documented
from gitops_doca.cli.output.streams import write_stdout
from gitops_doca.cli.run import reporting, start, write_report
from gitops_doca.cli.settings.flags import check_output_option, fleet_options, live_options, registry_options
from gitops_doca.cli.settings.inputs import cluster_name
from gitops_doca.cli.settings.registries import make_resolver
from gitops_doca.cli.settings.run_config import RunConfig
from gitops_doca.core.compare.lock import ImageLock
from gitops_doca.core.compare.lock_changes import compare
from gitops_doca.core.diagnostics import Diagnostic, Problems
from gitops_doca.core.fleet import ClusterResult
from gitops_doca.emit.checks import LockCheck, json_lock_check
from gitops_doca.emit.escape import printable
from gitops_doca.sources.lock import read_lock
from gitops_doca.usecases.lock import Locking, make_lock


@click.command("lock")
@fleet_options
@live_options
@registry_options
@click.option("--check", is_flag=True, help="Compare lock and registry, and write nothing.")
@check_output_option
def command(*, check: bool, output: str | None, targets: tuple[str, ...], **flags: Any) -> int:  # noqa: ANN401 (click's parameters)
    """Write the lock: what the registries have for the pools.

    The lock, gitops-doca.lock.yaml beside the config, lists the pools, and each tag that they need with its
    digest, or as missing. With it generate asks no registry.

    It says what changed since the last lock: first of all, which pools will compile the driver on their
    nodes and had a precompiled image. With strict in the config such a lock is not written.

    With several folders each gets its own, and a tag is asked for once.
    """
    if output and not check:
        raise click.UsageError("-o is the format of --check: give that too")
    as_json = output == "json"
    with unknown_first():
        match one_or_fleet(targets, flags):
            case tuple(fleet):
                return compare_locks(fleet, flags, as_json=as_json) if check else write_locks(fleet, flags)
            case single:
                return _compare(single, as_json=as_json) if check else _write(single)


def _write(flags: Mapping[str, Any]) -> int:
    """Write the lock, and tell what changed: first of all, which pools compile now.

    Raises `GenerationError` with the file untouched, but for missing images after it.
    """
    problems = Problems()
    run_config = start(flags, problems)
    if run_config is None:
        return SAME
    old = read_replaced(run_config, problems)
    locking, compiling = _make(run_config, flags, problems, old.lock, strict=is_strict(run_config))
    if compiling and compiling.category:
        problems.raise_errors()
    print_diagnostics([compiling] if compiling else [])
    update_lock(run_config, locking, old)
    print_all(problem for problem in problems if problem != compiling)
    return SAME


def _compare(flags: Mapping[str, Any], *, as_json: bool) -> int:
    """Print how the lock differs from what would be written now; 1 when it does, 0 when not."""
    problems = Problems()
    cluster = cluster_name(flags["target"])

    def failed(diagnostics: tuple[Diagnostic, ...]) -> str:
        result = ClusterResult(cluster=cluster, failure=failure_class(diagnostics))
        return json_lock_check([LockCheck(result=result)], diagnostics)

    with documented(failed if as_json else None):
        run_config = start(flags, problems)
        if run_config is None:
            return SAME
        old = read_lock(run_config.lock_file, run_config.fix_command, problems) or ImageLock()
        # What compiles now is a difference like others here, and nothing is written.
        locking, _ = _make(run_config, flags, problems, old, strict=False)
    changes = compare(old, locking.lock, renders=not locking.inputs.emits_policies)
    if as_json:
        result = ClusterResult(cluster=cluster, differs=bool(changes))
        check = LockCheck(result=result, file=run_config.lock_file, changes=changes)
        # A missing image is an answer here, and among the changes.
        write_stdout(json_lock_check([check], problems.warnings))
    else:
        write_stdout(table((change.kind.value, str(change.subject), change.detail) for change in changes))
    print_diagnostics(problems.warnings)
    if changes:
        print_message(printable(f"{run_config.lock_file} differs; to update it: {run_config.fix_command}"))
    return DIFFERENT if changes else SAME


def _make(
    run_config: RunConfig,
    flags: Mapping[str, Any],
    problems: Problems,
    old: ImageLock | None,
    *,
    strict: bool,
) -> tuple[Locking, Diagnostic | None]:
    """Look everything up; return also what there is to say of pools that compile now.

    The report has that too.
    """
    with reporting(flags):
        locking = make_lock(
            run_config.settings,
            lambda: make_resolver(run_config.registry, problems, live=run_config.live),
            problems,
        )
    compiling = find_compiling(run_config, old, locking, strict=strict)
    if compiling:
        problems.add(compiling)
    write_report(flags, locking, tuple(problems))
    if flags["verbose"]:
        tell_entries(locking.lock)
    return locking, compiling
