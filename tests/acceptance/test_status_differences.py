"""What `status` says when cluster, rendering and inventory do not agree, though no node waits."""

import json
from collections.abc import Iterable
from copy import deepcopy
from typing import Any

import pytest
import yaml

from fakes.api_server import FORBIDDEN, NODES, Object, node
from fakes.drivers import DAEMON_SETS, PODS, daemon_set, pod
from fakes.wire import Fault
from gitops_doca.core.model import NIC_LABEL
from support.in_process import run_here
from support.inputs import Pool
from support.status_cluster import A, B, StatusCluster

NEW = Pool(kernel="5.15.0-130-generic")
NAMES = tuple(f"node-{number:02}" for number in range(1, 25))
NO_LABEL = f"no NIC label ({NIC_LABEL}=true)"
RUN_NFD = "check that node-feature-discovery runs there"
EMPTY = {"apiVersion": "gitops-doca.dev/v1alpha1", "kind": "NodeInventory", "groups": []}
CARDS = (
    f"no node of the cluster has the label {NIC_LABEL}=true: check that node-feature-discovery looks for "
    'network cards: sources.pci.deviceClassWhitelist in its worker\'s configuration needs "02", and '
    "sources.pci.deviceLabelFields: [vendor]"
)


def fleet(names: Iterable[str] = NAMES) -> list[Object]:
    """Return nodes, the first of pool B, all others of pool A."""
    return [node(name, kernel=(A if number else B).kernel) for number, name in enumerate(names)]


def without_label(found: Object) -> Object:
    copy = deepcopy(found)
    del copy["metadata"]["labels"][NIC_LABEL]
    return copy


def runs_all(cluster: StatusCluster, nodes: Iterable[Object], *, applied: Iterable[Object] = ()) -> None:
    """Let these nodes be in the cluster, each with the rendered driver if it has a NIC, and all applied."""
    cluster.api.nodes = list(nodes)
    pods = []
    for one in cluster.api.nodes:
        labels = one["metadata"]["labels"]
        if labels.get(NIC_LABEL) == "true":
            of_b = labels["feature.node.kubernetes.io/kernel-version.full"] == B.kernel
            pods.append(cluster.pod(one["metadata"]["name"], B if of_b else A))
    cluster.has(applied=[*cluster.applied(), *applied], pods=pods)


def notes(cluster: StatusCluster, *flags: str) -> list[str]:
    """Return what stands below the tables, of a status that is not current."""
    result = cluster.status(*flags)
    assert (result.exit_code, result.stderr) == (1, "")
    assert cluster.document(*flags)["current"] is False
    return result.stdout.decode().rpartition("\n\n")[2].splitlines()


def test_cluster_rendering_and_inventory_agree(cluster: StatusCluster) -> None:
    cluster.lists(*fleet())
    runs_all(cluster, fleet())

    found = cluster.document()

    assert cluster.status().exit_code == 0
    assert {key: found[key] for key in ("current", "nicNodes", "absent", "leftovers", "unplanned")} == {
        "current": True,
        "nicNodes": 24,
        "absent": [],
        "leftovers": [],
        "unplanned": [],
    }


def test_no_node_has_a_nic_label_any_more(cluster: StatusCluster) -> None:
    cluster.lists(*fleet())
    runs_all(cluster, map(without_label, fleet()))

    assert notes(cluster) == [
        "0 nodes",
        CARDS,
        (
            f"24 nodes of the inventory have {NO_LABEL}: node-01, node-02, node-03, node-04, node-05 "
            f"and 19 more; {RUN_NFD}"
        ),
    ]
    found = cluster.document()
    assert found["nicNodes"] == 0
    assert found["absent"] == [{"node": name, "why": "no-nic-label"} for name in NAMES]
    assert f"- 24 nodes of the inventory have {NO_LABEL}: " in cluster.status(
        "-o", "markdown"
    ).stdout.decode().replace("\\", "")


@pytest.mark.parametrize("stays", ["node-01", "node-24"])
def test_one_node_keeps_its_label(cluster: StatusCluster, stays: str) -> None:
    cluster.lists(*fleet())
    nodes = [one if one["metadata"]["name"] == stays else without_label(one) for one in fleet()]
    runs_all(cluster, nodes)
    shown = [name for name in NAMES if name != stays][:5]

    assert notes(cluster) == [
        "1 node: 1 current",
        f"23 nodes of the inventory have {NO_LABEL}: {', '.join(shown)} and 18 more; {RUN_NFD}",
    ]


def test_a_label_that_says_false_is_no_nic_label(cluster: StatusCluster) -> None:
    cluster.lists(*fleet())
    runs_all(cluster, [*fleet()[:-1], node("node-24", kernel=A.kernel, **{NIC_LABEL: "false"})])

    assert notes(cluster) == [
        "23 nodes: 23 current",
        f"1 node of the inventory has {NO_LABEL}: node-24; {RUN_NFD}",
    ]


def test_a_node_that_was_renamed_is_not_in_the_cluster(cluster: StatusCluster) -> None:
    cluster.lists(*fleet())
    runs_all(cluster, fleet([*NAMES[:-1], "renamed"]))

    assert notes(cluster) == [
        "24 nodes: 24 current",
        "1 node of the inventory is not in the cluster: node-24; update the inventory",
    ]
    asked = [request.query for request in cluster.api.requests if "fieldSelector" in request.query]
    assert asked == [{"fieldSelector": ["metadata.name=node-24"], "limit": ["1"]}] * 2
    assert {request.method for request in cluster.api.requests} == {"GET"}


def test_a_compact_inventory_is_compared_too(cluster: StatusCluster) -> None:
    runs_all(cluster, fleet())
    (cluster.folder / "nodes.json").unlink()
    kubeconfig = ("--kubeconfig", cluster.kubeconfig)
    written = run_here(
        "inventory", *cluster.inputs[:2], *kubeconfig, "--write", "nodes.json", cwd=cluster.folder
    )
    agreed = cluster.status()
    runs_all(cluster, [*fleet()[:22], without_label(fleet()[22])])

    assert (written.exit_code, agreed.exit_code) == (0, 0)
    assert notes(cluster) == [
        "22 nodes: 22 current",
        f"1 node of the inventory has {NO_LABEL}: node-23; {RUN_NFD}",
        "1 node of the inventory is not in the cluster: node-24; update the inventory",
    ]


def test_gone_and_unlabelled_nodes_are_told_apart(cluster: StatusCluster) -> None:
    cluster.lists(*fleet())
    runs_all(cluster, [*fleet()[:20], *map(without_label, fleet()[20:22])])

    assert notes(cluster) == [
        "20 nodes: 20 current",
        f"2 nodes of the inventory have {NO_LABEL}: node-21, node-22; {RUN_NFD}",
        "2 nodes of the inventory are not in the cluster: node-23, node-24; update the inventory",
    ]


def test_nodes_without_a_nic_in_the_inventory_are_not_missed(cluster: StatusCluster) -> None:
    cluster.lists(*fleet(), without_label(node("login")), node("head", **{NIC_LABEL: "false"}))
    runs_all(cluster, fleet())

    assert cluster.status().exit_code == 0
    assert not any("fieldSelector" in request.query for request in cluster.api.requests)


@pytest.mark.parametrize(
    ("count", "rest"), [(50, []), (51, ["gone-51"]), (53, ["gone-51", "gone-52", "gone-53"])]
)
def test_fifty_nodes_are_asked_for_and_the_rest_is_counted(
    cluster: StatusCluster, count: int, rest: list[str]
) -> None:
    gone = [f"gone-{number:02}" for number in range(1, count + 1)]
    cluster.lists(*fleet(), *(node(name, kernel=A.kernel) for name in gone))
    runs_all(cluster, fleet())

    found = notes(cluster)
    asked = [request for request in cluster.api.requests if "fieldSelector" in request.query]

    assert len(asked) == 2 * 50
    assert found[1] == (
        "50 nodes of the inventory are not in the cluster: gone-01, gone-02, gone-03, gone-04, gone-05 "
        "and 45 more; update the inventory"
    )
    verb = "has {} or is" if len(rest) == 1 else "have {} or are"
    assert found[2:] == [
        (
            f"{len(rest)} node{'s' * (len(rest) > 1)} of the inventory {verb.format(NO_LABEL)} not in the "
            f"cluster: {', '.join(rest)}; only 50 were asked for by name"
        )
    ] * bool(rest)
    assert [one["node"] for one in cluster.document()["absent"] if one["why"] == "not-asked"] == rest


def test_a_cluster_without_nodes_and_with_nothing_applied(cluster: StatusCluster) -> None:
    cluster.lists(*fleet(NAMES[:2]))
    cluster.api.nodes = []

    assert notes(cluster) == [
        "0 nodes",
        (
            f"no node of the cluster has the label {NIC_LABEL}=true: check that node-feature-discovery runs "
            "on the nodes: they lack its labels (feature.node.kubernetes.io/...)"
        ),
        "2 nodes of the inventory are not in the cluster: node-01, node-02; update the inventory",
        f"DaemonSet {cluster.name(B)} is not in the cluster: apply the manifests",
        f"DaemonSet {cluster.name(A)} is not in the cluster: apply the manifests",
    ]


def write_config(cluster: StatusCluster, **spec: Any) -> None:
    """Put a config in the place of the arguments."""
    config = {
        "apiVersion": "gitops-doca.dev/v1alpha1",
        "kind": "DriverGenerator",
        "spec": {"policies": ["policy.yaml"], "inventory": "nodes.json", **spec},
    }
    (cluster.folder / "gitops-doca.yaml").write_text(yaml.safe_dump(config))
    cluster.inputs = ()


def plan_b(cluster: StatusCluster) -> None:
    """Plan pool B, which no node of the inventory runs then."""
    platform = {"os": "ubuntu", "osVersion": "22.04", "kernel": B.kernel, "arch": "amd64"}
    write_config(cluster, planned=[platform])
    cluster.lists(*fleet()[1:])


def test_a_planned_pool_that_is_applied_is_current(cluster: StatusCluster) -> None:
    plan_b(cluster)
    runs_all(cluster, fleet()[1:])

    assert cluster.status().exit_code == 0


def test_a_planned_pool_that_is_not_applied_is_a_difference(cluster: StatusCluster) -> None:
    plan_b(cluster)
    runs_all(cluster, fleet()[1:])
    cluster.api.lists = {**cluster.api.lists, DAEMON_SETS: [daemon_set(cluster.manifest(A))]}

    assert notes(cluster) == [
        "23 nodes: 23 current",
        f"DaemonSet {cluster.name(B)} is not in the cluster: apply the manifests",
    ]


def test_a_planned_pool_that_is_applied_otherwise_is_a_difference(cluster: StatusCluster) -> None:
    plan_b(cluster)
    runs_all(cluster, fleet()[1:])
    stale = deepcopy(cluster.manifest(B))
    stale["spec"]["template"]["spec"]["containers"][0]["image"] = "r.example/doca-driver:old"
    applied = [daemon_set(cluster.manifest(A)), daemon_set(stale)]
    cluster.api.lists = {**cluster.api.lists, DAEMON_SETS: applied}

    assert notes(cluster) == [
        "23 nodes: 23 current",
        (
            f"DaemonSet {cluster.name(B)} of the cluster differs from the rendered one: "
            "spec.template.spec.containers[0].image"
        ),
    ]


def test_half_of_the_nodes_have_moved_to_the_planned_pool(cluster: StatusCluster) -> None:
    plan_b(cluster)
    runs_all(cluster, [node(name, kernel=(A if name < "node-12" else B).kernel) for name in NAMES[1:]])

    assert cluster.status().exit_code == 0


def test_an_inventory_older_than_the_cluster_has_nodes_in_a_pool_that_none_is_in(
    cluster: StatusCluster,
) -> None:
    plan_b(cluster)
    runs_all(cluster, [node(name, kernel=B.kernel) for name in NAMES[1:]])

    assert notes(cluster) == [
        "23 nodes: 23 current",
        (
            f"no node of the cluster is in pool {A.name}, in which the inventory has node-02, node-03, "
            "node-04, node-05, node-06 and 18 more: update the inventory"
        ),
    ]
    (pool,) = [one for one in cluster.document()["pools"] if one["pool"] == A.name]
    assert (pool["nodes"], pool["moved"]) == ([], list(NAMES[1:]))


def leftover(cluster: StatusCluster, **labels: str | None) -> Object:
    """Return a DaemonSet of ours for a kernel that nobody renders; a label that is None is not there."""
    manifest = deepcopy(cluster.manifest(A))
    metadata = manifest["metadata"]
    metadata["name"] = "mofed-old-ds"
    found = metadata["labels"] | labels
    metadata["labels"] = {label: value for label, value in found.items() if value is not None}
    old = daemon_set(manifest)
    old["metadata"]["annotations"]["gitops-doca.dev/pool"] = NEW.name
    return old


@pytest.mark.parametrize(
    "labels",
    [
        {},
        {"app.kubernetes.io/managed-by": "kustomize-v5.8.1"},
        {"nvidia.com/ofed-driver": ""},
    ],
)
def test_a_daemon_set_of_ours_that_is_not_rendered_is_left_over(
    cluster: StatusCluster, labels: dict[str, str]
) -> None:
    cluster.lists(*fleet())
    runs_all(cluster, fleet(), applied=[leftover(cluster, **labels)])

    assert notes(cluster) == [
        "24 nodes: 24 current",
        f"DaemonSet mofed-old-ds of pool {NEW.name} is no longer rendered and has no pod: delete it",
    ]
    assert cluster.document()["leftovers"] == [{"daemonSet": "mofed-old-ds", "pool": NEW.name, "nodes": []}]


def test_a_leftover_that_has_pods_is_told_with_its_nodes(cluster: StatusCluster) -> None:
    cluster.lists(*fleet())
    runs_all(cluster, fleet(), applied=[leftover(cluster)])
    old = [pod(name, "mofed-old-ds", cluster.image(A)) for name in ("other-2", "other-1")]
    cluster.api.lists = {**cluster.api.lists, PODS: [*cluster.api.lists[PODS], *old]}

    assert notes(cluster)[1:] == [
        (
            f"DaemonSet mofed-old-ds of pool {NEW.name} is no longer rendered: deleting it ends its "
            "driver on other-1, other-2"
        )
    ]


def test_a_daemon_set_of_the_operator_is_no_leftover(cluster: StatusCluster) -> None:
    operators = leftover(cluster, **{"nvidia.com/ofed-driver": "", "app.kubernetes.io/managed-by": None})
    del operators["metadata"]["annotations"]["gitops-doca.dev/pool"]
    cluster.lists(*fleet())
    runs_all(cluster, fleet(), applied=[operators])

    assert cluster.status().exit_code == 0


def test_an_empty_inventory_is_current_where_empty_is_allowed_and_nothing_is_there(
    cluster: StatusCluster,
) -> None:
    write_config(cluster, allowEmpty=True)
    (cluster.folder / "nodes.json").write_text(json.dumps(EMPTY))
    (cluster.folder / "gitops-doca.lock.yaml").unlink()
    runs_all(cluster, map(without_label, fleet()))
    left = cluster.status()
    cluster.has()
    pruned = cluster.status()

    assert (left.exit_code, left.stdout.decode().count("is no longer rendered")) == (1, 2)
    assert (pruned.exit_code, pruned.stdout.decode().splitlines()[-1]) == (0, "0 nodes")


def test_empty_that_is_allowed_still_misses_the_nodes_of_the_inventory(cluster: StatusCluster) -> None:
    write_config(cluster, allowEmpty=True)
    cluster.lists(*fleet(NAMES[:2]))
    runs_all(cluster, map(without_label, fleet(NAMES[:2])))

    assert notes(cluster) == [
        "0 nodes",
        CARDS,
        f"2 nodes of the inventory have {NO_LABEL}: node-01, node-02; {RUN_NFD}",
    ]


def test_with_live_no_inventory_is_compared(cluster: StatusCluster) -> None:
    runs_all(cluster, fleet())
    cluster.inputs = cluster.inputs[:2]

    assert cluster.status("--live").exit_code == 0
    assert not any("fieldSelector" in request.query for request in cluster.api.requests)
    assert {name: cluster.document("--live")[name] for name in ("absent", "nicNodes")} == {
        "absent": [],
        "nicNodes": 24,
    }


def test_with_live_a_leftover_is_told_too(cluster: StatusCluster) -> None:
    runs_all(cluster, fleet(), applied=[leftover(cluster)])
    cluster.inputs = cluster.inputs[:2]

    assert "DaemonSet mofed-old-ds of pool" in notes(cluster, "--live")[1]


def test_a_node_that_may_not_be_asked_for_is_no_answer(cluster: StatusCluster) -> None:
    cluster.lists(*fleet())
    runs_all(cluster, fleet(NAMES[:-1]))
    cluster.api.fail(NODES, Fault(), FORBIDDEN)

    result = cluster.status()

    assert (result.exit_code, result.stdout) == (5, b"")
    assert result.stderr == (
        f"error[unknown]: cannot list nodes of the cluster at {cluster.api.host}: 403 Forbidden: no role "
        "allows list on nodes\n"
        "  help: bind a role to this identity that allows list on nodes\n"
    )
