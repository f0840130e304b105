"""Format the table of pools as text or Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gitops_doca.core.diagnostics import Category
from gitops_doca.core.fleet import ClusterResult
from gitops_doca.core.model import PlannedPool, SkippedNode
from gitops_doca.core.phrases import name_nodes
from gitops_doca.core.resolve.companions import CompanionState
from gitops_doca.core.resolve.decide import Decision, UsePrecompiled
from gitops_doca.core.resolve.progress import Progress, done_plans, find_progress
from gitops_doca.emit.escape import markdown_text, printable_lines
from gitops_doca.emit.report import companion_entry, decision_entry
from gitops_doca.emit.tables import (
    GREEN,
    PLAIN,
    RED,
    YELLOW,
    Layout,
    Table,
    items,
    markdown_table,
    text_cells,
    wrapped,
)

HEADERS = ("POOL", "POLICY", "NODES", "STATE", "VERSION")
WIDE_HEADERS = (*HEADERS, "DAEMONSET", "TAG OR DIGEST")
MARKDOWN_HEADERS = ("Pool", "Policy", "Nodes", "State", "Tag or digest")
_KEPT = ("CLUSTER", "POOL", "NODES", "STATE")
"""The columns that stay also where they say the same in each row."""
_STATE_COLOURS = {
    "precompiled": GREEN,
    "fallback": YELLOW,
    "compiled": YELLOW,
    "missing": RED,
    "unknown": RED,
    **{f"error[{category.value}]": RED for category in Category},
}


def text_pools(result: ClusterResult, layout: Layout = PLAIN) -> str:
    """Return a line of columns for each pool.

    Counts, moves, companions, skipped nodes, and obsolete plans and fallback versions follow.
    """
    rows = [text_headers(layout), *(text_row(decision, layout) for decision in result.decisions)]
    below = [summary(result.decisions), *notes(result)]
    return printable_lines([*pool_table(rows).lines(layout), "", *wrapped(below, layout)])


def pool_table(rows: Sequence[Sequence[str]]) -> Table:
    """Return the table of these rows, the first of them with the heads."""
    return Table(
        rows=rows, each="pool", keep=_KEPT, soft=("POLICY",), title="CLUSTER", colours=_STATE_COLOURS
    )


def text_headers(layout: Layout) -> tuple[str, ...]:
    """Return the heads of the columns of a pool."""
    return WIDE_HEADERS if layout.wide else HEADERS


def text_row(decision: Decision, layout: Layout) -> tuple[str, ...]:
    """Return the cells of a pool, below `text_headers`."""
    *cells, image = row(decision)
    driver = decision.pool.policy.driver
    version = decision.version if isinstance(decision, UsePrecompiled) else driver.digest or driver.version
    more = (decision.pool.daemon_set, image) if layout.wide else ()
    return (*cells, version, *more)


def markdown_pools(result: ClusterResult) -> str:
    """Return the pools as a table for a comment on a pull request."""
    rows = text_cells([MARKDOWN_HEADERS, *map(row, result.decisions)])
    return "\n".join(
        [
            *markdown_table(rows, numbers=[2]),
            "",
            markdown_text(summary(result.decisions)),
            *items(notes(result)),
            "",
        ]
    )


def row(decision: Decision) -> tuple[str, ...]:
    """Return the cells of a pool, below `MARKDOWN_HEADERS`."""
    entry = decision_entry(decision)
    image = entry.get("tag") or entry.get("digest", "")
    nodes = "planned" if "planned" in entry else str(len(entry["nodes"]))
    return (entry["pool"], entry["policy"]["name"], nodes, shown_state(entry), image)


def shown_state(entry: Mapping[str, Any]) -> str:
    """Return the state of a pool as people see it: a fallback is precompiled, too."""
    return "fallback" if entry.get("fallback") else str(entry["state"])


def _done_note(plan: PlannedPool) -> str:
    return f"plan done: nodes run {plan} now, so remove it from the config ({plan.place})"


def _unused_note(version: str) -> str:
    return f"fallback version {version}: no pool runs it, so remove it from fallbackVersions"


def notes(result: ClusterResult, *, skipped: bool = True) -> list[str]:
    """Return the notes on a move, companions, skipped nodes, and obsolete plans and fallback versions."""
    policies = {decision.pool.policy.key for decision in result.decisions}
    return [
        *progress_notes(find_progress(result.decisions), several=len(policies) > 1),
        *companion_notes(result.companions),
        *map(_unused_companion_note, result.unused_companions),
        *(skipped_notes(result.grouping.skipped) if skipped else ()),
        *map(_done_note, done_plans(result.grouping, result.decisions)),
        *map(_unused_note, result.unused_fallbacks),
    ]


def progress_notes(moves: Iterable[Progress], *, several: bool) -> list[str]:
    """Say for each move how many nodes run the new version, with the policy if there are several."""
    return [
        f"{one.moved} of {one.nodes} node{'' if one.nodes == 1 else 's'}"
        f"{f' of {one.policy.kind} {one.policy.name}' if several else ''} "
        f"{'runs' if one.nodes == 1 else 'run'} {one.version}"
        for one in moves
    ]


def companion_notes(companions: Iterable[CompanionState]) -> list[str]:
    """Say for each companion for which pools it exists, is missing or unknown."""
    pools: dict[tuple[str, str, str], list[str]] = {}
    for companion in companions:
        entry = companion_entry(companion, "")
        pools.setdefault((entry["name"], entry["state"], entry["image"]), []).append(entry["pool"])
    return [
        f"companion {name} {state}: {image} for {', '.join(dict.fromkeys(names))}"
        for (name, state, image), names in pools.items()
    ]


def _unused_companion_note(name: str) -> str:
    return f"companion {name}: no pool needs it; check the labels in its nodeSelector, or remove it"


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
    states = [shown_state(decision_entry(decision)) for decision in decisions]
    nodes = sum(len(decision.pool.nodes) for decision in decisions)
    counts = ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states)))
    plural = "" if len(states) == 1 else "s"
    planned = sum(decision.pool.plan is not None for decision in decisions)
    aside = f" ({planned} planned)" if planned else ""
    return f"{len(states)} pool{plural}{aside}, {nodes} node{'' if nodes == 1 else 's'}" + (
        f": {counts}" if counts else ""
    )
