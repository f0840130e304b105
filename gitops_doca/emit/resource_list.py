"""Format the output of a KRM function: a ResourceList of objects and results."""

from collections.abc import Iterable, Mapping
from typing import Any

from gitops_doca.core.diagnostics import Diagnostic, spell
from gitops_doca.core.render.resource_list import DRIVER, Item
from gitops_doca.emit.escape import printable
from gitops_doca.emit.yaml import dump_document

Result = dict[str, Any]
STDIN = "stdin"
"""The name of stdin in messages."""


def dump_resource_list(items: Iterable[Item], results: Iterable[Result]) -> str:
    """Return a `ResourceList` as YAML; the keys of items keep their order."""
    document = {
        "apiVersion": "config.kubernetes.io/v1",
        "kind": "ResourceList",
        "items": list(items),
        "results": list(results),
    }
    return dump_document(document)


def diagnostic_result(diagnostic: Diagnostic, named: Mapping[str, Item]) -> Result:
    """Return a diagnostic as the functions specification defines it.

    `named` are the objects that messages name in place of files.
    """
    help = [f"help: {spell(diagnostic.help)}"] if diagnostic.help else []
    message = "\n".join(map(printable, (diagnostic.message, *diagnostic.details, *help)))
    place = diagnostic.place
    result: Result = {"message": message, "severity": "error" if diagnostic.category else "warning"}
    tags = {"class": diagnostic.category.value} if diagnostic.category else {}
    about = _about(named[place.file], place.field) if place.file in named else {}
    if place.file in (*named, STDIN) and not about:
        result["message"] = f"{printable(str(place))}: {message}"
    elif about:
        result |= about
    elif place.file:
        result["file"] = {"path": place.file}
        tags |= {"line": str(place.line)} if place.line else {}
        tags |= {"field": place.field} if place.field else {}
    return _shown(result | ({"tags": tags} if tags else {}))


def driver_removed(policy: Item) -> Result:
    """Return the note that a policy is returned without its driver."""
    message = f"{DRIVER} is removed: its DaemonSets are rendered here, and the operator would make them too"
    return _shown({"message": message, "severity": "info", **_about(policy, f"spec.{DRIVER}")})


def _shown(result: Result) -> Result:
    """Return a result that kustomize can print safely, as it does not even escape names.

    The lines of its message are printable already.
    """
    return {
        key: _shown(value) if isinstance(value, dict) else value if key == "message" else printable(value)
        for key, value in result.items()
    }


def _about(item: Item, field: str) -> Result:
    """Return the reference to the object of a result; none for an object without a name."""
    meta = item.get("metadata")
    meta = meta if isinstance(meta, Mapping) else {}
    fields = {**{key: item.get(key) for key in ("apiVersion", "kind")}, "name": meta.get("name")}
    reference = fields | ({"namespace": meta["namespace"]} if meta.get("namespace") else {})
    if not all(isinstance(value, str) and value for value in reference.values()):
        return {}
    return {"resourceRef": reference} | ({"field": {"path": field}} if field else {})
