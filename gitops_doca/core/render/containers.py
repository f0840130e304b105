"""Render the containers of a driver pod."""

from collections.abc import Mapping, Sequence
from typing import Any

from gitops_doca.core.model import DTK_CONTAINER, INIT_CONTAINER, MAIN_CONTAINER, Pool, Probe, RenderOptions
from gitops_doca.core.render.configmaps import INIT_CONFIG, INIT_CONFIG_KEY
from gitops_doca.core.render.extras import Extras
from gitops_doca.core.render.host import DTK_DIR, DTK_VOLUME, HOST_MOUNTS, INVENTORY_DIR
from gitops_doca.core.render.toolkit import Toolkit
from gitops_doca.core.resolve.decide import Chosen, pinned

_PULL = "IfNotPresent"
_SHARED_DIR = {"name": "DTK_OCP_NIC_SHARED_DIR", "value": DTK_DIR}
_LOADED = "lsmod | grep mlx5_core"
_READY = "ls /run/mellanox/drivers/.driver-ready"

# sh waits in `wait`, not in `sleep`: a trap runs at once only then.
_DTK_SCRIPT = """\
trap 'exit 0' TERM INT
until [ -f '{folder}/dtk_start_compile' ]; do
  echo 'waiting for the driver container to prepare {folder}'
  sleep 3 &
  wait $!
done
cd '{folder}'
exec ./dtk_nic_driver_build.sh
"""


def driver_container(decision: Chosen, extras: Extras, options: RenderOptions) -> dict[str, Any]:
    """Render the container that loads the driver."""
    pool, driver = decision.pool, decision.pool.policy.driver
    own = []
    mounts = [*HOST_MOUNTS, *_mounts(extras)]
    if extras.toolkit:
        own = [{"name": "DTK_OCP_DRIVER_BUILD", "value": "true"}, _SHARED_DIR]
        mounts.append({"name": DTK_VOLUME, "mountPath": DTK_DIR})
    return _with_resources(
        pool,
        {
            "name": MAIN_CONTAINER,
            "image": str(pinned(decision) if options.pin_digests else decision.image),
            "imagePullPolicy": _PULL,
            "env": _env(pool, extras, own),
            "securityContext": {"privileged": True, "seLinuxOptions": {"level": "s0"}},
            "volumeMounts": mounts,
            "startupProbe": _probe(_READY, driver.startup_probe),
            "livenessProbe": _probe(_LOADED, driver.liveness_probe),
            "readinessProbe": _probe(_LOADED, driver.readiness_probe),
        },
    )


def dtk_container(pool: Pool, toolkit: Toolkit, extras: Extras) -> dict[str, Any]:
    """Render the container of OpenShift's driver toolkit, which compiles the driver."""
    folder = f"{DTK_DIR}/{pool.platform.kernel}"
    return _with_resources(
        pool,
        {
            "name": DTK_CONTAINER,
            "image": toolkit.image,
            "imagePullPolicy": _PULL,
            "command": ["sh", "-c"],
            "args": [_DTK_SCRIPT.format(folder=folder)],
            "env": _env(pool, extras, [_SHARED_DIR]),
            "volumeMounts": [*_mounts(extras), {"name": DTK_VOLUME, "mountPath": DTK_DIR}],
        },
    )


def init_container(pool: Pool, extras: Extras, options: RenderOptions) -> dict[str, Any]:
    """Render the operator's init container, which unloads modules that depend on the driver."""
    node_name = {"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}
    args = {
        "--node-name": "$(NODE_NAME)",
        "--configmap-name": INIT_CONFIG,
        "--configmap-namespace": options.namespace,
        "--configmap-key": INIT_CONFIG_KEY,
    }
    return {
        "name": INIT_CONTAINER,
        "image": options.init_container_image,
        "imagePullPolicy": _PULL,
        "args": [word for pair in args.items() for word in pair],
        "env": _env(pool, extras, [node_name]),
        "volumeMounts": [
            {"name": "host-proc", "mountPath": "/host/proc", "readOnly": True},
            {"name": "host-sys", "mountPath": "/host/sys", "readOnly": True},
        ],
    }


def _mounts(extras: Extras) -> list[dict[str, Any]]:
    return [dict(mount) for part in extras.parts for mount in part.mounts]


def _env(pool: Pool, extras: Extras, own: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the container's own variables, the policy's, the proxy's, then the two defaults.

    A variable that the policy sets is not added again: duplicate names cannot be applied.
    """
    mine = [dict(entry) for entry in pool.policy.driver.env]
    defaults = {"CREATE_IFNAMES_UDEV": "true", "NVIDIA_NIC_DRIVERS_INVENTORY_PATH": INVENTORY_DIR}
    names = {entry["name"] for entry in mine}
    added = [{"name": name, "value": value} for name, value in defaults.items() if name not in names]
    fixed = [dict(entry) for entry in own if entry["name"] not in names]
    return [*fixed, *mine, *extras.proxy_env, *added]


def _probe(command: str, probe: Probe) -> dict[str, Any]:
    return {
        "exec": {"command": ["sh", "-c", command]},
        "initialDelaySeconds": probe.initial_delay,
        "periodSeconds": probe.period,
        "failureThreshold": probe.failure_threshold,
        "successThreshold": 1,
        "timeoutSeconds": probe.timeout,
    }


def _with_resources(pool: Pool, container: dict[str, Any]) -> dict[str, Any]:
    resources = pool.policy.driver.resources.get(container["name"])
    return {**container, "resources": resources} if resources else container
