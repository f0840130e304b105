"""The common form of all JSON documents: version, kind, diagnostics, pools."""

from collections.abc import Iterable, Mapping
from typing import Any

from gitops_doca.core.diagnostics import Diagnostic, spell
from gitops_doca.core.model import API_VERSION
from gitops_doca.emit.escape import json_text

_NOTHING: Mapping[str, Any] = {}


def document_text(kind: str, diagnostics: Iterable[Diagnostic], result: Mapping[str, Any] = _NOTHING) -> str:
    """Return a document as JSON text; without a result if the run ended before it had one."""
    entries = [_diagnostic(diagnostic) for diagnostic in diagnostics]
    return json_text({"apiVersion": API_VERSION, "kind": kind, **result, "diagnostics": entries})


def pool_entry(cluster: str, pool: str, policy: str) -> dict[str, Any]:
    """Return the fields that name a pool; `policy` is `<kind>/<name>`, or empty if unknown."""
    return {"cluster": cluster, "pool": pool, **policy_of(policy)}


def policy_of(text: str) -> dict[str, Any]:
    """Return the policy in `<kind>/<name>`; nothing for an empty text."""
    kind, _, name = text.partition("/")
    return policy_entry(kind, name)


def policy_entry(kind: str, name: str) -> dict[str, Any]:
    """Return a policy by kind and name; nothing when it has no name."""
    return {"policy": {"kind": kind, "name": name}} if name else {}


def _diagnostic(diagnostic: Diagnostic) -> dict[str, Any]:
    place = diagnostic.place
    fields: dict[str, Any] = {
        "severity": "warning" if diagnostic.category is None else "error",
        "class": diagnostic.category.value if diagnostic.category else "",
        "message": diagnostic.message,
        "file": place.file,
        "line": place.line,
        "field": place.field,
        "details": list(diagnostic.details),
        "help": spell(diagnostic.help),
    }
    return {name: value for name, value in fields.items() if value}
