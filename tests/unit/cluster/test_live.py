import json
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.api_server import EXPIRED, FORBIDDEN, NODES, FakeApiServer, node
from fakes.wire import Fault
from gitops_doca.cluster.live import LiveCluster
from gitops_doca.core.cluster_query import ClusterQuery
from gitops_doca.core.diagnostics import GenerationError, PassingError, Problems
from gitops_doca.core.model import NIC_LABEL, ClusterProxy, Inventory, OtherNodes
from gitops_doca.sources.inventory import read_inventory

Cluster = Callable[..., LiveCluster]

NAMESPACE = "nvidia-network-operator"
PLAIN = ClusterQuery(namespace=NAMESPACE)
CERTS = f"/api/v1/namespaces/{NAMESPACE}/configmaps/certs"
STREAM = "/apis/image.openshift.io/v1/namespaces/openshift/imagestreams/driver-toolkit"
PROXY = "/apis/config.openshift.io/v1/proxies/cluster"
OBJECTS = {
    CERTS: {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "certs", "namespace": NAMESPACE},
        "data": {"ca.crt": "nobody's business"},
    },
    STREAM: {
        "apiVersion": "image.openshift.io/v1",
        "kind": "ImageStream",
        "metadata": {"name": "driver-toolkit", "namespace": "openshift"},
        "spec": {"tags": [{"name": "1", "from": {"name": "quay.io/openshift/toolkit:1"}}]},
    },
    PROXY: {
        "apiVersion": "config.openshift.io/v1",
        "kind": "Proxy",
        "metadata": {"name": "cluster"},
        "spec": {"httpProxy": "http://proxy.example:3128"},
    },
}


def read(cluster: LiveCluster, scope: ClusterQuery = PLAIN) -> Inventory:
    """Read an inventory in which nothing is wrong."""
    problems = Problems()
    inventory = cluster.inventory(scope, problems)
    assert list(problems) == []
    return inventory


def test_only_nodes_with_a_nic_are_asked_for(fake: FakeApiServer, cluster: Cluster) -> None:
    read(cluster(), ClusterQuery(namespace=NAMESPACE, openshift=False))

    assert fake.asked == [f"GET {NODES}"]
    assert fake.requests[0].query == {
        "labelSelector": ["feature.node.kubernetes.io/pci-15b3.present=true"],
        "limit": ["500"],
    }


def test_a_cluster_reads_as_the_file_that_kubectl_writes_of_it(
    fake: FakeApiServer, cluster: Cluster, tmp_path: Path
) -> None:
    labels = {"rack": "r1", "other": "x"}
    fake.nodes = [node(f"node-{number}", **labels) for number in range(5)]
    fake.objects, fake.groups = OBJECTS, ["image.openshift.io", "config.openshift.io"]
    items = [{"apiVersion": "v1", "kind": "Node", **one} for one in fake.nodes]
    file = tmp_path / "dump.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [*items, *OBJECTS.values()]}))
    scope = ClusterQuery(namespace=NAMESPACE, labels=frozenset({"rack"}), config_maps=("certs",))

    live = read(cluster(page=2), scope)

    assert live == read_inventory([str(file)], ["rack"], Problems())
    assert [one.labels["rack"] for one in live.nodes] == ["r1"] * 5
    assert live.config_maps == {(NAMESPACE, "certs"): ("ca.crt",)}
    assert live.dtk_images == {"1": "quay.io/openshift/toolkit:1"}
    assert live.proxy == ClusterProxy(http="http://proxy.example:3128")


@pytest.mark.parametrize(("count", "pages"), [(0, 2), (1, 1), (2, 1), (3, 2), (5, 3)])
def test_pages_make_one_list(fake: FakeApiServer, cluster: Cluster, count: int, pages: int) -> None:
    fake.nodes = [node(f"node-{number}") for number in range(count)]

    names = [one.name for one in read(cluster(page=2)).nodes]

    assert names == [f"node-{number}" for number in range(count)]
    assert fake.asked.count(f"GET {NODES}") == pages
    assert fake.connections == 1


def test_where_no_node_has_a_nic_all_nodes_are_read(fake: FakeApiServer, cluster: Cluster) -> None:
    similar = "feature.node.kubernetes.io/pci-0207_15b3.present"
    fake.nodes = [
        node("node-1", **{NIC_LABEL: "false"}),
        node("node-2", **{NIC_LABEL: "false", similar: "true"}),
    ]

    inventory = read(cluster(page=1))

    assert inventory == Inventory(nodes=())
    assert inventory.others == OtherNodes(count=2, labelled=2, similar={similar: 1})
    assert [request.query for request in fake.requests if request.path == NODES] == [
        {"labelSelector": [f"{NIC_LABEL}=true"], "limit": ["1"]},
        {"limit": ["1"]},
        {"limit": ["1"], "continue": ["1"]},
    ]


def test_what_cannot_be_said_about_nodes_without_a_nic_is_no_failure(
    fake: FakeApiServer, cluster: Cluster
) -> None:
    fake.nodes = []
    fake.fail(NODES, Fault(), FORBIDDEN)

    inventory = read(cluster())

    assert (inventory, inventory.others) == (Inventory(nodes=()), OtherNodes())


def test_a_page_may_name_the_next_one_behind_its_nodes(fake: FakeApiServer, cluster: Cluster) -> None:
    fake.nodes = [node("node-1"), node("node-2")]
    page = {"items": [node("node-1")], "metadata": {"continue": "1"}, "kind": "NodeList", "apiVersion": "v1"}
    fake.fail(NODES, Fault(status=200, body=json.dumps(page).encode()))

    assert [one.name for one in read(cluster()).nodes] == ["node-1", "node-2"]
    assert [request.query.get("continue") for request in fake.requests[:2]] == [None, ["1"]]


def test_a_list_that_expires_begins_again_and_no_two_lists_are_mixed(
    fake: FakeApiServer, cluster: Cluster
) -> None:
    fake.nodes = [node("gone"), node("node-2"), node("node-3")]
    fake.fail(NODES, Fault(), EXPIRED)
    make = cluster(page=2)
    # The cluster changes while the first list is read.
    answer = fake.answer

    def changing(request: object) -> object:
        result = answer(request)  # type: ignore[arg-type]
        fake.nodes = [node("node-2"), node("node-3")]
        return result

    fake.answer = changing  # type: ignore[method-assign, assignment]

    assert [one.name for one in read(make).nodes] == ["node-2", "node-3"]
    assert [request.query.get("continue") for request in fake.requests[:3]] == [None, ["2"], None]


def test_a_list_that_always_expires_is_unknown(fake: FakeApiServer, cluster: Cluster) -> None:
    fake.nodes = [node(f"node-{number}") for number in range(3)]
    fake.fail(NODES, *[Fault(), EXPIRED] * 3)

    with pytest.raises(GenerationError) as failed:
        read(cluster(page=2))

    assert failed.value.exit_code == 5
    assert "the list expired 3 times while it was read" in str(failed.value)


def test_an_empty_list_may_be_null(fake: FakeApiServer, cluster: Cluster) -> None:
    body: dict[str, object] = {"kind": "NodeList", "apiVersion": "v1", "metadata": {}, "items": None}
    fake.fail(NODES, Fault(status=200, body=json.dumps(body).encode()))

    assert read(cluster()).nodes == ()


def test_a_config_map_that_is_not_there_is_left_out(fake: FakeApiServer, cluster: Cluster) -> None:
    inventory = read(cluster(), ClusterQuery(namespace=NAMESPACE, config_maps=("certs",)))

    assert inventory.config_maps == {}
    assert f"GET {CERTS}" in fake.asked


def test_openshift_is_not_queried_where_it_is_not_served(fake: FakeApiServer, cluster: Cluster) -> None:
    inventory = read(cluster())

    assert fake.asked == [f"GET {NODES}", "GET /apis"]
    assert not inventory.openshift_objects


def test_an_openshift_without_these_objects_shows_as_none(fake: FakeApiServer, cluster: Cluster) -> None:
    fake.groups = ["image.openshift.io", "config.openshift.io"]
    inventory = read(cluster())

    assert fake.asked[2:] == [f"GET {STREAM}", f"GET {PROXY}"]
    assert (inventory.openshift_objects, inventory.dtk_images, inventory.proxy) == (False, None, None)


POLICIES = "/apis/mellanox.com/v1alpha1/nicclusterpolicies"
OWNED = {
    "kind": "NicClusterPolicyList",
    "apiVersion": "mellanox.com/v1alpha1",
    "metadata": {},
    "items": [{"metadata": {"name": "nic-cluster-policy"}, "spec": {"ofedDriver": {"image": "i"}}}],
}


def test_an_operator_that_makes_drivers_too_is_seen(fake: FakeApiServer, cluster: Cluster) -> None:
    fake.groups, fake.objects = ["mellanox.com"], {POLICIES: OWNED}

    inventory = read(cluster(), ClusterQuery(namespace=NAMESPACE, owners=True))

    assert [(trace.what, trace.place.file) for trace in inventory.operator_evidence] == [
        (
            "NicClusterPolicy nic-cluster-policy with ofedDriver",
            "cluster nicclusterpolicies/nic-cluster-policy",
        )
    ]


@pytest.mark.parametrize("fault", [FORBIDDEN, Fault(status=404, body=b"404 page not found")])
def test_an_operator_that_may_not_be_seen_is_no_failure(
    fake: FakeApiServer, cluster: Cluster, fault: Fault
) -> None:
    fake.groups = ["mellanox.com"]
    fake.fail_always(POLICIES, fault)
    fake.fail_always(POLICIES.replace("cluster", "node"), fault)

    assert read(cluster(), ClusterQuery(namespace=NAMESPACE, owners=True)).operator_evidence == ()
    assert len(fake.asked) == 4


def test_an_operator_is_not_looked_for_when_it_does_not_matter(fake: FakeApiServer, cluster: Cluster) -> None:
    fake.groups = ["mellanox.com"]
    read(cluster(), ClusterQuery(namespace=NAMESPACE, owners=False))

    assert fake.asked == [f"GET {NODES}", "GET /apis"]


def test_nothing_but_get_is_ever_sent(fake: FakeApiServer, cluster: Cluster) -> None:
    fake.objects, fake.groups = OBJECTS, ["image.openshift.io", "config.openshift.io"]
    reader, scope = (
        cluster(page=1),
        ClusterQuery(namespace=NAMESPACE, config_maps=("certs",), pull_secrets=("regcred",)),
    )
    read(reader, scope)
    reader.pull_secrets(scope, Problems())

    assert {request.method for request in fake.requests} == {"GET"}
    assert len(fake.requests) == 6


def test_a_place_names_the_object(fake: FakeApiServer, cluster: Cluster) -> None:
    broken = node("node-1")
    broken["metadata"]["labels"]["kubernetes.io/arch"] = 64
    fake.nodes = [broken]
    problems = Problems()

    cluster().inventory(PLAIN, problems)

    assert [str(result.place) for result in problems] == [
        "cluster nodes/node-1: metadata.labels[kubernetes.io/arch]"
    ]


def test_a_path_that_is_not_served_is_no_missing_object(fake: FakeApiServer, cluster: Cluster) -> None:
    fake.fail(CERTS, Fault(status=404, body=b"404 page not found"))

    with pytest.raises(GenerationError) as failed:
        read(cluster(), ClusterQuery(namespace=NAMESPACE, config_maps=("certs",)))

    assert failed.value.exit_code == 5
    assert str(failed.value).endswith(": 404 Not Found: the server has no such resource")


def test_nodes_are_found_by_name_whatever_their_labels(fake: FakeApiServer, cluster: Cluster) -> None:
    fake.nodes = [node("node-1"), node("node-10"), {"metadata": {"name": "bare"}}]
    problems = Problems()

    result = cluster().find_nodes(["bare", "node-1", "node-2"], problems)

    assert result == {"bare", "node-1"}
    assert list(problems) == []
    assert [request.query for request in fake.requests] == [
        {"fieldSelector": [f"metadata.name={name}"], "limit": ["1"]} for name in ("bare", "node-1", "node-2")
    ]


def test_a_server_that_answers_with_another_node_has_not_found_it(
    fake: FakeApiServer, cluster: Cluster
) -> None:
    body = {"kind": "NodeList", "apiVersion": "v1", "metadata": {}, "items": [node("node-10"), {}]}
    fake.fail_always(NODES, Fault(status=200, body=json.dumps(body).encode()))

    assert cluster().find_nodes(["node-1"], Problems()) == frozenset()


def test_all_names_are_asked_for_within_one_deadline(fake: FakeApiServer, cluster: Cluster) -> None:
    fake.latency = 0.1
    with pytest.raises(PassingError, match=r"no answer within the 0\.5 s"):
        cluster(deadline=0.5).find_nodes([f"node-{number}" for number in range(50)], Problems())

    assert len(fake.requests) < 10
