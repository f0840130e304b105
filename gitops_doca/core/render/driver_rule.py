"""Render the rule that labels the nodes whose driver is loaded."""

from gitops_doca.core.model import LOADED_LABEL, Resource
from gitops_doca.core.render.metadata import metadata

RULE = "gitops-doca-driver"


def driver_rule() -> Resource:
    """Render the rule by which node-feature-discovery labels the nodes whose driver is loaded.

    The modules of DOCA depend on `mlx_compat`. The kernel's own mlx5_core does not have it.
    """
    nic = {"feature": "pci.device", "matchExpressions": {"vendor": {"op": "In", "value": ["15b3"]}}}
    module = {"feature": "kernel.loadedmodule", "matchExpressions": {"mlx_compat": {"op": "Exists"}}}
    rule = {"name": "driver-loaded", "labels": {LOADED_LABEL: "true"}, "matchFeatures": [nic, module]}
    return {
        "apiVersion": "nfd.k8s-sigs.io/v1alpha1",
        "kind": "NodeFeatureRule",
        "metadata": metadata(RULE),
        "spec": {"rules": [rule]},
    }
