"""Format the pools of all clusters as a table, in text or Markdown."""

from collections.abc import Sequence

from gitops_doca.core.fleet import ClusterResult
from gitops_doca.emit.escape import markdown_text, printable_lines
from gitops_doca.emit.pool_table import (
    HEADERS,
    MARKDOWN_HEADERS,
    markdown_pools,
    notes,
    row,
    summary,
    text_pools,
)
from gitops_doca.emit.tables import items, markdown_table, text_cells, text_table


def text_fleet(results: Sequence[ClusterResult]) -> str:
    """Return the pools in columns, cluster by cluster, and the notes of each cluster below.

    A cluster without a decision has one line, with its failure in place of a state.
    """
    if len(results) == 1:
        return text_pools(results[0])
    lines = text_table([("CLUSTER", *HEADERS), *_rows(results)])
    return printable_lines([*lines, "", _summary(results), *_notes(results)])


def markdown_fleet(results: Sequence[ClusterResult]) -> str:
    """Return the same as a table for a comment on a pull request."""
    if len(results) == 1:
        return markdown_pools(results[0])
    rows = text_cells([("Cluster", *MARKDOWN_HEADERS), *_rows(results)])
    return "\n".join(
        [
            *markdown_table(rows, numbers=[3]),
            "",
            markdown_text(_summary(results)),
            *items(_notes(results)),
            "",
        ]
    )


def _rows(results: Sequence[ClusterResult]) -> list[tuple[str, ...]]:
    return [line for result in results for line in _cluster_rows(result)]


def _cluster_rows(result: ClusterResult) -> list[tuple[str, ...]]:
    if result.decisions:
        return [(result.cluster, *row(decision)) for decision in result.decisions]
    state = f"error[{result.failure.value}]" if result.failure else "no pools"
    return [(result.cluster, "-", "-", "-", state, "")]


def _summary(results: Sequence[ClusterResult]) -> str:
    failing = sum(result.failure is not None for result in results)
    decisions = [decision for result in results for decision in result.decisions]
    return f"{len(results)} clusters{f' ({failing} failing)' if failing else ''}, {summary(decisions)}"


def _notes(results: Sequence[ClusterResult]) -> list[str]:
    return [f"{result.cluster}: {note}" for result in results for note in notes(result)]
