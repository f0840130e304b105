"""Remove from a policy's nodeAffinity what would keep the driver's own pods away."""

from collections.abc import Mapping
from typing import Any

from gitops_doca.core.model import LOADED_LABEL

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def driver_affinity(affinity: Mapping[str, Any]) -> dict[str, Any]:
    """Return a nodeAffinity without requirements on `LOADED_LABEL`; empty if nothing is left.

    Other pods may use it to wait for the driver; a driver that waits for itself never starts. A
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
    """Return a term without requirements on the label; None when it has no others."""
    expressions = term.get("matchExpressions", ())
    others = [one for one in expressions if one["key"] != LOADED_LABEL]
    if len(others) == len(expressions):
        return term
    rest = {key: value for key, value in term.items() if key != "matchExpressions" and value}
    return rest | ({"matchExpressions": others} if others else {}) or None
