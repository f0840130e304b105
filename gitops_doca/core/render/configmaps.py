"""Render the ConfigMaps that the driver pods read."""

import json

from gitops_doca.core.model import RenderOptions, Resource
from gitops_doca.core.render.metadata import metadata
from gitops_doca.core.render.mounts import TRUSTED_CA

INIT_CONFIG = "ofed-init-container-config"
INIT_CONFIG_KEY = "config.json"


def init_container_config(options: RenderOptions) -> Resource:
    """Render the init container's configuration.

    Safe loading stays off: only the operator's upgrade controller could unblock the pod, and it
    does not act on these DaemonSets, so the driver would never start.
    """
    config = {
        "safeDriverLoad": {
            "enable": False,
            "annotation": "nvidia.com/ofed-driver-upgrade.driver-wait-for-safe-load",
        },
        "moduleDependencyCheck": {
            "modules": [
                "mlx5_core",
                "mlx5_ib",
                "ib_umad",
                "ib_uverbs",
                "ib_ipoib",
                "rdma_cm",
                "rdma_ucm",
                "ib_core",
                "ib_cm",
            ],
            "hostProcPath": "/host/proc",
            "hostSysPath": "/host/sys",
        },
    }
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(INIT_CONFIG, options.namespace),
        "data": {INIT_CONFIG_KEY: json.dumps(config, indent=2) + "\n"},
    }


def trusted_ca(options: RenderOptions) -> Resource:
    """Render the ConfigMap that OpenShift fills with its trusted CAs; without data."""
    labels = {"config.openshift.io/inject-trusted-cabundle": "true"}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(TRUSTED_CA, options.namespace, labels),
    }
