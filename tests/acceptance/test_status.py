"""`status` through the command line: a scripted API server, and pools of a lock."""

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from fakes.api_server import FORBIDDEN, TOKEN, FakeApiServer, Object, node
from fakes.drivers import DAEMON_SETS, PODS, REVISIONS, daemon_set, pod, revision
from fakes.registry import FakeRegistry, image
from gitops_doca.sources.schema import schema_text
from support.cli import Result
from support.in_process import run_here
from support.inputs import VERSION, Pool, write_inputs

A, B = Pool(kernel="5.15.0-91-generic"), Pool(kernel="5.15.0-105-generic")
NEW = Pool(kernel="5.15.0-130-generic")
REPOSITORY = "nvidia/mellanox/doca-driver"
OLD_IMAGE = f"r.example/doca-driver:25.01-0.6.0.0-0-{A.kernel}-ubuntu22.04-amd64"


class Cluster:
    """A folder with inputs and their lock, and a cluster in which nothing is applied yet."""

    def __init__(self, folder: Path, api: FakeApiServer) -> None:
        self.folder, self.api = folder, api
        manifest, config = image()
        tags = {REPOSITORY: {A.tag: manifest, B.tag: manifest}}
        with FakeRegistry(tags=tags, blobs=[config]) as registry:
            repository = f"{registry.host}/{REPOSITORY.rpartition('/')[0]}"
            self.inputs = write_inputs(folder, repository=repository, pools=[A, B], forced=True)
            locked = run_here("lock", *self.inputs, cwd=folder)
        assert locked.exit_code == 0, locked.stderr
        rendered = run_here("generate", *self.inputs, cwd=folder)
        self.manifests: list[Object] = [
            one for one in yaml.safe_load_all(rendered.stdout) if one["kind"] == "DaemonSet"
        ]
        self.names = {one["metadata"]["annotations"]["gitops-doca.dev/pool"]: one for one in self.manifests}
        (folder / "home").mkdir()
        self.kubeconfig = api.kubeconfig(folder / "home")
        self.has()

    def manifest(self, pool: Pool) -> Object:
        return self.names[pool.name]

    def name(self, pool: Pool) -> str:
        return str(self.manifest(pool)["metadata"]["name"])

    def pod(self, node: str, pool: Pool, **fields: Any) -> Object:
        """Return a pod of the pool's DaemonSet with its image."""
        return pod(node, self.name(pool), **({"image": self.image(pool)} | fields))

    def image(self, pool: Pool) -> str:
        return str(self.manifest(pool)["spec"]["template"]["spec"]["containers"][0]["image"])

    def has(self, *, applied: Any = (), pods: Any = (), revisions: Any = ()) -> None:
        self.api.lists = {DAEMON_SETS: applied, PODS: pods, REVISIONS: revisions}

    def status(self, *flags: str) -> Result:
        return run_here(
            "status", *self.inputs, *flags, cwd=self.folder, env={"KUBECONFIG": str(self.kubeconfig)}
        )

    def states(self, *flags: str) -> dict[str, str]:
        found = json.loads(self.status("-o", "json", *flags).stdout)
        jsonschema.validate(found, json.loads(schema_text("status")), cls=jsonschema.Draft202012Validator)
        nodes = [*found["unplanned"], *(node for pool in found["pools"] for node in pool["nodes"])]
        return {one["node"]: one["state"] for one in nodes}


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    nodes = [
        *(node(f"node-{number}", kernel=A.kernel) for number in (1, 2, 3)),
        node("node-4", kernel=B.kernel),
    ]
    with FakeApiServer(nodes=nodes) as api:
        yield Cluster(tmp_path, api)


def applied(cluster: Cluster, **fields: Any) -> list[Object]:
    return [daemon_set(manifest, **fields) for manifest in cluster.manifests]


def test_every_node_with_the_rendered_driver_is_exit_0(cluster: Cluster) -> None:
    nodes = {"node-1": A, "node-2": A, "node-3": A, "node-4": B}
    cluster.has(applied=applied(cluster), pods=[cluster.pod(name, pool) for name, pool in nodes.items()])

    result = cluster.status()

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.decode() == (
        "POOL                                  NODES  CURRENT  APPLIED  RENDERED\n"
        f"ubuntu22.04/5.15.0-105-generic/amd64  1      1        yes      {B.tag}\n"
        f"ubuntu22.04/5.15.0-91-generic/amd64   3      3        yes      {A.tag}\n"
        "\n"
        "4 nodes: 4 current\n"
    )
    assert {request.method for request in cluster.api.requests} == {"GET"}


def test_what_waits_is_named_with_what_it_runs(cluster: Cluster) -> None:
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
        "POOL                                  NODES  CURRENT  APPLIED    RENDERED",
        f"ubuntu22.04/5.15.0-105-generic/amd64  1      0        different  {B.tag}",
        f"ubuntu22.04/5.15.0-91-generic/amd64   3      1        yes        {A.tag}",
        "",
        (
            "NODE    STATE        RUNS                                                 "
            "POD                                     POOL"
        ),
        (
            "node-4  not-applied  old                                                  "
            f"{cluster.name(B)}-node-4   {B.name}"
        ),
        (
            f"node-2  restart      25.01-0.6.0.0-0-5.15.0-91-generic-ubuntu22.04-amd64  "
            f"{cluster.name(A)}-node-2  {A.name}"
        ),
        f"node-3  no-pod       -                                                    {'-':38}  {A.name}",
        f"node-5  unplanned    -                                                    {'-':38}  {NEW.name}",
        "",
        "5 nodes: 1 current, 1 restart, 1 no-pod, 1 not-applied, 1 unplanned",
        (
            f"DaemonSet {cluster.name(B)} of the cluster is not the rendered one: "
            "spec.template.spec.containers[0].image"
        ),
        "left out of nic-cluster-policy: odd: no label kubernetes.io/arch",
    ]
    assert "NIC node odd left out: no label kubernetes.io/arch" in result.stderr


def test_markdown_has_the_same(cluster: Cluster) -> None:
    cluster.has(applied=applied(cluster)[:1], pods=[cluster.pod("node-4", B, ready=False)])

    result = cluster.status("-o", "markdown")

    assert (result.exit_code, result.stdout.decode()) == (
        1,
        (
            "| Pool | Nodes | Current | Applied | Rendered |\n"
            "| --- | ---: | ---: | --- | --- |\n"
            f"| {B.name} | 1 | 0 | yes | {B.tag} |\n"
            f"| {A.name} | 3 | 0 | no | {A.tag} |\n"
            "\n"
            "| Node | State | Runs | Pod | Pool |\n"
            "| --- | --- | --- | --- | --- |\n"
            f"| node-4 | not-ready | {B.tag} | {cluster.name(B)}-node-4 | {B.name} |\n"
            f"| node-1 | not-applied | - | - | {A.name} |\n"
            f"| node-2 | not-applied | - | - | {A.name} |\n"
            f"| node-3 | not-applied | - | - | {A.name} |\n"
            "\n"
            "4 nodes: 1 not-ready, 3 not-applied\n"
            "\n"
            f"- DaemonSet {cluster.name(A)} is not in the cluster: apply the manifests\n"
        ),
    )


def test_without_a_daemon_set_nothing_is_applied(cluster: Cluster) -> None:
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
    cluster: Cluster, fields: dict[str, Any], state: str
) -> None:
    """The template went from a to b and back: pods of the first a are as new as those of the last."""
    name = cluster.name(B)
    cluster.has(
        applied=applied(cluster, generation=3),
        revisions=[revision(name, 3, "a"), revision(name, 2, "b"), revision(cluster.name(A), 9, "z")],
        pods=[cluster.pod("node-4", B, **fields)],
    )

    assert cluster.states()["node-4"] == state


def test_a_revision_counts_only_once_the_controller_has_seen_the_change(cluster: Cluster) -> None:
    name = cluster.name(B)
    cluster.has(
        applied=applied(cluster, generation=2, seen=1),
        revisions=[revision(name, 1, "a")],
        pods=[cluster.pod("node-4", B, generation=1, digest="a")],
    )

    assert cluster.states()["node-4"] == "restart"


def test_a_pod_of_another_daemon_set_keeps_ours_away(cluster: Cluster) -> None:
    cluster.has(applied=applied(cluster), pods=[pod("node-4", "mofed-operators-ds", OLD_IMAGE)])

    assert cluster.states() == dict.fromkeys(["node-1", "node-2", "node-3"], "no-pod") | {"node-4": "other"}


def test_the_own_pod_that_stays_decides(cluster: Cluster) -> None:
    leaving = cluster.pod("node-4", B, terminating=True)
    cluster.has(
        applied=applied(cluster),
        pods=[leaving, pod("node-4", "mofed-operators-ds", OLD_IMAGE), cluster.pod("node-4", B)],
    )

    assert cluster.states()["node-4"] == "current"


def test_a_node_of_another_kernel_is_unplanned(cluster: Cluster) -> None:
    cluster.api.nodes = [node("node-5", kernel=NEW.kernel)]
    cluster.has(applied=applied(cluster))

    assert cluster.states() == {"node-5": "unplanned"}
    assert cluster.status().exit_code == 1


def test_with_live_the_pools_are_those_of_the_cluster(cluster: Cluster) -> None:
    cluster.inputs = cluster.inputs[:2]
    cluster.has(applied=applied(cluster), pods=[cluster.pod("node-4", B)])

    known = cluster.states("--live")
    cluster.api.nodes = [node("node-5", kernel=NEW.kernel)]
    unknown = cluster.status("--live")

    assert known == dict.fromkeys(["node-1", "node-2", "node-3"], "no-pod") | {"node-4": "current"}
    assert (unknown.exit_code, unknown.stdout) == (6, b"")


def test_the_config_s_namespace_is_read_in_pages_by_the_drivers_label(cluster: Cluster) -> None:
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
def test_a_role_that_lacks_a_right_is_told(cluster: Cluster, path: str, resource: str) -> None:
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


def test_a_lock_that_is_not_there_ends_it_before_the_cluster_is_asked(cluster: Cluster) -> None:
    (cluster.folder / "gitops-doca.lock.yaml").unlink()
    result = cluster.status("--locked")

    assert (result.exit_code, result.stdout, cluster.api.requests) == (6, b"", [])


def test_under_emit_policies_there_is_nothing_to_compare(cluster: Cluster) -> None:
    config = {
        "apiVersion": "gitops-doca.dev/v1alpha1",
        "kind": "DriverGenerator",
        "spec": {"policies": ["policy.yaml"], "inventory": "nodes.json", "emit": "policies"},
    }
    (cluster.folder / "gitops-doca.yaml").write_text(yaml.safe_dump(config))
    cluster.inputs = ()
    result = cluster.status()

    assert (result.exit_code, result.stdout) == (3, b"")
    assert result.stderr.startswith("error[input]: with emit: policies the DaemonSets are the operator's")


def test_explain_config_asks_nobody(cluster: Cluster) -> None:
    result = cluster.status("--explain-config")

    assert (result.exit_code, cluster.api.requests) == (0, [])
    assert VERSION not in result.stdout.decode()
