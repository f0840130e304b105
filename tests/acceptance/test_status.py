"""`status` through the command line: a scripted API server, and pools of a lock."""

from copy import deepcopy
from typing import Any

import pytest
import yaml

from fakes.api_server import FORBIDDEN, TOKEN, node
from fakes.drivers import DAEMON_SETS, PODS, REVISIONS, daemon_set, pod, revision
from gitops_doca.core.documentation import page
from support.inputs import VERSION, Pool
from support.status_cluster import A, B, StatusCluster

NEW = Pool(kernel="5.15.0-130-generic")
OLD_IMAGE = f"r.example/doca-driver:25.01-0.6.0.0-0-{A.kernel}-ubuntu22.04-amd64"


def test_every_node_with_the_rendered_driver_is_exit_0(cluster: StatusCluster) -> None:
    nodes = {"node-1": A, "node-2": A, "node-3": A, "node-4": B}
    cluster.has(applied=cluster.applied(), pods=[cluster.pod(name, pool) for name, pool in nodes.items()])

    result = cluster.status()

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.decode() == (
        "POOL                                  NODES  CURRENT\n"
        "ubuntu22.04/5.15.0-105-generic/amd64  1      1\n"
        "ubuntu22.04/5.15.0-91-generic/amd64   3      3\n"
        f"every pool: applied yes, rendered {VERSION}\n"
        "\n"
        "4 nodes: 4 current\n"
    )
    assert max(map(len, result.stdout.decode().splitlines())) <= 80
    assert {request.method for request in cluster.api.requests} == {"GET"}


def test_what_waits_is_named_with_what_it_runs(cluster: StatusCluster) -> None:
    late = daemon_set(cluster.manifest(A), generation=2)
    stale = deepcopy(cluster.manifest(B))
    stale["spec"]["template"]["spec"]["containers"][0]["image"] = "r.example/doca-driver:old"
    cluster.api.nodes = [
        *cluster.api.nodes,
        node("node-5", kernel=NEW.kernel),
        node("odd", **{"kubernetes.io/arch": ""}),
    ]
    cluster.has(
        applied=[late, daemon_set(stale)],
        pods=[
            cluster.pod("node-1", A, generation=2),
            cluster.pod("node-2", A, image=OLD_IMAGE),
            pod("node-4", cluster.name(B), "r.example/doca-driver:old"),
        ],
    )

    result = cluster.status()

    assert result.exit_code == 1
    assert [line.rstrip() for line in result.stdout.decode().splitlines()] == [
        "POOL                                  NODES  CURRENT  APPLIED",
        "ubuntu22.04/5.15.0-105-generic/amd64  1      0        different",
        "ubuntu22.04/5.15.0-91-generic/amd64   3      1        yes",
        f"every pool: rendered {VERSION}",
        "",
        "NODE    STATE        RUNS             POOL",
        f"node-4  not-applied  old              {B.name}",
        f"node-2  restart      25.01-0.6.0.0-0  {A.name}",
        f"node-3  no-pod       -                {A.name}",
        f"node-5  unplanned    -                {NEW.name}",
        "",
        "5 nodes: 1 current, 1 restart, 1 no-pod, 1 not-applied, 1 unplanned",
        f"1 of 5 nodes run {VERSION}",
        (
            f"DaemonSet {cluster.name(B)} of the cluster differs from the rendered one: "
            "spec.template.spec.containers[0].image"
        ),
        "skipped by nic-cluster-policy: odd: no label kubernetes.io/arch",
    ]
    assert "NIC node odd skipped: no label kubernetes.io/arch" in result.stderr


def test_markdown_has_the_same(cluster: StatusCluster) -> None:
    cluster.has(applied=cluster.applied()[:1], pods=[cluster.pod("node-4", B, ready=False)])

    result = cluster.status("-o", "markdown")

    assert (result.exit_code, result.stdout.decode()) == (
        1,
        (
            "| Pool | Nodes | Current | Applied | Rendered |\n"
            "| --- | ---: | ---: | --- | --- |\n"
            f"| {B.name} | 1 | 0 | yes | {VERSION} |\n"
            f"| {A.name} | 3 | 0 | no | {VERSION} |\n"
            "\n"
            "| Node | State | Runs | Pool |\n"
            "| --- | --- | --- | --- |\n"
            f"| node-4 | not-ready | {VERSION} | {B.name} |\n"
            f"| node-1 | not-applied | - | {A.name} |\n"
            f"| node-2 | not-applied | - | {A.name} |\n"
            f"| node-3 | not-applied | - | {A.name} |\n"
            "\n"
            "4 nodes: 1 not-ready, 3 not-applied\n"
            "\n"
            f"- DaemonSet {cluster.name(A)} is not in the cluster: apply the manifests\n"
        ),
    )


def test_wide_has_daemon_sets_pods_and_images_too(cluster: StatusCluster) -> None:
    cluster.api.nodes = [node("node-1", kernel=A.kernel), node("node-2", kernel=B.kernel)]
    cluster.has(applied=cluster.applied(), pods=[cluster.pod("node-1", A, ready=False)])

    result = cluster.status("-o", "wide")

    image = cluster.image(A)
    assert result.exit_code == 1
    assert [line.split() for line in result.stdout.decode().splitlines()] == [
        ["POOL", "NODES", "CURRENT", "APPLIED", "RENDERED", "DAEMONSET", "IMAGE"],
        [B.name, "1", "0", "yes", VERSION, cluster.name(B), cluster.image(B)],
        [A.name, "1", "0", "yes", VERSION, cluster.name(A), image],
        [],
        ["NODE", "STATE", "RUNS", "POOL", "POD", "IMAGE"],
        ["node-2", "no-pod", "-", B.name, "-", "-"],
        ["node-1", "not-ready", VERSION, A.name, f"{cluster.name(A)}-node-1", image],
        [],
        ["2", "nodes:", "1", "not-ready,", "1", "no-pod"],
    ]


def test_without_a_daemon_set_nothing_is_applied(cluster: StatusCluster) -> None:
    assert cluster.states() == dict.fromkeys(["node-1", "node-2", "node-3", "node-4"], "not-applied")
    assert "is not in the cluster: apply the manifests" in cluster.status().stdout.decode()


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"generation": 3}, "current"),
        ({"generation": 2}, "restart"),
        ({"generation": 2, "digest": "b"}, "restart"),
        ({"generation": 1, "digest": "a"}, "current"),
        ({"generation": 3, "ready": False}, "not-ready"),
        ({"generation": 3, "terminating": True}, "not-ready"),
    ],
)
def test_a_pod_is_of_its_daemon_set_by_generation_or_by_revision(
    cluster: StatusCluster, fields: dict[str, Any], state: str
) -> None:
    """The template went from a to b and back: pods of the first a are as new as those of the last."""
    name = cluster.name(B)
    cluster.has(
        applied=cluster.applied(generation=3),
        revisions=[revision(name, 3, "a"), revision(name, 2, "b"), revision(cluster.name(A), 9, "z")],
        pods=[cluster.pod("node-4", B, **fields)],
    )

    assert cluster.states()["node-4"] == state


def test_a_revision_counts_only_once_the_controller_has_seen_the_change(cluster: StatusCluster) -> None:
    name = cluster.name(B)
    cluster.has(
        applied=cluster.applied(generation=2, seen=1),
        revisions=[revision(name, 1, "a")],
        pods=[cluster.pod("node-4", B, generation=1, digest="a")],
    )

    assert cluster.states()["node-4"] == "restart"


def test_a_pod_of_another_daemon_set_keeps_ours_away(cluster: StatusCluster) -> None:
    cluster.has(applied=cluster.applied(), pods=[pod("node-4", "mofed-operators-ds", OLD_IMAGE)])

    assert cluster.states() == dict.fromkeys(["node-1", "node-2", "node-3"], "no-pod") | {"node-4": "other"}


def test_the_own_pod_that_stays_decides(cluster: StatusCluster) -> None:
    leaving = cluster.pod("node-4", B, terminating=True)
    cluster.has(
        applied=cluster.applied(),
        pods=[leaving, pod("node-4", "mofed-operators-ds", OLD_IMAGE), cluster.pod("node-4", B)],
    )

    assert cluster.states()["node-4"] == "current"


def test_a_node_of_another_kernel_is_unplanned(cluster: StatusCluster) -> None:
    cluster.api.nodes = [node("node-5", kernel=NEW.kernel)]
    cluster.has(applied=cluster.applied())

    assert cluster.states() == {"node-5": "unplanned"}
    assert cluster.status().exit_code == 1


def test_with_live_the_pools_are_those_of_the_cluster(cluster: StatusCluster) -> None:
    cluster.inputs = cluster.inputs[:2]
    cluster.has(applied=cluster.applied(), pods=[cluster.pod("node-4", B)])

    known = cluster.states("--live")
    cluster.api.nodes = [node("node-5", kernel=NEW.kernel)]
    unknown = cluster.status("--live")

    assert known == dict.fromkeys(["node-1", "node-2", "node-3"], "no-pod") | {"node-4": "current"}
    assert (unknown.exit_code, unknown.stdout) == (6, b"")


def test_the_config_s_namespace_is_read_in_pages_by_the_drivers_label(cluster: StatusCluster) -> None:
    cluster.has()
    cluster.status()

    asked = [request for request in cluster.api.requests if request.path in (DAEMON_SETS, PODS, REVISIONS)]
    assert len(asked) == 3
    assert all(
        request.query == {"labelSelector": ["nvidia.com/ofed-driver"], "limit": ["500"]} for request in asked
    )


@pytest.mark.parametrize(
    ("path", "resource"),
    [
        (PODS, "pods"),
        (DAEMON_SETS, "daemonsets.apps"),
        (REVISIONS, "controllerrevisions.apps"),
    ],
)
def test_a_role_that_lacks_a_right_is_told(cluster: StatusCluster, path: str, resource: str) -> None:
    cluster.api.fail_always(path, FORBIDDEN)
    result = cluster.status()

    assert (result.exit_code, result.stdout) == (5, b"")
    assert result.stderr == (
        f"error[unknown]: cannot list {resource} in namespace nvidia-network-operator of the cluster at "
        f"{cluster.api.host}: 403 Forbidden: no role allows list on {resource} in namespace "
        "nvidia-network-operator\n"
        f"  help: bind a role to this identity that allows list on {resource} in namespace "
        "nvidia-network-operator\n"
    )
    assert TOKEN not in result.stderr


def test_a_lock_that_is_not_there_ends_it_before_the_cluster_is_asked(cluster: StatusCluster) -> None:
    (cluster.folder / "gitops-doca.lock.yaml").unlink()
    result = cluster.status("--locked")

    assert (result.exit_code, result.stdout, cluster.api.requests) == (6, b"", [])


def test_under_emit_policies_there_is_nothing_to_compare(cluster: StatusCluster) -> None:
    config = {
        "apiVersion": "gitops-doca.dev/v1alpha1",
        "kind": "DriverGenerator",
        "spec": {"policies": ["policy.yaml"], "inventory": "nodes.json", "emit": "policies"},
    }
    (cluster.folder / "gitops-doca.yaml").write_text(yaml.safe_dump(config))
    cluster.inputs = ()
    result = cluster.status()

    assert (result.exit_code, result.stdout) == (3, b"")
    assert result.stderr == (
        "error[input]: with emit: policies the DaemonSets are the operator's, so there is none to compare "
        "with\n"
        "  help: see the operator's status; how gitops-doca takes the drivers over: "
        f"{page('beside-the-operator')}\n"
    )


def test_explain_config_asks_nobody(cluster: StatusCluster) -> None:
    result = cluster.status("--explain-config")

    assert (result.exit_code, cluster.api.requests) == (0, [])
    assert VERSION not in result.stdout.decode()
