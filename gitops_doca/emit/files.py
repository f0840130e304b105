"""Format resources as the files of a folder, with a kustomization that lists them."""

import re
from collections.abc import Mapping, Sequence

from gitops_doca.core.model import Resource
from gitops_doca.core.names import safe_hash
from gitops_doca.emit.yaml import dump_document, dump_stream

KUSTOMIZATION = "kustomization.yaml"

_MAX_STEM = 200
"""Characters; file systems allow 255 bytes, and Kubernetes allows names of 253."""
_UNSAFE = re.compile(r"[^a-z0-9.-]")


def dump_files(resources: Sequence[Resource]) -> Mapping[str, str]:
    """Return the text of each file by name: one for each object, and last the kustomization."""
    files = {file_name(resource): dump_stream([resource]) for resource in resources}
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": list(files),
    }
    files[KUSTOMIZATION] = dump_document(kustomization)
    return {name: f"{first_line(name)}\n{text}" for name, text in files.items()}


def file_name(resource: Resource) -> str:
    """Return the name of an object's file: kind and name, with a hash if that is not a file name.

    It depends only on kind and name, so other objects never change it.
    """
    full = f"{resource['kind'].lower()}-{resource['metadata']['name']}"
    stem = _UNSAFE.sub("-", full)[:_MAX_STEM]
    return f"{stem}.yaml" if stem == full else f"{stem}-{safe_hash(full)}.yaml"


def first_line(name: str) -> str:
    """Return the first line of a file of this name; a copy under another name is not ours."""
    return f"# {name}: written by gitops-doca generate --output-dir, which also replaces and removes it"
