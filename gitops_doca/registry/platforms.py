"""Read the platforms of an image from its index or its configuration."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.reference import Digest, ImageReference, Repository, is_digest
from gitops_doca.core.resolve.lookup import Cause, ImagePlatforms, Inspection, NotAnImage, TagUnknown
from gitops_doca.net.bounded_json import read_json
from gitops_doca.net.request_errors import LookupFailedError
from gitops_doca.net.transport import LARGE
from gitops_doca.registry.endpoint import Endpoint
from gitops_doca.registry.manifests import IMAGE_TYPES, INDEX_TYPES, fetch_by_digest, fetch_manifest

MAX_CHILDREN = 8
"""Manifests that are fetched because the index does not state their platform."""
_MAX_PART = 32
"""Characters of an OS or an architecture; real ones have about ten."""
_CONFIG_TYPES = (
    "application/vnd.docker.container.image.v1+json",
    "application/vnd.oci.image.config.v1+json",
)
# As in containerd: names of the kernel and of Debian, and Go's names for them.
_ARCHITECTURES = {
    "x86_64": "amd64",
    "x86-64": "amd64",
    "aarch64": "arm64",
    "i386": "386",
    "armhf": "arm",
    "armel": "arm",
}


def inspect(endpoint: Endpoint, image: ImageReference) -> Inspection:
    """Return digest and platforms of the image that a tag names.

    They are in an index, or in the configuration of a single image, whose bytes must have the size
    and digest in the manifest. Schema 1 has the architecture only, and is always for Linux.
    """
    try:
        manifest = fetch_manifest(endpoint, image)
        reader = _Reader(endpoint=endpoint, repository=image.repository)
        if isinstance(manifest.document.get("manifests"), list):
            platforms = reader.of_index(manifest.document["manifests"])
            instead = "an index without any image"
        else:
            platforms = reader.of_image(manifest.document)
            instead = "an artifact, and not an image"
    except LookupFailedError as error:
        return TagUnknown(error.cause, error.reason)
    if platforms is None:
        return NotAnImage(manifest.digest, instead)
    return ImagePlatforms(manifest.digest, platforms)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    """Reads manifests of one repository; its methods return None if there is no image to pull."""

    endpoint: Endpoint
    repository: Repository

    def of_index(self, entries: Sequence[Any], *, nested: bool = False) -> frozenset[str] | None:
        """Return the platforms of all images in an index.

        As in a container runtime, entries without a platform are fetched, here for one level only.
        """
        images = [entry for entry in entries if _may_be_image(entry)]
        unstated = [entry for entry in images if not _platform(entry.get("platform"))]
        if nested and unstated:
            raise LookupFailedError(Cause.PROTOCOL, "an index within the index does not state its platforms")
        if len(unstated) > MAX_CHILDREN:
            what = f"more than {MAX_CHILDREN} manifests whose platform it does not state"
            raise LookupFailedError(Cause.PROTOCOL, f"the index has {what}")
        stated = [_platform(entry.get("platform")) for entry in images if entry not in unstated]
        fetched = [platforms for entry in unstated if (platforms := self._of_child(entry)) is not None]
        return frozenset().union(*stated, *fetched) if stated or fetched else None

    def _of_child(self, entry: Mapping[str, Any]) -> frozenset[str] | None:
        digest = entry.get("digest")
        if not isinstance(digest, str) or not is_digest(digest):
            raise LookupFailedError(Cause.PROTOCOL, "the index has an entry without a sha256 digest")
        document = fetch_by_digest(self.endpoint, self.repository, Digest(digest)).document
        if isinstance(document.get("manifests"), list):
            return self.of_index(document["manifests"], nested=True)
        return self.of_image(document)

    def of_image(self, document: Mapping[str, Any]) -> frozenset[str] | None:
        """Return the platform of a single image; an empty set if its configuration states none."""
        descriptor = document.get("config")
        if not isinstance(descriptor, dict):
            return _platform({"os": "linux", **document})
        if not _may_be(descriptor, _CONFIG_TYPES):
            return None
        return _platform(self._config(descriptor))

    def _config(self, descriptor: Mapping[str, Any]) -> Mapping[str, Any]:
        digest, size = descriptor.get("digest"), descriptor.get("size")
        if not isinstance(digest, str) or not is_digest(digest):
            raise LookupFailedError(Cause.PROTOCOL, "the manifest names no configuration by a sha256 digest")
        if isinstance(size, int) and size > LARGE:
            raise LookupFailedError(
                Cause.PROTOCOL, f"the configuration is larger than {LARGE // 1024**2} MiB"
            )
        body = self.endpoint.fetch_blob(self.repository, Digest(digest))
        if f"sha256:{hashlib.sha256(body).hexdigest()}" != digest or size not in (None, len(body)):
            raise LookupFailedError(
                Cause.PROTOCOL, "the configuration is not the one that the manifest names"
            )
        try:
            document = read_json(body)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise LookupFailedError(Cause.PROTOCOL, "the configuration is not a JSON object")
        return document


def _may_be_image(entry: object) -> bool:
    """Say whether an entry of an index may be an image, or an index of images."""
    if not isinstance(entry, dict):
        raise LookupFailedError(Cause.PROTOCOL, "the index has an entry that is not a JSON object")
    if entry.get("artifactType") or not _may_be(entry, (*IMAGE_TYPES, *INDEX_TYPES)):
        return False
    annotations = entry.get("annotations")
    if isinstance(annotations, dict) and "vnd.docker.reference.type" in annotations:
        return False
    # Old releases of BuildKit mark attestations by this platform only.
    return _platform(entry.get("platform")) != {"unknown/unknown"}


def _may_be(descriptor: Mapping[str, Any], media_types: Collection[str]) -> bool:
    """Say whether a descriptor has one of these types, or states none."""
    stated = descriptor.get("mediaType")
    return not isinstance(stated, str) or not stated or stated in media_types


def _platform(document: object) -> frozenset[str]:
    """Return the `os/architecture` that an object states; an empty set if it states none."""
    if not isinstance(document, dict):
        return frozenset()
    name, architecture = document.get("os"), document.get("architecture")
    if not isinstance(name, str) or not isinstance(architecture, str):
        return frozenset()
    # Some tools append the variant to the architecture, though it has a field.
    architecture = architecture.lower().partition("/")[0]
    parts = (name.lower(), _ARCHITECTURES.get(architecture, architecture))
    # Messages and the lock show them, so other characters are not accepted. An empty part states nothing.
    is_valid = all(len(part) <= _MAX_PART and part.isascii() and part.isalnum() for part in parts)
    return frozenset({"/".join(parts)}) if is_valid else frozenset()
