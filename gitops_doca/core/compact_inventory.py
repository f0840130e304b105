"""Group the nodes of a compact inventory, and check that it holds no secret."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from gitops_doca.core.diagnostics import Place, Problems
from gitops_doca.core.model import (
    NIC_LABEL,
    PLATFORM_LABELS,
    RENDER_LABELS,
    ClusterProxy,
    Inventory,
    Node,
    Taint,
)

KIND = "NodeInventory"
GROUP_LABELS = RENDER_LABELS - {NIC_LABEL}
"""Labels that a group always keeps when its nodes have them; the NIC label is implied."""


class NodeGroup(NamedTuple):
    """NIC nodes that are equal in everything that manifests depend on."""

    labels: Mapping[str, str]
    """Sorted by name; without the NIC label."""
    taints: tuple[Taint, ...]
    container_runtime: str
    nodes: tuple[str, ...]
    """Names, sorted; never empty."""


def extra_labels(labels: Iterable[str]) -> frozenset[str]:
    """Return the labels that a compact inventory keeps only for the nodeSelectors of policies."""
    return frozenset(labels) - RENDER_LABELS


def group_alike(nodes: Iterable[Node], labels: Iterable[str]) -> tuple[NodeGroup, ...]:
    """Group NIC nodes by the labels of rendering, `labels`, taints and container runtime.

    Groups are sorted by platform, then by their other common values, never by their nodes: a node
    that changes moves to another group, and the rest of the file stays the same.
    """
    kept = GROUP_LABELS | extra_labels(labels)
    alike: dict[tuple[tuple[tuple[str, str], ...], tuple[Taint, ...], str], list[str]] = defaultdict(list)
    for node in nodes:
        if node.has_nic:
            of_node = tuple(sorted((key, value) for key, value in node.labels.items() if key in kept))
            alike[of_node, node.taints, node.container_runtime].append(node.name)
    groups = (
        NodeGroup(labels=dict(held), taints=taints, container_runtime=runtime, nodes=tuple(sorted(names)))
        for (held, taints, runtime), names in alike.items()
    )
    return tuple(sorted(groups, key=_order))


def _order(group: NodeGroup) -> tuple[object, ...]:
    platform = tuple(group.labels.get(label, "") for label in PLATFORM_LABELS)
    taints = tuple((taint.key, taint.effect, taint.value) for taint in group.taints)
    return (platform, tuple(group.labels.items()), taints, group.container_runtime)


def proxy_settings(proxy: ClusterProxy) -> dict[str, str]:
    """Return the three settings by their names in `spec` of the Proxy and in a compact inventory."""
    return {"httpProxy": proxy.http, "httpsProxy": proxy.https, "noProxy": proxy.no_proxy}


def has_login(setting: str) -> bool:
    """Say whether a setting of a proxy holds a user or password.

    `@` ends them in a URL (RFC 3986, 3.2.1), even in a malformed one, and has no other use in a
    proxy's.
    """
    return "@" in setting


def report_login(place: Place, problems: Problems) -> None:
    """Report that a proxy's URL in a compact inventory holds a login, without quoting it."""
    problems.error(
        "the proxy's URL holds a user or password, and nothing secret goes into Git",
        place,
        help="give the cluster a proxy without a login, or use --live instead of a compact inventory",
    )


def check_labels(
    selectors: Mapping[str, Mapping[str, str]], inventory: Inventory, problems: Problems
) -> None:
    """Report labels of nodeSelectors that an older compact inventory does not hold.

    Otherwise its nodes would seem to lack the label, and their pools would disappear silently.
    `selectors` has each nodeSelector by what it belongs to, such as `NicNodePolicy rack-a`.
    """
    named = extra_labels(label for selector in selectors.values() for label in selector)
    for place, kept in inventory.kept_labels.items():
        for label in sorted(named - kept):
            owners = sorted(name for name, selector in selectors.items() if label in selector)
            problems.error(
                f"the compact inventory does not hold the label {label!r}, by which "
                f"{' and '.join(owners)} select{'' if len(owners) > 1 else 's'} nodes",
                place,
                help="update it: gitops-doca inventory --write FILE",
            )
