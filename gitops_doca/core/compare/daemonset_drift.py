"""Compare a cluster's DaemonSet with the rendered one, ignoring defaults."""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal

_COMPARED = ("selector", "template", "updateStrategy")
"""Fields of a DaemonSet's `spec` that affect its pods."""
_WHOLE = frozenset({"labels", "matchLabels", "nodeSelector", "limits", "requests"})
"""Mappings to which the API server adds nothing."""
_OPTIONAL = frozenset(
    {
        "args",
        "command",
        "configMap",
        "effect",
        "emptyDir",
        "env",
        "imagePullSecrets",
        "initContainers",
        "key",
        "limits",
        "matchExpressions",
        "matchFields",
        "nodeAffinity",
        "operator",
        "optional",
        "preferredDuringSchedulingIgnoredDuringExecution",
        "requests",
        "requiredDuringSchedulingIgnoredDuringExecution",
        "resources",
        "subPath",
        "tolerationSeconds",
        "value",
        "valueFrom",
        "values",
    }
)
"""Fields that are rendered for only some pools and have no default.

Any other field that only the cluster has is a default, also one that a later Kubernetes adds.
"""
_DECIMAL = {"n": -3, "u": -2, "m": -1, "": 0, "k": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
"""Suffixes of quantities, as powers of 1000 and of 1024."""
_QUANTITY = re.compile(r"([+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30}))([numkMGTPE]|[KMGTPE]i)?")


def daemonset_drift(rendered: Mapping[str, object], applied: Mapping[str, object]) -> tuple[str, ...]:
    """Return the paths at which the `spec` of a cluster's DaemonSet differs from the rendered one.

    Quantities are compared as numbers: the API server writes `1000m` as `1`.
    """
    return tuple(
        path
        for field in _COMPARED
        for path in _drift(rendered.get(field), applied.get(field), f"spec.{field}", quantity=False)
    )


def _drift(rendered: object, applied: object, path: str, *, quantity: bool) -> Iterator[str]:
    match rendered, applied:
        case Mapping(), Mapping():
            yield from _of_mappings(rendered, applied, path)
        case list() | tuple(), list() if len(rendered) == len(applied):
            for number, (one, other) in enumerate(zip(rendered, applied, strict=True)):
                yield from _drift(one, other, f"{path}[{number}]", quantity=False)
        case _:
            same = rendered == applied or (_is_nothing(rendered) and _is_nothing(applied))
            if not same and not (quantity and _amount(rendered) == _amount(applied) is not None):
                yield path


def _of_mappings(rendered: Mapping[str, object], applied: Mapping[str, object], path: str) -> Iterator[str]:
    name = path.rpartition(".")[2]
    quantity = name in {"limits", "requests"}
    for key, value in rendered.items():
        yield from _drift(value, applied.get(key), f"{path}.{key}", quantity=quantity)
    for key, value in applied.items():
        if key not in rendered and (name in _WHOLE or key in _OPTIONAL) and not _is_nothing(value):
            yield f"{path}.{key}"


def _is_nothing(value: object) -> bool:
    """Say whether the API server drops this value, or adds it as a default."""
    return value is None or value is False or (isinstance(value, str | list | tuple | Mapping) and not value)


def _amount(value: object) -> Decimal | None:
    """Return the number of a quantity; None for one with an exponent, and for anything else."""
    parts = _QUANTITY.fullmatch(str(value))
    if parts is None:
        return None
    suffix = parts[2] or ""
    factor = Decimal(1024) ** _BINARY[suffix] if suffix in _BINARY else Decimal(1000) ** _DECIMAL[suffix]
    return Decimal(parts[1]) * factor
