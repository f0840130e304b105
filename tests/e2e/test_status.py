"""`status` against a real API server, as an identity with exactly the roles that we ship for it."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from gitops_doca.core.compare.lock import RENDERING
from support.api_server import ApiError, ApiServer, Object
from support.cli import ROOT, Result, run_cli
from support.inputs import VERSION, Pool, write_inputs
from support.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("api-server")]

NAMESPACE = "nvidia-network-operator"
POOL, NEXT = Pool(kernel="5.15.0-91-generic"), Pool(kernel="5.15.0-105-generic")
NIC_LABEL = "feature.node.kubernetes.io/pci-15b3.present"
ROLES = [
    document
    for name in ("live", "status")
    for document in yaml.safe_load_all((ROOT / "deploy" / "rbac" / f"{name}.yaml").read_text())
]
(ROLE,) = [role for role in ROLES if role["metadata"]["name"] == "gitops-doca-status" and "rules" in role]


def lock(*pools: Pool) -> str:
    """Return the lock of these pools."""
    entries = "".join(
        f"- pool: {pool.name}\n  policy: NicClusterPolicy/nic-cluster-policy\n" for pool in pools
    )
    tags = "".join(
        f"  - tag: {pool.tag}\n    digest: sha256:{'a1' * 32}\n    platform: linux/amd64\n" for pool in pools
    )
    return (
        f"apiVersion: gitops-doca.dev/v1alpha1\nkind: DriverLock\nrendering: {RENDERING}\n"
        f"pools:\n{entries}"
        f"repositories:\n- repository: nvcr.io/nvidia/mellanox/doca-driver\n  tags:\n{tags}"
    )


# All that the API server writes in another way than we do, or fills in.
DRIVER = {
    "env": [{"name": "EMPTY"}, {"name": "NONE", "value": ""}, {"name": "SET", "value": "1"}],
    "imagePullSecrets": ["ngc"],
    "containerResources": [
        {
            "name": "mofed-container",
            "limits": {"cpu": "1500m", "memory": "2048Mi"},
            "requests": {"cpu": "0.5", "memory": "1024Mi"},
        }
    ],
}

Status = Callable[..., Result]


@pytest.fixture
def nodes(api_server: ApiServer, tmp_path: Path) -> Iterator[list[Object]]:
    """Two nodes of the pool, in the inventory and in the cluster."""
    write_inputs(tmp_path, repository="nvcr.io/nvidia/mellanox", pools=[POOL, POOL], forced=True)
    found: list[Object] = json.loads((tmp_path / "nodes.json").read_text())["items"]
    for wanted in found:
        api_server.create(wanted)
    yield found
    for unwanted in found:
        api_server.delete(unwanted)


@pytest.fixture
def status(api_server: ApiServer, nodes: list[Object], tmp_path: Path) -> Iterator[Status]:
    """Return a function that runs `status` as our ServiceAccount, over a config with its lock."""
    assert len(nodes) == 2
    policy = yaml.safe_load((tmp_path / "policy.yaml").read_text())
    policy["spec"]["ofedDriver"] |= DRIVER
    policy["spec"]["tolerations"] = [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}]
    (tmp_path / "policy.yaml").write_text(yaml.safe_dump(policy))
    config = {
        "apiVersion": "gitops-doca.dev/v1alpha1",
        "kind": "DriverGenerator",
        "spec": {
            "policies": ["policy.yaml"],
            "inventory": "nodes.json",
            "initContainerImage": "nvcr.io/nvidia/mellanox/init:1",
        },
    }
    (tmp_path / "gitops-doca.yaml").write_text(yaml.safe_dump(config))
    (tmp_path / "gitops-doca.lock.yaml").write_text(lock(POOL))
    api_server.namespace(NAMESPACE)
    for wanted in ROLES:
        api_server.apply(wanted)
    (tmp_path / "home").mkdir()
    token = api_server.service_account_token(NAMESPACE, "gitops-doca")
    env = {"KUBECONFIG": str(api_server.kubeconfig(tmp_path / "home", token))}

    def run(*flags: str) -> Result:
        return run_cli("status", *flags, cwd=tmp_path, env=env)

    wait_until(lambda: run().exit_code == 1)
    yield run
    for unwanted in ROLES:
        api_server.delete(unwanted)


@pytest.fixture
def applied(api_server: ApiServer, status: Status, tmp_path: Path) -> Iterator[Object]:
    """The rendered objects in the cluster; the DaemonSet as the API server has it."""
    assert status().exit_code == 1
    rendered = run_cli("generate", cwd=tmp_path)
    assert rendered.exit_code == 0, rendered.stderr
    objects = list(yaml.safe_load_all(rendered.stdout))
    answers = [api_server.apply(wanted) for wanted in objects]
    (daemon_set,) = [answer for answer in answers if answer["kind"] == "DaemonSet"]
    yield daemon_set
    for unwanted in objects:
        api_server.delete(unwanted)


def make_pod(api: ApiServer, daemon_set: Object, node: str, *, ready: bool = True) -> Object:
    """Make what the DaemonSet's controller and a kubelet would make."""
    metadata = daemon_set["metadata"]
    template = daemon_set["spec"]["template"]
    generation = metadata["annotations"]["deprecated.daemonset.template.generation"]
    owner = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"driver-{node}",
            "namespace": NAMESPACE,
            "labels": template["metadata"]["labels"] | {"pod-template-generation": generation},
            "ownerReferences": [owner],
        },
        "spec": template["spec"] | {"nodeName": node},
    }
    created = api.create(pod)
    created["status"] |= {"conditions": [{"type": "Ready", "status": str(ready)}]}
    api.request("PUT", f"{api.path(pod)}/status", body=created)
    return pod


def remove(api: ApiServer, pod: Object) -> None:
    """Delete a pod at once: no kubelet would end it."""
    body = {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0}
    api.request("DELETE", api.path(pod), body=body)


@pytest.fixture
def pods(api_server: ApiServer, applied: Object) -> Iterator[list[Object]]:
    made = [make_pod(api_server, applied, name) for name in ("node-1", "node-2")]
    yield made
    for pod in made:
        remove(api_server, pod)


def states(status: Status) -> dict[str, str]:
    (pool,) = json.loads(status("-o", "json").stdout)["pools"]
    return {one["node"]: one["state"] for one in pool["nodes"]}


def test_what_was_just_applied_is_the_rendered_one(applied: Object, status: Status) -> None:
    (pool,) = json.loads(status("-o", "json").stdout)["pools"]

    assert (pool["applied"], pool.get("differs", [])) == ("yes", [])
    assert pool["daemonSet"] == applied["metadata"]["name"]
    assert states(status) == {"node-1": "no-pod", "node-2": "no-pod"}


def test_a_new_version_waits_until_each_pod_is_another_one(
    api_server: ApiServer, applied: Object, pods: list[Object], status: Status, tmp_path: Path
) -> None:
    before = status()
    for name in ("policy.yaml", "gitops-doca.lock.yaml"):
        file = tmp_path / name
        file.write_text(file.read_text().replace(VERSION, "25.07-0.9.7.0-0"))
    merged = states(status)
    synced = api_server.apply(_rendered(tmp_path))
    waiting = status()
    remove(api_server, pods[0])
    without = states(status)
    pods[0] = make_pod(api_server, synced, "node-1", ready=False)
    starting = states(status)

    assert (before.exit_code, before.stderr) == (0, "")
    assert synced["metadata"]["uid"] == applied["metadata"]["uid"]
    assert merged == {"node-1": "not-applied", "node-2": "not-applied"}
    assert waiting.exit_code == 1
    lines = waiting.stdout.decode().splitlines()
    assert [line for line in lines if line.endswith("  restart")] == ["node-1  restart", "node-2  restart"]
    assert f"every node above: runs {VERSION}, pool {POOL.name}" in lines
    assert without == {"node-1": "no-pod", "node-2": "restart"}
    assert starting == {"node-1": "not-ready", "node-2": "restart"}


def _rendered(folder: Path) -> Object:
    objects = yaml.safe_load_all(run_cli("generate", cwd=folder).stdout)
    (found,) = [one for one in objects if one["kind"] == "DaemonSet"]
    return dict(found)


def test_what_somebody_changed_in_the_cluster_is_told(
    api_server: ApiServer, applied: Object, status: Status
) -> None:
    name = applied["metadata"]["name"]
    path = f"/apis/apps/v1/namespaces/{NAMESPACE}/daemonsets/{name}"
    patch = {"spec": {"template": {"spec": {"nodeSelector": {"rack": "r1"}}}}}
    api_server.request("PATCH", path, body=patch, media_type="application/strategic-merge-patch+json")

    assert (
        f"DaemonSet {name} of the cluster differs from the rendered one: "
        "spec.template.spec.nodeSelector.rack\n"
    ) in status().stdout.decode()


def label(api: ApiServer, node: str, value: str | None) -> None:
    """Set the label of a NIC as node-feature-discovery would, or remove it."""
    patch = {"metadata": {"labels": {NIC_LABEL: value}}}
    path = f"/api/v1/nodes/{node}"
    api.request("PATCH", path, body=patch, media_type="application/merge-patch+json")


def report(status: Status, *flags: str) -> tuple[int, list[str]]:
    """Return how the command ends, and what stands below its tables."""
    result = status(*flags)
    assert result.stderr == ""
    assert json.loads(status("-o", "json").stdout)["current"] is (result.exit_code == 0)
    return result.exit_code, result.stdout.decode().rpartition("\n\n")[2].splitlines()


def test_nodes_without_their_nic_label_are_told_from_those_that_are_gone(
    api_server: ApiServer, nodes: list[Object], pods: list[Object], status: Status
) -> None:
    """The role that lists nodes may ask for single ones, too."""
    assert len(pods) == 2
    before = report(status)
    label(api_server, "node-1", None)
    one = report(status)
    label(api_server, "node-2", "false")
    none = report(status)
    api_server.delete(nodes[1])
    gone = report(status)
    api_server.create(nodes[1])
    label(api_server, "node-1", "true")

    assert before == (0, ["2 nodes: 2 current"])
    without = f"no NIC label ({NIC_LABEL}=true)"
    discovery = "check that node-feature-discovery runs there"
    assert one == (
        1,
        ["1 node: 1 current", f"1 node of the inventory has {without}: node-1; {discovery}"],
    )
    assert (none[0], none[1][0], none[1][-1]) == (
        1,
        "0 nodes",
        f"2 nodes of the inventory have {without}: node-1, node-2; {discovery}",
    )
    assert none[1][1].startswith(f"no node of the cluster has the label {NIC_LABEL}=true: ")
    assert gone[1][2:] == [
        f"1 node of the inventory has {without}: node-1; {discovery}",
        "1 node of the inventory is not in the cluster: node-2; update the inventory",
    ]
    assert report(status) == before


def test_a_planned_pool_is_applied_before_nodes_come(
    api_server: ApiServer, pods: list[Object], status: Status, tmp_path: Path
) -> None:
    assert len(pods) == 2
    config = yaml.safe_load((tmp_path / "gitops-doca.yaml").read_text())
    platform = {"os": "ubuntu", "osVersion": "22.04", "kernel": NEXT.kernel, "arch": "amd64"}
    config["spec"]["planned"] = [platform]
    (tmp_path / "gitops-doca.yaml").write_text(yaml.safe_dump(config))
    (tmp_path / "gitops-doca.lock.yaml").write_text(lock(NEXT, POOL))
    rendered = yaml.safe_load_all(run_cli("generate", cwd=tmp_path).stdout)
    (planned,) = [
        one
        for one in rendered
        if one["kind"] == "DaemonSet" and one["metadata"]["annotations"]["gitops-doca.dev/pool"] == NEXT.name
    ]
    before = report(status)
    api_server.apply(planned)
    after = report(status)
    del config["spec"]["planned"]
    (tmp_path / "gitops-doca.yaml").write_text(yaml.safe_dump(config))
    (tmp_path / "gitops-doca.lock.yaml").write_text(lock(POOL))
    dropped = report(status)
    api_server.delete(planned)

    name = planned["metadata"]["name"]
    current = "2 nodes: 2 current"
    assert before == (1, [current, f"DaemonSet {name} is not in the cluster: apply the manifests"])
    assert after == (0, [current])
    assert dropped == (
        1,
        [current, f"DaemonSet {name} of pool {NEXT.name} is no longer rendered and has no pod: delete it"],
    )
    assert report(status) == after


def test_a_daemon_set_of_the_operator_is_not_left_over(
    api_server: ApiServer, applied: Object, pods: list[Object], status: Status
) -> None:
    assert len(pods) == 2
    spec = deepcopy(applied["spec"])
    app = {"app": "mofed-operators"}
    spec["selector"] = {"matchLabels": app}
    spec["template"]["metadata"]["labels"] = app | {"nvidia.com/ofed-driver": ""}
    labels = {"nvidia.com/ofed-driver": "", "nvidia.network-operator.state": "state-OFED"}
    operators = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "mofed-operators-ds", "namespace": NAMESPACE, "labels": labels},
        "spec": spec,
    }
    api_server.create(operators)
    found = report(status)
    api_server.delete(operators)

    assert found == (0, ["2 nodes: 2 current"])


def test_it_waits_for_the_last_pod(
    api_server: ApiServer, applied: Object, pods: list[Object], status: Status
) -> None:
    remove(api_server, pods[1])
    results: list[Result] = []
    waiting = threading.Thread(target=lambda: results.append(status("--wait", "30")))
    waiting.start()
    pods[1] = make_pod(api_server, applied, "node-2", ready=False)
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    time.sleep(2)
    assert not results
    path = f"{api_server.path(pods[1])}/status"
    api_server.request(
        "PATCH", path, body={"status": ready}, media_type="application/strategic-merge-patch+json"
    )
    waiting.join(60)

    (result,) = results
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.decode().splitlines()[-1] == "2 nodes: 2 current"


@pytest.mark.parametrize("number", range(len(ROLE["rules"])))
def test_no_rule_is_more_than_is_needed(api_server: ApiServer, status: Status, number: int) -> None:
    less: Any = deepcopy(ROLE)
    rule = less["rules"].pop(number)
    api_server.apply(less)
    try:
        wait_until(lambda: status().exit_code == 5)
        result = status()
    finally:
        api_server.apply(ROLE)

    assert (result.exit_code, result.stdout) == (5, b"")
    assert f"403 Forbidden: no role allows list on {rule['resources'][0]}" in result.stderr
    assert f"help: bind a role to this identity that allows list on {rule['resources'][0]}" in result.stderr


@pytest.mark.parametrize(("verb", "resource"), [("DELETE", "pods"), ("DELETE", "daemonsets")])
def test_the_roles_write_nothing(api_server: ApiServer, status: Status, verb: str, resource: str) -> None:
    assert status().exit_code == 1
    root = "/api/v1" if resource == "pods" else "/apis/apps/v1"
    token = api_server.service_account_token(NAMESPACE, "gitops-doca")

    with pytest.raises(ApiError, match=f"403: {resource}"):
        api_server.request(verb, f"{root}/namespaces/{NAMESPACE}/{resource}/x", token=token)
