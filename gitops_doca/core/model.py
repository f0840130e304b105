"""The types that stages pass to each other: nodes, policies, pools, objects."""

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Literal, NamedTuple

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.diagnostics import Place
from gitops_doca.core.distributions import is_openshift
from gitops_doca.core.reference import Digest, Repository

API_GROUP = "gitops-doca.dev"
API_VERSION = f"{API_GROUP}/v1alpha1"
"""The version of config, compact inventory, lock and report."""

Resource = dict[str, Any]
"""A Kubernetes object, ready to be written."""

OS_ID_LABEL = "feature.node.kubernetes.io/system-os_release.ID"
OS_VERSION_LABEL = "feature.node.kubernetes.io/system-os_release.VERSION_ID"
OSTREE_LABEL = "feature.node.kubernetes.io/system-os_release.OSTREE_VERSION"
KERNEL_LABEL = "feature.node.kubernetes.io/kernel-version.full"
ARCH_LABEL = "kubernetes.io/arch"
NIC_LABEL = "feature.node.kubernetes.io/pci-15b3.present"
OPENSHIFT_LABEL = "node.openshift.io/os_id"
OPERATOR_STATE_LABEL = "nvidia.network-operator.state"
"""The operator's label. It deletes objects that carry it."""
OPERATOR_STATE = "state-OFED"
"""The value of that label on the operator's driver DaemonSets."""

PLATFORM_LABELS = (OS_ID_LABEL, OS_VERSION_LABEL, KERNEL_LABEL, ARCH_LABEL)
"""Labels that a NIC node must have to be in a pool."""
RENDER_LABELS = frozenset({*PLATFORM_LABELS, OSTREE_LABEL, NIC_LABEL, OPENSHIFT_LABEL})
"""All labels that are read, besides those that a policy's nodeSelector names."""

LOADED_LABEL = f"{API_GROUP}/driver-loaded"
"""The label of nodes whose driver is loaded, set by the rule of `driverLabel`."""
DRIVER_LABEL = "nvidia.com/ofed-driver"
"""The label of every driver DaemonSet and pod; our value differs from the operator's."""
OUR_DRIVER = "gitops"
"""Value of `DRIVER_LABEL` on our objects.

With the operator's empty value, an operator would pin `mofed.wait=true` on every driver node.
"""
MAIN_CONTAINER = "mofed-container"
DTK_CONTAINER = "openshift-driver-toolkit-ctr"
INIT_CONTAINER = "network-operator-init-container"


class Platform(NamedTuple):
    """What a driver is compiled for."""

    os_id: str
    """`ID` of os-release: `ubuntu`, `rhel`, `rhcos`, `sles`, ..."""
    os_version: str
    kernel: str
    """Full release as NFD writes it into its label."""
    arch: str
    """GOARCH: `amd64`, `arm64`, ..."""

    @property
    def os(self) -> str:
        """The operating system as tags and names spell it: `ubuntu22.04`."""
        return self.os_id + self.os_version

    def __str__(self) -> str:
        return f"{self.os}/{self.kernel}/{self.arch}"


class Taint(NamedTuple):
    """A taint of a node (core/v1 `Taint`)."""

    key: str
    value: str
    effect: str


@dataclass(frozen=True, slots=True)
class Toleration:
    """A toleration of a policy (core/v1 `Toleration`); empty fields were not given."""

    key: str = ""
    operator: str = ""
    value: str = ""
    effect: str = ""
    seconds: int | None = None
    """`tolerationSeconds`; it says how long a NoExecute taint is tolerated, not whether."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """The parts of a node that are read."""

    name: str
    labels: Mapping[str, str]
    """Only `RENDER_LABELS` and the labels that nodeSelectors name."""
    taints: tuple[Taint, ...] = ()
    """The taints that keep pods away, sorted, without temporary ones."""
    container_runtime: str = ""
    """Name without the version: `containerd`, `cri-o`."""
    place: Place = field(default=Place(), compare=False)
    lines: Mapping[str, int] = field(default_factory=dict, compare=False)
    """Line of each label, if it is known."""
    runtime_line: int = field(default=0, compare=False)
    """Line of the container runtime, if it is known."""
    group: Place | None = field(default=None, compare=False)
    """The place of its group in a NodeInventory, which has the labels and the runtime."""

    @property
    def has_nic(self) -> bool:
        """Whether node-feature-discovery found a NIC: only such a node can be in a pool."""
        return self.labels.get(NIC_LABEL) == "true"

    def matches(self, selector: Mapping[str, str]) -> bool:
        """Say whether this node has all labels of a nodeSelector."""
        return all(self.labels.get(key) == value for key, value in selector.items())

    def label_place(self, label: str) -> Place:
        """Return the place of a label of this node, present or not."""
        line = self.lines.get(label, 0)
        if self.group is not None:
            return self.group.at(f"labels[{label}]", line)
        return self.place.at(f"metadata.labels[{label}]", line)

    @property
    def runtime_place(self) -> Place:
        """The place of this node's container runtime, present or not."""
        if self.group is not None:
            return self.group.at("containerRuntime", self.runtime_line)
        return self.place.at("status.nodeInfo.containerRuntimeVersion", self.runtime_line)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterProxy:
    """`Proxy cluster` of OpenShift, its `spec`."""

    http: str = ""
    https: str = ""
    no_proxy: str = ""
    trusted_ca: bool = False
    """A CA bundle is named, so OpenShift injects it into labelled ConfigMaps."""
    place: Place = field(default=Place(), compare=False)


class OperatorEvidence(NamedTuple):
    """An object of the cluster which shows that an operator makes driver DaemonSets there."""

    what: str
    """Kind and name, as in a sentence."""
    place: Place
    init_image: str = ""
    """Image of the init container of a driver DaemonSet; empty without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherNodes:
    """Nodes without the NIC label, and what their other labels say about the reason."""

    count: int = 0
    labelled: int = 0
    """How many have a label of node-feature-discovery."""
    similar: Mapping[str, int] = field(default_factory=dict)
    """Labels that resemble `NIC_LABEL`, each with its number of nodes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """The cluster, as far as rendering needs to know it."""

    nodes: tuple[Node, ...]
    """Sorted by name, each once."""
    config_maps: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    """(namespace, name) to sorted keys of `data`; the namespace may be empty."""
    dtk_images: Mapping[str, str] | None = None
    """OSTREE_VERSION to image, from `ImageStream openshift/driver-toolkit`; None without it."""
    proxy: ClusterProxy | None = None
    openshift_objects: bool = False
    """Whether an OpenShift object or a NodeInventory says that the cluster is OpenShift."""
    operator_evidence: tuple[OperatorEvidence, ...] = field(default=(), compare=False)
    """Objects that show who manages the drivers today; not used for rendering."""
    others: OtherNodes = field(default=OtherNodes(), compare=False)
    """Nodes without a NIC, for messages; in a live cluster read only if no node has a NIC."""
    kept_labels: Mapping[Place, frozenset[str]] = field(default_factory=dict, compare=False)
    """The place of each NodeInventory with nodes, and its labels besides `RENDER_LABELS`."""

    @property
    def shows_openshift(self) -> bool:
        """Whether an object or any node, even without a NIC, shows that it is OpenShift."""
        return self.openshift_objects or any(
            OPENSHIFT_LABEL in node.labels or is_openshift(node.labels.get(OS_ID_LABEL, ""))
            for node in self.nodes
        )


class Probe(NamedTuple):
    """Timing of a probe, in seconds, with the defaults filled in."""

    initial_delay: int
    period: int
    failure_threshold: int
    timeout: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverSpec:
    """`spec.ofedDriver`, with `global` and the defaults filled in."""

    repository: Repository
    """Repository and image name together."""
    version: str
    """The driver's version, or empty when `digest` is set."""
    digest: Digest | None = None
    fallbacks: tuple[str, ...] = ()
    """Versions that a pool may run, in this order, if `version` has no precompiled image.

    Without `version` itself; empty where `digest` is set."""
    force_precompiled: bool = False
    image_pull_secrets: tuple[str, ...] = ()
    env: tuple[Mapping[str, Any], ...] = ()
    resources: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Container name to `limits` and `requests`."""
    startup_probe: Probe
    liveness_probe: Probe
    readiness_probe: Probe
    termination_grace_period: int = 300
    cert_config: str = ""
    repo_config: str = ""
    safe_load: bool = False
    has_own_repository: bool = field(default=True, compare=False)
    """Whether the repository is in `ofedDriver`, and not only in `global`."""
    has_own_version: bool = field(default=True, compare=False)
    """Whether the version is in `ofedDriver`, and not only in `global`."""
    places: Mapping[str, Place] = field(default_factory=dict, compare=False)
    """The places of `repository`, `version`, `certConfig`, `repoConfig` and `nodeAffinity`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A NicClusterPolicy or NicNodePolicy with `ofedDriver`."""

    kind: Literal["NicClusterPolicy", "NicNodePolicy"]
    name: str
    driver: DriverSpec
    tolerations: tuple[Toleration, ...] = ()
    node_selector: Mapping[str, str] = field(default_factory=dict)
    node_affinity: Mapping[str, Any] | None = None
    from_cluster: bool = False
    """It was read from an API server, so an operator there acts on it."""
    place: Place = field(default=Place(), compare=False)
    cluster: str = ""
    """Its cluster of a fleet; empty in a run for one cluster."""

    @property
    def key(self) -> tuple[str, str, str]:
        """Unique among all policies, also those of other clusters."""
        return (self.cluster, self.kind, self.name)

    @property
    def node_policy(self) -> str:
        """Name of the NicNodePolicy, or empty for the cluster policy: part of every name."""
        return self.name if self.kind == "NicNodePolicy" else ""

    def selects(self, node: Node) -> bool:
        """Say whether the nodeSelector matches; an empty one matches every node."""
        return node.matches(self.node_selector)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPool:
    """A platform that the config plans for, with what rendering needs of its nodes."""

    platform: Platform
    container_runtime: str = ""
    """Name without the version; empty when it was not given."""
    ostree_version: str = ""
    without_companions: bool = False
    """The pool needs none of the companions."""
    policies: frozenset[str] = frozenset()
    """Names of its policies; empty: all that could select such a node."""
    place: Place = field(default=Place(), compare=False)
    places: Mapping[str, Place] = field(default_factory=dict, compare=False)
    """The places of `policies`, and of each field that becomes a label's value, by label."""

    def __str__(self) -> str:
        return str(self.platform)

    def is_for(self, policy: Policy) -> bool:
        """Say whether the pool is planned for a policy.

        Without `policies` these are all whose nodeSelector does not contradict its labels.
        """
        if self.policies:
            return policy.name in self.policies
        platform = self.platform
        labels = {
            OS_ID_LABEL: platform.os_id,
            OS_VERSION_LABEL: platform.os_version,
            KERNEL_LABEL: platform.kernel,
            ARCH_LABEL: platform.arch,
        }
        return all(labels.get(key, value) == value for key, value in policy.node_selector.items())

    def label_place(self, label: str) -> Place:
        """Return the place of a label's value, present or not."""
        return self.places.get(label, self.place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """The nodes of one policy and platform, with one DaemonSet; or a plan without nodes yet."""

    policy: Policy
    platform: Platform
    nodes: tuple[Node, ...]
    """Sorted by name; empty only for a plan."""
    app: str
    """Value of the label `app`, and the DaemonSet's name without `-ds`."""
    plan: PlannedPool | None = None
    """The plan; None as soon as a node runs the platform."""

    @property
    def source(self) -> Node | PlannedPool:
        """The first node, or the plan, that the pool comes from."""
        return self.nodes[0] if self.plan is None else self.plan

    @property
    def daemon_set(self) -> str:
        """Name of the DaemonSet."""
        return f"{self.app}-ds"

    @property
    def node_names(self) -> tuple[str, ...]:
        """Names of the nodes, sorted."""
        return tuple(node.name for node in self.nodes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Companion:
    """An image that a pool's kernel needs besides the driver's, such as the GPU driver's."""

    name: str
    repository: Repository
    tag: str
    """The tag, with placeholders for the parts of a platform."""
    node_selector: Mapping[str, str] = field(default_factory=dict)
    """A pool needs the image when it matches one of the nodes; an empty one matches all."""
    place: Place = field(default=Place(), compare=False)
    tag_place: Place = field(default=Place(), compare=False)

    def __str__(self) -> str:
        return f"{self.name}={self.repository}:{self.tag}"

    def selects(self, node: Node) -> bool:
        """Say whether the nodeSelector matches."""
        return node.matches(self.node_selector)


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedNode:
    """A NIC node that is in no pool of a policy, and why."""

    node: str
    policy: str
    """Its name; empty when no policy selects the node."""
    reason: str
    policy_kind: str = ""
    cluster: str = ""
    """Its cluster of a fleet; empty in a run for one cluster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderOptions:
    """The settings of rendering that all pools share."""

    namespace: str = "nvidia-network-operator"
    init_container_image: str = ""
    openshift: bool = False
    pin_digests: bool = False
    """Whether images have a digest besides the tag, if it is known."""
    max_unavailable: str | int | None = None
    """None: OnDelete; otherwise RollingUpdate with this."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    driver_label: bool = False
    """Whether to render the rule by which node-feature-discovery labels nodes with a driver."""
