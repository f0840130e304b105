"""Say what to do about node labels that are missing."""

from collections.abc import Iterable

from gitops_doca.core.model import ARCH_LABEL, NIC_LABEL, OtherNodes

FEATURES = "feature.node.kubernetes.io/"
"""Prefix of the labels that node-feature-discovery sets."""
_VENDOR = "15b3"
_SHOWN = 5


def list_similar(others: OtherNodes) -> tuple[str, ...]:
    """Return a line for each label that resembles the NIC label: those of the vendor first."""
    ranked = sorted(others.similar.items(), key=lambda one: (_VENDOR not in one[0], -one[1], one[0]))
    lines = [f"similar label on {_count(nodes)}: {label}" for label, nodes in ranked[:_SHOWN]]
    more = len(ranked) - _SHOWN
    return (*lines, f"and {more} more") if more > 0 else tuple(lines)


def help_with_nics(others: OtherNodes) -> str:
    """Say how nodes get the NIC label, by what their other labels show."""
    if any(_VENDOR in label for label in others.similar):
        return (
            f"let node-feature-discovery set {NIC_LABEL}: its worker's configuration needs "
            "sources.pci.deviceLabelFields: [vendor], and no labelWhiteList that drops the label"
        )
    if others.labelled:
        return (
            "check that node-feature-discovery looks for network cards: sources.pci.deviceClassWhitelist in "
            'its worker\'s configuration needs "02", and sources.pci.deviceLabelFields: [vendor]'
        )
    return f"check that node-feature-discovery runs on the nodes: they lack its labels ({FEATURES}...)"


def help_with_platform(labels: Iterable[str]) -> str:
    """Say how NIC nodes get these labels."""
    absent = set(labels)
    helps = []
    if absent - {ARCH_LABEL}:
        helps.append(
            "check that node-feature-discovery runs on every node, with its sources kernel and system "
            "(core.labelSources in its worker's configuration)"
        )
    if ARCH_LABEL in absent:
        helps.append(f"give the nodes with all of their labels: the kubelet sets {ARCH_LABEL}")
    return "; ".join(helps)


def _count(nodes: int) -> str:
    return f"{nodes} node{'' if nodes == 1 else 's'}"
