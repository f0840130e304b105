"""Where inputs show an operator that makes drivers, those who render DaemonSets beside it are warned."""

import json
from pathlib import Path
from typing import Any

import pytest

from fakes.cluster import make_policy
from gitops_doca.core.diagnostics import Place, Problems
from gitops_doca.core.model import OperatorTrace
from gitops_doca.core.owners import warn_two_owners
from gitops_doca.sources.inventory import read_inventory
from gitops_doca.sources.policy import read_policies
from support.reading import lines

TAIL = "the operator makes driver DaemonSets there, and two owners would fight over them"


def _daemon_set(name: str, **labels: str) -> dict[str, Any]:
    return {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": name, "labels": labels}}


def _policy(driver: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    spec = {} if driver is None else {"ofedDriver": driver}
    metadata = {"name": "nic-cluster-policy", **more.pop("metadata", {})}
    return {
        "apiVersion": "mellanox.com/v1alpha1",
        "kind": "NicClusterPolicy",
        "metadata": metadata,
        "spec": spec,
        **more,
    }


DRIVER = {"image": "d", "repository": "x.io/y", "version": "25.04-0.6.1.0-2"}


NODE = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "a"}}


def _traces(folder: Path, *objects: dict[str, Any]) -> list[str]:
    file = folder / "dump.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [NODE, *objects]}))
    problems = Problems()
    found = read_inventory([str(file)], (), problems)
    assert list(problems) == []
    return [trace.what for trace in found.operator_traces]


def test_the_operators_driver_and_a_policy_with_it_are_traces_in_an_inventory(tmp_path: Path) -> None:
    ofed = {"nvidia.network-operator.state": "state-OFED"}
    found = _traces(
        tmp_path,
        _daemon_set("mofed-x-ds", **ofed),
        _daemon_set("other", **{"nvidia.network-operator.state": "state-NV-IPAM"}),
        _daemon_set("ours"),
        _policy(DRIVER),
        _policy(None),
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "a", "labels": ofed}},
    )

    assert found == [
        "the operator's DaemonSet mofed-x-ds",
        "NicClusterPolicy nic-cluster-policy with ofedDriver",
    ]


@pytest.mark.parametrize(
    ("more", "stored"),
    [
        ({}, False),
        ({"metadata": {"uid": "1"}}, True),
        ({"metadata": {"resourceVersion": "1"}}, True),
        ({"status": {"state": "ready"}}, True),
        ({"status": {}}, False),
    ],
)
def test_a_policy_out_of_a_cluster_is_known_by_what_the_api_server_adds(
    more: dict[str, Any], *, stored: bool, tmp_path: Path
) -> None:
    (tmp_path / "policy.json").write_text(json.dumps(_policy(DRIVER, **more)))
    problems = Problems()
    found = read_policies([str(tmp_path / "policy.json")], problems)

    assert ([policy.stored for policy in found.policies], list(problems)) == ([stored], [])


def test_two_owners_are_a_warning_for_each_sign() -> None:
    problems = Problems()
    policies = [make_policy(stored=True), make_policy("rack")]
    warn_two_owners(policies, [OperatorTrace("the operator's DaemonSet x", Place("n.yaml", 3))], problems)

    assert lines(problems) == [
        f"warning: n.yaml:3: the inventory has the operator's DaemonSet x: {TAIL}",
        (
            "warning: policy.yaml:7: spec.ofedDriver: NicClusterPolicy nic-cluster-policy was read from a "
            f"cluster, with ofedDriver: {TAIL}"
        ),
    ]
