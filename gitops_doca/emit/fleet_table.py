"""Format the pools of all clusters as a table, in text or Markdown."""

from collections.abc import Sequence

from gitops_doca.core.fleet import ClusterResult
from gitops_doca.emit.escape import markdown_text, printable_lines
from gitops_doca.emit.pool_table import (
    MARKDOWN_HEADERS,
    markdown_pools,
    notes,
    pool_table,
    row,
    summary,
    text_headers,
    text_pools,
    text_row,
)
from gitops_doca.emit.tables import PLAIN, Layout, items, markdown_table, text_cells, wrapped


def text_fleet(results: Sequence[ClusterResult], layout: Layout = PLAIN) -> str:
    """Return the pools in columns, cluster by cluster, and the notes of each cluster below.

    A cluster without a decision has one line, with its failure in place of a state.
    """
    if len(results) == 1:
        return text_pools(results[0], layout)
    heads = ("CLUSTER", *text_headers(layout))
    rows = [line for result in results for line in _text_rows(result, layout)]
    below = [_summary(results), *_notes(results)]
    return printable_lines([*pool_table([heads, *rows]).lines(layout), "", *wrapped(below, layout)])


def markdown_fleet(results: Sequence[ClusterResult]) -> str:
    """Return the same as a table for a comment on a pull request."""
    if len(results) == 1:
        return markdown_pools(results[0])
    cells = [line for result in results for line in _cluster_rows(result)]
    rows = text_cells([("Cluster", *MARKDOWN_HEADERS), *cells])
    return "\n".join(
        [
            *markdown_table(rows, numbers=[3]),
            "",
            markdown_text(_summary(results)),
            *items(_notes(results)),
            "",
        ]
    )


def _text_rows(result: ClusterResult, layout: Layout) -> list[tuple[str, ...]]:
    if result.decisions:
        return [(result.cluster, *text_row(decision, layout)) for decision in result.decisions]
    # The line of a cluster without pools has no more than a state.
    missing = ("",) * (len(text_headers(layout)) - len(MARKDOWN_HEADERS))
    return [(*line, *missing) for line in _cluster_rows(result)]


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
