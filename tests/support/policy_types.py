"""What the API server takes for a policy: the types of the operator's CRDs, and Kubernetes' rules of a pod.

Written from the operator's types (Network Operator 26.7), and not from the schema of the product.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

Object = dict[str, Any]
Path = tuple[str | int, ...]


# `fits` says whether a value without nulls is of a type; with `rules` also by what a pod demands.
# `schema` is the type as a CustomResourceDefinition has it, without those rules.


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A string; `pattern` matches anywhere in it, as the API server has it."""

    pattern: str = ""
    choices: tuple[str, ...] = ()

    def fits(self, value: Any, *, rules: bool = True) -> bool:
        del rules
        return (
            isinstance(value, str)
            and bool(re.search(self.pattern, value))
            and (not self.choices or value in self.choices)
        )

    @property
    def schema(self) -> Object:
        pattern = {"pattern": self.pattern} if self.pattern else {}
        return {"type": "string", **pattern, **({"enum": list(self.choices)} if self.choices else {})}


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A whole number."""

    low: int | None = None
    bits: int = 64

    def fits(self, value: Any, *, rules: bool = True) -> bool:
        del rules
        limit = 2 ** (self.bits - 1)
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        return is_whole and (-limit if self.low is None else self.low) <= value < limit

    @property
    def schema(self) -> Object:
        low = {} if self.low is None else {"minimum": self.low}
        return {"type": "integer", "format": f"int{self.bits}", **low}


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    def fits(self, value: Any, *, rules: bool = True) -> bool:
        del rules
        return isinstance(value, bool)

    @property
    def schema(self) -> Object:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A whole number, or a string such as 200m."""

    def fits(self, value: Any, *, rules: bool = True) -> bool:
        return Whole().fits(value, rules=rules) or (
            isinstance(value, str) and bool(re.search(_QUANTITY, value))
        )

    @property
    def schema(self) -> Object:
        return {
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "pattern": _QUANTITY,
            "x-kubernetes-int-or-string": True,
        }


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    of: "Type"

    def fits(self, value: Any, *, rules: bool = True) -> bool:
        return isinstance(value, list) and all(self.of.fits(item, rules=rules) for item in value)

    @property
    def schema(self) -> Object:
        return {"type": "array", "items": self.of.schema}


@dataclass(frozen=True, slots=True)
class Values:
    """A mapping whose keys anybody may choose."""

    of: "Type"

    def fits(self, value: Any, *, rules: bool = True) -> bool:
        return isinstance(value, dict) and all(self.of.fits(item, rules=rules) for item in value.values())

    @property
    def schema(self) -> Object:
        return {"type": "object", "additionalProperties": self.of.schema}


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A mapping with known fields."""

    fields: Mapping[str, "Type"]
    required: tuple[str, ...] = ()
    is_open: bool = False
    """Other fields may be there."""
    rule: Callable[[Object], bool] = field(default=lambda _: True)
    """What a pod demands besides, and the CRD does not."""

    def fits(self, value: Any, *, rules: bool = True) -> bool:
        return (
            isinstance(value, dict)
            and all(name in value for name in self.required)
            and (self.is_open or not value.keys() - self.fields)
            and all(
                part.fits(value[name], rules=rules) for name, part in self.fields.items() if name in value
            )
            and (not rules or self.rule(value))
        )

    @property
    def schema(self) -> Object:
        return {
            "type": "object",
            "properties": {name: part.schema for name, part in self.fields.items()},
            **({"required": list(self.required)} if self.required else {}),
            **({"x-kubernetes-preserve-unknown-fields": True} if self.is_open else {}),
        }


Type = Text | Whole | Flag | Quantity | Items | Values | Record


_TEXT, _FLAG, _COUNT = Text(), Flag(), Whole(low=0)
_SECONDS = Whole(bits=32)
_QUANTITY = r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?[0-9]+))?$"
_PROBE = Record(
    fields=dict.fromkeys(
        ("initialDelaySeconds", "periodSeconds", "failureThreshold", "timeoutSeconds"), _SECONDS
    ),
    required=("initialDelaySeconds", "periodSeconds"),
)
_NAMED = Record(fields={"name": _TEXT})
_KEY_REF = Record(
    fields={"name": _TEXT, "key": _TEXT, "optional": _FLAG},
    required=("key",),
    rule=lambda ref: bool(ref.get("name")) and bool(ref["key"]),
)
_SOURCES: Mapping[str, Type] = {
    "fieldRef": Record(fields={"apiVersion": _TEXT, "fieldPath": _TEXT}, required=("fieldPath",)),
    "resourceFieldRef": Record(
        fields={"containerName": _TEXT, "resource": _TEXT, "divisor": Quantity()}, required=("resource",)
    ),
    "configMapKeyRef": _KEY_REF,
    "secretKeyRef": _KEY_REF,
}
_ENV = Record(
    fields={"name": _TEXT, "value": _TEXT, "valueFrom": Record(fields=_SOURCES, rule=lambda v: len(v) == 1)},
    required=("name",),
    rule=lambda env: not (env.get("value") and "valueFrom" in env),
)
_RESOURCES = Record(
    fields={"name": _TEXT, "limits": Values(Quantity()), "requests": Values(Quantity())}, required=("name",)
)
_DRAIN = Record(
    fields={
        "enable": _FLAG,
        "force": _FLAG,
        "deleteEmptyDir": _FLAG,
        "podSelector": _TEXT,
        "timeoutSeconds": _COUNT,
    }
)
_UPGRADE = Record(
    fields={
        "autoUpgrade": _FLAG,
        "safeLoad": _FLAG,
        "maxParallelUpgrades": _COUNT,
        "drain": _DRAIN,
        "waitForCompletion": Record(fields={"podSelector": _TEXT, "timeoutSeconds": _COUNT}),
    }
)
_DRIVER = Record(
    fields={
        "image": Text(pattern=r"[a-zA-Z0-9\-]+"),
        "repository": Text(pattern=r"[a-zA-Z0-9\.\-\/]+"),
        "version": _TEXT,
        "forcePrecompiled": _FLAG,
        "imagePullSecrets": Items(_TEXT),
        "env": Items(_ENV),
        "containerResources": Items(_RESOURCES),
        "terminationGracePeriodSeconds": _COUNT,
        "startupProbe": _PROBE,
        "livenessProbe": _PROBE,
        "readinessProbe": _PROBE,
        "certConfig": _NAMED,
        "repoConfig": _NAMED,
        "upgradePolicy": _UPGRADE,
    },
    required=("image",),
)
_GLOBAL = Record(fields={"repository": _TEXT, "version": _TEXT, "imagePullSecrets": Items(_TEXT)})


def _tolerates(toleration: Object) -> bool:
    exists = toleration.get("operator") == "Exists"
    return (
        toleration.get("operator", "") in ("", "Exists", "Equal")
        and toleration.get("effect", "") in ("", "NoSchedule", "PreferNoSchedule", "NoExecute")
        and not (exists and toleration.get("value"))
        and (exists or bool(toleration.get("key")))
        and ("tolerationSeconds" not in toleration or toleration.get("effect") == "NoExecute")
    )


_TOLERATION = Record(
    fields={
        "key": _TEXT,
        "operator": _TEXT,
        "value": _TEXT,
        "effect": _TEXT,
        "tolerationSeconds": Whole(),
    },
    rule=_tolerates,
)


def _selects(expression: Object) -> bool:
    """Say whether the number of values suits the operator (core/v1 NodeSelectorRequirement)."""
    count = len(expression.get("values", ()))
    match expression.get("operator"):
        case "In" | "NotIn":
            return count > 0
        case "Exists" | "DoesNotExist":
            return count == 0
        case "Gt" | "Lt":
            return count == 1
        case _:
            return False


_EXPRESSION = Record(
    fields={"key": _TEXT, "operator": _TEXT, "values": Items(_TEXT)},
    required=("key", "operator"),
    rule=_selects,
)
_MATCHED_FIELD = Record(
    fields={"key": _TEXT, "operator": _TEXT, "values": Items(_TEXT)},
    required=("key", "operator"),
    rule=lambda wanted: (
        wanted["key"] == "metadata.name"
        and wanted["operator"] in ("In", "NotIn")
        and len(wanted.get("values", ())) == 1
    ),
)
_TERM = Record(fields={"matchExpressions": Items(_EXPRESSION), "matchFields": Items(_MATCHED_FIELD)})
_AFFINITY = Record(
    fields={
        "requiredDuringSchedulingIgnoredDuringExecution": Record(
            fields={"nodeSelectorTerms": Items(_TERM)},
            required=("nodeSelectorTerms",),
            rule=lambda required: bool(required.get("nodeSelectorTerms")),
        ),
        "preferredDuringSchedulingIgnoredDuringExecution": Items(
            Record(
                fields={"weight": Whole(bits=32), "preference": _TERM},
                required=("weight", "preference"),
                rule=lambda term: 1 <= term["weight"] <= 100,
            )
        ),
    }
)


def _policy(kind: str, sections: Mapping[str, Type]) -> Record:
    return Record(
        fields={
            "apiVersion": Text(choices=("mellanox.com/v1alpha1",)),
            "kind": Text(choices=(kind,)),
            "metadata": Record(fields={"name": _TEXT}, required=("name",), is_open=True),
            "spec": Record(fields=sections, is_open=True),
        },
        required=("apiVersion", "kind", "metadata"),
        is_open=True,
    )


TYPES: Mapping[str, Record] = {
    "NicClusterPolicy": _policy(
        "NicClusterPolicy",
        {
            "ofedDriver": _DRIVER,
            "global": _GLOBAL,
            "tolerations": Items(_TOLERATION),
            "nodeAffinity": _AFFINITY,
        },
    ),
    "NicNodePolicy": _policy(
        "NicNodePolicy",
        {"ofedDriver": _DRIVER, "tolerations": Items(_TOLERATION), "nodeSelector": Values(_TEXT)},
    ),
}
"""By kind, as far as it matters here; other sections of `spec` may hold anything."""


def _driver() -> Object:
    probe = {"initialDelaySeconds": 1, "periodSeconds": 2}
    return {
        "image": "doca-driver",
        "repository": "nvcr.io/nvidia/mellanox",
        "version": "25.04-0.6.1.0-2",
        "forcePrecompiled": True,
        "imagePullSecrets": ["ngc", "other"],
        "env": [
            {"name": "A", "value": "b"},
            {"name": "B", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "spec.nodeName"}}},
            {
                "name": "C",
                "valueFrom": {
                    "resourceFieldRef": {"containerName": "c", "resource": "limits.cpu", "divisor": "1m"}
                },
            },
            {"name": "D", "valueFrom": {"configMapKeyRef": {"name": "d", "key": "k", "optional": True}}},
            {"name": "E", "valueFrom": {"secretKeyRef": {"name": "e", "key": "k", "optional": False}}},
        ],
        "containerResources": [
            {
                "name": "mofed-container",
                "limits": {"cpu": 1, "memory": "1Gi"},
                "requests": {"cpu": "200m", "memory": 1024},
            }
        ],
        "terminationGracePeriodSeconds": 60,
        "startupProbe": {**probe, "failureThreshold": 3, "timeoutSeconds": 4},
        "livenessProbe": probe,
        "readinessProbe": probe,
        "certConfig": {"name": "certs"},
        "repoConfig": {"name": "repos"},
        "upgradePolicy": {
            "autoUpgrade": True,
            "safeLoad": False,
            "maxParallelUpgrades": 1,
            "drain": {
                "enable": True,
                "force": False,
                "deleteEmptyDir": True,
                "podSelector": "a=b",
                "timeoutSeconds": 300,
            },
            "waitForCompletion": {"podSelector": "a=b", "timeoutSeconds": 0},
        },
    }


def _full(kind: str, name: str, driver: Object, **sections: Any) -> Object:
    tolerations = [
        {"key": "a", "operator": "Equal", "value": "b", "effect": "NoSchedule"},
        {"key": "c", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5},
    ]
    return {
        "apiVersion": "mellanox.com/v1alpha1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {"ofedDriver": driver, "tolerations": tolerations, **sections},
    }


_CHOSEN = {"matchExpressions": [{"key": "a", "operator": "In", "values": ["b", "c"]}]}
FULL: tuple[Object, ...] = (
    _full(
        "NicClusterPolicy",
        "nic-cluster-policy",
        _driver(),
        **{
            "global": {"repository": "mirror.example/nv", "version": "1-0", "imagePullSecrets": ["ngc"]},
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [
                        _CHOSEN,
                        {"matchExpressions": [{"key": "a", "operator": "Exists"}]},
                        {"matchFields": [{"key": "metadata.name", "operator": "NotIn", "values": ["a"]}]},
                    ]
                },
                "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": _CHOSEN}],
            },
            "nvIpam": {"image": 5, "anything": [None]},
        },
    ),
    _full(
        "NicNodePolicy",
        "rack",
        {"image": "doca-driver", "repository": "nvcr.io/nvidia/mellanox", "version": "25.04-0.6.1.0-2"},
        nodeSelector={"rack": "a", "row": "b"},
    ),
)
"""A valid policy of each kind; between them they have every field that is typed here."""


def without_nulls(value: Any) -> Any:
    """Return a copy without fields whose value is null: to the API server they are absent."""
    match value:
        case dict():
            return {key: without_nulls(item) for key, item in value.items() if item is not None}
        case list():
            return [without_nulls(item) for item in value]
        case _:
            return value


def is_policy_accepted(policy: Object) -> bool:
    """Say whether a policy can be used: its types, the pod's rules, and a repository and a version."""
    value = without_nulls(policy)
    kind = TYPES.get(str(value.get("kind")))
    if kind is None or not kind.fits(value):
        return False
    spec = value.get("spec", {})
    driver = spec.get("ofedDriver")
    filling = spec.get("global", {}) if value["kind"] == "NicClusterPolicy" else {}
    return driver is None or all(driver.get(name) or filling.get(name) for name in ("repository", "version"))


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the path of every value of a policy but the policy itself."""
    entries: list[tuple[str | int, Any]] = []
    match value:
        case dict():
            entries = list(value.items())
        case list():
            entries = list(enumerate(value))
        case _:
            pass
    for step, item in entries:
        yield (*path, step)
        yield from places(item, (*path, step))


ABSENT = object()
_OTHERS: tuple[Any, ...] = (
    ABSENT,
    None,
    5,
    -5,
    2**31,
    2**63,
    0.5,
    True,
    [],
    [None],
    [5],
    {},
    {"a": "b"},
    {"a": 5},
    {"a": None},
)
_NO_TEXT: tuple[Any, ...] = ("text", "5", "")


def changes(policy: Object) -> Iterator[tuple[Path, Any]]:
    """Yield changes of a policy for `with_value`: a path, and what takes the place of its value.

    At each place nothing, null, and values of every type, but of a string no other string. In each
    mapping one field more.
    """
    for path in places(policy):
        before = at(policy, path)
        for other in (*_OTHERS, *(() if isinstance(before, str) else _NO_TEXT)):
            if other != before or type(other) is not type(before):
                yield path, other
        if isinstance(before, dict):
            yield (*path, "extra"), "more"
            yield (*path, "extra"), {"a": 5}


def at(value: Any, path: Path) -> Any:
    """Return the value at a path."""
    for step in path:
        value = value[step]
    return value


def with_value(policy: Object, path: Path, value: Any) -> Object:
    """Return a copy with another value at a path, or without one (`ABSENT`)."""
    changed = deepcopy(policy)
    parent = at(changed, path[:-1])
    if value is ABSENT:
        del parent[path[-1]]
    else:
        parent[path[-1]] = deepcopy(value)
    return changed
