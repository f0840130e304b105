"""What the commands share: settings in, a generation out, the report, everything told on stderr."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gitops_doca.cli.output.console import print_diagnostics, print_info
from gitops_doca.cli.output.streams import write_file, write_stdout
from gitops_doca.cli.output.summary import summarize
from gitops_doca.cli.settings.explain import explain
from gitops_doca.cli.settings.inputs import read_run_config
from gitops_doca.cli.settings.run_config import RunConfig, generate_for
from gitops_doca.core.diagnostics import Diagnostic, GenerationError, Problems
from gitops_doca.core.phrases import PLANNED
from gitops_doca.emit.pool_table import obsolete_note
from gitops_doca.emit.report import dump_report, pool_entry
from gitops_doca.usecases.generate import Generation
from gitops_doca.usecases.load import Inputs
from gitops_doca.usecases.lock import Locking

Dump = Callable[[Generation], str]


def run(
    flags: Mapping[str, Any], dump: Dump, *, with_errors: bool = False, summary: Dump | None = None
) -> None:
    """Run all stages and write the document; raises `GenerationError` after everything was told.

    `with_errors`: the document is written also when pools have no image. `summary` is what a step's summary
    on GitHub gets.
    """
    problems = Problems()
    generation = decide(flags, problems)
    if generation is None:
        return
    if with_errors or not problems.errors:
        write_stdout(dump(generation))
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
    with reporting(flags["report"]):
        generation = generate_for(run_config, problems)
    if flags["verbose"]:
        print_generation(generation)
    write_report(flags["report"], generation, tuple(problems))
    return generation


def start(flags: Mapping[str, Any], problems: Problems) -> RunConfig | None:
    """Read the invocation of a command line; None when it was only to be explained."""
    with reporting(flags.get("report")):
        run_config = read_run_config(flags, problems)
        problems.raise_errors()
    if flags["explain_config"]:
        write_stdout(explain(run_config))
        return None
    return run_config


@contextmanager
def reporting(file: Path | None) -> Iterator[None]:
    """Write the report also of a run that fails before anything was decided."""
    try:
        yield
    except GenerationError as error:
        write_report(file, None, error.diagnostics)
        raise


def write_report(
    file: Path | None, found: Generation | Locking | None, diagnostics: Sequence[Diagnostic]
) -> None:
    """Write the report, if one is wanted; when that fails, everything else that was found is told too."""
    decisions = found.decisions if found else ()
    skipped = found.inputs.grouping.skipped if found else ()
    write_report_text(file, lambda: dump_report(decisions, skipped, diagnostics), diagnostics)


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
        print_info(f"{whose}node {left.node} left out of policy {left.policy or 'any'}: {left.reason}")


def print_generation(generation: Generation, *, cluster: str = "") -> None:
    """Tell on stderr which nodes are left out, and what was decided for each pool; of a fleet, whose."""
    whose = f"{cluster}: " if cluster else ""
    print_skipped(generation.inputs)
    for decision in generation.decisions:
        entry = pool_entry(decision)
        nodes = PLANNED if "planned" in entry else f"nodes {len(entry['nodes'])}"
        print_info(f"{whose}pool {entry['pool']}: {entry['state']}, {decision.image}, {nodes}")
    for plan in generation.inputs.grouping.obsolete_plans:
        print_info(f"{whose}{obsolete_note(plan)}")
