"""Render pools and their images as Kubernetes objects, in the order of emission."""

from collections.abc import Iterable, Sequence

from gitops_doca.core.diagnostics import Problems
from gitops_doca.core.model import Inventory, Pool, RenderOptions, Resource
from gitops_doca.core.render.configmaps import init_container_config, trusted_ca
from gitops_doca.core.render.daemonset import daemon_set
from gitops_doca.core.render.driver_rule import driver_rule
from gitops_doca.core.render.extras import pool_extras
from gitops_doca.core.render.mounts import pool_mounts
from gitops_doca.core.render.rbac import rbac
from gitops_doca.core.resolve.decide import Chosen

_ORDER = (
    "ServiceAccount",
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
    "ConfigMap",
    "NodeFeatureRule",
    "DaemonSet",
)


def check_mounts(
    pools: Iterable[Pool], inventory: Inventory, options: RenderOptions, problems: Problems
) -> None:
    """Report what makes pools unrenderable with any image, before registries are asked."""
    for pool in pools:
        pool_mounts(pool, inventory, options, problems)


def render(
    decisions: Sequence[Chosen], inventory: Inventory, options: RenderOptions, problems: Problems
) -> tuple[Resource, ...]:
    """Render a DaemonSet for each pool, and their common objects; nothing without pools.

    Reports cluster data that a pool needs and the inventory lacks, and nodes of one pool that
    disagree about it.
    """
    resources: list[Resource] = []
    needs_trusted_ca = False
    for decision in decisions:
        extras = pool_extras(decision, inventory, options, problems)
        needs_trusted_ca |= any(part.injected for part in extras.parts)
        resources.append(daemon_set(decision, extras, options))
    if resources:
        resources += rbac(options)
        if options.init_container_image:
            resources.append(init_container_config(options))
        if needs_trusted_ca:
            resources.append(trusted_ca(options))
        if options.driver_label:
            resources.append(driver_rule())
    return _in_order(resources)


def pulled_images(resources: Iterable[Resource]) -> tuple[str, ...]:
    """Return the images that the pods of these resources pull, sorted and unique."""
    pods = [r["spec"]["template"]["spec"] for r in resources if r["kind"] == "DaemonSet"]
    containers = [c for pod in pods for c in (*pod["containers"], *pod.get("initContainers", ()))]
    return tuple(sorted({container["image"] for container in containers}))


def _in_order(resources: Iterable[Resource]) -> tuple[Resource, ...]:
    return tuple(sorted(resources, key=lambda r: (_ORDER.index(r["kind"]), r["metadata"]["name"])))
