"""docs/beside-the-operator.md: its commands take drivers over in a real API server, and give them back."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from gitops_doca.core.compare.lock import RENDERING
from gitops_doca.core.names import driver_name
from support.api_server import ApiError, ApiServer, Object
from support.cli import Result
from support.custom_resources import NIC_CLUSTER_POLICY, NIC_NODE_POLICY, served
from support.inputs import VERSION, Pool, write_inputs
from support.require import require_program
from support.shell import Shell, blocks

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("api-server")]

NAMESPACE = "nvidia-network-operator"
KERNEL = "6.8.0-87-generic"
TAG = Pool(kernel=KERNEL).tag
INIT = "network-operator-init-container"
IMAGE = f"nvcr.io/nvidia/mellanox/{INIT}:v0.0.3"
STATE = {"nvidia.network-operator.state": "state-OFED"}
MARKS = {*STATE, "ds-owner", "nvidia.network-operator.revision"}
RBAC = "rbac.authorization.k8s.io"
(
    PREPARE,
    SHOW_INIT,
    STOP,
    RELEASE,
    APPLY,
    PODS,
    CLUSTER_POLICY,
    NODE_POLICIES,
    START,
    ORPHANS,
    STOP_AGAIN,
    PODS_BACK,
    POLICIES_BACK,
    START_AGAIN,
) = blocks("beside-the-operator.md", "sh")
LOCK = f"""\
apiVersion: gitops-doca.dev/v1alpha1
kind: DriverLock
rendering: {RENDERING}
pools: POOLS
repositories:
- repository: nvcr.io/nvidia/mellanox/doca-driver
  tags:
  - tag: {TAG}
    digest: sha256:{"a1" * 32}
    platform: linux/amd64
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Who makes the drivers before they are taken over, and what becomes of their init container."""

    racks: tuple[str, ...] = ()
    """Nodes with a NicNodePolicy each; empty: one NicClusterPolicy, and one node."""
    had_init: bool = True
    keeps_init: bool = False
    openshift: bool = False

    @property
    def owners(self) -> Mapping[str, str]:
        """What `ds-owner` says of each DaemonSet, by the value of its label `app`."""
        policies = {rack: f"nnp-{rack}" for rack in self.racks} or {"": "NicClusterPolicy"}
        return {driver_name("ubuntu22.04", KERNEL, name, ""): owner for name, owner in policies.items()}

    @property
    def policies(self) -> list[Object]:
        """The policies with `ofedDriver`, and one that never had it."""
        driver = {
            "image": "doca-driver",
            "repository": "nvcr.io/nvidia/mellanox",
            "version": VERSION,
            "forcePrecompiled": True,
        }
        if not self.racks:
            return [
                _policy("NicClusterPolicy", "nic-cluster-policy", ofedDriver=driver, nvIpam={"image": "x"})
            ]
        return [
            *(_policy("NicNodePolicy", r, ofedDriver=driver, nodeSelector={"rack": r}) for r in self.racks),
            _policy("NicNodePolicy", "spare", nodeSelector={"rack": "spare"}),
        ]

    @property
    def daemon_sets(self) -> list[Object]:
        """The operator's DaemonSets."""
        init = {"initContainers": [{"name": INIT, "image": IMAGE}]} if self.had_init else {}
        return [_daemon_set(app, owner, init) for app, owner in self.owners.items()]

    @property
    def pods(self) -> list[Object]:
        """A pod of each of them."""
        return [
            _object("Pod", "v1", f"pod-of-{app}", _labels(app, owner), spec=_pod_spec())
            for app, owner in self.owners.items()
        ]


def _policy(kind: str, name: str, **spec: Any) -> Object:
    return {"apiVersion": "mellanox.com/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def _labels(app: str, owner: str) -> dict[str, str]:
    return {"app": app, "nvidia.com/ofed-driver": "", "ds-owner": owner}


def _object(kind: str, version: str, name: str, labels: Mapping[str, str], **fields: Any) -> Object:
    space = {} if kind.startswith("Cluster") else {"namespace": NAMESPACE}
    metadata = {"name": name, "labels": dict(labels), **space}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **fields}


def _marked(kind: str, version: str, name: str, owner: str, **fields: Any) -> Object:
    found = _object(kind, version, name, {**STATE, "ds-owner": owner}, **fields)
    found["metadata"]["annotations"] = {"nvidia.network-operator.revision": "123"}
    return found


def _pod_spec(**more: Any) -> Object:
    return {
        "serviceAccountName": "ofed-driver",
        "containers": [{"name": "mofed-container", "image": "x"}],
        **more,
    }


def _daemon_set(app: str, owner: str, init: Mapping[str, Any]) -> Object:
    found = _marked("DaemonSet", "apps/v1", f"{app}-ds", owner)
    found["metadata"]["labels"] |= _labels(app, owner)
    found["spec"] = {
        "selector": {"matchLabels": {"app": app}},
        "template": {"metadata": {"labels": _labels(app, owner)}, "spec": _pod_spec(**init)},
        "updateStrategy": {"type": "OnDelete"},
    }
    return found


def _others(situation: Situation) -> list[Object]:
    """Return what the operator makes beside the DaemonSets, with what others have added to it."""
    owner = next(iter(situation.owners.values()))
    role = {"apiGroup": RBAC, "name": "ofed-driver"}
    subjects = [{"kind": "ServiceAccount", "name": "ofed-driver", "namespace": NAMESPACE}]
    found = [
        _marked("ServiceAccount", "v1", "ofed-driver", owner, imagePullSecrets=[{"name": "others"}]),
        _marked("ClusterRole", f"{RBAC}/v1", "ofed-driver", owner, rules=[]),
        _marked(
            "ClusterRoleBinding",
            f"{RBAC}/v1",
            "ofed-driver",
            owner,
            roleRef={**role, "kind": "ClusterRole"},
            subjects=subjects,
        ),
    ]
    if situation.had_init:
        data = {"config.json": "{}"}
        found.append(_marked("ConfigMap", "v1", "ofed-init-container-config", owner, data=data))
    if situation.openshift:
        data = {"ca-bundle.crt": "certificates"}
        found += [
            _marked("Role", f"{RBAC}/v1", "ofed-driver", owner, rules=[]),
            _marked(
                "RoleBinding",
                f"{RBAC}/v1",
                "ofed-driver",
                owner,
                roleRef={**role, "kind": "Role"},
                subjects=subjects,
            ),
            _marked("ConfigMap", "v1", "ocp-network-operator-trusted-ca", owner, data=data),
        ]
    return found


OPERATOR = _object(
    "Deployment",
    "apps/v1",
    "network-operator",
    {},
    spec={
        "replicas": 1,
        "selector": {"matchLabels": {"app": "operator"}},
        "template": {"metadata": {"labels": {"app": "operator"}}, "spec": _pod_spec()},
    },
)


class Cluster:
    """An API server with the objects of a situation, and a folder with the inputs."""

    def __init__(self, situation: Situation, api: ApiServer, folder: Path) -> None:
        self.situation, self.api = situation, api
        self.daemon_sets, self.pods = situation.daemon_sets, situation.pods
        self.policies, self.others = situation.policies, _others(situation)
        self._write_inputs(folder / "cluster")
        self._shell = Shell(folder=folder / "cluster", programs=folder / "bin")
        kubectl = require_program("KUBECTL", "kubectl 1.36.3")
        flags = f"--cache-dir={folder}/cache --kubeconfig={api.kubeconfig(folder)}"
        self._shell.program("kubectl", f'exec {kubectl} {flags} "$@"')

    @property
    def all(self) -> list[Object]:
        return [*self.policies, *self.others, *self.daemon_sets, *self.pods, OPERATOR]

    def create(self) -> None:
        self.api.namespace(NAMESPACE)
        stored = [self.api.create(policy) for policy in self.policies]
        owner = {key: stored[0][key] for key in ("apiVersion", "kind")}
        owner |= {key: stored[0]["metadata"][key] for key in ("name", "uid")} | {"controller": True}
        for made in [*self.others, *self.daemon_sets]:
            owned = {**made, "metadata": {**made["metadata"], "ownerReferences": [owner]}}
            self.api.create(owned)
        for made in [*self.pods, OPERATOR]:
            self.api.create(made)

    def run(self, *commands: str) -> Result:
        # No controller runs, so nothing would report that the rollout is done.
        lines = "\n".join(commands).replace("kubectl rollout status", "true kubectl rollout status")
        result = self._shell.run(lines)
        assert result.exit_code == 0, result.stderr
        return result

    def found(self, wanted: list[Object]) -> list[Object]:
        return [self.api.get(one) for one in wanted]

    def is_there(self, wanted: Object) -> bool:
        try:
            self.api.get(wanted)
        except ApiError as error:
            assert error.code == 404  # noqa: PT017 (any other answer is a fault of the test)
            return False
        return True

    def _write_inputs(self, folder: Path) -> None:
        situation = self.situation
        folder.mkdir()
        pools = [Pool(kernel=KERNEL)] * max(1, len(situation.racks))
        write_inputs(folder, repository="nvcr.io/nvidia/mellanox", pools=pools, forced=True)
        (folder / "policy.yaml").write_text(yaml.safe_dump_all(self.policies))
        inventory = json.loads((folder / "nodes.json").read_text())
        for rack, node in zip(situation.racks, inventory["items"], strict=False):
            node["metadata"]["labels"]["rack"] = rack
        proxy = {"apiVersion": "config.openshift.io/v1", "kind": "Proxy", "metadata": {"name": "cluster"}}
        proxy["spec"] = {"trustedCA": {"name": "user-ca-bundle"}}
        inventory["items"] += [proxy] if situation.openshift else []
        (folder / "nodes.json").write_text(json.dumps(inventory))
        spec = {
            "policies": ["policy.yaml"],
            "inventory": "nodes.json",
            "openshift": situation.openshift,
            "initContainerImage": IMAGE if situation.keeps_init else "",
        }
        config = {"apiVersion": "gitops-doca.dev/v1alpha1", "kind": "DriverGenerator", "spec": spec}
        (folder / "gitops-doca.yaml").write_text(yaml.safe_dump(config))
        named = [f"NicNodePolicy/{rack}" for rack in situation.racks] or [
            "NicClusterPolicy/nic-cluster-policy"
        ]
        locked = [{"pool": Pool(kernel=KERNEL).name, "policy": name} for name in named]
        (folder / "gitops-doca.lock.yaml").write_text(
            LOCK.replace("POOLS", yaml.safe_dump(locked, default_flow_style=True))
        )


SITUATIONS = {
    "cluster policy, init container kept": Situation(keeps_init=True),
    "cluster policy, init container removed": Situation(),
    "cluster policy, no init container, OpenShift": Situation(had_init=False, openshift=True),
    "node policies, init container kept": Situation(racks=("rack-a", "rack-b"), keeps_init=True),
    "node policies, init container removed": Situation(racks=("rack-a", "rack-b")),
}


@pytest.fixture(params=[pytest.param(found, id=name) for name, found in SITUATIONS.items()])
def cluster(request: pytest.FixtureRequest, api_server: ApiServer, tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(request.param, api_server, tmp_path)
    with served(api_server, NIC_CLUSTER_POLICY, NIC_NODE_POLICY):
        try:
            made.create()
            yield made
        finally:
            for one in filter(made.is_there, made.all):
                api_server.delete(one)


def test_the_commands_take_the_drivers_over_and_give_them_back(cluster: Cluster) -> None:
    _see_the_init_container(cluster)
    _take_over(cluster)
    _clean_up(cluster)
    _go_back(cluster)


def _see_the_init_container(cluster: Cluster) -> None:
    situation = cluster.situation
    shown = cluster.run(PREPARE, SHOW_INIT).stdout.decode().splitlines()
    dumped = "kubectl get nodes,daemonsets -A -o json > cluster.json"
    warned = cluster.run(dumped, "gitops-doca check -i nodes.json -i cluster.json").stderr
    images = [f"{app}-ds: {IMAGE if situation.had_init else ''}" for app in situation.owners]

    assert [line.strip() for line in shown[-len(images) :]] == [line.strip() for line in sorted(images)]
    lost = situation.had_init and not situation.keeps_init
    assert (f"set initContainerImage: {IMAGE} to keep it" in warned) is lost


def _take_over(cluster: Cluster) -> None:
    situation = cluster.situation
    before = cluster.found(cluster.daemon_sets)
    release = NODE_POLICIES if situation.racks else CLUSTER_POLICY
    printed = cluster.run(PREPARE, STOP, RELEASE, APPLY, PODS, release, START).stdout.decode().splitlines()
    after = cluster.found(cluster.daemon_sets)

    for app in situation.owners:
        assert {f"daemonset.apps/{app}-ds", f"daemonset-{app}-ds.yaml"} <= set(printed)
    assert [one["metadata"]["uid"] for one in after] == [one["metadata"]["uid"] for one in before]
    assert [one["metadata"]["labels"]["nvidia.com/ofed-driver"] for one in after] == ["gitops"] * len(after)
    assert [one["spec"]["template"]["metadata"]["labels"] for one in after] == [
        {"app": app, "kernel": KERNEL, "nvidia.com/ofed-driver": "gitops"} for app in situation.owners
    ]
    assert [_init_images(one) for one in after] == [[IMAGE] if situation.keeps_init else []] * len(after)
    assert [_marks(one) for one in cluster.found([*cluster.others, *cluster.daemon_sets])] == [
        [] for _ in [*cluster.others, *cluster.daemon_sets]
    ]
    assert cluster.api.get(cluster.others[0])["imagePullSecrets"] == [{"name": "others"}]
    if situation.openshift:
        assert cluster.api.get(cluster.others[-1])["data"] == {"ca-bundle.crt": "certificates"}
    assert [one["metadata"]["labels"] for one in cluster.found(cluster.pods)] == [
        {"app": app, "nvidia.com/ofed-driver": "gitops"} for app in situation.owners
    ]
    assert [one["spec"] for one in cluster.found(cluster.policies)] == [
        {key: value for key, value in policy["spec"].items() if key != "ofedDriver"}
        for policy in cluster.policies
    ]
    assert cluster.api.get(OPERATOR)["spec"]["replicas"] == 1


def _clean_up(cluster: Cluster) -> None:
    names = ("ClusterRole", "ClusterRoleBinding", "ofed-init-container-config")
    kept = [one for one in cluster.others if not {one["kind"], one["metadata"]["name"]}.intersection(names)]
    if not cluster.situation.keeps_init:
        cluster.run(f"NAMESPACE={NAMESPACE}", ORPHANS)

    expected = cluster.others if cluster.situation.keeps_init else kept
    assert [one for one in cluster.others if cluster.is_there(one)] == expected


def _go_back(cluster: Cluster) -> None:
    situation = cluster.situation
    before = cluster.found(cluster.daemon_sets)
    result = cluster.run(STOP_AGAIN, PODS_BACK, POLICIES_BACK, START_AGAIN)

    assert f"No resources found in {NAMESPACE} namespace." in result.stderr
    assert [one["metadata"]["labels"] for one in cluster.found(cluster.pods)] == [
        _labels(app, owner) for app, owner in situation.owners.items()
    ]
    assert [one["spec"] for one in cluster.found(cluster.policies)] == [
        policy["spec"] for policy in cluster.policies
    ]
    assert cluster.found(cluster.daemon_sets) == before
    assert cluster.api.get(OPERATOR)["spec"]["replicas"] == 1


def _marks(found: Object) -> list[str]:
    metadata = found["metadata"]
    keys = {**metadata.get("labels", {}), **metadata.get("annotations", {})}
    own = sorted(MARKS.intersection(keys))
    return [*own, *(["ownerReferences"] if "ownerReferences" in metadata else [])]


def _init_images(daemon_set: Object) -> list[str]:
    return [one["image"] for one in daemon_set["spec"]["template"]["spec"].get("initContainers", [])]
