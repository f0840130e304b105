"""Policies, nodes and pools for tests of what happens between the sources and the output."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from fakes.nodes import node_labels
from gitops_doca.core.diagnostics import Place, Problems
from gitops_doca.core.model import (
    ARCH_LABEL,
    KERNEL_LABEL,
    OS_ID_LABEL,
    OSTREE_LABEL,
    DriverSpec,
    Node,
    PlannedPool,
    Platform,
    Policy,
    Pool,
    Probe,
    Taint,
    Toleration,
)
from gitops_doca.core.reference import Digest, parse_repository
from gitops_doca.core.resolve.decide import Chosen, CompileOnNode, UseDigest, UsePrecompiled, compile_image
from gitops_doca.core.resolve.decide import precompiled_image as required_image
from gitops_doca.core.resolve.pools import Grouping, group_nodes

VERSION = "25.04-0.6.1.0-2"
REPOSITORY = parse_repository("nvcr.io/nvidia/mellanox/doca-driver")
DIGEST = Digest("sha256:" + "a1" * 32)
POLICY_PLACE = Place("policy.yaml", 7, "spec.ofedDriver")
_STARTUP = Probe(initial_delay=30, period=10, failure_threshold=120, timeout=10)
_RUNNING = Probe(initial_delay=10, period=30, failure_threshold=1, timeout=10)


def make_node(
    name: str = "node-1",
    *,
    kernel: str = "5.15.0-91-generic",
    os: str = "ubuntu 22.04",
    arch: str = "amd64",
    taints: Iterable[Taint] = (),
    runtime: str = "containerd",
    ostree: str = "",
    labels: Mapping[str, str] | None = None,
    without: Iterable[str] = (),
) -> Node:
    """Return a NIC node; `os` is ID and VERSION_ID, `without` names labels that it lacks."""
    others = {OSTREE_LABEL: ostree or None, **(labels or {}), **dict.fromkeys(without)}
    return Node(
        name=name,
        labels=node_labels(kernel=kernel, os=os, arch=arch, labels=others),
        taints=tuple(taints),
        container_runtime=runtime,
        place=Place("nodes.yaml", 1, name),
    )


def make_plan(
    *,
    kernel: str = "5.15.0-91-generic",
    os: str = "ubuntu 22.04",
    arch: str = "amd64",
    runtime: str = "",
    ostree: str = "",
    policies: Iterable[str] = (),
    without_companions: bool = False,
) -> PlannedPool:
    """Return a plan for the platform of `make_node`; `os` is ID and VERSION_ID."""
    os_id, _, os_version = os.partition(" ")
    place = Place("gitops-doca.yaml", 9, "spec.planned[0]")
    return PlannedPool(
        platform=Platform(os_id, os_version, kernel, arch),
        container_runtime=runtime,
        ostree_version=ostree,
        policies=frozenset(policies),
        without_companions=without_companions,
        place=place,
        places={KERNEL_LABEL: place.at("kernel"), OS_ID_LABEL: place.at("os"), ARCH_LABEL: place.at("arch")},
    )


def make_planned(policy: Policy | None = None, **fields: Any) -> Pool:
    """Return the pool of a plan, which has no nodes."""
    (pool,) = grouped([policy or make_policy()], [], plans=[make_plan(**fields)]).pools
    return pool


def make_driver(**fields: Any) -> DriverSpec:
    """Return a driver; `digest` takes the place of the version."""
    given: dict[str, Any] = {
        "repository": REPOSITORY,
        "version": "" if fields.get("digest") else VERSION,
        "startup_probe": _STARTUP,
        "liveness_probe": _RUNNING,
        "readiness_probe": _RUNNING,
    }
    return DriverSpec(**(given | fields))


def make_policy(
    name: str = "nic-cluster-policy",
    *,
    selector: Mapping[str, str] | None = None,
    tolerations: Iterable[Toleration] = (),
    node_affinity: Mapping[str, Any] | None = None,
    from_cluster: bool = False,
    **driver: Any,
) -> Policy:
    """Return the cluster policy, or under another name a NicNodePolicy; `driver` goes to its driver."""
    kind: Literal["NicClusterPolicy", "NicNodePolicy"] = (
        "NicClusterPolicy" if name == "nic-cluster-policy" else "NicNodePolicy"
    )
    return Policy(
        kind=kind,
        name=name,
        driver=make_driver(**driver),
        tolerations=tuple(tolerations),
        node_selector=selector or {},
        node_affinity=node_affinity,
        from_cluster=from_cluster,
        place=POLICY_PLACE,
    )


def grouped(policies: Iterable[Policy], nodes: Iterable[Node], **options: Any) -> Grouping:
    """Group nodes that nothing is wrong with."""
    problems = Problems()
    grouping = group_nodes(list(policies), list(nodes), problems, **options)
    assert list(problems) == []
    return grouping


def make_pools(policy: Policy | None = None, *nodes: Node) -> tuple[Pool, ...]:
    """Return the pools of one policy; without nodes, of one node."""
    return grouped([policy or make_policy()], nodes or [make_node()]).pools


def make_pool(policy: Policy | None = None, *nodes: Node) -> Pool:
    """Return the one pool that these nodes make."""
    (pool,) = make_pools(policy, *nodes)
    return pool


def use_precompiled(pool: Pool) -> UsePrecompiled:
    """Decide for the precompiled image."""
    return UsePrecompiled(pool=pool, image=required_image(pool), digest=DIGEST)


def compile_on_node(pool: Pool) -> CompileOnNode:
    """Decide for the image that compiles on the node."""
    return CompileOnNode(pool=pool, image=compile_image(pool), digest=DIGEST)


def use_digest(pool: Pool) -> UseDigest:
    """Decide for the digest that the policy names."""
    digest = pool.policy.driver.digest
    assert digest is not None
    return UseDigest(pool=pool, image=pool.policy.driver.repository.digest(digest))


def choices(pool: Pool) -> tuple[Chosen, ...]:
    """Return every way in which this pool could get an image."""
    if pool.policy.driver.digest is not None:
        return (use_digest(pool),)
    return (use_precompiled(pool), compile_on_node(pool))
