from dataclasses import replace

import pytest

from fakes.cluster import make_node
from gitops_doca.core.diagnostics import GenerationError, Place
from gitops_doca.core.model import (
    ARCH_LABEL,
    NIC_LABEL,
    OPENSHIFT_LABEL,
    ClusterProxy,
    Inventory,
    Node,
    Taint,
)
from gitops_doca.emit.inventory import dump_inventory

HEADER = (
    "# The nodes with a NIC, by what manifests depend on. To update it: gitops-doca inventory --write FILE\n"
)
START = f"""\
{HEADER}apiVersion: gitops-doca.dev/v1alpha1
kind: NodeInventory
metadata:
  name: gitops-doca
  annotations:
    config.kubernetes.io/local-config: 'true'
"""
GROUP = """\
- labels:
    feature.node.kubernetes.io/kernel-version.full: {kernel}
    feature.node.kubernetes.io/system-os_release.ID: ubuntu
    feature.node.kubernetes.io/system-os_release.VERSION_ID: '22.04'
    kubernetes.io/arch: amd64
  containerRuntime: containerd
  nodes:
"""
WHOLE = """\
# The nodes with a NIC, by what manifests depend on. To update it: gitops-doca inventory --write FILE
apiVersion: gitops-doca.dev/v1alpha1
kind: NodeInventory
metadata:
  name: gitops-doca
  annotations:
    config.kubernetes.io/local-config: 'true'
labels:
- rack
- zone
openshift: true
proxy:
  httpProxy: http://proxy.example:3128
  noProxy: '.cluster.local,10.0.0.0/8'
  trustedCA: true
driverToolkit:
  '417.94.202502051822-0': quay.io/openshift/toolkit@sha256:{digest}
  latest: quay.io/openshift/toolkit:latest
configMaps:
- name: anywhere
  keys: []
- namespace: nvidia-network-operator
  name: certs
  keys:
  - a.crt
  - b.crt
groups:
- labels:
    feature.node.kubernetes.io/kernel-version.full: 5.14.0-427.50.1.el9_4.x86_64
    feature.node.kubernetes.io/system-os_release.ID: rhcos
    feature.node.kubernetes.io/system-os_release.OSTREE_VERSION: '417.94.202502051822-0'
    feature.node.kubernetes.io/system-os_release.VERSION_ID: '4.17'
    kubernetes.io/arch: amd64
    node.openshift.io/os_id: rhcos
    rack: r1
  taints:
  - key: dedicated
    value: storage
    effect: NoSchedule
  - key: gpu
    effect: NoExecute
  containerRuntime: cri-o
  nodes:
  - node-1
  - node-2
"""


def of(*nodes: Node) -> str:
    return dump_inventory(Inventory(nodes=nodes), [])


def test_a_whole_cluster_reads_like_this() -> None:
    digest = "ab" * 32
    nodes = [
        make_node(
            name,
            os="rhcos 4.17",
            kernel="5.14.0-427.50.1.el9_4.x86_64",
            runtime="cri-o",
            ostree="417.94.202502051822-0",
            taints=[Taint("dedicated", "storage", "NoSchedule"), Taint("gpu", "", "NoExecute")],
            labels={OPENSHIFT_LABEL: "rhcos", "rack": "r1", "other": "x"},
        )
        for name in ("node-2", "node-1")
    ]
    inventory = Inventory(
        nodes=tuple(nodes),
        config_maps={("nvidia-network-operator", "certs"): ("a.crt", "b.crt"), ("", "anywhere"): ()},
        dtk_images={
            "latest": "quay.io/openshift/toolkit:latest",
            "417.94.202502051822-0": f"quay.io/openshift/toolkit@sha256:{digest}",
        },
        proxy=ClusterProxy(
            http="http://proxy.example:3128", no_proxy=".cluster.local,10.0.0.0/8", trusted_ca=True
        ),
        openshift_objects=True,
    )

    assert dump_inventory(inventory, ["zone", "rack", ARCH_LABEL]) == WHOLE.format(digest=digest)


def test_what_has_its_default_is_not_written() -> None:
    text = of(make_node("a", runtime="", without=[ARCH_LABEL]))

    assert text == (
        f"{START}groups:\n"
        + GROUP.format(kernel="5.15.0-91-generic")
        .replace("    kubernetes.io/arch: amd64\n", "")
        .replace("  containerRuntime: containerd\n", "")
        + "  - a\n"
    )


def test_a_cluster_without_nics_has_no_groups() -> None:
    empty = f"{START}groups: []\n"

    assert of() == empty
    assert of(make_node(labels={NIC_LABEL: "false"}), make_node(without=[NIC_LABEL])) == empty


def test_a_node_without_a_nic_is_skipped_and_may_still_show_openshift() -> None:
    control_plane = make_node("control", os="rhcos 4.17", without=[NIC_LABEL])

    assert of(control_plane) == f"{START}openshift: true\ngroups: []\n"


def test_a_proxy_without_settings_is_none_and_a_toolkit_without_tags_is_one() -> None:
    inventory = Inventory(nodes=(), proxy=ClusterProxy(), dtk_images={}, openshift_objects=True)

    assert dump_inventory(inventory, []) == f"{START}openshift: true\ndriverToolkit: {{}}\ngroups: []\n"


def test_a_kernel_bump_moves_one_line() -> None:
    old, new = "5.15.0-91-generic", "5.15.0-92-generic"
    names = ["a", "b", "c"]

    def text(*kernels: str) -> str:
        return of(*(make_node(name, kernel=kernel) for name, kernel in zip(names, kernels, strict=True)))

    before, after = GROUP.format(kernel=old), GROUP.format(kernel=new)
    assert text(old, old, new) == f"{START}groups:\n{before}  - a\n  - b\n{after}  - c\n"
    assert text(new, old, new) == f"{START}groups:\n{before}  - b\n{after}  - a\n  - c\n"
    assert text(old, new, old) == f"{START}groups:\n{before}  - a\n  - c\n{after}  - b\n"


def test_the_order_of_nodes_and_labels_changes_nothing() -> None:
    nodes = [
        make_node("a"),
        make_node("b", os="rhel 9.4"),
        make_node("c", labels={"rack": "1"}),
        make_node("d", taints=[Taint("k", "", "NoExecute")]),
        make_node("e", runtime="cri-o"),
    ]
    turned = [replace(node, labels=dict(reversed(list(node.labels.items())))) for node in nodes]

    def text(found: list[Node]) -> str:
        return dump_inventory(Inventory(nodes=tuple(found)), ["rack"])

    assert text(nodes) == text(nodes[::-1])
    assert text(nodes) == text(turned)


@pytest.mark.parametrize(
    ("proxy", "fields"),
    [
        (ClusterProxy(http="http://user:hunter2@p:1", place=Place("o", 3, "spec")), ["o:3: spec.httpProxy"]),
        (ClusterProxy(https="hunter2@p"), ["httpsProxy"]),
        (ClusterProxy(http="http://p", no_proxy="a,hunter2@b"), ["noProxy"]),
        (ClusterProxy(http="http://a:b/hunter2@c", https="//d:hunter2@"), ["httpProxy", "httpsProxy"]),
    ],
)
def test_a_proxys_login_is_never_written_or_shown(proxy: ClusterProxy, fields: list[str]) -> None:
    with pytest.raises(GenerationError) as raised:
        dump_inventory(Inventory(nodes=(), proxy=proxy), [])

    found = raised.value.diagnostics
    assert [str(one.place) for one in found] == fields
    assert {one.message for one in found} == {
        "the proxy's URL holds a user or password, and nothing secret goes into Git"
    }
    assert (raised.value.exit_code, "hunter2" in repr(found)) == (3, False)
