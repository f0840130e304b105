"""Nodes of a real API server that are no good inventory, or only for now; and how it is reached."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from fakes.nodes import node_document
from support.api_server import ADMIN_TOKEN, ApiServer, Object
from support.cli import Result, run_cli

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("api-server")]

NFD = "feature.node.kubernetes.io"
NIC = f"{NFD}/pci-15b3.present"
SIMILAR = f"{NFD}/pci-0207_15b3.present"
API = "client.authentication.k8s.io"
PASSING = ["node.cilium.io/agent-not-ready", "karpenter.sh/disrupted", "ToBeDeletedByClusterAutoscaler"]


def node(name: str, *taints: str, **labels: str) -> Object:
    return node_document(name, nic=None, taints=[f"{key}:NoSchedule" for key in taints], labels=labels)


class Cluster:
    """An API server, and a folder from which it is read."""

    def __init__(self, api: ApiServer, folder: Path) -> None:
        self.api, self.folder = api, folder
        self._made: list[Object] = []
        self.kubeconfig = api.kubeconfig(folder)

    def create(self, *nodes: Object) -> None:
        for one in nodes:
            self.api.create(one)
            self._made.append(one)

    def clear(self) -> None:
        while self._made:
            self.api.delete(self._made.pop())

    def configure(self, **spec: Any) -> None:
        config = {"apiVersion": "gitops-doca.dev/v1alpha1", "kind": "DriverGenerator", "spec": spec}
        (self.folder / "gitops-doca.yaml").write_text(yaml.safe_dump(config))

    def inventory(self, *words: str) -> Result:
        return run_cli("inventory", *words, cwd=self.folder, env={"KUBECONFIG": str(self.kubeconfig)})


@pytest.fixture
def cluster(api_server: ApiServer, tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(api_server, tmp_path)
    yield made
    made.clear()


def test_a_cluster_whose_nics_lost_their_label_leaves_the_inventory_as_it_is(cluster: Cluster) -> None:
    cluster.create(node("nodes-1", **{NIC: "true"}))
    assert cluster.inventory("--write", "nodes.yaml").exit_code == 0
    good = (cluster.folder / "nodes.yaml").read_text()
    cluster.clear()
    cluster.create(node("nodes-1", **{SIMILAR: "true"}), node("nodes-2", **{SIMILAR: "true"}))

    refused = cluster.inventory("--write", "nodes.yaml")

    assert (refused.exit_code, refused.stdout) == (7, b"")
    assert refused.stderr.splitlines()[:2] == [
        f"error[empty]: the cluster has no node with the label {NIC}=true, so nodes.yaml is not written",
        f"  similar label on 2 nodes: {SIMILAR}",
    ]
    assert (cluster.folder / "nodes.yaml").read_text() == good


def test_taints_that_pass_are_no_part_of_the_inventory(cluster: Cluster) -> None:
    cluster.configure(ignoredTaints=["example.com/maintenance"])
    cluster.create(
        node("nodes-1", **{NIC: "true"}),
        node("nodes-2", *PASSING, "example.com/maintenance", **{NIC: "true"}),
        node("nodes-3", "example.com/other", **{NIC: "true"}),
    )

    groups = yaml.safe_load(cluster.inventory().stdout)["groups"]

    assert [(group.get("taints"), group["nodes"]) for group in groups] == [
        (None, ["nodes-1", "nodes-2"]),
        ([{"key": "example.com/other", "effect": "NoSchedule"}], ["nodes-3"]),
    ]


@pytest.mark.parametrize(
    ("form", "kind"),
    [
        ("Table", "Table"),
        ("PartialObjectMetadataList", "PartialObjectMetadata"),
    ],
)
def test_the_api_servers_short_forms_of_nodes_never_vanish(cluster: Cluster, form: str, kind: str) -> None:
    cluster.create(node("nodes-1", **{NIC: "true"}))
    accept = f"application/json;as={form};g=meta.k8s.io;v=v1"
    nodes = [cluster.api.request("GET", "/api/v1/nodes", accept=one) for one in ("*/*", accept)]
    text = "\n".join(map(json.dumps, nodes))
    (cluster.folder / "nodes.json").write_text(text)
    driver = {"image": "i", "repository": "r.example/x", "version": "25.04-0.6.1.0-2"}
    policy = {
        "apiVersion": "mellanox.com/v1alpha1",
        "kind": "NicClusterPolicy",
        "metadata": {"name": "nic-cluster-policy"},
        "spec": {"ofedDriver": driver},
    }
    cluster.configure(policies=[policy], inventory="nodes.json")

    result = run_cli("generate", cwd=cluster.folder)

    assert (nodes[1]["kind"], result.exit_code, result.stdout) == (form, 3, b"")
    assert result.stderr == (
        f"error[input]: nodes.json:2: kind: a {kind} does not have all fields of a Node that are needed\n"
        "  help: give what kubectl get nodes -o yaml (or -o json) prints\n"
    )


def test_a_certificate_for_another_host_is_told_with_what_to_do(cluster: Cluster) -> None:
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    settings = config["clusters"][0]["cluster"]
    settings["tls-server-name"] = "kube.internal"
    cluster.kubeconfig.write_text(yaml.safe_dump(config))

    refused = cluster.inventory()

    settings["tls-server-name"] = "localhost"
    cluster.kubeconfig.write_text(yaml.safe_dump(config))
    assert cluster.inventory().exit_code == 0
    assert (refused.exit_code, refused.stdout) == (5, b"")
    assert refused.stderr == (
        f"error[unknown]: cannot list nodes of the cluster at {cluster.api.url.removeprefix('https://')}: "
        "the certificate is for another host name\n"
        "  help: correct server in the kubeconfig, or write a host name of the certificate as "
        "tls-server-name beside it\n"
    )


def test_a_plugin_is_asked_for_the_version_that_it_answers(cluster: Cluster) -> None:
    answer = {"apiVersion": f"{API}/v1", "kind": "ExecCredential", "status": {"token": ADMIN_TOKEN}}
    plugin = cluster.folder / "plugin"
    plugin.write_text(f"#!/bin/sh\necho {shlex.quote(json.dumps(answer))}\n")
    plugin.chmod(0o755)
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    results = {}
    for version in ("v1beta1", "v1"):
        config["users"][0]["user"] = {"exec": {"apiVersion": f"{API}/{version}", "command": "./plugin"}}
        cluster.kubeconfig.write_text(yaml.safe_dump(config))
        results[version] = cluster.inventory()

    assert results["v1"].exit_code == 0
    assert (results["v1beta1"].exit_code, results["v1beta1"].stdout) == (5, b"")
    assert (
        f"the credential plugin ./plugin answered {API}/v1, and the kubeconfig asks it for {API}/v1beta1\n"
        in results["v1beta1"].stderr
    )
    assert ADMIN_TOKEN not in results["v1beta1"].stderr
