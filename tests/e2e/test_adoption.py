"""docs/beside-the-operator.md: its commands take a driver over in a real API server, as it says."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from gitops_doca.core.lock import RENDERING
from support.api_server import ApiError, ApiServer, Object
from support.custom_resources import NIC_CLUSTER_POLICY, served
from support.inputs import Pool, write_inputs
from support.require import require_program
from support.shell import Shell, blocks

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("api-server")]

NAMESPACE = "nvidia-network-operator"
POOL = Pool(kernel="6.8.0-87-generic")
MARKS = {"nvidia.network-operator.state": "state-OFED", "ds-owner": "NicClusterPolicy"}
APP = "mofed-ubuntu22.04-84cb6b9485"
PREPARE, STOP, RELEASE, APPLY, PODS, POLICY, START = blocks("beside-the-operator.md", "sh")
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


def _object(kind: str, version: str, name: str, **fields: Any) -> Object:
    namespaced = not kind.startswith("Cluster")
    metadata = {
        "name": name,
        "labels": {**MARKS, "nvidia.com/ofed-driver": "", "app": APP},
        "annotations": {"nvidia.network-operator.revision": "123"},
        **({"namespace": NAMESPACE} if namespaced else {}),
    }
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **fields}


def _pods(labels: dict[str, str]) -> Object:
    return {
        "metadata": {"labels": labels},
        "spec": {
            "serviceAccountName": "ofed-driver",
            "containers": [{"name": "mofed-container", "image": "x"}],
        },
    }


RBAC = "rbac.authorization.k8s.io"
LABELS = {"app": APP, "nvidia.com/ofed-driver": "", "ds-owner": "NicClusterPolicy"}
DAEMON_SET = _object(
    "DaemonSet",
    "apps/v1",
    f"{APP}-ds",
    spec={
        "selector": {"matchLabels": {"app": APP}},
        "template": _pods(LABELS),
        "updateStrategy": {"type": "OnDelete"},
    },
)
OTHERS = [
    _object("ServiceAccount", "v1", "ofed-driver"),
    _object("ConfigMap", "v1", "ofed-init-container-config", data={"config.json": "{}"}),
    _object("ClusterRole", f"{RBAC}/v1", "ofed-driver", rules=[]),
    _object(
        "ClusterRoleBinding",
        f"{RBAC}/v1",
        "ofed-driver",
        roleRef={"apiGroup": RBAC, "kind": "ClusterRole", "name": "ofed-driver"},
        subjects=[{"kind": "ServiceAccount", "name": "ofed-driver", "namespace": NAMESPACE}],
    ),
]


@pytest.fixture
def shell(api_server: ApiServer, tmp_path: Path) -> Shell:
    kubectl = require_program("KUBECTL", "kubectl 1.36.3")
    folder = tmp_path / "cluster"
    folder.mkdir()
    write_inputs(folder, repository="nvcr.io/nvidia/mellanox", pools=[POOL], forced=True)
    spec = {"policies": ["policy.yaml"], "inventory": "nodes.json"}
    config = {"apiVersion": "gitops-doca.dev/v1alpha1", "kind": "DriverGenerator", "spec": spec}
    (folder / "gitops-doca.yaml").write_text(yaml.safe_dump(config))
    (folder / "gitops-doca.lock.yaml").write_text(LOCK)
    found = Shell(folder=folder, programs=tmp_path / "bin")
    flags = f"--cache-dir={tmp_path}/cache --kubeconfig={api_server.kubeconfig(tmp_path)}"
    found.program("kubectl", f'exec {kubectl} {flags} "$@"')
    return found


def _marks(found: Object) -> list[str]:
    metadata = found["metadata"]
    keys = {**metadata.get("labels", {}), **metadata.get("annotations", {})}
    own = [key for key in keys if key in {*MARKS, "nvidia.network-operator.revision"}]
    return [*own, *(["ownerReferences"] if "ownerReferences" in metadata else [])]


def test_the_commands_take_the_drivers_over(api_server: ApiServer, shell: Shell) -> None:
    with served(api_server, NIC_CLUSTER_POLICY):
        _adopt(api_server, shell)


def _adopt(api_server: ApiServer, shell: Shell) -> None:
    api_server.namespace(NAMESPACE)
    operator = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "network-operator", "namespace": NAMESPACE},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": "operator"}},
            "template": _pods({"app": "operator"}),
        },
    }
    policy = yaml.safe_load((shell.folder / "policy.yaml").read_text())
    stored = api_server.create(policy)
    owner = {
        "apiVersion": "mellanox.com/v1alpha1",
        "kind": "NicClusterPolicy",
        "name": "nic-cluster-policy",
        "uid": stored["metadata"]["uid"],
        "controller": True,
    }
    for made in [*OTHERS, DAEMON_SET]:
        api_server.create({**made, "metadata": {**made["metadata"], "ownerReferences": [owner]}})
    pod = {"apiVersion": "v1", "kind": "Pod", **_pods(LABELS)}
    pod["metadata"] |= {"name": "driver", "namespace": NAMESPACE}
    api_server.create(pod)
    api_server.create(operator)
    before = api_server.get(DAEMON_SET)

    # No controller runs, so nothing would report that the rollout is done.
    stop = STOP.replace("kubectl rollout status", "true kubectl rollout status")
    result = shell.run(f"{PREPARE}\n{stop}\n{RELEASE}\n{APPLY}\n{PODS}\n{POLICY}\n{START}")

    assert result.exit_code == 0, result.stderr
    assert f"daemonset.apps/{APP}-ds" in result.stdout.decode().splitlines()
    assert f"daemonset-{APP}-ds.yaml" in result.stdout.decode().splitlines()
    after = api_server.get(DAEMON_SET)
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["metadata"]["labels"]["nvidia.com/ofed-driver"] == "gitops"
    assert after["spec"]["template"]["metadata"]["labels"] == {
        "app": APP,
        "kernel": POOL.kernel,
        "nvidia.com/ofed-driver": "gitops",
    }
    assert {made["kind"]: _marks(api_server.get(made)) for made in [*OTHERS, DAEMON_SET]} == {
        made["kind"]: [] for made in [*OTHERS, DAEMON_SET]
    }
    assert api_server.get(pod)["metadata"]["labels"] == {"app": APP, "nvidia.com/ofed-driver": "gitops"}
    assert "ofedDriver" not in api_server.get(policy)["spec"]
    assert api_server.get(operator)["spec"]["replicas"] == 1
    for made in [*OTHERS, DAEMON_SET, pod, operator, policy]:
        api_server.delete(made)
    with pytest.raises(ApiError):
        api_server.get(policy)
