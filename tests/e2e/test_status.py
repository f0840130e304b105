"""`status` against a real API server, as an identity with exactly the roles that we ship for it."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from gitops_doca.core.lock import RENDERING
from support.api_server import ApiError, ApiServer, Object
from support.cli import ROOT, Result, run_cli
from support.inputs import VERSION, Pool, write_inputs
from support.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("api-server")]

NAMESPACE = "nvidia-network-operator"
POOL = Pool(kernel="5.15.0-91-generic")
ROLES = [
    document
    for name in ("live", "status")
    for document in yaml.safe_load_all((ROOT / "deploy" / "rbac" / f"{name}.yaml").read_text())
]
(ROLE,) = [role for role in ROLES if role["metadata"]["name"] == "gitops-doca-status" and "rules" in role]
LOCK = f"""\
apiVersion: gitops-doca.dev/v1alpha1
kind: DriverLock
rendering: {RENDERING}
pools:
- pool: {POOL.name}
  policy: NicClusterPolicy/nic-cluster-policy
repositories:
- repository: nvcr.io/nvidia/mellanox/doca-driver
  tags:
  - tag: {POOL.tag}
    digest: sha256:{"a1" * 32}
    platform: linux/amd64
"""
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
    (tmp_path / "gitops-doca.lock.yaml").write_text(LOCK)
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
    assert waiting.stdout.decode().count(f"restart  {POOL.tag}  driver-node-") == 2
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
        f"DaemonSet {name} of the cluster is not the rendered one: spec.template.spec.nodeSelector.rack\n"
    ) in status().stdout.decode()


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
