"""The table of pools, as text or Markdown."""

from collections.abc import Iterable, Sequence

from gitops_doca.core.model import PlannedPool, SkippedNode
from gitops_doca.core.phrases import name_nodes
from gitops_doca.core.resolve.decide import Decision
from gitops_doca.core.resolve.pools import Grouping
from gitops_doca.emit.escape import markdown_text, printable_lines
from gitops_doca.emit.report import decision_entry
from gitops_doca.emit.tables import items, markdown_table, text_cells, text_table

HEADERS = ("POOL", "POLICY", "NODES", "STATE", "TAG OR DIGEST")
MARKDOWN_HEADERS = ("Pool", "Policy", "Nodes", "State", "Tag or digest")


def text_pools(decisions: Sequence[Decision], grouping: Grouping) -> str:
    """Return the pools in columns, one a line.

    Below them the counts, the skipped nodes, and the obsolete plans.
    """
    lines = text_table([HEADERS, *map(row, decisions)])
    return printable_lines([*lines, "", summary(decisions), *notes(grouping)])


def markdown_pools(decisions: Sequence[Decision], grouping: Grouping) -> str:
    """Return the pools as a table for a comment on a pull request."""
    rows = text_cells([MARKDOWN_HEADERS, *map(row, decisions)])
    return "\n".join(
        [
            *markdown_table(rows, numbers=[2]),
            "",
            markdown_text(summary(decisions)),
            *items(notes(grouping)),
            "",
        ]
    )


def row(decision: Decision) -> tuple[str, ...]:
    """Return the cells of a pool, below `HEADERS`."""
    entry = decision_entry(decision)
    image = entry.get("tag") or entry.get("digest", "")
    nodes = "planned" if "planned" in entry else str(len(entry["nodes"]))
    return (entry["pool"], entry["policy"]["name"], nodes, entry["state"], image)


def obsolete_note(plan: PlannedPool) -> str:
    """Say that a plan is obsolete."""
    return f"plan done: nodes run {plan} now, so remove it from the config ({plan.place})"


def notes(grouping: Grouping) -> list[str]:
    """Say which nodes are skipped, and which plans are obsolete."""
    return [*skipped_notes(grouping.skipped), *map(obsolete_note, grouping.obsolete_plans)]


def skipped_notes(skipped: Iterable[SkippedNode]) -> list[str]:
    """Say which nodes are skipped, and why."""
    nodes: dict[tuple[str, str], list[str]] = {}
    for one in skipped:
        nodes.setdefault((one.policy, one.reason), []).append(one.node)
    return [
        f"skipped{f' by {policy}' if policy else ''}: {name_nodes(names)}: {reason}"
        for (policy, reason), names in nodes.items()
    ]


def summary(decisions: Sequence[Decision]) -> str:
    """Count pools, nodes and states."""
    states = [decision_entry(decision)["state"] for decision in decisions]
    nodes = sum(len(decision.pool.nodes) for decision in decisions)
    counts = ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states)))
    plural = "" if len(states) == 1 else "s"
    planned = sum(decision.pool.plan is not None for decision in decisions)
    aside = f" ({planned} planned)" if planned else ""
    return f"{len(states)} pool{plural}{aside}, {nodes} node{'' if nodes == 1 else 's'}" + (
        f": {counts}" if counts else ""
    )
