"""Which platforms an image is for, by its index or by its configuration."""

import hashlib
from collections.abc import Mapping
from typing import Any

from gitops_doca.core.lookup import Cause, ImagePlatforms, Inspection, TagUnknown
from gitops_doca.core.reference import Digest, ImageReference, Repository, is_digest
from gitops_doca.registry.bounded_json import read_json
from gitops_doca.registry.endpoint import Endpoint
from gitops_doca.registry.failures import NoAnswerError
from gitops_doca.registry.manifests import fetch_manifest
from gitops_doca.registry.transport import LARGE


def inspect(endpoint: Endpoint, image: ImageReference) -> Inspection:
    """Return digest and platforms of the image that a tag names.

    An index states them itself; of a single image the configuration does, whose bytes must have the size and
    digest that the manifest gives. Schema 1 states the architecture alone, and always means Linux.
    """
    try:
        manifest = fetch_manifest(endpoint, image)
        document = manifest.document
        if isinstance(document.get("manifests"), list):
            return ImagePlatforms(manifest.digest, frozenset(_of_index(document["manifests"])))
        if isinstance(document.get("config"), dict):
            config = _config(endpoint, image.repository, document["config"])
            return ImagePlatforms(manifest.digest, _platform(config))
        return ImagePlatforms(manifest.digest, _platform({"os": "linux", **document}))
    except NoAnswerError as error:
        return TagUnknown(error.cause, error.reason)


def _of_index(entries: list[Any]) -> set[str]:
    found: set[str] = set()
    for entry in entries:
        platform = entry.get("platform") if isinstance(entry, dict) else None
        # Attestations stand in an index as unknown/unknown, other artifacts with their type.
        if isinstance(platform, dict) and not entry.get("artifactType"):
            found |= _platform(platform)
    return found - {"unknown/unknown"}


def _platform(document: Mapping[str, Any]) -> frozenset[str]:
    name, architecture = document.get("os"), document.get("architecture")
    if not isinstance(name, str) or not isinstance(architecture, str):
        return frozenset()
    words = f"{name}/{architecture}".lower()
    # Anything else is no platform, and would stand in messages and in the lock.
    return frozenset({words}) if words.isascii() and words.replace("/", "", 1).isalnum() else frozenset()


def _config(endpoint: Endpoint, repository: Repository, descriptor: Mapping[str, Any]) -> Mapping[str, Any]:
    digest, size = descriptor.get("digest"), descriptor.get("size")
    if not isinstance(digest, str) or not is_digest(digest):
        raise NoAnswerError(Cause.PROTOCOL, "the manifest names no configuration by a sha256 digest")
    if isinstance(size, int) and size > LARGE:
        raise NoAnswerError(Cause.PROTOCOL, f"the configuration is larger than {LARGE // 1024**2} MiB")
    body = endpoint.blob(repository, Digest(digest))
    if f"sha256:{hashlib.sha256(body).hexdigest()}" != digest or size not in (None, len(body)):
        raise NoAnswerError(Cause.PROTOCOL, "the configuration is not the one that the manifest names")
    try:
        document = read_json(body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise NoAnswerError(Cause.PROTOCOL, "the configuration is no JSON object")
    return document
