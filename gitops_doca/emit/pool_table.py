"""Format the table of pools as text or Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gitops_doca.core.fleet import ClusterResult
from gitops_doca.core.model import PlannedPool, SkippedNode
from gitops_doca.core.phrases import name_nodes
from gitops_doca.core.resolve.companions import CompanionState
from gitops_doca.core.resolve.decide import Decision
from gitops_doca.core.resolve.progress import Progress
from gitops_doca.emit.escape import markdown_text, printable_lines
from gitops_doca.emit.report import companion_entry, decision_entry
from gitops_doca.emit.tables import items, markdown_table, text_cells, text_table

HEADERS = ("POOL", "POLICY", "NODES", "STATE", "TAG OR DIGEST")
MARKDOWN_HEADERS = ("Pool", "Policy", "Nodes", "State", "Tag or digest")


def text_pools(result: ClusterResult) -> str:
    """Return a line of columns for each pool.

    Counts, moves, companions, skipped nodes, and obsolete plans and fallback versions follow.
    """
    lines = text_table([HEADERS, *map(row, result.decisions)])
    return printable_lines([*lines, "", summary(result.decisions), *notes(result)])


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
    """Return the cells of a pool, below `HEADERS`."""
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
        *progress_notes(result.progress, several=len(policies) > 1),
        *companion_notes(result.companions),
        *map(_unused_companion_note, result.unused_companions),
        *(skipped_notes(result.grouping.skipped) if skipped else ()),
        *map(_done_note, result.done_plans),
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
