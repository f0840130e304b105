"""What runs on the nodes of a cluster, as text, Markdown or JSON."""

from collections.abc import Iterator
from typing import Any

from gitops_doca.core.model import API_VERSION
from gitops_doca.core.status import KIND, Applied, NodeStatus, PoolStatus, State, Status
from gitops_doca.emit.escape import json_text, markdown_text, printable_lines
from gitops_doca.emit.layout import columns, items, markdown, text_cells
from gitops_doca.emit.report import left_out_entry
from gitops_doca.emit.table import left_out_notes

_POOLS = ("POOL", "NODES", "CURRENT", "APPLIED", "RENDERED")
_NODES = ("NODE", "STATE", "RUNS", "POD", "POOL")
_SHOWN_PATHS = 5


def text_status(status: Status) -> str:
    """Return the pools in columns, then each node that waits for something, then what to know of them."""
    lines = columns([_POOLS, *map(_pool_row, status.pools)])
    waiting = [_node_row(node) for node in _waiting(status)]
    if waiting:
        lines += ["", *columns([_NODES, *waiting])]
    return printable_lines([*lines, "", _summary(status), *_notes(status)])


def markdown_status(status: Status) -> str:
    """Return the same as tables for a comment or a summary."""
    lines = markdown(text_cells([_titles(_POOLS), *map(_pool_row, status.pools)]), numbers=[1, 2])
    waiting = [_node_row(node) for node in _waiting(status)]
    if waiting:
        lines += ["", *markdown(text_cells([_titles(_NODES), *waiting]))]
    return "\n".join([*lines, "", markdown_text(_summary(status)), *items(_notes(status)), ""])


def json_status(status: Status) -> str:
    """Return a `DriverStatus` as JSON text; see schemas/status.schema.json."""
    document = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "current": status.is_current,
        "pools": [_pool_entry(pool) for pool in status.pools],
        "unplanned": [{"pool": node.pool, **_node_entry(node)} for node in status.unplanned],
        "leftOut": list(map(left_out_entry, status.left_out)),
    }
    return json_text(document)


def _pool_entry(pool: PoolStatus) -> dict[str, Any]:
    rendered = pool.rendered
    return {
        "pool": rendered.pool,
        "daemonSet": rendered.daemon_set,
        "image": rendered.image,
        "applied": pool.applied.value,
        **({"differs": list(pool.differs)} if pool.differs else {}),
        "nodes": [_node_entry(node) for node in pool.nodes],
    }


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
    return (rendered.pool, str(len(pool.nodes)), str(current), pool.applied.value, _tag(rendered.image))


def _node_row(node: NodeStatus) -> tuple[str, ...]:
    pod = node.pod
    runs, name = (_tag(pod.image) or "-", pod.name) if pod else ("-", "-")
    return (node.node, node.state.value, runs, name, node.pool)


def _tag(image: str) -> str:
    """Return the tag, or the digest of an image without one."""
    name, _, digest = image.rpartition("/")[2].partition("@")
    return name.partition(":")[2] or digest


def _summary(status: Status) -> str:
    states = [node.state for node in status.nodes]
    counts = ", ".join(f"{states.count(state)} {state.value}" for state in State if state in states)
    return f"{len(states)} node{'' if len(states) == 1 else 's'}" + (f": {counts}" if counts else "")


def _notes(status: Status) -> Iterator[str]:
    for pool in status.pools:
        name = pool.rendered.daemon_set
        match pool.applied:
            case Applied.NO if pool.nodes:
                yield f"DaemonSet {name} is not in the cluster: apply the manifests"
            case Applied.DIFFERENT:
                more = (
                    f" and {len(pool.differs) - _SHOWN_PATHS} more"
                    if len(pool.differs) > _SHOWN_PATHS
                    else ""
                )
                paths = ", ".join(pool.differs[:_SHOWN_PATHS])
                yield f"DaemonSet {name} of the cluster is not the rendered one: {paths}{more}"
            case _:
                pass
    yield from left_out_notes(status.left_out)
