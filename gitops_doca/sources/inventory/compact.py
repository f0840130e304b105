"""Read a compact inventory: its groups become nodes again, each with its own place."""

from collections.abc import Iterable, Mapping
from itertools import repeat
from typing import Any

from gitops_doca.core.compact_inventory import GROUP_LABELS, has_login, report_login
from gitops_doca.core.diagnostics import Place
from gitops_doca.core.model import API_VERSION, NIC_LABEL, ClusterProxy, Node
from gitops_doca.core.names import is_subdomain
from gitops_doca.sources.inventory.builder import InventoryBuilder, is_wrong_label
from gitops_doca.sources.inventory.cluster import usable_taints
from gitops_doca.sources.reading.document import Document, LocatedDict, LocatedList, Path, spell
from gitops_doca.sources.reading.schema import did_you_mean, validate


def add_compact_inventory(document: Document, builder: InventoryBuilder) -> None:
    """Add the content of a NodeInventory, its nodes with those of their labels that are read."""
    if not _is_known(document, builder) or not _is_valid(document, builder):
        return
    value = document.value
    _check_labels(document, builder)
    _add_nodes(document, builder)
    if value["groups"]:
        builder.add_kept_labels(frozenset(value.get("labels", ())), document.place(("labels",)))
    for number, entry in enumerate(value.get("configMaps", ())):
        place = document.place(("configMaps", number))
        builder.add_config_map(entry.get("namespace", ""), entry["name"], tuple(sorted(entry["keys"])), place)
    if "driverToolkit" in value:
        for tag, image in value["driverToolkit"].items():
            builder.check_toolkit_image(tag, image, document.place(("driverToolkit", tag)))
        builder.add_toolkit(dict(value["driverToolkit"]), document.place(("driverToolkit",)))
    if "proxy" in value:
        _add_proxy(document, builder)
    builder.openshift |= value.get("openshift", False) or "driverToolkit" in value or "proxy" in value


def _is_known(document: Document, builder: InventoryBuilder) -> bool:
    version = document.value.get("apiVersion")
    if version == API_VERSION:
        return True
    shown = repr(version) if isinstance(version, str) else "no apiVersion"
    builder.problems.error(
        f"the NodeInventory is of {shown}, which this gitops-doca does not know",
        document.place(("apiVersion",)),
        help=f"use the gitops-doca that wrote it, or a newer one; this one knows {API_VERSION}",
    )
    return False


def _is_valid(document: Document, builder: InventoryBuilder) -> bool:
    """Validate all but valid names: the schema would need a second for ten thousand of them."""
    value, groups = document.value, document.value.get("groups")
    if isinstance(groups, list):
        value = {**value, "groups": [_without_names(group) for group in groups]}
    return validate(document, "inventory", builder.problems, instance=value)


def _without_names(group: Any) -> Any:  # noqa: ANN401 (any part of a document)
    names = group.get("nodes") if isinstance(group, dict) else None
    if isinstance(names, list) and all(isinstance(name, str) and is_subdomain(name) for name in names):
        return {**group, "nodes": names[:1]}
    return group


def _check_labels(document: Document, builder: InventoryBuilder) -> None:
    known = GROUP_LABELS.union(document.value.get("labels", ()))
    for number, group in enumerate(document.value["groups"]):
        for label, value in group["labels"].items():
            if label in known:
                if is_wrong_label(label, value):
                    builder.report_label(document.place(("groups", number, "labels", label)))
                continue
            near = did_you_mean(label, known) if builder.problems.is_early(document.file) else ""
            message = f"unknown label {label!r}{near}"
            help = "list it under labels when a policy's nodeSelector names it"
            if label == NIC_LABEL:
                message, help = "every node here has a NIC", "remove the label"
            builder.problems.error(message, document.place(("groups", number, "labels", label)), help=help)


def _add_nodes(document: Document, builder: InventoryBuilder) -> None:
    seen: dict[str, Place] = {}
    for number, group in enumerate(document.value["groups"]):
        labels = {label: value for label, value in group["labels"].items() if label in builder.labels}
        # One mapping for all nodes of the group: there may be thousands.
        shared: Mapping[str, Any] = {
            "labels": {NIC_LABEL: "true", **labels},
            "taints": usable_taints(group.get("taints", ()), builder),
            "container_runtime": group.get("containerRuntime", ""),
            "lines": _lines(group["labels"]),
            "runtime_line": _lines(group).get("containerRuntime", 0),
            "group": document.place(("groups", number)),
        }
        for name, place in _names(document, ("groups", number, "nodes")):
            first = seen.setdefault(name, place)
            if first is place:
                builder.add_node(Node(name=name, place=place, **shared))
            else:
                builder.problems.error(
                    f"node {name} appears twice; the first is at {first}",
                    place,
                    help="keep it in the group that it belongs to",
                )


def _lines(mapping: Mapping[str, Any]) -> Mapping[str, int]:
    return mapping.lines if isinstance(mapping, LocatedDict) else {}


def _names(document: Document, path: Path) -> Iterable[tuple[str, Place]]:
    _, number, field = path
    names = document.value["groups"][number][field]
    lines = names.lines if isinstance(names, LocatedList) else repeat(document.line)
    at = spell((*document.prefix, *path))
    for index, (name, line) in enumerate(zip(names, lines, strict=False)):
        yield name, Place(document.file, line, f"{at}[{index}]")


def _add_proxy(document: Document, builder: InventoryBuilder) -> None:
    settings = document.value["proxy"]
    for name, setting in settings.items():
        if isinstance(setting, str) and has_login(setting):
            report_login(document.place(("proxy", name)), builder.problems)
    builder.add_proxy(
        ClusterProxy(
            http=settings.get("httpProxy", ""),
            https=settings.get("httpsProxy", ""),
            no_proxy=settings.get("noProxy", ""),
            trusted_ca=settings.get("trustedCA", False),
            place=document.place(("proxy",)),
        )
    )
