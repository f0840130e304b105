import pytest

from gitops_doca.core.missing_labels import help_with_nics, help_with_platform, list_similar
from gitops_doca.core.model import ARCH_LABEL, KERNEL_LABEL, OS_ID_LABEL, OtherNodes

PCI = "feature.node.kubernetes.io/pci-"
BY_VENDOR = (
    "let node-feature-discovery set feature.node.kubernetes.io/pci-15b3.present: its worker's configuration "
    "needs sources.pci.deviceLabelFields: [vendor], and no labelWhiteList that drops the label"
)
BY_CLASS = (
    "check that node-feature-discovery looks for network cards: sources.pci.deviceClassWhitelist in its "
    'worker\'s configuration needs "02", and sources.pci.deviceLabelFields: [vendor]'
)
NOTHING = (
    "check that node-feature-discovery runs on the nodes: they lack its labels "
    "(feature.node.kubernetes.io/...)"
)
PLATFORM = (
    "check that node-feature-discovery runs on every node, with its sources kernel and system "
    "(core.labelSources in its worker's configuration)"
)
ARCH = "give the nodes with all of their labels: the kubelet sets kubernetes.io/arch"


def test_similar_labels_have_those_of_the_vendor_first_then_the_most_frequent() -> None:
    others = OtherNodes(
        similar={f"{PCI}8086.present": 9, f"{PCI}15b3.sriov.capable": 1, f"{PCI}0207_15b3.present": 3}
    )

    assert list_similar(others) == (
        f"similar label on 3 nodes: {PCI}0207_15b3.present",
        f"similar label on 1 node: {PCI}15b3.sriov.capable",
        f"similar label on 9 nodes: {PCI}8086.present",
    )


def test_of_many_similar_labels_five_are_named() -> None:
    assert list_similar(OtherNodes(similar={f"{PCI}{number}.present": 1 for number in range(12)}))[4:] == (
        f"similar label on 1 node: {PCI}2.present",
        "and 7 more",
    )
    assert list_similar(OtherNodes()) == ()


@pytest.mark.parametrize(
    ("others", "help_"),
    [
        (OtherNodes(count=2, labelled=2, similar={f"{PCI}0207_15b3.present": 2}), BY_VENDOR),
        (OtherNodes(count=2, labelled=2, similar={f"{PCI}15b3.sriov.capable": 1}), BY_VENDOR),
        (OtherNodes(count=2, labelled=1, similar={"example.com/pci-15b3": 1}), BY_VENDOR),
        (OtherNodes(count=2, labelled=2, similar={f"{PCI}10de.present": 1}), BY_CLASS),
        (OtherNodes(count=2, labelled=1), BY_CLASS),
        (OtherNodes(count=2), NOTHING),
        (OtherNodes(count=2, similar={"example.com/pci-10de": 1}), NOTHING),
        (OtherNodes(), NOTHING),
    ],
)
def test_the_help_fits_the_labels_that_are_there(others: OtherNodes, help_: str) -> None:
    assert help_with_nics(others) == help_


@pytest.mark.parametrize(
    ("labels", "help_"),
    [
        ((OS_ID_LABEL, KERNEL_LABEL), PLATFORM),
        ((ARCH_LABEL,), ARCH),
        ((KERNEL_LABEL, ARCH_LABEL), f"{PLATFORM}; {ARCH}"),
    ],
)
def test_the_kubelets_label_is_not_expected_of_node_feature_discovery(
    labels: tuple[str, ...], help_: str
) -> None:
    assert help_with_platform(labels) == help_
