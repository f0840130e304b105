import pytest

from fakes.cluster import make_node
from gitops_doca.core.compare.inventory_changes import compare_inventories
from gitops_doca.core.diagnostics import Place
from gitops_doca.core.model import NIC_LABEL, OSTREE_LABEL, ClusterProxy, Inventory, Node, Taint

OLD, NEW = "6.8.0-87-generic", "6.8.0-90-generic"


def nodes(*found: Node) -> Inventory:
    return Inventory(nodes=found)


def test_two_readings_of_one_cluster_differ_in_nothing() -> None:
    control_plane = make_node("control", without=[NIC_LABEL])
    same = (make_node("a", labels={"other": "x"}), control_plane), (make_node("a"),)

    assert compare_inventories(nodes(*same[0]), nodes(*same[1]), []) == ()


def test_a_kernel_bump_is_one_line() -> None:
    old, new = nodes(make_node("gpu-7", kernel=OLD)), nodes(make_node("gpu-7", kernel=NEW))

    assert compare_inventories(old, new, []) == ("node gpu-7: kernel 6.8.0-87-generic -> 6.8.0-90-generic",)


def test_many_nodes_with_one_change_share_a_line() -> None:
    old, new = (
        nodes(*(make_node(f"gpu-{number:02}", kernel=kernel) for number in range(12)), *others)
        for kernel, others in ((OLD, ()), (NEW, (make_node("x"), make_node("y"))))
    )
    names = "nodes gpu-00, gpu-01, gpu-02, gpu-03, gpu-04 and 7 more"

    assert compare_inventories(old, new, []) == (f"{names}: kernel {OLD} -> {NEW}", "nodes x, y: new")
    assert compare_inventories(new, old, []) == (f"{names}: kernel {NEW} -> {OLD}", "nodes x, y: gone")


def test_all_changes_of_a_node_stand_in_its_line_the_platform_first() -> None:
    old = make_node("a", kernel=OLD, os="ubuntu 22.04", labels={"rack": "", "zone": "z"}, ostree="417")
    new = make_node(
        "a",
        kernel=NEW,
        os="ubuntu 24.04",
        runtime="",
        labels={"rack": "r"},
        taints=[Taint("k", "v", "NoSchedule"), Taint("l", "", "NoExecute")],
    )

    assert compare_inventories(nodes(old), nodes(new), ["rack"]) == (
        (
            f"node a: OS version 22.04 -> 24.04, kernel {OLD} -> {NEW}, OSTREE_VERSION 417 -> none, "
            "container runtime containerd -> none, label rack '' -> r, "
            "taints none -> k=v:NoSchedule, l:NoExecute"
        ),
    )


def test_a_node_that_loses_its_nic_is_gone() -> None:
    assert compare_inventories(nodes(make_node("a")), nodes(make_node("a", without=[NIC_LABEL])), []) == (
        "node a: gone",
    )


def test_other_objects_are_compared_too() -> None:
    old = Inventory(
        nodes=(),
        config_maps={("ns", "certs"): ("a", "b"), ("", "old"): (), ("ns", "same"): ("x",)},
        dtk_images={"417": "q/a", "418": "q/b", "419": "q/c"},
        proxy=ClusterProxy(http="http://user:hunter2@p", https="http://p", no_proxy="a"),
    )
    new = Inventory(
        nodes=(),
        config_maps={("ns", "certs"): (), ("ns", "new"): (), ("ns", "same"): ("x",)},
        dtk_images={"417": "q/z", "419": "q/c", "420": "q/d"},
        proxy=ClusterProxy(http="http://user:hunter3@p", no_proxy="a", trusted_ca=True),
        openshift_objects=True,
    )

    assert compare_inventories(old, new, []) == (
        "ConfigMap old: gone",
        "ConfigMap ns/certs: keys a, b -> none",
        "ConfigMap ns/new: new",
        "ImageStream openshift/driver-toolkit: tag 417 q/a -> q/z",
        "ImageStream openshift/driver-toolkit: tag 418 q/b -> none",
        "ImageStream openshift/driver-toolkit: tag 420 none -> q/d",
        "Proxy cluster: httpProxy changed",
        "Proxy cluster: httpsProxy gone",
        "Proxy cluster: trustedCA set",
        "OpenShift: new",
    )


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        (None, {}, ("ImageStream openshift/driver-toolkit: new",)),
        ({"a": "b"}, None, ("ImageStream openshift/driver-toolkit: gone",)),
        (None, None, ()),
    ],
)
def test_a_toolkit_may_come_and_go(
    before: dict[str, str] | None, after: dict[str, str] | None, lines: tuple[str, ...]
) -> None:
    old, new = Inventory(nodes=(), dtk_images=before), Inventory(nodes=(), dtk_images=after)

    assert compare_inventories(old, new, []) == lines


def test_a_proxy_without_settings_is_none() -> None:
    assert compare_inventories(Inventory(nodes=()), Inventory(nodes=(), proxy=ClusterProxy()), []) == ()


def test_labels_that_policies_name_now_and_then_are_told() -> None:
    old = Inventory(nodes=(), kept_labels={Place("a", 1): frozenset({"rack", "zone"})})

    assert compare_inventories(old, Inventory(nodes=()), ["rack", "row", OSTREE_LABEL]) == (
        "label row: a nodeSelector names it, and the compact inventory does not hold it",
        "label zone: no nodeSelector names it any more",
    )
