"""The command `lock`: write a lock, or say how it differs from what the registry has now."""

from collections.abc import Mapping
from typing import Any

import click

from gitops_doca.cli.console import print_diagnostics, table, tell
from gitops_doca.cli.fleet import one_or_fleet
from gitops_doca.cli.fleet_lock import DIFFERENT, SAME, compare_locks, write_locks
from gitops_doca.cli.invocation import Invocation
from gitops_doca.cli.locks import replaceable_lock, tell_entries, unknown_first, update_lock
from gitops_doca.cli.options import fleet_options, live_options, registry_options
from gitops_doca.cli.output import write_stdout
from gitops_doca.cli.registries import make_resolver
from gitops_doca.cli.run import reporting, start, write_report
from gitops_doca.core.diagnostics import Problems
from gitops_doca.core.lock import ImageLock, compare
from gitops_doca.emit.escape import printable
from gitops_doca.locking import Locking, make_lock
from gitops_doca.sources.lock import read_lock


@click.command("lock")
@fleet_options
@live_options
@registry_options
@click.option("--check", is_flag=True, help="Compare lock and registry, and write nothing.")
def command(*, check: bool, targets: tuple[str, ...], **flags: Any) -> int:  # noqa: ANN401 (click's parameters)
    """Write the lock: what the registries have for the pools.

    The lock, gitops-doca.lock.yaml beside the config, lists the pools, and each tag that they need with its
    digest, or as missing. With it generate asks no registry.

    With several folders each gets its own, and a tag is asked for once.
    """
    with unknown_first():
        match one_or_fleet(targets, flags):
            case tuple(fleet):
                return compare_locks(fleet, flags) if check else write_locks(fleet, flags)
            case single:
                return _compare(single) if check else _write(single)


def _write(flags: Mapping[str, Any]) -> int:
    """Write the lock; raises `GenerationError` with the file untouched, but for missing images after it."""
    problems = Problems()
    invocation = start(flags, problems)
    if invocation is None:
        return SAME
    old = replaceable_lock(invocation.lock_file, problems)
    problems.raise_errors()
    locking = _make(invocation, flags, problems)
    update_lock(invocation, locking.lock, old)
    problems.raise_errors()
    print_diagnostics(problems.warnings)
    return SAME


def _compare(flags: Mapping[str, Any]) -> int:
    """Print how the lock differs from what would be written now; 1 when it does, 0 when not."""
    problems = Problems()
    invocation = start(flags, problems)
    if invocation is None:
        return SAME
    old = read_lock(invocation.lock_file, invocation.mend, problems) or ImageLock()
    locking = _make(invocation, flags, problems)
    changes = compare(old, locking.lock, renders=not locking.inputs.emits_policies)
    write_stdout(table((change.kind.value, change.subject, change.detail) for change in changes))
    print_diagnostics(problems.warnings)
    if changes:
        tell(printable(f"{invocation.lock_file} differs; to renew it: {invocation.mend}"))
    return DIFFERENT if changes else SAME


def _make(invocation: Invocation, flags: Mapping[str, Any], problems: Problems) -> Locking:
    with reporting(flags["report"]):
        locking = make_lock(
            invocation.settings,
            lambda: make_resolver(invocation.registry, problems, live=invocation.live),
            problems,
        )
    write_report(flags["report"], locking, tuple(problems))
    if flags["verbose"]:
        tell_entries(locking.lock)
    return locking
