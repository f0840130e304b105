"""The pools, objects and nodes of one side of a comparison."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from typing import Any

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.diagnostics import Place
from gitops_doca.core.model import MAIN_CONTAINER, RENDER_LABELS, Node, Pool, Resource, SkippedNode
from gitops_doca.core.paths import text_at, value_at
from gitops_doca.core.render.daemonset import POOL_ANNOTATION, SOURCE_ANNOTATION, image_source
from gitops_doca.core.resolve.decide import Chosen, Decision, NoImage, UsePrecompiled, place_of


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedPool:
    """A pool with the object that makes its pods."""

    pool: str
    """`<os><osVersion>/<kernel>/<arch>`."""
    manifest: Resource
    """Its DaemonSet; with `emit: policies` the policy of which the operator makes one."""
    image: str
    """Reference of the driver's image."""
    source: str
    """`precompiled`, `compiled` or `digest`."""
    policy: str = ""
    """`<kind>/<name>`; empty when it is unknown."""
    nodes: tuple[str, ...] | None = None
    """Names, sorted; None when they are unknown."""
    is_fallback: bool = field(default=False, compare=False)
    """Whether the version is a fallback version; manifests do not say so."""
    place: Place = field(default=Place(), compare=False)
    """The place of the policy or the plan, if it is known."""

    def __str__(self) -> str:
        name = self.pool or self.daemon_set
        return f"{name} of {self.policy}" if self.policy else name

    @property
    def compiles(self) -> bool:
        """Say whether the driver is compiled on the nodes."""
        return self.source == "compiled"

    @property
    def is_precompiled(self) -> bool:
        """Say whether the image holds the modules for the pool's kernel."""
        return self.source == "precompiled"

    @property
    def is_operators(self) -> bool:
        """Say whether the DaemonSet is left to the operator."""
        return text_at(self.manifest, "kind") != "DaemonSet"

    @property
    def daemon_set(self) -> str:
        """Name of the DaemonSet; empty when it is left to the operator."""
        return "" if self.is_operators else text_at(self.manifest, "metadata", "name")

    @property
    def namespace(self) -> str:
        """Namespace of the DaemonSet."""
        return text_at(self.manifest, "metadata", "namespace")

    @property
    def key(self) -> tuple[str, ...]:
        """The key of the pool on both sides."""
        return (self.policy, self.pool) if self.is_operators else ("", self.namespace, self.daemon_set)

    @property
    def strategy(self) -> str:
        """Type of the update strategy; Kubernetes' default is RollingUpdate."""
        return text_at(self.manifest, "spec", "updateStrategy", "type") or "RollingUpdate"

    @property
    def version(self) -> str:
        """Version of the driver: the tag without the platform, or the digest."""
        return driver_version(self.image, self.pool)

    @property
    def is_planned(self) -> bool:
        """Say whether the pool is known to have no node yet."""
        return self.nodes == ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """The nodes of an inventory, with or without a NIC."""

    nodes: Mapping[str, Node]
    """By name."""
    labels: frozenset[str]
    """The labels that were read; nodes may have others."""
    reasons: Mapping[str, str]
    """By name, why a NIC node is in no pool of a policy."""


def listed(nodes: Iterable[Node], labels: Iterable[str], skipped: Iterable[SkippedNode]) -> Listed:
    """Return the nodes of an inventory; one that several policies skip has all their reasons.

    `labels` are those that nodeSelectors name.
    """
    reasons: dict[str, list[str]] = {}
    for left in skipped:
        reasons.setdefault(left.node, []).append(left.reason)
    return Listed(
        nodes={node.name: node for node in nodes},
        labels=RENDER_LABELS.union(labels),
        reasons={name: "; ".join(dict.fromkeys(given)) for name, given in reasons.items()},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """All objects of one side of a comparison."""

    resources: tuple[Resource, ...] = ()
    pools: tuple[RenderedPool, ...] = ()
    listed: Listed | None = None
    """None when there is no inventory: nothing is rendered, or a folder of manifests is read."""


def rendering(
    resources: Iterable[Resource], decisions: Iterable[Decision] = (), known: Listed | None = None
) -> Rendering:
    """Return objects, and pools with their decisions; each object has a kind and a name."""
    plain: tuple[Resource, ...] = tuple(_plain(resource) for resource in resources)
    chosen = [decision for decision in decisions if not isinstance(decision, NoImage)]
    pools = (
        *_rendered(plain, {decision.pool.daemon_set: decision for decision in chosen}),
        *_left_to_operator(plain, chosen),
    )
    return Rendering(resources=plain, pools=pools, listed=known)


def driver_image(pod: object) -> str:
    """Return the image of the driver's container in the `spec` of a pod; empty when there is none."""
    containers = value_at(pod, "containers")
    for container in containers if isinstance(containers, list) else ():
        if value_at(container, "name") == MAIN_CONTAINER:
            return text_at(container, "image")
    return ""


def driver_version(image: str, pool: str) -> str:
    """Return an image's tag without the platform of its pool: the version.

    For an image of another platform it is the whole tag, for one without a tag the digest.
    """
    name, _, digest = image.rpartition("/")[2].partition("@")
    tag = name.partition(":")[2]
    os, _, rest = pool.partition("/")
    kernel, _, arch = rest.rpartition("/")
    for platform in (f"-{kernel}-{os}-{arch}", f"-{os}-{arch}"):
        if tag.endswith(platform):
            return tag.removesuffix(platform)
    return tag or digest


def _rendered(resources: Iterable[Resource], known: Mapping[str, Chosen]) -> Iterator[RenderedPool]:
    for resource in resources:
        annotations = value_at(resource, "metadata", "annotations")
        platform = text_at(annotations, POOL_ANNOTATION)
        if resource["kind"] != "DaemonSet" or not platform:
            continue
        decision = known.get(resource["metadata"]["name"])
        pool = decision.pool if decision else None
        yield RenderedPool(
            pool=platform,
            manifest=resource,
            image=driver_image(value_at(resource, "spec", "template", "spec")),
            source=text_at(annotations, SOURCE_ANNOTATION),
            policy=_policy(pool) if pool else "",
            nodes=pool.node_names if pool else None,
            is_fallback=isinstance(decision, UsePrecompiled) and bool(decision.fallback),
            place=place_of([pool]) if pool else Place(),
        )


def _left_to_operator(resources: Iterable[Resource], chosen: Iterable[Chosen]) -> Iterator[RenderedPool]:
    policies = {f"{resource['kind']}/{resource['metadata']['name']}": resource for resource in resources}
    for decision in chosen:
        policy = _policy(decision.pool)
        if policy in policies:
            yield RenderedPool(
                pool=str(decision.pool.platform),
                manifest=policies[policy],
                image=str(decision.image),
                source=image_source(decision),
                policy=policy,
                nodes=decision.pool.node_names,
                place=place_of([decision.pool]),
            )


def _policy(pool: Pool) -> str:
    return f"{pool.policy.kind}/{pool.policy.name}"


def _plain(value: Any) -> Any:  # noqa: ANN401 (any part of a resource)
    """Return the value as YAML readers have it: tuples become lists, mappings dicts."""
    match value:
        case Mapping():
            return {key: _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case _:
            return value
