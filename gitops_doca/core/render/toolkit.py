"""Choose the image of OpenShift's driver toolkit that compiles the driver for a pool."""

from typing import NamedTuple

from gitops_doca.core.diagnostics import Place, Problems
from gitops_doca.core.model import OSTREE_LABEL, Inventory, Pool
from gitops_doca.core.phrases import name_nodes, nodes_by_value


class Toolkit(NamedTuple):
    """The toolkit of one release of the node's operating system."""

    image: str
    ostree_version: str


def pool_toolkit(pool: Pool, inventory: Inventory, problems: Problems) -> Toolkit | None:
    """Return a pool's toolkit; reports missing or different releases, and one without image."""
    version = _ostree_version(pool, problems)
    if version is None:
        return None
    images = inventory.dtk_images
    if images is not None and version in images:
        return Toolkit(image=images[version], ostree_version=version)
    what = "the inventory has no ImageStream openshift/driver-toolkit"
    if images is not None:
        what = f"ImageStream openshift/driver-toolkit has no tag {version}"
    problems.error(
        f"pool {pool.platform} compiles with OpenShift's driver toolkit {version}, and {what}",
        _place(pool),
        help="add to the inventory: kubectl get imagestream driver-toolkit -n openshift -o yaml",
    )
    return None


def _ostree_version(pool: Pool, problems: Problems) -> str | None:
    if pool.plan is not None:
        if not pool.plan.ostree_version:
            problems.error(
                f"planned pool {pool.platform} compiles with OpenShift's driver toolkit, and has no "
                "ostreeVersion, which chooses its image",
                pool.plan.place,
                help="add ostreeVersion, a tag of ImageStream openshift/driver-toolkit, or provide a "
                "precompiled image",
            )
        return pool.plan.ostree_version or None
    versions = {node.name: node.labels.get(OSTREE_LABEL, "") for node in pool.nodes}
    lacking = [name for name, version in versions.items() if not version]
    if lacking:
        problems.error(
            f"pool {pool.platform} compiles with OpenShift's driver toolkit, whose image the label "
            f"{OSTREE_LABEL} chooses, but it is missing on {name_nodes(lacking)}",
            _place(pool),
            help="let node-feature-discovery publish OSTREE_VERSION, or provide a precompiled image",
        )
        return None
    if len(set(versions.values())) > 1:
        problems.error(
            f"pool {pool.platform} compiles with OpenShift's driver toolkit, and its nodes disagree about "
            f"OSTREE_VERSION: {nodes_by_value(versions)}",
            _place(pool),
            help="wait until the MachineConfigPool has updated all of them, then update the inventory",
        )
        return None
    return versions[pool.nodes[0].name]


def _place(pool: Pool) -> Place:
    return pool.source.label_place(OSTREE_LABEL)
