"""The label of nodes whose driver is loaded: the rule that sets it, and the driver's pods without it."""

from collections.abc import Mapping
from typing import Any

from gitops_doca.core.model import LOADED_LABEL, Resource
from gitops_doca.core.render.metadata import metadata

RULE = "gitops-doca-driver"
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


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


def driver_affinity(affinity: Mapping[str, Any]) -> dict[str, Any]:
    """Return a policy's nodeAffinity without requirements on `LOADED_LABEL`; empty when nothing is left.

    Others may wait for the driver with it. A driver that waited for itself would never start. A term in
    which nothing else stands goes with its requirement, since an empty term matches no node.
    """
    required = affinity.get(REQUIRED, {}).get("nodeSelectorTerms", ())
    preferred = affinity.get(_PREFERRED, ())
    terms = [term for one in required if (term := _driver_term(one)) is not None]
    preferences = [
        {**one, "preference": term}
        for one in preferred
        if (term := _driver_term(one["preference"])) is not None
    ]
    gone = {REQUIRED: bool(required and not terms), _PREFERRED: bool(preferred and not preferences)}
    parts = {REQUIRED: {"nodeSelectorTerms": terms}, _PREFERRED: preferences}
    return {key: parts.get(key, value) for key, value in affinity.items() if not gone.get(key)}


def _driver_term(term: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return a term without requirements on the label; None when nothing else stands in it."""
    expressions = term.get("matchExpressions", ())
    others = [one for one in expressions if one["key"] != LOADED_LABEL]
    if len(others) == len(expressions):
        return term
    rest = {key: value for key, value in term.items() if key != "matchExpressions" and value}
    return rest | ({"matchExpressions": others} if others else {}) or None
