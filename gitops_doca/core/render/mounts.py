"""Mount certificates, package repositories and the host's subscription."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.diagnostics import Problems
from gitops_doca.core.distributions import DISTRIBUTIONS
from gitops_doca.core.model import Inventory, Pool, RenderOptions
from gitops_doca.core.names import is_dns_label
from gitops_doca.core.phrases import describe_nodes, nodes_by_value
from gitops_doca.core.render.host import DTK_DIR, DTK_VOLUME, HOST_MOUNTS, HOST_VOLUMES

TRUSTED_CA = "ocp-network-operator-trusted-ca"
"""The ConfigMap that OpenShift injects its CA bundle into; it is not in the inventory."""
_TRUSTED_CA_FILES = {"ca-bundle.crt": "tls-ca-bundle.pem"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A volume, and where its files go."""

    volume: Mapping[str, Any]
    mounts: tuple[Mapping[str, Any], ...]
    injected: bool = False
    """Whether the ConfigMap is the one that OpenShift fills and that is rendered."""


def pool_mounts(
    pool: Pool, inventory: Inventory, options: RenderOptions, problems: Problems
) -> tuple[Part, ...]:
    """Return a pool's mounts: certConfig or OpenShift's CA, repoConfig, subscription.

    Reports a ConfigMap that the inventory lacks, a distribution without a path for it, and
    collisions.
    """
    parts = (*_config_maps(pool, inventory, options, problems), *_subscription(pool, problems))
    _check_collisions(pool, parts, problems)
    return parts


def _config_maps(
    pool: Pool, inventory: Inventory, options: RenderOptions, problems: Problems
) -> Iterator[Part]:
    driver = pool.policy.driver
    proxy = inventory.proxy if options.openshift else None
    system = DISTRIBUTIONS.get(pool.platform.os_id)
    certificates = system.certificates if system else ""
    if driver.cert_config:
        files = _keys("certConfig", driver.cert_config, pool, inventory, options, problems)
        yield from _files("certConfig", driver.cert_config, certificates, files, pool, problems)
    elif proxy is not None and proxy.trusted_ca:
        source = "the cluster-wide proxy's CA"
        for part in _files(source, TRUSTED_CA, certificates, _TRUSTED_CA_FILES, pool, problems):
            yield replace(part, injected=True)
    if driver.repo_config:
        files = _keys("repoConfig", driver.repo_config, pool, inventory, options, problems)
        repositories = system.repositories if system else ""
        yield from _files("repoConfig", driver.repo_config, repositories, files, pool, problems)


def _keys(
    source: str, name: str, pool: Pool, inventory: Inventory, options: RenderOptions, problems: Problems
) -> Mapping[str, str]:
    """Return the ConfigMap's keys, each with its file name."""
    place = pool.policy.driver.places.get(source, pool.policy.place.at(source)).at("name")
    if not is_dns_label(name):
        problems.error(
            f"ConfigMap {name!r} names a volume too, so it must be a DNS label of at most 63 characters",
            place,
        )
        return {}
    keys = inventory.config_maps.get((options.namespace, name), inventory.config_maps.get(("", name)))
    if keys is None:
        elsewhere = sorted(space for space, other in inventory.config_maps if other == name)
        where = f"; there is one in namespace {', '.join(elsewhere)}" if elsewhere else ""
        problems.error(
            f"{source} names ConfigMap {name!r}, which the inventory does not have in namespace "
            f"{options.namespace}{where}",
            place,
            help=f"add to the inventory: kubectl get configmap {name} -n {options.namespace} -o yaml "
            "(only its keys are used)",
        )
        return {}
    if not keys:
        problems.error(f"{source} names ConfigMap {name!r}, which has no keys under data", place)
    return {key: key for key in keys}


def _files(
    source: str,
    name: str,
    folder: str,
    files: Mapping[str, str],
    pool: Pool,
    problems: Problems,
) -> Iterator[Part]:
    if not folder:
        known = ", ".join(sorted(DISTRIBUTIONS))
        problems.error(
            f"{source} has no known path on {pool.platform.os_id} (pool {pool.platform}, "
            f"{describe_nodes(pool)})",
            pool.policy.place,
            help=f"use it on {known} only, with a NicNodePolicy for each distribution",
        )
        return
    yield Part(
        volume={
            "name": name,
            "configMap": {
                "name": name,
                "items": [{"key": key, "path": path} for key, path in sorted(files.items())],
            },
        },
        mounts=tuple(
            {"name": name, "mountPath": f"{folder}/{path}", "subPath": path, "readOnly": True}
            for _, path in sorted(files.items())
        ),
    )


def _subscription(pool: Pool, problems: Problems) -> Iterator[Part]:
    system = DISTRIBUTIONS.get(pool.platform.os_id)
    if system is None:
        return
    by_itself = system.mounts_subscription
    if by_itself and _runtimes(pool, problems) == {by_itself}:
        return
    for number, path in enumerate(system.subscription):
        name = f"subscription-config-{number}"
        yield Part(
            volume={"name": name, "hostPath": {"path": path.outside, "type": path.kind}},
            mounts=({"name": name, "mountPath": path.inside, "readOnly": True},),
        )


def _runtimes(pool: Pool, problems: Problems) -> set[str]:
    """Return a pool's container runtimes; reports different ones, and a plan without one."""
    if pool.plan is not None:
        if not pool.plan.container_runtime:
            problems.error(
                f"planned pool {pool.platform} has no containerRuntime, and RHEL's subscription is mounted "
                "under all but cri-o",
                pool.plan.place,
                help="add the runtime that its nodes will have, such as containerRuntime: cri-o",
            )
        return {pool.plan.container_runtime}
    values = {node.name: node.container_runtime for node in pool.nodes}
    if len(set(values.values())) > 1:
        problems.error(
            f"pool {pool.platform} mixes container runtimes, and RHEL's subscription is mounted "
            f"under all but cri-o: {nodes_by_value(values)}",
            pool.nodes[0].runtime_place,
            help="give the nodes one runtime, or split them by NicNodePolicies",
        )
    return set(values.values())


def _check_collisions(pool: Pool, parts: Sequence[Part], problems: Problems) -> None:
    volumes = {name for name, _, _ in HOST_VOLUMES} | {DTK_VOLUME}
    paths = {mount["mountPath"] for mount in HOST_MOUNTS} | {DTK_DIR}
    for part in parts:
        name = part.volume["name"]
        if name in volumes:
            problems.error(
                f"ConfigMap {name!r} has the name of another volume of the driver pods",
                pool.policy.place,
                help="give certConfig and repoConfig ConfigMaps of their own, under other names",
            )
        volumes.add(name)
        for mount in part.mounts:
            if mount["mountPath"] in paths:
                problems.error(f"two files would be mounted at {mount['mountPath']}", pool.policy.place)
            paths.add(mount["mountPath"])
