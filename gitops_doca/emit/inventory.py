"""Write a compact inventory as YAML that reads well in a diff."""

from collections.abc import Iterable, Mapping
from typing import Any

from gitops_doca.core.compact_inventory import (
    KIND,
    NodeGroup,
    extra_labels,
    group_alike,
    has_login,
    proxy_settings,
    report_login,
)
from gitops_doca.core.diagnostics import Problems
from gitops_doca.core.model import API_VERSION, ClusterProxy, Inventory, Taint
from gitops_doca.core.names import PROGRAM
from gitops_doca.emit.local import local_metadata
from gitops_doca.emit.yaml import dump_document

_HEADER = """\
# The nodes with a NIC, by what manifests depend on. To update it: gitops-doca inventory --write FILE
"""


def dump_inventory(inventory: Inventory, labels: Iterable[str], name: str = PROGRAM) -> str:
    """Return the text of a `NodeInventory`: sorted, without a time, reproducible.

    `name` is the object's. `labels` are those that nodeSelectors name. Nodes without a NIC are
    skipped, as they are in no pool, but whether they show OpenShift is recorded. Raises
    `GenerationError` for a proxy's URL with a user or password.
    """
    kept = sorted(extra_labels(labels))
    config_maps = [
        {**_given({"namespace": namespace}), "name": name, "keys": sorted(keys)}
        for (namespace, name), keys in sorted(inventory.config_maps.items())
    ]
    document = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": local_metadata(name),
        **_given({"labels": kept, "openshift": inventory.shows_openshift, "proxy": _proxy(inventory.proxy)}),
        **_toolkit(inventory.dtk_images),
        **_given({"configMaps": config_maps}),
        "groups": [_group(group) for group in group_alike(inventory.nodes, kept)],
    }
    return _HEADER + dump_document(document)


def _group(group: NodeGroup) -> dict[str, Any]:
    others = {
        "taints": [_taint(taint) for taint in group.taints],
        "containerRuntime": group.container_runtime,
    }
    return {"labels": group.labels, **_given(others), "nodes": group.nodes}


def _taint(taint: Taint) -> dict[str, str]:
    value = {"value": taint.value} if taint.value else {}
    return {"key": taint.key, **value, "effect": taint.effect}


def _proxy(proxy: ClusterProxy | None) -> dict[str, Any]:
    """Return the settings; a proxy without any counts as none."""
    if proxy is None:
        return {}
    problems = Problems()
    for name, setting in proxy_settings(proxy).items():
        if has_login(setting):
            report_login(proxy.place.at(name), problems)
    problems.raise_errors()
    return _given({**proxy_settings(proxy), "trustedCA": proxy.trusted_ca})


def _toolkit(images: Mapping[str, str] | None) -> dict[str, Any]:
    # An ImageStream without tags is kept: its message differs from that for a missing one.
    return {} if images is None else {"driverToolkit": dict(sorted(images.items()))}


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Drop the fields that have their default, which is empty or false."""
    return {name: value for name, value in fields.items() if value}
