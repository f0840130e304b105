"""Name nodes in messages, and pools by their nodes."""

from collections.abc import Mapping, Sequence

from gitops_doca.core.model import Node, Pool

_SHOWN = 5
PLANNED = "planned, no node runs it yet"
"""The phrase for a pool without nodes."""


def name_nodes(names: Sequence[str], shown: int = _SHOWN) -> str:
    """Name nodes in a sentence: the first few, and the number of others."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def nodes_by_value(values: Mapping[str, str]) -> str:
    """Name the nodes of each value: `containerd: a, b; cri-o: c`."""
    groups: dict[str, list[str]] = {}
    for name, value in sorted(values.items()):
        groups.setdefault(value or "unknown", []).append(name)
    return "; ".join(f"{value}: {name_nodes(names)}" for value, names in sorted(groups.items()))


def describe_nodes(pool: Pool) -> str:
    """Name the nodes of a pool in a sentence, or say that it is planned."""
    return list_nodes(pool.nodes) if pool.nodes else PLANNED


def list_nodes(nodes: Sequence[Node]) -> str:
    """Name nodes with the noun: `node a`, `nodes a, b`."""
    return f"node{'s' if len(nodes) > 1 else ''} {name_nodes([node.name for node in nodes])}"
