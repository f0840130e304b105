"""Read pull secrets: Secret manifests, or the docker config in one."""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from typing import Any

from gitops_doca.core.diagnostics import Problems
from gitops_doca.sources.reading.document import Document
from gitops_doca.sources.reading.reader import read_documents
from gitops_doca.sources.reading.selection import ALL, NOTHING, REST, Selection

Auths = Mapping[str, Any]

_KEYS = {
    "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
    "kubernetes.io/dockercfg": ".dockercfg",
}
SELECTION: Selection = {
    "kind": ALL,
    "type": ALL,
    "metadata": {"name": ALL, REST: NOTHING},
    "data": ALL,
    "stringData": ALL,
    "auths": ALL,
    REST: NOTHING,
}
"""The parts that are read of an object that may be a pull secret."""
_HELP = "write the pull secret: kubectl get secret NAME -n NAMESPACE -o yaml > FILE"


def read_pull_secrets(file: str, problems: Problems) -> list[tuple[str, Auths]]:
    """Return the name for messages and the entries by key of each pull secret of a file.

    Other Secrets are skipped; a file without any pull secret, and one whose content does not match
    its type, is reported. No message shows the content.
    """
    before = len(problems.errors)
    secrets = [
        secret
        for document in read_documents(file, SELECTION, problems)
        for secret in read_pull_secret(document, problems)
    ]
    if not secrets and len(problems.errors) == before:
        problems.error(
            "has no pull secret: neither a Secret of type kubernetes.io/dockerconfigjson or "
            "kubernetes.io/dockercfg, nor the JSON in one",
            Document({}, file, 0).place(),
            help=_HELP,
        )
    return secrets


def read_pull_secret(document: Document, problems: Problems) -> Iterator[tuple[str, Auths]]:
    """Yield a pull secret's name for messages and its entries; nothing for other objects.

    Only `SELECTION` of the document is read.
    """
    value = document.value
    if not isinstance(value, dict):
        return
    if "kind" not in value and isinstance(value.get("auths"), dict):
        yield document.file, value["auths"]
        return
    if value.get("kind") != "Secret":
        return
    kind = value.get("type")
    present = [key for key in _KEYS.values() if _payload(value, key)[0] is not None]
    key = _KEYS.get(kind) if isinstance(kind, str) else None
    if key is None:
        if present:
            problems.error(
                f"a Secret with the key {present[0]} has another type than that key's",
                document.place(("type",)),
            )
        return
    auths = _auths(document, key, problems)
    if auths is not None:
        yield _name(document), auths


def _name(document: Document) -> str:
    metadata = document.value.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return f"{document.file} (Secret {name})" if isinstance(name, str) else document.file


def _auths(document: Document, key: str, problems: Problems) -> Auths | None:
    text, field = _payload(document.value, key)
    if text is None:
        problems.error(f"has no {key}, which its type requires", document.place(), help=_HELP)
        return None
    place = document.place((field, key))
    if field == "data":
        try:
            text = base64.b64decode("".join(text.split()), validate=True).decode()
        except (binascii.Error, ValueError):
            problems.error("is not base64-encoded text", place)
            return None
    if not text.strip():
        return {}
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        problems.error("is not valid JSON", place)
        return None
    auths = content.get("auths") if key == ".dockerconfigjson" and isinstance(content, dict) else content
    if not isinstance(auths, dict):
        problems.error("is not an object of registries", place)
        return None
    return auths


def _payload(value: Mapping[str, Any], key: str) -> tuple[str | None, str]:
    """Return the text under a key, and its field; stringData overrides data, as in the API server."""
    for field in ("stringData", "data"):
        table = value.get(field)
        text = table.get(key) if isinstance(table, dict) else None
        if isinstance(text, str):
            return text, field
    return None, ""
