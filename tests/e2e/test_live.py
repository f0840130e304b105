"""A real API server gives what its files give, to an identity with exactly the roles that we ship."""

import base64
import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from fakes.nodes import node_document
from gitops_doca.cluster.live import LiveCluster, LiveOptions
from gitops_doca.core.cluster_query import ClusterQuery
from gitops_doca.core.diagnostics import Problems
from support import docker_registry
from support.api_server import ApiServer, Object
from support.cli import ROOT, Result, run_cli
from support.custom_resources import IMAGE_STREAM, NIC_CLUSTER_POLICY, NIC_NODE_POLICY, PROXY, served
from support.docker_registry import PASSWORD, USER, DockerRegistry, Program
from support.images import Pusher
from support.inputs import VERSION, Pool
from support.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("api-server")]

NAMESPACE = "nvidia-network-operator"
POOLS = [Pool(kernel="5.15.0-91-generic"), Pool(kernel="5.15.0-105-generic")]
ROLES = [document for name in ("live", "pull-secrets", "live-openshift") for document in yaml.safe_load_all(
    (ROOT / "deploy" / "rbac" / f"{name}.yaml").read_text()
)]  # fmt: skip
RULES = [
    pytest.param(document, number, id=f"{document['kind']}-{'-'.join(rule['resources'])}")
    for document in ROLES
    for number, rule in enumerate(document.get("rules", ()))
]
OPENSHIFT = [
    {
        "apiVersion": IMAGE_STREAM.api_version,
        "kind": "ImageStream",
        "metadata": {"name": "driver-toolkit", "namespace": "openshift"},
        "spec": {"tags": [{"name": "417.94.1", "from": {"kind": "DockerImage", "name": "quay.io/dtk:1"}}]},
    },
    {
        "apiVersion": PROXY.api_version,
        "kind": "Proxy",
        "metadata": {"name": "cluster"},
        "spec": {"httpsProxy": "http://proxy.example:3128", "noProxy": ".svc"},
    },
]
POLICY = {
    "apiVersion": "mellanox.com/v1alpha1",
    "kind": "NicClusterPolicy",
    "metadata": {"name": "nic-cluster-policy"},
    "spec": {"ofedDriver": {"image": "doca-driver", "version": VERSION, "forcePrecompiled": True}},
}


NODES = [
    *(node_document(f"live-{number}", kernel=POOLS[number % 2].kernel) for number in range(5)),
    node_document("live-plain", kernel=POOLS[0].kernel, nic="false"),
]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    """A registry that lets one user in, and has both pools' images."""
    folder = tmp_path_factory.mktemp("registry")
    with docker_registry.secure_registry(folder, Program.DEBIAN) as running:
        for pool in POOLS:
            Pusher(registry=running, repository="private/doca-driver").image(pool.tag)
        yield running


@pytest.fixture(scope="module")
def api(api_server: ApiServer, registry: DockerRegistry) -> Iterator[ApiServer]:
    """The API server with nodes, a ConfigMap, pull secrets and our roles in it."""
    api_server.namespace(NAMESPACE)
    api_server.namespace("openshift")
    auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    content = json.dumps({"auths": {registry.host: {"auth": auth}}})
    inside = {"namespace": NAMESPACE}
    objects: list[Object] = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "certs", **inside},
            "data": {"ca.crt": "x"},
        },
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "ngc", **inside},
            "type": "kubernetes.io/dockerconfigjson",
            "stringData": {".dockerconfigjson": content},
        },
    ]
    for wanted in (*NODES, *objects):
        api_server.create(wanted)
    for wanted in ROLES:
        api_server.apply(wanted)
    yield api_server
    for unwanted in (*NODES, *objects, *ROLES):
        api_server.delete(unwanted)


Live = Callable[..., Result]


@pytest.fixture
def live(api: ApiServer, registry: DockerRegistry, tmp_path: Path) -> Live:
    """Return a function that runs a command as our ServiceAccount, with the config in the test's folder."""
    driver = POLICY["spec"]["ofedDriver"] | {  # type: ignore[index]
        "repository": f"{registry.host}/private",
        "imagePullSecrets": ["ngc", "gone"],
        "certConfig": {"name": "certs"},
    }
    config = {
        "apiVersion": "gitops-doca.dev/v1alpha1",
        "kind": "DriverGenerator",
        "spec": {"policies": [POLICY | {"spec": {"ofedDriver": driver}}]},
    }
    (tmp_path / "gitops-doca.yaml").write_text(yaml.safe_dump(config))
    kubeconfig = api.kubeconfig(tmp_path, api.service_account_token(NAMESPACE, "gitops-doca"))

    def run(command: str, *words: str) -> Result:
        trust = [] if command == "inventory" else ["--ca-file", str(registry.ca_file)]
        return run_cli(command, *words, *trust, cwd=tmp_path, env={"KUBECONFIG": str(kubeconfig)})

    return run


def test_the_snapshot_and_the_dump_and_the_cluster_render_alike(
    live: Live, api: ApiServer, tmp_path: Path
) -> None:
    dump = api.request("GET", "/api/v1/nodes")["items"]
    items = [{"apiVersion": "v1", "kind": "Node", **one} for one in dump]
    items.append(api.request("GET", f"/api/v1/namespaces/{NAMESPACE}/configmaps/certs"))
    listed = {"apiVersion": "v1", "kind": "List", "items": items}
    (tmp_path / "dump.json").write_text(json.dumps(listed, indent=4))

    written = live("inventory", "--write", "inventory.yaml")
    locked = live("lock", "--live")
    rendered = live("generate", "--live")
    again = [live("generate", "-i", file) for file in ("inventory.yaml", "dump.json")]

    assert (written.exit_code, written.stderr) == (0, "inventory.yaml: 5 nodes, 2 groups\n")
    assert (locked.exit_code, rendered.exit_code, rendered.stderr) == (0, 0, "")
    assert [result.stdout for result in again] == [rendered.stdout] * 2
    assert rendered.stdout.count(b"kind: DaemonSet") == 2
    assert live("inventory", "--check", "inventory.yaml").exit_code == 0


def test_pull_secrets_of_the_cluster_open_the_registry(live: Live) -> None:
    result = live("check", "--live")

    assert result.exit_code == 0, result.stderr
    assert "the pull secret gone is not in namespace" in result.stderr
    assert PASSWORD not in result.stderr


@pytest.mark.parametrize("page", [1, 2, 500])
def test_pages_make_one_list(api: ApiServer, tmp_path: Path, page: int) -> None:
    kubeconfig = api.kubeconfig(tmp_path)
    cluster = LiveCluster(LiveOptions(environ={}, kubeconfig=str(kubeconfig), page=page))

    inventory = cluster.inventory(ClusterQuery(namespace=NAMESPACE), Problems())

    assert [one.name for one in inventory.nodes] == [f"live-{number}" for number in range(5)]


def test_a_node_that_moves_is_told(live: Live, api: ApiServer) -> None:
    live("inventory", "--write", "inventory.yaml")
    api.apply(NODES[0] | {"metadata": node_document("live-0", kernel=POOLS[1].kernel)["metadata"]})
    try:
        result = live("inventory", "--check", "inventory.yaml")
    finally:
        api.apply(NODES[0])

    assert (result.exit_code, result.stdout.decode()) == (
        1,
        "node live-0: kernel 5.15.0-91-generic -> 5.15.0-105-generic\n",
    )


def test_openshift_is_read_where_it_is_served(live: Live, api: ApiServer, tmp_path: Path) -> None:
    with served(api, IMAGE_STREAM, PROXY):
        for wanted in OPENSHIFT:
            api.create(wanted)
        snapshot = yaml.safe_load(live("inventory").stdout)
        # The policy's own objects as kubectl prints them, beside the nodes.
        items = [api.get(wanted) for wanted in (*NODES, *OPENSHIFT)]
        config_map = api.request("GET", f"/api/v1/namespaces/{NAMESPACE}/configmaps/certs")
        (tmp_path / "dump.json").write_text(
            json.dumps({"apiVersion": "v1", "kind": "List", "items": [*items, config_map]})
        )
        rendered, from_file = (
            live("generate", "--live"),
            live("generate", "-i", "dump.json", *_login(tmp_path, api)),
        )

    assert snapshot["driverToolkit"] == {"417.94.1": "quay.io/dtk:1"}
    assert snapshot["proxy"] == {"httpsProxy": "http://proxy.example:3128", "noProxy": ".svc"}
    assert (rendered.exit_code, from_file.exit_code) == (0, 0), rendered.stderr + from_file.stderr
    assert rendered.stdout == from_file.stdout


def _login(folder: Path, api: ApiServer) -> tuple[str, str]:
    """Write the pull secret of the cluster into a file, for runs that know no cluster."""
    secret = api.request("GET", f"/api/v1/namespaces/{NAMESPACE}/secrets/ngc")
    file = folder / "pull-secret.json"
    file.write_text(json.dumps(secret))
    return ("--pull-secret", str(file))


def test_an_operator_that_makes_drivers_too_is_warned_of(live: Live, api: ApiServer) -> None:
    with served(api, NIC_CLUSTER_POLICY, NIC_NODE_POLICY):
        api.create(POLICY)
        wait_until(lambda: "two owners" in live("check", "--live").stderr)


@pytest.mark.parametrize(("role", "number"), RULES)
def test_no_rule_is_more_than_is_needed(live: Live, api: ApiServer, role: Object, number: int) -> None:
    less: Any = deepcopy(role)
    (rule,) = [less["rules"].pop(number)]
    resource = rule["resources"][0]
    with served(api, IMAGE_STREAM, PROXY, NIC_CLUSTER_POLICY, NIC_NODE_POLICY):
        for wanted in OPENSHIFT:
            api.create(wanted)
        wait_until(lambda: live("check", "--live").exit_code == 0)
        api.apply(less)
        try:
            if "optional" in _comment(resource):
                wait_until(lambda: not can(api, resource, rule))
                assert live("check", "--live").exit_code == 0
                return
            wait_until(lambda: live("check", "--live").exit_code != 0)
            result = live("check", "--live")
        finally:
            api.apply(role)

    assert (result.exit_code, result.stdout) == (5, b"")
    assert f"403 Forbidden: no role allows {rule['verbs'][0]} on {resource}" in result.stderr
    assert f"help: bind a role to this identity that allows {rule['verbs'][0]} on {resource}" in result.stderr


def _comment(resource: str) -> str:
    """Return what the shipped file says above the rule of a resource."""
    lines = (ROOT / "deploy" / "rbac" / "live.yaml").read_text().splitlines()
    found = [number for number, line in enumerate(lines) if f"resources: [{resource}" in line]
    return lines[found[0] - 2].lower() if found else ""


def can(api: ApiServer, resource: str, rule: Object) -> bool:
    """Ask the API server whether our ServiceAccount may do what a rule says."""
    attributes = {"group": rule["apiGroups"][0], "resource": resource, "verb": rule["verbs"][0]}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    token = api.service_account_token(NAMESPACE, "gitops-doca")
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    return bool(api.request("POST", path, body=review, token=token)["status"]["allowed"])


def test_an_unknown_identity_is_told(api: ApiServer, live: Live, tmp_path: Path) -> None:
    api.kubeconfig(tmp_path, "no-such-token")

    result = live("inventory")

    assert (result.exit_code, result.stdout) == (5, b"")
    assert "401 Unauthorized: the credentials are not accepted, or have expired" in result.stderr
    assert "no-such-token" not in result.stderr
