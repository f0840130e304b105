"""Write the file of `--report`, and print the decisions with `-v`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gitops_doca.cli.output.console import print_info
from gitops_doca.cli.output.streams import write_file
from gitops_doca.core.diagnostics import Diagnostic, GenerationError
from gitops_doca.core.fleet import ClusterResult
from gitops_doca.core.phrases import PLANNED
from gitops_doca.core.resolve.pools import Grouping


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


def print_skipped(grouping: Grouping) -> None:
    """Print why each skipped node was skipped."""
    for node in grouping.skipped:
        policy = f" of policy {node.policy}" if node.policy else ""
        print_info(f"{_prefix(node.cluster)}skipped node {node.node}{policy}: {node.reason}")


def print_result(result: ClusterResult, *, cluster: str = "") -> None:
    """Print the skipped nodes, each pool's decision and the notes of `check`, with the cluster in front."""
    from gitops_doca.emit.pool_table import notes, shown_state
    from gitops_doca.emit.report import decision_entry

    prefix = _prefix(cluster)
    print_skipped(result.grouping)
    for decision in result.decisions:
        entry = decision_entry(decision)
        nodes = PLANNED if "planned" in entry else f"nodes {len(entry['nodes'])}"
        print_info(f"{prefix}pool {entry['pool']}: {shown_state(entry)}, {decision.image}, {nodes}")
    for note in notes(result, skipped=False):
        print_info(f"{prefix}{note}")


def _prefix(cluster: str) -> str:
    return f"{cluster}: " if cluster else ""
