"""What a run rendered, or what stands in a folder of manifests, as far as a comparison reads it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gitops_doca.core.decide import Decision
from gitops_doca.core.model import MAIN_CONTAINER, Resource
from gitops_doca.core.render.daemonset import POOL_ANNOTATION, SOURCE_ANNOTATION


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedPool:
    """A pool with its DaemonSet."""

    manifest: Resource
    policy: str = ""
    """`<kind>/<name>`; empty when it is not known."""
    nodes: tuple[str, ...] | None = None
    """Names, sorted; None when they are not known."""

    @property
    def daemon_set(self) -> str:
        """Name of the DaemonSet."""
        return _text(self.manifest, "metadata", "name")

    @property
    def namespace(self) -> str:
        """Namespace of the DaemonSet."""
        return _text(self.manifest, "metadata", "namespace")

    @property
    def pool(self) -> str:
        """`<os><osVersion>/<kernel>/<arch>`."""
        return _text(self.manifest, "metadata", "annotations", POOL_ANNOTATION)

    @property
    def source(self) -> str:
        """`precompiled`, `compiled` or `digest`."""
        return _text(self.manifest, "metadata", "annotations", SOURCE_ANNOTATION)

    @property
    def strategy(self) -> str:
        """Type of the update strategy; Kubernetes' default is RollingUpdate."""
        return _text(self.manifest, "spec", "updateStrategy", "type") or "RollingUpdate"

    @property
    def image(self) -> str:
        """Reference of the driver's image."""
        containers = at(self.manifest, "spec", "template", "spec", "containers")
        named = [
            container
            for container in containers or ()
            if isinstance(container, Mapping) and container.get("name") == MAIN_CONTAINER
        ]
        return _text(named[0], "image") if named else ""

    @property
    def version(self) -> str:
        """Version of the driver: of the tag what stands before the platform, or the digest alone."""
        name, _, digest = self.image.rpartition("/")[2].partition("@")
        tag = name.partition(":")[2]
        os, _, rest = self.pool.partition("/")
        kernel, _, arch = rest.rpartition("/")
        for platform in (f"-{kernel}-{os}-{arch}", f"-{os}-{arch}"):
            if tag.endswith(platform):
                return tag.removesuffix(platform)
        return tag or digest

    @property
    def is_planned(self) -> bool:
        """Say whether it is known that no node is in the pool yet."""
        return self.nodes == ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """All objects of one side of a comparison."""

    resources: tuple[Resource, ...] = ()
    pools: tuple[RenderedPool, ...] = ()


def rendering(resources: Iterable[Resource], decisions: Iterable[Decision] = ()) -> Rendering:
    """Return objects, and pools with what the decisions know of them; each object has a kind and a name."""
    plain: tuple[Resource, ...] = tuple(_plain(resource) for resource in resources)
    known = {decision.pool.daemon_set: decision.pool for decision in decisions}
    pools = []
    for resource in plain:
        if resource["kind"] != "DaemonSet":
            continue
        pool = known.get(resource["metadata"]["name"])
        if pool:
            policy = f"{pool.policy.kind}/{pool.policy.name}"
            pools.append(RenderedPool(manifest=resource, policy=policy, nodes=pool.node_names))
        elif _text(resource, "metadata", "annotations", POOL_ANNOTATION):
            pools.append(RenderedPool(manifest=resource))
    return Rendering(resources=plain, pools=tuple(pools))


def at(value: object, *path: str) -> Any:  # noqa: ANN401 (any part of a resource)
    """Return what stands at a path; None when it is not there."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _text(value: object, *path: str) -> str:
    found = at(value, *path)
    return found if isinstance(found, str) else ""


def _plain(value: Any) -> Any:  # noqa: ANN401 (any part of a resource)
    """Return the value as a reader of its YAML has it: a tuple is a list, a mapping a dict."""
    match value:
        case Mapping():
            return {key: _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case _:
            return value
