"""List the differences between two inventories of one cluster."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from gitops_doca.core.compact_inventory import GROUP_LABELS, extra_labels, proxy_settings
from gitops_doca.core.model import (
    ARCH_LABEL,
    KERNEL_LABEL,
    OS_ID_LABEL,
    OS_VERSION_LABEL,
    OSTREE_LABEL,
    ClusterProxy,
    Inventory,
    Node,
)
from gitops_doca.core.phrases import name_nodes

_WORDS = {
    OS_ID_LABEL: "OS",
    OS_VERSION_LABEL: "OS version",
    KERNEL_LABEL: "kernel",
    ARCH_LABEL: "architecture",
    OSTREE_LABEL: "OSTREE_VERSION",
}


def compare_inventories(old: Inventory, new: Inventory, labels: Iterable[str]) -> tuple[str, ...]:
    """Return a line for each difference of the compact inventories; nodes come first.

    `labels` are those that nodeSelectors name now. Nodes with the same change share a line. Without
    differences both give the same compact inventory, and `old`, if it is one, kept just `labels`.
    """
    extra = extra_labels(labels)
    return (
        *_nodes(old, new, extra),
        *_config_maps(old, new),
        *_toolkit(old.dtk_images, new.dtk_images),
        *_proxy(old.proxy or ClusterProxy(), new.proxy or ClusterProxy()),
        *([_openshift(new)] if old.shows_openshift != new.shows_openshift else []),
        *_labels(old, extra),
    )


def _nodes(old: Inventory, new: Inventory, extra: frozenset[str]) -> Iterator[str]:
    before, after = ({node.name: node for node in side.nodes if node.has_nic} for side in (old, new))
    changes: dict[str, list[str]] = defaultdict(list)
    for name in sorted({*before, *after}):
        if name not in after:
            changes["gone"].append(name)
        elif name not in before:
            changes["new"].append(name)
        elif change := _change(_facts(before[name], extra), _facts(after[name], extra)):
            changes[change].append(name)
    for change, names in changes.items():
        yield f"node{'s' if len(names) > 1 else ''} {name_nodes(names)}: {change}"


def _facts(node: Node, extra: frozenset[str]) -> dict[str, str]:
    """Return what a compact inventory holds of a node, by the words of a message."""
    labels = {
        _WORDS.get(label, f"label {label}"): value or "''"
        for label, value in sorted(node.labels.items())
        if label in GROUP_LABELS or label in extra
    }
    taints = [f"{t.key}{'=' if t.value else ''}{t.value}:{t.effect}" for t in node.taints]
    others = {"taints": ", ".join(taints), "container runtime": node.container_runtime}
    return labels | {word: value for word, value in others.items() if value}


def _change(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    words = dict.fromkeys((*_WORDS.values(), *sorted({*before, *after})))
    return ", ".join(
        f"{word} {before.get(word, 'none')} -> {after.get(word, 'none')}"
        for word in words
        if before.get(word) != after.get(word)
    )


def _config_maps(old: Inventory, new: Inventory) -> Iterator[str]:
    for namespace, name in sorted({*old.config_maps, *new.config_maps}):
        before, after = (side.config_maps.get((namespace, name)) for side in (old, new))
        what = f"ConfigMap {namespace}{'/' if namespace else ''}{name}"
        if before is None:
            yield f"{what}: new"
        elif after is None:
            yield f"{what}: gone"
        elif before != after:
            yield f"{what}: keys {', '.join(before) or 'none'} -> {', '.join(after) or 'none'}"


def _toolkit(before: Mapping[str, str] | None, after: Mapping[str, str] | None) -> Iterator[str]:
    what = "ImageStream openshift/driver-toolkit"
    if before is None and after is not None:
        yield f"{what}: new"
    elif before is not None and after is None:
        yield f"{what}: gone"
    elif before is not None and after is not None:
        for tag in sorted({*before, *after}):
            if before.get(tag) != after.get(tag):
                yield f"{what}: tag {tag} {before.get(tag, 'none')} -> {after.get(tag, 'none')}"


def _proxy(before: ClusterProxy, after: ClusterProxy) -> Iterator[str]:
    # Values are not shown: a live cluster's may hold a login.
    old, new = ({**proxy_settings(proxy), "trustedCA": proxy.trusted_ca} for proxy in (before, after))
    for name in old:
        if old[name] != new[name]:
            yield f"Proxy cluster: {name} {'set' if not old[name] else 'changed' if new[name] else 'gone'}"


def _openshift(new: Inventory) -> str:
    return f"OpenShift: {'new' if new.shows_openshift else 'gone'}"


def _labels(old: Inventory, extra: frozenset[str]) -> Iterator[str]:
    kept = list(old.kept_labels.values())
    for label in sorted(extra - frozenset.intersection(*kept)) if kept else ():
        yield f"label {label}: a nodeSelector names it, and the compact inventory does not hold it"
    for label in sorted(frozenset().union(*kept) - extra):
        yield f"label {label}: no nodeSelector names it any more"
