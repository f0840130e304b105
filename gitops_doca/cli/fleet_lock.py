"""`lock` over a fleet: the lock of each cluster, as far as it can be written."""

import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gitops_doca.cli.fleet import Member, collecting, load_member, print_all, report_fleet, share, start_fleet
from gitops_doca.cli.locks import (
    Replaced,
    failure_class,
    find_compiling,
    is_strict,
    read_replaced,
    tell_entries,
    update_lock,
)
from gitops_doca.cli.output.console import print_diagnostics, print_message, table
from gitops_doca.cli.output.streams import write_stdout
from gitops_doca.core.compare.lock import ImageLock
from gitops_doca.core.compare.lock_changes import Change, compare
from gitops_doca.core.diagnostics import Category, Diagnostic, Place, Problems
from gitops_doca.core.fleet import NO_POOLS, ClusterResult, failing_first
from gitops_doca.emit.checks import LockCheck, json_lock_check
from gitops_doca.emit.escape import printable
from gitops_doca.sources.lock import read_lock
from gitops_doca.usecases.lock import Locking, lock_inputs

SAME, DIFFERENT = 0, 1


def write_locks(fleet: Iterable[str], flags: Mapping[str, Any]) -> int:
    """Write each lock that can be written; raises `GenerationError` after everything was told."""
    members = start_fleet(fleet, flags)
    if not members:
        return SAME
    _refuse_common_locks(members)
    old: dict[str, Replaced] = {}
    for member in members:
        with collecting(member.problems):
            if member.run_config and not member.failure:
                old[member.target] = read_replaced(member.run_config, member.problems)
    shared = Problems()
    found = _make(members, shared)
    compiling = _find_compiling(members, found, {cluster: there.lock for cluster, there in old.items()})
    failures = {m.target: _failure(m, shared) for m in members if m.failure or m.target not in found}
    _report(members, found, failures, shared, flags)
    warnings = [problem for problem in compiling.values() if not problem.category]
    refused = {cluster for cluster, problem in compiling.items() if problem.category}
    print_diagnostics(warnings)
    for member in members:
        with collecting(member.problems):
            locking = found.get(member.target)
            if member.run_config and locking and member.target not in refused:
                update_lock(member.run_config, locking, old[member.target], cluster=member.cluster)
    told = [*(d for member in members for d in member.diagnostics), *shared]
    print_all(problem for problem in told if problem not in warnings)
    return SAME


def _find_compiling(
    members: Iterable[Member],
    found: Mapping[str, Locking],
    old: Mapping[str, ImageLock | None],
    *,
    checking: bool = False,
) -> dict[str, Diagnostic]:
    """Return by cluster what there is to say of pools that compile now, after it was reported."""
    compiling = {}
    for member in members:
        if member.run_config and (locking := found.get(member.target)):
            strict = is_strict(member.run_config) and not checking
            problem = find_compiling(member.run_config, old[member.target], locking, strict=strict)
            if problem:
                member.problems.add(problem)
                compiling[member.target] = problem
    return compiling


def compare_locks(fleet: Iterable[str], flags: Mapping[str, Any], *, as_json: bool) -> int:
    """Print how each lock differs from what would be written now; 1 when one does, 0 when none.

    Raises `GenerationError` after that when of a cluster it cannot be told.
    """
    members = start_fleet(fleet, flags)
    if not members:
        return SAME
    old: dict[str, ImageLock] = {}
    for member in members:
        if run_config := member.run_config:
            with collecting(member.problems):
                read = read_lock(run_config.lock_file, run_config.fix_command, member.problems)
                old[member.target] = read or ImageLock()
    shared = Problems()
    found = _make(members, shared)
    _find_compiling(members, found, old, checking=True)
    changes = {
        cluster: compare(old[cluster], locking.lock, renders=not locking.inputs.emits_policies)
        for cluster, locking in found.items()
    }
    failures = {m.target: _failure(m, shared) for m in members if m.target not in found}
    differing = {cluster for cluster, moved in changes.items() if moved}
    results = _report(members, found, failures, shared, flags, differing=differing)
    # What is missing is an answer here, and in the listing.
    told = [*(d for m in members for d in m.diagnostics if m.target in failures or not d.category), *shared]
    if as_json:
        by_cluster = {member.cluster: member for member in members}
        checks = [_check(by_cluster[result.cluster], result, changes) for result in results]
        write_stdout(json_lock_check(checks, dict.fromkeys(told)))
    else:
        write_stdout(_listing({member.cluster: changes.get(member.target, ()) for member in members}))
    print_all(told)
    return _tell_differing([m for m in members if changes.get(m.target)])


def _check(member: Member, result: ClusterResult, changes: Mapping[str, Sequence[Change]]) -> LockCheck:
    file = member.run_config.lock_file if member.run_config else ""
    return LockCheck(result=result, file=file, changes=changes.get(member.target))


def _tell_differing(members: Sequence[Member]) -> int:
    if not members:
        return SAME
    targets = shlex.join(member.target for member in members)
    locks = "1 lock differs" if len(members) == 1 else f"{len(members)} locks differ"
    print_message(printable(f"{locks}; to update: gitops-doca lock {targets}"))
    return DIFFERENT


def _listing(changes: Mapping[str, Sequence[Change]]) -> str:
    width = max((len(cluster) for cluster, moved in changes.items() if moved), default=0)
    return table(
        (f"{cluster.ljust(width)}  {change.kind.value}", str(change.subject), change.detail)
        for cluster, moved in sorted(changes.items())
        for change in moved
    )


def _make(members: Sequence[Member], shared: Problems) -> dict[str, Locking]:
    """Look everything up for the clusters that have no error so far."""
    ready = {}
    for member in members:
        with collecting(member.problems):
            if member.run_config and not member.failure:
                ready[member.target] = load_member(member, member.run_config)
    answers = share(members, list(ready.values()), shared, inspect=True)
    found: dict[str, Locking] = {}
    for member in members:
        with collecting(member.problems):
            if member.target in ready and not shared.errors:
                found[member.target] = lock_inputs(ready[member.target], lambda: answers, member.problems)
    return found


def _failure(member: Member, shared: Problems) -> Category | None:
    """Return the class of error that a run about this cluster alone would end with."""
    return failure_class((*member.problems, *shared))


def _report(
    members: Sequence[Member],
    found: Mapping[str, Locking],
    failures: Mapping[str, Category | None],
    shared: Problems,
    flags: Mapping[str, Any],
    *,
    differing: Iterable[str] = (),
) -> tuple[ClusterResult, ...]:
    if flags["verbose"]:
        for cluster, locking in found.items():
            tell_entries(locking.lock, cluster)
    results = failing_first(
        ClusterResult(
            cluster=member.cluster,
            decisions=locking.decisions if locking else (),
            grouping=locking.inputs.grouping if locking else NO_POOLS,
            failure=failures.get(member.target),
            differs=member.target in differing,
        )
        for member in members
        for locking in [found.get(member.target)]
    )
    diagnostics: list[Diagnostic] = [*(d for member in members for d in member.diagnostics), *shared]
    report_fleet(flags["report"], results, diagnostics)
    return results


def _refuse_common_locks(members: Iterable[Member]) -> None:
    """Report clusters that would write their lock over that of another."""
    users: dict[str, Member] = {}
    for member in members:
        if member.run_config is None:
            continue
        file = member.run_config.lock_file
        first = users.setdefault(os.path.realpath(file), member)
        for one, other in ((member, first), (first, member)):
            if one is not other:
                one.problems.error(
                    f"the lock of {one.cluster} would overwrite that of {other.cluster}",
                    Place(file),
                    category=Category.LOCK,
                    remedy="name a lock of its own in each config (spec.lock)",
                )
