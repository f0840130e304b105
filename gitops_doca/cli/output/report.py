"""Write the file of `--report`, and print the decisions with `-v`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gitops_doca.cli.output.console import print_info
from gitops_doca.cli.output.streams import write_file
from gitops_doca.core.diagnostics import Diagnostic, GenerationError
from gitops_doca.core.fleet import ClusterResult
from gitops_doca.core.phrases import PLANNED
from gitops_doca.usecases.generate import Generation
from gitops_doca.usecases.load import Inputs


@contextmanager
def reporting(file: Path | None, cluster: str) -> Iterator[None]:
    """Write the report also for a run that fails before anything is decided."""
    try:
        yield
    except GenerationError as error:
        write_report(file, [ClusterResult(cluster=cluster, failure=error.category)], error.diagnostics)
        raise


def write_report(
    file: Path | None, results: Sequence[ClusterResult], diagnostics: Sequence[Diagnostic]
) -> None:
    """Write the report, if one is wanted; an error here comes after all others."""
    if file is None:
        return
    from gitops_doca.emit.report import json_report

    try:
        write_file(file, json_report(results, diagnostics))
    except GenerationError as error:
        raise GenerationError((*diagnostics, *error.diagnostics)) from None


def print_skipped(inputs: Inputs) -> None:
    """Print why each skipped node was skipped."""
    for node in inputs.grouping.skipped:
        policy = f" of policy {node.policy}" if node.policy else ""
        print_info(f"{_prefix(node.cluster)}skipped node {node.node}{policy}: {node.reason}")


def print_generation(generation: Generation, *, cluster: str = "") -> None:
    """Print the skipped nodes and each pool's decision, with the cluster in front."""
    from gitops_doca.core.resolve.fallbacks import unused_fallbacks
    from gitops_doca.emit.pool_table import (
        companion_notes,
        obsolete_note,
        shown_state,
        unused_companion_note,
        unused_note,
    )
    from gitops_doca.emit.report import decision_entry

    prefix = _prefix(cluster)
    print_skipped(generation.inputs)
    for decision in generation.decisions:
        entry = decision_entry(decision)
        nodes = PLANNED if "planned" in entry else f"nodes {len(entry['nodes'])}"
        print_info(f"{prefix}pool {entry['pool']}: {shown_state(entry)}, {decision.image}, {nodes}")
    for plan in generation.inputs.grouping.obsolete_plans:
        print_info(f"{prefix}{obsolete_note(plan)}")
    for version in unused_fallbacks(generation.decisions, generation.inputs.fallback_versions):
        print_info(f"{prefix}{unused_note(version)}")
    for note in companion_notes(generation.companions):
        print_info(f"{prefix}{note}")
    for name in generation.inputs.unused_companions:
        print_info(f"{prefix}{unused_companion_note(name)}")


def _prefix(cluster: str) -> str:
    return f"{cluster}: " if cluster else ""
