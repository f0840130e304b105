"""Format the status of a cluster as text, Markdown or JSON."""

from collections.abc import Iterable, Iterator
from typing import Any, assert_never

from gitops_doca.core.compare.rendered import driver_version
from gitops_doca.core.compare.status import (
    KIND,
    MOST_ASKED,
    Absence,
    Applied,
    Leftover,
    NodeStatus,
    PoolStatus,
    State,
    Status,
)
from gitops_doca.core.diagnostics import Diagnostic
from gitops_doca.core.missing_labels import help_with_nics, list_similar
from gitops_doca.core.model import NIC_LABEL
from gitops_doca.core.phrases import name_nodes
from gitops_doca.emit.escape import markdown_text, printable_lines
from gitops_doca.emit.json_document import document_text, pool_entry
from gitops_doca.emit.pool_table import progress_notes, skipped_notes
from gitops_doca.emit.report import progress_entry, skipped_entry
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

_POOLS = ("POOL", "NODES", "CURRENT", "APPLIED", "RENDERED")
_NODES = ("NODE", "STATE", "RUNS", "POOL")
_WIDE_POOLS = ("DAEMONSET", "IMAGE")
_WIDE_NODES = ("POD", "IMAGE")
_APPLIED_COLOURS = {
    Applied.YES.value: GREEN,
    Applied.DIFFERENT.value: YELLOW,
    Applied.NO.value: RED,
}
_STATE_COLOURS = {
    state.value: YELLOW if state in {State.NOT_READY, State.RESTART} else RED
    for state in State
    if state is not State.CURRENT
}
_SHOWN_PATHS = 5
_NO_LABEL = f"no NIC label ({NIC_LABEL}=true)"
_ABSENT = {
    Absence.NO_NIC_LABEL: (
        *(f"has {_NO_LABEL}", f"have {_NO_LABEL}"),
        "check that node-feature-discovery runs there",
    ),
    Absence.NOT_IN_CLUSTER: ("is not in the cluster", "are not in the cluster", "update the inventory"),
    Absence.NOT_ASKED: (
        *(f"has {_NO_LABEL} or is not in the cluster", f"have {_NO_LABEL} or are not in the cluster"),
        f"only {MOST_ASKED} were asked for by name",
    ),
}
"""The phrases for one and for several nodes of the inventory, and what to do."""


def text_status(status: Status, layout: Layout = PLAIN) -> str:
    """Return the pools in columns, then each node that is not current, then notes.

    With `layout.wide` there are DaemonSets, pods and whole images too.
    """
    pools: list[tuple[str, ...]] = [_POOLS, *map(_pool_row, status.pools)]
    nodes: list[tuple[str, ...]] = [_NODES, *map(_node_row, _waiting(status))]
    if layout.wide:
        rendered = [pool.rendered for pool in status.pools]
        images = [_WIDE_POOLS, *((one.daemon_set, one.image) for one in rendered)]
        pools = [(*row, *more) for row, more in zip(pools, images, strict=True)]
        pods = [_WIDE_NODES, *map(_pod_cells, _waiting(status))]
        nodes = [(*row, *more) for row, more in zip(nodes, pods, strict=True)]
    lines = Table(rows=pools, each="pool", keep=_POOLS[:3], colours=_APPLIED_COLOURS).lines(layout)
    if len(nodes) > 1:
        waiting = Table(rows=nodes, each="node above", keep=_NODES[:2], colours=_STATE_COLOURS)
        lines += ["", *waiting.lines(layout)]
    below = [_summary(status), *_notes(status)]
    return printable_lines([*lines, "", *wrapped(below, layout)])


def markdown_status(status: Status) -> str:
    """Return the same as Markdown tables for a comment or a summary."""
    lines = markdown_table(text_cells([_titles(_POOLS), *map(_pool_row, status.pools)]), numbers=[1, 2])
    waiting = [_node_row(node) for node in _waiting(status)]
    if waiting:
        lines += ["", *markdown_table(text_cells([_titles(_NODES), *waiting]))]
    return "\n".join([*lines, "", markdown_text(_summary(status)), *items(_notes(status)), ""])


def json_status(status: Status, cluster: str, diagnostics: Iterable[Diagnostic]) -> str:
    """Return a `DriverStatus` as JSON text; see schemas/status.schema.json."""
    result = {
        "current": status.is_current,
        "nicNodes": status.nic_nodes,
        "pools": [_pool_entry(pool, cluster) for pool in status.pools],
        "unplanned": [{"pool": node.pool, **_node_entry(node)} for node in status.unplanned],
        "progress": [progress_entry(progress, cluster) for progress in status.progress],
        "skipped": [skipped_entry(skipped, cluster) for skipped in status.skipped],
        "absent": [{"node": one.node, "why": one.why.value} for one in status.absent],
        "leftovers": list(map(_leftover_entry, status.leftovers)),
    }
    return document_text(KIND, diagnostics, result)


def count_current(status: Status) -> str:
    """Count the current nodes among those that should have a driver, and the other differences.

    Nodes of the inventory that are absent from the cluster count too.
    """
    total = len(status.nodes) + len(status.absent)
    current = sum(node.state is State.CURRENT for node in status.nodes)
    none = "no node in a pool" if status.nic_nodes else "no node with a NIC"
    nodes = f"{current} of {_nodes(total)} current" if total else none
    pools = [pool for pool in status.pools if not pool.is_current and not pool.waiting]
    differ = len(status.leftovers) + len(pools)
    return f"{nodes}, {differ} other difference{'' if differ == 1 else 's'}" if differ else nodes


def _pool_entry(pool: PoolStatus, cluster: str) -> dict[str, Any]:
    rendered = pool.rendered
    return {
        **pool_entry(cluster, rendered.pool, rendered.policy),
        "daemonSet": rendered.daemon_set,
        "image": rendered.image,
        "applied": pool.applied.value,
        **({"differs": list(pool.differs)} if pool.differs else {}),
        "nodes": [_node_entry(node) for node in pool.nodes],
        **({"moved": list(pool.moved)} if pool.moved else {}),
    }


def _leftover_entry(leftover: Leftover) -> dict[str, Any]:
    pool = {"pool": leftover.pool} if leftover.pool else {}
    return {"daemonSet": leftover.daemon_set, **pool, "nodes": list(leftover.nodes)}


def _node_entry(node: NodeStatus) -> dict[str, Any]:
    entry: dict[str, Any] = {"node": node.node, "state": node.state.value}
    pod = node.pod
    if pod is not None:
        owner = {"daemonSet": pod.daemon_set} if pod.daemon_set else {}
        entry["pod"] = {"name": pod.name, **owner, "image": pod.image, "ready": pod.ready}
    return entry


def _waiting(status: Status) -> list[NodeStatus]:
    return [node for node in status.nodes if node.state is not State.CURRENT]


def _titles(heads: tuple[str, ...]) -> list[str]:
    return [head.capitalize() for head in heads]


def _pool_row(pool: PoolStatus) -> tuple[str, ...]:
    current = sum(node.state is State.CURRENT for node in pool.nodes)
    rendered = pool.rendered
    return (rendered.pool, str(len(pool.nodes)), str(current), pool.applied.value, rendered.version)


def _node_row(node: NodeStatus) -> tuple[str, ...]:
    runs = driver_version(node.pod.image, node.pool) if node.pod else ""
    return (node.node, node.state.value, runs or "-", node.pool)


def _pod_cells(node: NodeStatus) -> tuple[str, str]:
    return (node.pod.name, node.pod.image or "-") if node.pod else ("-", "-")


def _summary(status: Status) -> str:
    states = [node.state for node in status.nodes]
    counts = ", ".join(f"{states.count(state)} {state.value}" for state in State if state in states)
    return _nodes(len(states)) + (f": {counts}" if counts else "")


def _nodes(count: int) -> str:
    return f"{count} node{'' if count == 1 else 's'}"


def _notes(status: Status) -> Iterator[str]:
    yield from progress_notes(status.progress, several=status.policies > 1)
    yield from _absent_notes(status)
    for pool in status.pools:
        yield from _pool_notes(pool)
    yield from map(_leftover_note, status.leftovers)
    yield from skipped_notes(status.skipped)


def _absent_notes(status: Status) -> Iterator[str]:
    if status.without_nics is not None:
        yield f"no node of the cluster has the label {NIC_LABEL}=true: {help_with_nics(status.without_nics)}"
        yield from list_similar(status.without_nics)
    for why, (one, several, more) in _ABSENT.items():
        names = [absent.node for absent in status.absent if absent.why is why]
        if names:
            what = one if len(names) == 1 else several
            yield f"{_nodes(len(names))} of the inventory {what}: {name_nodes(names)}; {more}"


def _pool_notes(pool: PoolStatus) -> Iterator[str]:
    name = pool.rendered.daemon_set
    match pool.applied:
        case Applied.NO:
            yield f"DaemonSet {name} is not in the cluster: apply the manifests"
        case Applied.DIFFERENT:
            more = f" and {len(pool.differs) - _SHOWN_PATHS} more" if len(pool.differs) > _SHOWN_PATHS else ""
            paths = ", ".join(pool.differs[:_SHOWN_PATHS])
            yield f"DaemonSet {name} of the cluster differs from the rendered one: {paths}{more}"
        case Applied.YES:
            pass
        case never:
            assert_never(never)
    if pool.moved:
        yield (
            f"no node of the cluster is in pool {pool.rendered.pool}, in which the inventory has "
            f"{name_nodes(pool.moved)}: update the inventory"
        )


def _leftover_note(leftover: Leftover) -> str:
    of_pool = f" of pool {leftover.pool}" if leftover.pool else ""
    what = f"DaemonSet {leftover.daemon_set}{of_pool} is no longer rendered"
    if not leftover.nodes:
        return f"{what} and has no pod: delete it"
    return f"{what}: deleting it ends its driver on {name_nodes(leftover.nodes)}"
