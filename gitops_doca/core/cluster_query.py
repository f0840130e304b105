"""The objects and node labels of a live cluster that a run reads."""

from gitops_doca.core.dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterQuery:
    """The objects to read besides the NIC nodes, and the labels to keep of those."""

    namespace: str
    """The namespace of the ConfigMaps and Secrets."""
    labels: frozenset[str] = frozenset()
    """The labels that nodeSelectors name."""
    ignored_taints: frozenset[str] = frozenset()
    """Keys of temporary taints, besides the known ones."""
    config_maps: tuple[str, ...] = ()
    """Names, sorted."""
    pull_secrets: tuple[str, ...] = ()
    """Names, each once, in the order of the policies, as the kubelet tries them."""
    owners: bool = False
    """Whether to read the operator's policies, which show that it makes driver DaemonSets too."""
    openshift: bool = True
    """Whether to read OpenShift's objects, if the cluster has them."""
