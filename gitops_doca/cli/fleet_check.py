"""`check` over a fleet: one table of the pools of all clusters."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from gitops_doca.cli.fleet import Member, collecting, load_member, print_all, report_fleet, share, start_fleet
from gitops_doca.cli.output.streams import write_stdout
from gitops_doca.cli.output.summary import summarize
from gitops_doca.cli.run import print_generation
from gitops_doca.cli.settings.run_config import choose_source
from gitops_doca.core.diagnostics import Diagnostic, Problems
from gitops_doca.core.fleet import ClusterResult, failing_first
from gitops_doca.core.resolve.lookup import TagSource
from gitops_doca.usecases.generate import Generation, resolve_and_render
from gitops_doca.usecases.load import Inputs
from gitops_doca.usecases.look_up import RegistryTags

Dump = Callable[[Sequence[ClusterResult], Sequence[Diagnostic]], str]
Summary = Callable[[Sequence[ClusterResult]], str]
_Ready = dict[str, tuple[Inputs, TagSource]]


def check_fleet(fleet: Iterable[str], flags: Mapping[str, Any], dump: Dump, *, summary: Summary) -> None:
    """Decide for all clusters and write the document; raises `GenerationError` after everything was told.

    `summary` is what a step's summary on GitHub gets.
    """
    members = start_fleet(fleet, flags)
    if not members:
        return
    shared = Problems()
    found = _decide(members, shared)
    if flags["verbose"]:
        for member in members:
            if generation := found.get(member.target):
                print_generation(generation, cluster=member.cluster)
    results = failing_first(_result(member, found.get(member.target), shared) for member in members)
    diagnostics = [*(d for member in members for d in member.diagnostics), *shared]
    report_fleet(flags["report"], results, diagnostics)
    write_stdout(dump(results, list(dict.fromkeys(diagnostics))))
    summing = Problems()
    summarize(lambda: summary(results), summing)
    print_all([*diagnostics, *summing])


def _decide(members: Sequence[Member], shared: Problems) -> dict[str, Generation]:
    ready: _Ready = {}
    for member in members:
        with collecting(member.problems):
            if member.run_config:
                source = choose_source(member.run_config, member.problems)
                ready[member.target] = (load_member(member, member.run_config), source)
    asking = [inputs for inputs, source in ready.values() if source.is_online]
    known = share(members, asking, shared)
    found = {}
    for member in members:
        with collecting(member.problems):
            match ready.get(member.target):
                case (inputs, source) if not source.is_online:
                    found[member.target] = resolve_and_render(inputs, source, member.problems)
                case (inputs, _) if not shared.errors:
                    source = RegistryTags(lambda: known)
                    found[member.target] = resolve_and_render(inputs, source, member.problems)
    return found


def _result(member: Member, generation: Generation | None, shared: Problems) -> ClusterResult:
    if generation is None:
        failure = member.failure or next(error.category for error in shared.errors)
        return ClusterResult(cluster=member.cluster, failure=failure)
    return ClusterResult(
        cluster=member.cluster,
        decisions=generation.decisions,
        grouping=generation.inputs.grouping,
        images=generation.images,
        failure=member.failure,
    )
