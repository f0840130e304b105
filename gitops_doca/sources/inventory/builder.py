"""Collect the nodes and objects of a cluster into an inventory."""

from collections import Counter
from collections.abc import Iterable, Mapping

from gitops_doca.core.diagnostics import Place, Problems
from gitops_doca.core.missing_labels import FEATURES
from gitops_doca.core.model import (
    PLATFORM_LABELS,
    ClusterProxy,
    Inventory,
    Node,
    OperatorEvidence,
    OtherNodes,
)
from gitops_doca.core.names import A_LABEL_VALUE, is_label_key, is_label_value
from gitops_doca.core.reference import InvalidReferenceError, parse_image

_MAX_SIMILAR = 100


class InventoryBuilder:
    """Collects nodes and objects; reports duplicates that differ, with both places."""

    def __init__(
        self, problems: Problems, labels: frozenset[str], ignored_taints: Iterable[str] = ()
    ) -> None:
        self.problems = problems
        self.labels = labels
        """The node labels that are kept."""
        self.ignored_taints = frozenset(ignored_taints)
        """The keys of taints that are dropped."""
        self.openshift = False
        """Set when an object shows OpenShift."""
        self.operator_evidence: list[OperatorEvidence] = []
        self._nodes: dict[str, Node] = {}
        self._config_maps: dict[tuple[str, str], tuple[tuple[str, ...], Place]] = {}
        self._toolkit: tuple[dict[str, str], Place] | None = None
        self._proxy: ClusterProxy | None = None
        self._kept_labels: dict[Place, frozenset[str]] = {}
        self._others = self._labelled = 0
        self._similar: Counter[str] = Counter()

    def inventory(self) -> Inventory:
        """Return the inventory of everything that was added."""
        return Inventory(
            nodes=tuple(node for _, node in sorted(self._nodes.items())),
            config_maps={name: keys for name, (keys, _) in self._config_maps.items()},
            dtk_images=self._toolkit[0] if self._toolkit else None,
            proxy=self._proxy,
            openshift_objects=self.openshift,
            operator_evidence=tuple(self.operator_evidence),
            others=OtherNodes(count=self._others, labelled=self._labelled, similar=self._similar),
            kept_labels=self._kept_labels,
        )

    def add_node(self, node: Node) -> None:
        """Add a node."""
        other = self._nodes.setdefault(node.name, node)
        if other != node:
            self._twice(f"node {node.name}", "labels, taints or container runtime", node.place, other.place)

    def add_other_node(self, labels: Mapping[str, object]) -> None:
        """Record the labels of a node without a NIC."""
        self._others += 1
        self._labelled += any(label.startswith(FEATURES) for label in labels)
        for label in labels.keys() - self.labels:
            if is_label_key(label) and (label in self._similar or len(self._similar) < _MAX_SIMILAR):
                self._similar[label] += 1

    def report_label(self, place: Place) -> None:
        """Report a value that `is_wrong_label` finds."""
        self.problems.error(f"the value is not {A_LABEL_VALUE}", place)

    def add_config_map(self, namespace: str, name: str, keys: tuple[str, ...], place: Place) -> None:
        """Add the sorted keys of a ConfigMap; the namespace may be empty."""
        known, first = self._config_maps.setdefault((namespace, name), (keys, place))
        if known != keys:
            self._twice(f"ConfigMap {namespace}/{name}", "keys", place, first)

    def add_toolkit(self, images: dict[str, str], place: Place) -> None:
        """Add the images of ImageStream openshift/driver-toolkit by tag."""
        if self._toolkit is None:
            self._toolkit = (images, place)
        elif self._toolkit[0] != images:
            self._twice("ImageStream openshift/driver-toolkit", "tags", place, self._toolkit[1])

    def check_toolkit_image(self, tag: str, image: str, place: Place) -> None:
        """Report a tag of the driver toolkit whose image is not an image reference."""
        try:
            parse_image(image)
        except InvalidReferenceError:
            self.problems.error(f"the image of tag {tag!r} is not an image reference", place)

    def add_proxy(self, proxy: ClusterProxy) -> None:
        """Add the cluster's proxy."""
        if self._proxy is None:
            self._proxy = proxy
        elif self._proxy != proxy:
            self._twice("Proxy cluster", "spec", proxy.place, self._proxy.place)

    def add_kept_labels(self, labels: frozenset[str], place: Place) -> None:
        """Add which labels the compact inventory at this place has besides those of rendering."""
        self._kept_labels[place] = labels & self._kept_labels.get(place, labels)

    def _twice(self, what: str, differs: str, place: Place, first: Place) -> None:
        self.problems.error(
            f"{what} appears twice with different {differs}; the first is at {first}",
            place,
            help="keep the newer one: take one inventory of the whole cluster",
        )


def is_wrong_label(label: str, value: str) -> bool:
    """Say whether this is not a valid label value; platform labels are reported with the pool."""
    return value != "" and label not in PLATFORM_LABELS and not is_label_value(value)
