"""Which objects of a live cluster a run reads, and which labels of its nodes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterQuery:
    """The objects to read besides the NIC nodes, and the labels to keep of those."""

    namespace: str
    """Of the ConfigMaps and Secrets."""
    labels: frozenset[str] = frozenset()
    """Those that nodeSelectors name."""
    ignored_taints: frozenset[str] = frozenset()
    """Keys of taints that pass by themselves, besides the known ones."""
    config_maps: tuple[str, ...] = ()
    """Names, sorted."""
    pull_secrets: tuple[str, ...] = ()
    """Names, each once, in the order of the policies: the kubelet's order of equals."""
    owners: bool = False
    """Whether to read the operator's policies: they show that it makes driver DaemonSets too."""
    openshift: bool = True
    """Whether to read OpenShift's objects, if the cluster has them."""
