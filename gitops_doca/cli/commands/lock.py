"""The command `lock`: write locks, or compare them with the registries."""

import os
import shlex
from collections.abc import Mapping, Sequence

import click

from gitops_doca.cli.clusters import Cluster, Fleet, connect_shared, load_cluster, open_fleet, prefetch_for
from gitops_doca.cli.help import OUTPUT, Command, option
from gitops_doca.cli.lock_files import (
    Replaced,
    describe_setbacks,
    print_entries,
    read_replaced,
    update_lock,
)
from gitops_doca.cli.output.console import print_diagnostics, print_message, table
from gitops_doca.cli.output.streams import write_stdout
from gitops_doca.cli.settings.flags import (
    Flags,
    check_output_option,
    input_options,
    live_options,
    registry_options,
    targets_argument,
    with_flags,
)
from gitops_doca.core.compare.lock import ImageLock
from gitops_doca.core.compare.lock_changes import Change, compare
from gitops_doca.core.diagnostics import DIFFERENT, SAME, Category, Diagnostic, Place
from gitops_doca.emit.checks import LockCheck, json_lock_check
from gitops_doca.emit.escape import printable
from gitops_doca.sources.lock import read_lock
from gitops_doca.usecases.lock import Locking, lock_inputs


@click.command(
    "lock",
    cls=Command,
    examples=(
        "gitops-doca lock clusters/a",
        "gitops-doca lock --check clusters/*/",
    ),
)
@targets_argument
@input_options
@live_options
@registry_options
@option(OUTPUT, "--check", is_flag=True, help="Compare lock and registry, and write nothing.")
@check_output_option
@with_flags
def command(flags: Flags, *, check: bool, output: str | None, targets: tuple[str, ...]) -> int:
    """Write the lock: what the registries have for the pools.

    The lock, gitops-doca.lock.yaml beside the config, lists the pools and each tag that they need,
    with its digest or as missing. With a lock, generate asks no registry. Changes since the last
    lock are printed, first the pools that had a precompiled image and will compile the driver on
    their nodes. With strict in the config such a lock is not written.

    With several folders each gets its own lock, and a tag is looked up once.
    """
    if output and not check:
        raise click.UsageError("-o is the format of --check: give that too")
    # An unknown answer decides the exit code: the lock of that cluster is not written.
    fleet = open_fleet(targets, flags, decisive=Category.UNKNOWN)
    if fleet is None:
        return SAME
    return _compare(fleet, flags, as_json=output == "json") if check else _write(fleet, flags)


def _write(fleet: Fleet, flags: Flags) -> int:
    """Write each lock that can be written; raises `GenerationError` after everything was printed."""
    _refuse_common_locks(fleet)
    old: dict[Cluster, Replaced] = {}
    for cluster, run_config in fleet.usable:
        with cluster.collecting():
            old[cluster] = read_replaced(run_config, cluster.problems)
    made = _make(fleet)
    setbacks = _report_setbacks(fleet, made, {cluster: lock.lock for cluster, lock in old.items()})
    _report(fleet, made, flags)
    warnings = [problem for problems in setbacks.values() for problem in problems if not problem.category]
    print_diagnostics(warnings)
    for cluster, run_config in fleet.usable:
        locking = made.get(cluster)
        refused = any(problem.category for problem in setbacks.get(cluster, ()))
        if locking and not (refused or locking.is_refused):
            with cluster.collecting():
                update_lock(run_config, locking, old[cluster], cluster=cluster.name)
    fleet.end(diagnostic for diagnostic in fleet.diagnostics if diagnostic not in warnings)
    return SAME


def _compare(fleet: Fleet, flags: Flags, *, as_json: bool) -> int:
    """Print how each lock differs from a new one; return 1 if one does, else 0.

    Raises `GenerationError` afterwards if this is unknown for a cluster.
    """
    old: dict[Cluster, ImageLock] = {}
    for cluster, run_config in fleet.usable:
        with cluster.collecting():
            lock = read_lock(run_config.lock_file, run_config.fix_command, cluster.problems)
            old[cluster] = lock or ImageLock()
    # What strict refuses is a difference like others here, and nothing is written.
    made = _make(fleet, checking=True)
    _report_setbacks(fleet, made, old, checking=True)
    changes = {
        cluster: compare(old[cluster], locking.lock, renders=not locking.inputs.emits_policies)
        for cluster in fleet.clusters
        if (locking := made.get(cluster))
    }
    differing = [cluster for cluster, changed in changes.items() if changed]
    _report(fleet, made, flags, differing=set(differing))
    # A missing image is an answer here, and listed among the changes.
    answered = [error for cluster in changes for error in cluster.diagnostics if error.category]
    left = [diagnostic for diagnostic in fleet.diagnostics if diagnostic not in answered]
    if as_json:
        write_stdout(json_lock_check(_checks(fleet, made, changes, set(differing)), left))
    else:
        write_stdout(_listing({cluster.name: changed for cluster, changed in changes.items()}))
    fleet.end(left)
    return _print_differing(fleet, differing)


def _checks(
    fleet: Fleet,
    made: Mapping[Cluster, Locking],
    changes: Mapping[Cluster, Sequence[Change]],
    differing: set[Cluster],
) -> list[LockCheck]:
    clusters = {cluster.label: cluster for cluster in fleet.clusters}
    checks = []
    for result in fleet.results(made, differing=differing):
        cluster = clusters[result.cluster]
        file = cluster.run_config.lock_file if cluster.run_config else ""
        checks.append(LockCheck(result=result, file=file, changes=changes.get(cluster)))
    return checks


def _make(fleet: Fleet, *, checking: bool = False) -> dict[Cluster, Locking]:
    """Look everything up for the clusters that have no error so far."""
    run_configs = [run_config for _, run_config in fleet.usable]
    registries = connect_shared(run_configs, fleet.shared, locking=True)
    ready = {}
    for cluster, run_config in fleet.usable:
        with cluster.collecting():
            ready[cluster] = load_cluster(cluster.name, run_config, cluster.problems)
    prefetch_for(fleet, list(ready.values()), registries, inspect=True)
    made: dict[Cluster, Locking] = {}
    for cluster in fleet.clusters:
        if cluster in ready and not fleet.shared.errors:
            with cluster.collecting():
                inputs = ready[cluster]
                strict = inputs.strict and not checking
                made[cluster] = lock_inputs(inputs, lambda: registries, cluster.problems, strict=strict)
    return made


def _report_setbacks(
    fleet: Fleet,
    made: Mapping[Cluster, Locking],
    old: Mapping[Cluster, ImageLock | None],
    *,
    checking: bool = False,
) -> dict[Cluster, list[Diagnostic]]:
    """Report for each cluster the pools that had a better image; return these diagnostics."""
    setbacks = {}
    for cluster, run_config in fleet.usable:
        if locking := made.get(cluster):
            strict = run_config.settings.strict and not checking
            setbacks[cluster] = describe_setbacks(run_config, old[cluster], locking, strict=strict)
            for problem in setbacks[cluster]:
                cluster.problems.add(problem)
    return setbacks


def _report(
    fleet: Fleet,
    made: Mapping[Cluster, Locking],
    flags: Flags,
    *,
    differing: set[Cluster] | None = None,
) -> None:
    if flags.output.verbose:
        for cluster in fleet.clusters:
            if locking := made.get(cluster):
                print_entries(locking.lock, cluster.name)
    fleet.report(flags.output.report, fleet.results(made, differing=differing))


def _refuse_common_locks(fleet: Fleet) -> None:
    """Report clusters whose locks would be the same file."""
    users: dict[str, Cluster] = {}
    for cluster, run_config in fleet.usable:
        file = run_config.lock_file
        first = users.setdefault(os.path.realpath(file), cluster)
        for one, other in ((cluster, first), (first, cluster)):
            if one is not other:
                one.problems.error(
                    f"the lock of {one.name} would overwrite that of {other.name}",
                    Place(file),
                    category=Category.LOCK,
                    help="name a lock of its own in each config (spec.lock)",
                )


def _listing(changes: Mapping[str, Sequence[Change]]) -> str:
    """Return all changes; with several clusters, each with its cluster."""
    width = max((len(name) + 2 for name, changed in changes.items() if name and changed), default=0)
    return table(
        (f"{name.ljust(width)}{change.kind.value}", str(change.subject), change.detail)
        for name, changed in sorted(changes.items())
        for change in changed
    )


def _print_differing(fleet: Fleet, differing: Sequence[Cluster]) -> int:
    if not differing:
        return SAME
    if fleet.is_one:
        for _, run_config in fleet.usable:
            print_message(
                printable(f"{run_config.lock_file} differs; to update it: {run_config.fix_command}")
            )
        return DIFFERENT
    locks = "1 lock differs" if len(differing) == 1 else f"{len(differing)} locks differ"
    targets = shlex.join(cluster.name for cluster in differing)
    print_message(printable(f"{locks}; to update: gitops-doca lock {targets}"))
    return DIFFERENT
