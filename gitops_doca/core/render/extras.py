"""What a pool's pods get beyond the common template: mounts, proxy variables, the driver toolkit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from gitops_doca.core.decide import Chosen, CompileOnNode
from gitops_doca.core.diagnostics import Problems
from gitops_doca.core.model import OSTREE_LABEL, Inventory, Pool, RenderOptions
from gitops_doca.core.names import is_dns_label
from gitops_doca.core.pools import name_nodes
from gitops_doca.core.render.host import DTK_DIR, DTK_VOLUME, HOST_MOUNTS, HOST_VOLUMES

TRUSTED_CA = "ocp-network-operator-trusted-ca"
"""ConfigMap that OpenShift injects its CA bundle into; known without being in the inventory."""

_CERT_PATHS = {
    "ubuntu": "/usr/local/share/ca-certificates",
    "rhel": "/etc/pki/ca-trust/extracted/pem",
    "rhcos": "/etc/pki/ca-trust/extracted/pem",
    "sles": "/etc/ssl",
}
_REPO_PATHS = {
    "ubuntu": "/etc/apt/sources.list.d",
    "rhel": "/etc/yum.repos.d",
    "rhcos": "/etc/yum.repos.d",
    "sles": "/etc/zypp/repos.d",
}
# (path in the container, path on the host, hostPath type)
_SUBSCRIPTIONS = {
    "rhel": (
        ("/run/secrets/etc-pki-entitlement", "/etc/pki/entitlement", "Directory"),
        ("/run/secrets/redhat.repo", "/etc/yum.repos.d/redhat.repo", "File"),
        ("/run/secrets/rhsm", "/etc/rhsm", "Directory"),
    ),
    "sles": (
        ("/etc/SUSEConnect", "/etc/SUSEConnect", "FileOrCreate"),
        ("/etc/zypp/credentials.d", "/etc/zypp/credentials.d", "Directory"),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """Additions to one pool's pod template."""

    mounts: tuple[dict[str, Any], ...] = ()
    volumes: tuple[dict[str, Any], ...] = ()
    proxy_env: tuple[dict[str, str], ...] = ()
    dtk_image: str = ""
    """Image of OpenShift's driver toolkit; empty when the pool needs none."""
    node_selector: dict[str, str] = field(default_factory=dict)


def pool_extras(decision: Chosen, inventory: Inventory, options: RenderOptions, problems: Problems) -> Extras:
    """Collect a pool's additions; reports what the inventory lacks for them."""
    pool = decision.pool
    parts = [*_config_maps(pool, inventory, options, problems), *_subscription(pool, problems)]
    _check_collisions(pool, parts, problems)
    image, ostree = "", ""
    if options.openshift and isinstance(decision, CompileOnNode):
        image, ostree = _driver_toolkit(pool, inventory, problems)
    return Extras(
        mounts=tuple(mount for mounts, _ in parts for mount in mounts),
        volumes=tuple(volume for _, volume in parts),
        proxy_env=tuple(_proxy_env(pool, inventory)) if options.openshift else (),
        dtk_image=image,
        node_selector={OSTREE_LABEL: ostree} if ostree else {},
    )


Part = tuple[list[dict[str, Any]], dict[str, Any]]
"""Mounts, and the volume behind them."""


def _config_maps(
    pool: Pool, inventory: Inventory, options: RenderOptions, problems: Problems
) -> Iterator[Part]:
    driver = pool.policy.driver
    proxy = inventory.proxy if options.openshift else None
    if driver.cert_config:
        keys = _keys("certConfig", driver.cert_config, pool, inventory, options, problems)
        yield from _files("certConfig", driver.cert_config, _CERT_PATHS, keys, pool, problems)
    elif proxy is not None and proxy.trusted_ca:
        keys = {"ca-bundle.crt": "tls-ca-bundle.pem"}
        yield from _files("the cluster-wide proxy's CA", TRUSTED_CA, _CERT_PATHS, keys, pool, problems)
    if driver.repo_config:
        keys = _keys("repoConfig", driver.repo_config, pool, inventory, options, problems)
        yield from _files("repoConfig", driver.repo_config, _REPO_PATHS, keys, pool, problems)


def _keys(  # noqa: PLR0913, PLR0917 (one look-up in the cluster's data)
    source: str, name: str, pool: Pool, inventory: Inventory, options: RenderOptions, problems: Problems
) -> dict[str, str]:
    place = pool.policy.place.at(f"spec.ofedDriver.{source}.name")
    if not is_dns_label(name):
        problems.error(
            f"ConfigMap {name!r} becomes a volume's name, so it must be a DNS label of at most 63 characters",
            place,
        )
        return {}
    found = inventory.config_maps.get((options.namespace, name), inventory.config_maps.get(("", name)))
    if found is None:
        elsewhere = sorted(space for space, other in inventory.config_maps if other == name)
        where = f"; there is one in namespace {', '.join(elsewhere)}" if elsewhere else ""
        problems.error(
            f"{source} names ConfigMap {name!r}, which is not in the inventory for namespace {options.namespace}{where}",
            place,
            remedy=f"add it to the inventory: kubectl get configmap {name} -n {options.namespace} -o yaml "
            "(only its keys are used)",
        )
        return {}
    if not found:
        problems.error(f"{source} names ConfigMap {name!r}, which has no keys under data", place)
    return {key: key for key in found}


def _files(  # noqa: PLR0913, PLR0917 (one mount, all of it known here)
    source: str, name: str, paths: dict[str, str], keys: dict[str, str], pool: Pool, problems: Problems
) -> Iterator[Part]:
    folder = paths.get(pool.platform.os_id)
    if folder is None:
        problems.error(
            f"{source} has no known path on {pool.platform.os_id} (pool {pool.platform}, "
            f"node{'s' if len(pool.nodes) > 1 else ''} {name_nodes(pool.node_names)}): "
            f"the drivers support {', '.join(sorted(paths))}",
            pool.policy.place.at("spec.ofedDriver"),
        )
        return
    mounts = [
        {"name": name, "mountPath": f"{folder}/{path}", "subPath": path, "readOnly": True}
        for _, path in sorted(keys.items())
    ]
    items = [{"key": key, "path": path} for key, path in sorted(keys.items())]
    yield mounts, {"name": name, "configMap": {"name": name, "items": items}}


def _subscription(pool: Pool, problems: Problems) -> Iterator[Part]:
    os_id = pool.platform.os_id
    if os_id == "rhel":
        runtimes = sorted({node.container_runtime for node in pool.nodes})
        if len(runtimes) > 1:
            problems.error(
                f"pool {pool.platform} mixes container runtimes, and RHEL's subscription is mounted under all but "
                f"cri-o: {_by_value(pool, {n.name: n.container_runtime for n in pool.nodes})}",
                pool.nodes[0].place.at("status.nodeInfo.containerRuntimeVersion"),
                remedy="give the nodes one runtime, or split them by NicNodePolicies",
            )
        # CRI-O mounts the host's subscription into every container itself.
        if runtimes == ["cri-o"]:
            return
    for number, (inside, outside, kind) in enumerate(_SUBSCRIPTIONS.get(os_id, ())):
        name = f"subscription-config-{number}"
        mount = {"name": name, "mountPath": inside, "readOnly": True}
        yield [mount], {"name": name, "hostPath": {"path": outside, "type": kind}}


def _check_collisions(pool: Pool, parts: Sequence[Part], problems: Problems) -> None:
    volumes = {name for name, _, _ in HOST_VOLUMES} | {DTK_VOLUME}
    paths = {mount["mountPath"] for mount in HOST_MOUNTS} | {DTK_DIR}
    place = pool.policy.place.at("spec.ofedDriver")
    for mounts, volume in parts:
        if volume["name"] in volumes:
            problems.error(
                f"ConfigMap {volume['name']!r} has the name of another volume of the driver pods",
                place,
                remedy="give certConfig and repoConfig ConfigMaps of their own, named unlike the other volumes",
            )
        volumes.add(volume["name"])
        for mount in mounts:
            if mount["mountPath"] in paths:
                problems.error(f"two files would be mounted at {mount['mountPath']}", place)
            paths.add(mount["mountPath"])


def _driver_toolkit(pool: Pool, inventory: Inventory, problems: Problems) -> tuple[str, str]:
    """Return the toolkit's image and OSTREE_VERSION for a pool that compiles on OpenShift."""
    versions = {node.name: node.labels.get(OSTREE_LABEL, "") for node in pool.nodes}
    lacking = [name for name, version in versions.items() if not version]
    place = pool.nodes[0].place.at(f"metadata.labels[{OSTREE_LABEL}]")
    if lacking:
        problems.error(
            f"pool {pool.platform} compiles with OpenShift's driver toolkit, and node"
            f"{'s' if len(lacking) > 1 else ''} {name_nodes(lacking)} lack{'' if len(lacking) > 1 else 's'} "
            f"the label OSTREE_VERSION ({OSTREE_LABEL}) that chooses its image",
            place,
            remedy="let node-feature-discovery publish OSTREE_VERSION, or provide a precompiled image",
        )
        return "", ""
    if len(set(versions.values())) > 1:
        problems.error(
            f"pool {pool.platform} compiles with OpenShift's driver toolkit, and its nodes disagree about "
            f"OSTREE_VERSION: {_by_value(pool, versions)}",
            place,
            remedy="wait until the machine config pool has updated all of them",
        )
        return "", ""
    version = versions[pool.nodes[0].name]
    images = inventory.dtk_images
    if images is None or version not in images:
        what = "the inventory has no ImageStream openshift/driver-toolkit"
        if images is not None:
            what = f"ImageStream openshift/driver-toolkit has no tag {version}"
        problems.error(
            f"pool {pool.platform} compiles with OpenShift's driver toolkit {version}, and {what}",
            place,
            remedy="add to the inventory: kubectl get imagestream driver-toolkit -n openshift -o yaml",
        )
        return "", ""
    return images[version], version


def _by_value(pool: Pool, values: dict[str, str]) -> str:
    groups: dict[str, list[str]] = {}
    for name in pool.node_names:
        groups.setdefault(values[name] or "unknown", []).append(name)
    return "; ".join(f"{value}: {name_nodes(names)}" for value, names in sorted(groups.items()))


def _proxy_env(pool: Pool, inventory: Inventory) -> Iterator[dict[str, str]]:
    proxy = inventory.proxy
    if proxy is None:
        return
    mine = {entry["name"] for entry in pool.policy.driver.env}
    settings: Sequence[tuple[str, str]] = (
        ("HTTPS_PROXY", proxy.https),
        ("HTTP_PROXY", proxy.http),
        ("NO_PROXY", proxy.no_proxy),
    )
    for name, value in settings:
        # Programs read either case, so a policy that sets one has decided for both.
        if value and not mine & {name, name.lower()}:
            yield {"name": name, "value": value}
            yield {"name": name.lower(), "value": value}
