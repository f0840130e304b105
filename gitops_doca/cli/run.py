"""What the commands share: settings in, a generation out, the report, everything told on stderr."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitops_doca.cli.output.console import print_diagnostics, print_info
from gitops_doca.cli.output.documents import FailureDump, documented
from gitops_doca.cli.output.streams import write_file, write_stdout
from gitops_doca.cli.output.summary import summarize
from gitops_doca.cli.settings.inputs import cluster_name, read_run_config
from gitops_doca.cli.settings.run_config import RunConfig, generate_for
from gitops_doca.core.diagnostics import Diagnostic, GenerationError, Problems
from gitops_doca.core.fleet import NO_POOLS, ClusterResult
from gitops_doca.core.phrases import PLANNED
from gitops_doca.emit.pool_table import obsolete_note
from gitops_doca.emit.report import decision_entry, json_report
from gitops_doca.usecases.generate import Generation
from gitops_doca.usecases.load import Inputs

if TYPE_CHECKING:
    from gitops_doca.usecases.lock import Locking

Dump = Callable[[Generation, Problems], str]


def run(
    flags: Mapping[str, Any],
    dump: Dump,
    *,
    with_errors: bool = False,
    summary: Callable[[Generation], str] | None = None,
    failure: FailureDump | None = None,
) -> None:
    """Run all stages and write the document; raises `GenerationError` after everything was reported.

    `with_errors`: the document is written also when pools have no image. `summary` is what a step's summary
    on GitHub gets. `failure` makes the document of a run in which nothing was decided.
    """
    problems = Problems()
    with documented(failure):
        generation = decide(flags, problems)
    if generation is None:
        return
    if with_errors or not problems.errors:
        write_stdout(dump(generation, problems))
        if summary is not None:
            summarize(lambda: summary(generation), problems)
    problems.raise_errors()
    print_diagnostics(problems.warnings)


def decide(flags: Mapping[str, Any], problems: Problems) -> Generation | None:
    """Run all stages and write the report; None when the settings were only to be explained.

    Nothing may be applied while `problems` holds errors.
    """
    run_config = start(flags, problems)
    if run_config is None:
        return None
    with reporting(flags):
        generation = generate_for(run_config, problems)
    if flags["verbose"]:
        print_generation(generation)
    write_report(flags, generation, tuple(problems))
    return generation


def start(flags: Mapping[str, Any], problems: Problems) -> RunConfig | None:
    """Read the invocation of a command line; None when it was only to be explained."""
    with reporting(flags):
        run_config = read_run_config(flags, problems)
        problems.raise_errors()
    if flags["explain_config"]:
        from gitops_doca.cli.settings.explain import explain

        write_stdout(explain(run_config))
        return None
    return run_config


@contextmanager
def reporting(flags: Mapping[str, Any]) -> Iterator[None]:
    """Write the report also of a run that fails before anything was decided."""
    try:
        yield
    except GenerationError as error:
        write_report(flags, None, error.diagnostics)
        raise


def write_report(
    flags: Mapping[str, Any], outcome: Generation | Locking | None, diagnostics: Sequence[Diagnostic]
) -> None:
    """Write the report, if one is wanted; when that fails, all other problems are reported too."""
    result = cluster_result(cluster_name(flags["target"]), outcome, diagnostics)
    write_report_text(flags.get("report"), lambda: json_report([result], diagnostics), diagnostics)


def cluster_result(
    cluster: str, outcome: Generation | Locking | None, diagnostics: Sequence[Diagnostic]
) -> ClusterResult:
    """Return what a run about one cluster decided, and how it ends."""
    failure = next((problem.category for problem in diagnostics if problem.category), None)
    return ClusterResult(
        cluster=cluster,
        decisions=outcome.decisions if outcome else (),
        grouping=outcome.inputs.grouping if outcome else NO_POOLS,
        failure=failure,
    )


def write_report_text(file: Path | None, dump: Callable[[], str], diagnostics: Sequence[Diagnostic]) -> None:
    """Write a report as `write_report` does, whatever it holds."""
    if file is None:
        return
    try:
        write_file(file, dump())
    except GenerationError as error:
        raise GenerationError((*diagnostics, *error.diagnostics)) from None


def print_skipped(inputs: Inputs) -> None:
    """Say of each NIC node that is in no pool why."""
    for left in inputs.grouping.skipped:
        whose = f"{left.cluster}: " if left.cluster else ""
        of = f" of policy {left.policy}" if left.policy else ""
        print_info(f"{whose}skipped node {left.node}{of}: {left.reason}")


def print_generation(generation: Generation, *, cluster: str = "") -> None:
    """Tell on stderr which nodes are left out, and what was decided for each pool; of a fleet, whose."""
    whose = f"{cluster}: " if cluster else ""
    print_skipped(generation.inputs)
    for decision in generation.decisions:
        entry = decision_entry(decision)
        nodes = PLANNED if "planned" in entry else f"nodes {len(entry['nodes'])}"
        print_info(f"{whose}pool {entry['pool']}: {entry['state']}, {decision.image}, {nodes}")
    for plan in generation.inputs.grouping.obsolete_plans:
        print_info(f"{whose}{obsolete_note(plan)}")
