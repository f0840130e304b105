"""What of a live cluster matters to the policies of a run."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterQuery:
    """The objects to read besides the NIC nodes, and the labels to keep of those."""

    namespace: str
    """Of the ConfigMaps and Secrets."""
    labels: frozenset[str] = frozenset()
    """Those that nodeSelectors name."""
    ignored_taints: frozenset[str] = frozenset()
    """Keys of taints that pass, besides those that are known to."""
    config_maps: tuple[str, ...] = ()
    """Names, sorted."""
    pull_secrets: tuple[str, ...] = ()
    """Names, each once, in the order of the policies: the kubelet's order of equals."""
    owners: bool = False
    """Whether an operator's own policies matter, which would make it a second owner of the drivers."""
    openshift: bool = True
    """Whether OpenShift's objects are wanted where they are there."""
