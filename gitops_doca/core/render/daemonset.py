"""Render the DaemonSet of one pool."""

from typing import Any, assert_never

from gitops_doca.core.affinity import driver_affinity
from gitops_doca.core.model import (
    ARCH_LABEL,
    DRIVER_LABEL,
    KERNEL_LABEL,
    NIC_LABEL,
    OS_ID_LABEL,
    OS_VERSION_LABEL,
    OSTREE_LABEL,
    OUR_DRIVER,
    Pool,
    RenderOptions,
    Resource,
    Toleration,
)
from gitops_doca.core.render.containers import driver_container, dtk_container, init_container
from gitops_doca.core.render.extras import Extras
from gitops_doca.core.render.host import DTK_VOLUME, HOST_VOLUMES
from gitops_doca.core.render.metadata import metadata
from gitops_doca.core.render.rbac import NAME as SERVICE_ACCOUNT
from gitops_doca.core.resolve.decide import Chosen, CompileOnNode, UseDigest, UsePrecompiled
from gitops_doca.core.taints import pod_tolerations

POOL_ANNOTATION = "gitops-doca.dev/pool"
SOURCE_ANNOTATION = "gitops-doca.dev/image-source"

_OUR_DRIVER = {DRIVER_LABEL: OUR_DRIVER}


def daemon_set(decision: Chosen, extras: Extras, options: RenderOptions) -> Resource:
    """Render the DaemonSet that runs the chosen image on the pool's nodes."""
    pool = decision.pool
    app = {"app": pool.app}
    meta = metadata(pool.daemon_set, options.namespace, app | _OUR_DRIVER)
    meta["annotations"] = {
        **options.annotations,
        POOL_ANNOTATION: str(pool.platform),
        SOURCE_ANNOTATION: image_source(decision),
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": meta,
        "spec": {
            "selector": {"matchLabels": app},
            "template": {
                "metadata": {"labels": app | {"kernel": pool.platform.kernel} | _OUR_DRIVER},
                "spec": _pod_spec(decision, extras, options),
            },
            "updateStrategy": _update_strategy(options),
        },
    }


def image_source(decision: Chosen) -> str:
    """Return the word for the kind of image, as annotation and report show it."""
    match decision:
        case UsePrecompiled():
            return "precompiled"
        case CompileOnNode():
            return "compiled"
        case UseDigest():
            return "digest"
        case never:
            assert_never(never)


def _update_strategy(options: RenderOptions) -> dict[str, Any]:
    if options.max_unavailable is None:
        return {"type": "OnDelete"}
    return {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": options.max_unavailable}}


def _pod_spec(decision: Chosen, extras: Extras, options: RenderOptions) -> dict[str, Any]:
    pool, driver = decision.pool, decision.pool.policy.driver
    containers = [driver_container(decision, extras, options)]
    selector = _node_selector(pool)
    if extras.toolkit:
        containers.append(dtk_container(pool, extras.toolkit, extras))
        selector[OSTREE_LABEL] = extras.toolkit.ostree_version
    spec: dict[str, Any] = {
        "affinity": _affinity(pool),
        "containers": containers,
        "hostNetwork": True,
        "nodeSelector": selector,
        "priorityClassName": "system-node-critical",
        "serviceAccountName": SERVICE_ACCOUNT,
        "terminationGracePeriodSeconds": driver.termination_grace_period,
        "tolerations": [_toleration(t) for t in pod_tolerations(pool.policy.tolerations)],
        "volumes": _volumes(extras),
    }
    if driver.image_pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in driver.image_pull_secrets]
    if options.init_container_image:
        spec["initContainers"] = [init_container(pool, extras, options)]
    return spec


def _affinity(pool: Pool) -> dict[str, Any]:
    apart = {
        "labelSelector": {"matchExpressions": [{"key": DRIVER_LABEL, "operator": "Exists"}]},
        "topologyKey": "kubernetes.io/hostname",
    }
    affinity: dict[str, Any] = {
        "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [apart]}
    }
    nodes = driver_affinity(pool.policy.node_affinity or {})
    return affinity | ({"nodeAffinity": nodes} if nodes else {})


def _node_selector(pool: Pool) -> dict[str, str]:
    platform = pool.platform
    # With the architecture: Ubuntu's kernel release is the same on amd64 and arm64.
    return {
        **pool.policy.node_selector,
        NIC_LABEL: "true",
        OS_ID_LABEL: platform.os_id,
        OS_VERSION_LABEL: platform.os_version,
        KERNEL_LABEL: platform.kernel,
        ARCH_LABEL: platform.arch,
    }


def _toleration(toleration: Toleration) -> dict[str, Any]:
    fields = {
        "key": toleration.key,
        "operator": toleration.operator,
        "value": toleration.value,
        "effect": toleration.effect,
    }
    given: dict[str, Any] = {name: value for name, value in fields.items() if value}
    if toleration.seconds is not None:
        given["tolerationSeconds"] = toleration.seconds
    return given


def _volumes(extras: Extras) -> list[dict[str, Any]]:
    volumes: list[dict[str, Any]] = [
        {"name": name, "hostPath": {"path": path, "type": kind} if kind else {"path": path}}
        for name, path, kind in HOST_VOLUMES
    ]
    volumes += [dict(part.volume) for part in extras.parts]
    if extras.toolkit:
        volumes.append({"name": DTK_VOLUME, "emptyDir": {}})
    return volumes
