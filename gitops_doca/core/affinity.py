"""A policy's nodeAffinity, as the driver's own pods may have it."""

from collections.abc import Mapping
from typing import Any

from gitops_doca.core.model import LOADED_LABEL

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def driver_affinity(affinity: Mapping[str, Any]) -> dict[str, Any]:
    """Return a policy's nodeAffinity without requirements on `LOADED_LABEL`; empty when nothing is left.

    Pods of others may use it to wait for the driver. A driver that waited for itself would never start. A
    term without another requirement is dropped, since an empty term matches no node.
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
