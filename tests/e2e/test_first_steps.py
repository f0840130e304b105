"""From an empty folder and a kubeconfig to a difference, as an identity with the role that we ship."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from fakes.nodes import node_document
from support import docker_registry
from support.api_server import ApiServer, Object
from support.cli import ROOT, Result, run_cli
from support.custom_resources import NIC_CLUSTER_POLICY, NIC_NODE_POLICY, served
from support.docker_registry import DockerRegistry, Program
from support.images import Pusher
from support.inputs import VERSION, Pool
from support.repository import commit, edit, start
from support.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("api-server")]

NAMESPACE = "nvidia-network-operator"
POOL = Pool(kernel="5.15.0-91-generic")
NODES = [node_document(f"first-{number}", kernel=POOL.kernel) for number in range(2)]
ROLES: list[Object] = list(yaml.safe_load_all((ROOT / "deploy" / "rbac" / "live.yaml").read_text()))
NEXT = VERSION.replace("-0-", "-1-") if "-0-" in VERSION else f"{VERSION}9"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    with docker_registry.plain_registry(tmp_path_factory.mktemp("registry"), Program.DEBIAN) as running:
        pusher = Pusher(registry=running, repository="first/doca-driver")
        for version in (VERSION, NEXT):
            pusher.image(POOL.tag.replace(VERSION, version))
        yield running


@pytest.fixture(scope="module")
def api(api_server: ApiServer) -> Iterator[ApiServer]:
    api_server.namespace(NAMESPACE)
    for wanted in (*NODES, *ROLES):
        api_server.apply(wanted)
    yield api_server
    for unwanted in (*NODES, *ROLES):
        api_server.delete(unwanted)


class Desk:
    """A Git work tree, and our ServiceAccount's kubeconfig elsewhere."""

    def __init__(self, folder: Path, api: ApiServer) -> None:
        self.folder = folder / "fleet"
        start(self.folder)
        token = api.service_account_token(NAMESPACE, "gitops-doca")
        self.kubeconfig = api.kubeconfig(folder, token)

    def __call__(self, *arguments: str) -> Result:
        return run_cli(*arguments, cwd=self.folder, env={"KUBECONFIG": str(self.kubeconfig)})


@pytest.fixture
def desk(tmp_path: Path, api: ApiServer) -> Desk:
    return Desk(tmp_path, api)


def policy(registry: DockerRegistry) -> Object:
    driver = {"image": "doca-driver", "repository": f"{registry.host}/first", "version": VERSION}
    return {
        "apiVersion": "mellanox.com/v1alpha1",
        "kind": "NicClusterPolicy",
        "metadata": {"name": "nic-cluster-policy"},
        "spec": {"ofedDriver": driver},
    }


@pytest.mark.parametrize("owner", ["operator", "us"])
def test_an_empty_folder_becomes_a_reviewed_change(
    owner: str, desk: Desk, api: ApiServer, registry: DockerRegistry, tmp_path: Path
) -> None:
    wanted = policy(registry)
    (tmp_path / "wanted.yaml").write_text(yaml.safe_dump(wanted))
    flags = [] if owner == "operator" else ["-p", "../wanted.yaml"]
    with served(api, NIC_CLUSTER_POLICY, NIC_NODE_POLICY):
        if owner == "operator":
            api.create(wanted)
        wait_until(lambda: desk("inventory").exit_code == 0)
        begun = desk("init", "clusters/a", *flags)

    assert (begun.exit_code, begun.stdout) == (0, b""), begun.stderr
    assert yaml.safe_load((desk.folder / "clusters/a/policy.yaml").read_text()) == wanted
    checked = desk("check", "clusters/a")
    assert (checked.exit_code, checked.stderr) == (0, "")
    assert desk("lock", "clusters/a").exit_code == 0
    generated = desk("generate", "clusters/a")
    assert generated.exit_code == 0
    kinds = {one["kind"] for one in yaml.safe_load_all(generated.stdout)}
    assert ("DaemonSet" in kinds, kinds == {"NicClusterPolicy"}) == (owner == "us", owner == "operator")

    commit(desk.folder)
    assert desk("diff", "HEAD", "clusters/a").exit_code == 0
    edit(desk.folder / "clusters/a/policy.yaml", (VERSION, NEXT))
    assert desk("lock", "clusters/a").exit_code == 0
    changed = desk("diff", "HEAD", "clusters/a")
    assert changed.exit_code == 1
    assert b"1 pool changed" in changed.stdout
    assert b"first-0, first-1" in changed.stdout


def test_a_cluster_without_the_operator_needs_a_policy(desk: Desk) -> None:
    result = desk("init", "clusters/a")

    assert (result.exit_code, result.stdout) == (3, b"")
    assert "the cluster has no NicClusterPolicy and no NicNodePolicy\n  help: name a file" in result.stderr
    assert not (desk.folder / "clusters").exists()


def test_a_role_without_the_policies_is_told(desk: Desk, api: ApiServer) -> None:
    role = next(one for one in ROLES if one["kind"] == "ClusterRole")
    less = {**role, "rules": [rule for rule in role["rules"] if rule["apiGroups"] != ["mellanox.com"]]}
    with served(api, NIC_CLUSTER_POLICY, NIC_NODE_POLICY):
        api.apply(less)
        try:
            wait_until(lambda: desk("init", "clusters/a").exit_code == 5)
            result = desk("init", "clusters/a")
        finally:
            api.apply(role)

    assert (result.exit_code, result.stdout) == (5, b"")
    assert "help: bind a role to this identity that allows list on nicclusterpolicies" in result.stderr
    assert not (desk.folder / "clusters").exists()


def test_the_doctor_names_what_the_role_lacks(desk: Desk, api: ApiServer) -> None:
    more: list[Object] = list(yaml.safe_load_all((ROOT / "deploy" / "rbac" / "status.yaml").read_text()))
    in_namespace = f"in namespace {NAMESPACE} (for status)"

    lacking = desk("doctor")
    for wanted in more:
        api.apply(wanted)
    try:
        wait_until(lambda: b"ok       cluster" in desk("doctor").stdout)
    finally:
        for unwanted in more:
            api.delete(unwanted)

    (line,) = [line for line in lacking.stdout.decode().splitlines() if " cluster " in line]
    assert line == (
        f"warning  cluster    {api.url.removeprefix('https://')} answers, and the role does not allow: "
        f"list on daemonsets.apps {in_namespace}; list on controllerrevisions.apps {in_namespace}; "
        f"list on pods {in_namespace}"
    )
