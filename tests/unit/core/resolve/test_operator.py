"""Where inputs show an operator that makes drivers, those who render DaemonSets beside it are warned."""

import json
from pathlib import Path
from typing import Any

import pytest

from fakes.cluster import DIGEST, make_policy
from gitops_doca.core.diagnostics import Place, Problems, spell
from gitops_doca.core.documentation import page
from gitops_doca.core.model import OperatorEvidence, RenderOptions
from gitops_doca.core.resolve.operator import warn_lost_init_container, warn_two_owners
from gitops_doca.sources.inventory import read_inventory
from gitops_doca.sources.policy import read_policies
from support.reading import lines

TAIL = "the operator makes driver DaemonSets there, and two owners would fight over them"


def _daemon_set(name: str, *init_containers: Any, **labels: str) -> dict[str, Any]:
    pod = {"initContainers": list(init_containers)} if init_containers else {}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": name, "labels": labels},
        "spec": {"template": {"spec": pod}},
    }


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


def _found(folder: Path, *objects: dict[str, Any]) -> list[OperatorEvidence]:
    file = folder / "dump.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [NODE, *objects]}))
    problems = Problems()
    found = read_inventory([str(file)], (), problems)
    assert list(problems) == []
    return list(found.operator_evidence)


def _traces(folder: Path, *objects: dict[str, Any]) -> list[str]:
    return [sign.what for sign in _found(folder, *objects)]


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
    ("more", "from_cluster"),
    [
        ({}, False),
        ({"metadata": {"uid": "1"}}, True),
        ({"metadata": {"resourceVersion": "1"}}, True),
        ({"status": {"state": "ready"}}, True),
        ({"status": {}}, False),
    ],
)
def test_a_policy_out_of_a_cluster_is_known_by_what_the_api_server_adds(
    more: dict[str, Any], *, from_cluster: bool, tmp_path: Path
) -> None:
    (tmp_path / "policy.json").write_text(json.dumps(_policy(DRIVER, **more)))
    problems = Problems()
    found = read_policies([str(tmp_path / "policy.json")], problems)

    assert ([policy.from_cluster for policy in found.policies], list(problems)) == ([from_cluster], [])


def test_two_owners_are_a_warning_for_each_sign() -> None:
    problems = Problems()
    policies = [make_policy(from_cluster=True), make_policy("rack")]
    warn_two_owners(policies, [OperatorEvidence("the operator's DaemonSet x", Place("n.yaml", 3))], problems)

    assert lines(problems) == [
        f"warning: n.yaml:3: the inventory has the operator's DaemonSet x: {TAIL}",
        (
            "warning: policy.yaml:7: spec.ofedDriver: NicClusterPolicy nic-cluster-policy was read from a "
            f"cluster, with ofedDriver: {TAIL}"
        ),
    ]


OFED = {"nvidia.network-operator.state": "state-OFED"}
INIT = "network-operator-init-container"
IMAGE = "nvcr.io/nvidia/mellanox/network-operator-init-container:v0.0.3"


@pytest.mark.parametrize(
    ("containers", "image"),
    [
        ([{"name": INIT, "image": IMAGE}], IMAGE),
        (
            [{"name": "other", "image": "x"}, {"name": INIT, "image": f"{IMAGE}@{DIGEST}"}],
            f"{IMAGE}@{DIGEST}",
        ),
        ([], ""),
        ([{"name": "other", "image": "x"}], ""),
        ([{"name": INIT}], ""),
        ([{"name": INIT, "image": 5}, "x", None], ""),
        ([{"name": INIT, "image": "no image \x1b[2J"}], ""),
    ],
)
def test_the_init_container_of_the_operators_driver_is_known_by_its_image(
    containers: list[Any], image: str, tmp_path: Path
) -> None:
    (sign,) = _found(tmp_path, _daemon_set("mofed-x-ds", *containers, **OFED))

    assert sign.init_image == image


def _lost(*evidence: OperatorEvidence, keep: str = "") -> list[str]:
    problems = Problems()
    warn_lost_init_container(evidence, RenderOptions(init_container_image=keep), problems)
    return [word for one in problems.warnings for word in (f"{one.place}: {one.message}", spell(one.help))]


def test_an_init_container_that_would_be_lost_is_one_warning_for_each_image() -> None:
    evidence = [
        OperatorEvidence("the operator's DaemonSet c", Place("n.yaml", 9)),
        OperatorEvidence("the operator's DaemonSet a", Place("n.yaml", 3), IMAGE),
        OperatorEvidence("the operator's DaemonSet b", Place("n.yaml", 5), IMAGE),
        OperatorEvidence("the operator's DaemonSet d", Place("n.yaml", 7), "x.io/init:2"),
    ]
    tail = "has an init container, and initContainerImage is empty: taking the drivers over would remove it"

    end = f"to keep it; {page('beside-the-operator')} says what is left to delete without it"
    assert _lost(*evidence) == [
        f"n.yaml:3: the operator's DaemonSet a {tail}",
        f"set initContainerImage: {IMAGE} {end}",
        f"n.yaml:7: the operator's DaemonSet d {tail}",
        f"set initContainerImage: x.io/init:2 {end}",
    ]


def test_an_init_container_that_is_kept_or_was_never_there_is_no_warning() -> None:
    with_init = OperatorEvidence("the operator's DaemonSet a", Place("n.yaml", 3), IMAGE)

    assert _lost(with_init, keep="x.io/init:2") == []
    assert _lost(OperatorEvidence("the operator's DaemonSet a", Place("n.yaml", 3))) == []
