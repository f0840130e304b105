"""Look up one tag: missing only if the registry says so, unknown if unclear."""

import hashlib
from collections.abc import Mapping
from typing import Any

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.diagnostics import Diagnostic
from gitops_doca.core.reference import Digest, ImageReference, Repository, is_digest
from gitops_doca.core.resolve.lookup import (
    REPOSITORY_NOT_VISIBLE,
    Cause,
    TagExists,
    TagLookup,
    TagMissing,
    TagUnknown,
)
from gitops_doca.net.request_errors import LookupFailedError
from gitops_doca.net.transport import LARGE, Reply
from gitops_doca.registry.auth.authorization import Authorization
from gitops_doca.registry.endpoint import Endpoint
from gitops_doca.registry.misses import is_about_accept, is_missing
from gitops_doca.registry.oci_errors import cause_of_reply, describe, errors, json_object

_SCHEMA1_SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws"
IMAGE_TYPES = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
)
INDEX_TYPES = (
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.index.v1+json",
)
MEDIA_TYPES = (
    *IMAGE_TYPES,
    *INDEX_TYPES,
    "application/vnd.docker.distribution.manifest.v1+json",
    _SCHEMA1_SIGNED,
)
"""The accepted types, schema 1 last; a registry with another form of the manifest answers 404."""
_ACCEPT = ", ".join(MEDIA_TYPES)

_OK, _NOT_FOUND = 200, 404
# Registries answer HEAD with a wrong 405 or 403, and a 404 needs a body that says what was not
# found.
_TRY_GET = {_OK, 400, 401, 403, _NOT_FOUND, 405, 406, 501}


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest that was read."""

    digest: Digest
    """Computed from the bytes; for signed schema 1 as the registry states it."""
    document: Mapping[str, Any]


def look_up(endpoint: Endpoint, image: ImageReference, *, verify: bool = False) -> TagLookup:
    """Look up a tag with HEAD, and with GET if that reply is unclear.

    With `verify`, with GET only: the digest is computed, and no header is trusted.
    """
    try:
        if not verify:
            head, authorization = endpoint.send(
                "HEAD", image.repository, _target(image), accept=_ACCEPT, cap=LARGE
            )
            digest = head.header("Docker-Content-Digest")
            if head.status == _OK and is_digest(digest) and _media_type(head) in MEDIA_TYPES:
                return TagExists(Digest(digest))
            if head.status not in _TRY_GET:
                return _unclear(head, authorization)
        match _fetch(endpoint, image):
            case Manifest(digest=computed):
                return TagExists(computed)
            case verdict:
                return verdict
    except LookupFailedError as error:
        return TagUnknown(error.cause, error.reason)


def fetch_manifest(endpoint: Endpoint, image: ImageReference) -> Manifest:
    """Return the manifest of a tag that exists; raises `LookupFailedError` without one."""
    match _fetch(endpoint, image):
        case Manifest() as manifest:
            return manifest
        case TagUnknown(cause, reason, _):
            raise LookupFailedError(cause, reason)
        case _:
            raise LookupFailedError(
                Cause.INCONSISTENT, "the manifest existed, and the registry now says that it does not"
            )


def fetch_by_digest(endpoint: Endpoint, repository: Repository, digest: Digest) -> Manifest:
    """Return a manifest that an index names; raises `LookupFailedError` if it has another digest."""
    target = f"/v2/{repository.path}/manifests/{digest}"
    reply, authorization = endpoint.send("GET", repository, target, accept=_ACCEPT, cap=LARGE)
    if reply.status != _OK:
        unclear = _unclear(reply, authorization)
        raise LookupFailedError(unclear.cause, f"a manifest that the index names: {unclear.reason}")
    match _manifest(reply):
        case TagUnknown(cause, reason, _):
            raise LookupFailedError(cause, f"a manifest that the index names: {reason}")
        case manifest if manifest.digest != digest:
            raise LookupFailedError(Cause.PROTOCOL, "a manifest is not the one that the index names")
        case manifest:
            return manifest


def _fetch(endpoint: Endpoint, image: ImageReference) -> Manifest | TagLookup:
    reply, authorization = endpoint.send("GET", image.repository, _target(image), accept=_ACCEPT, cap=LARGE)
    if reply.status == _NOT_FOUND:
        return _not_found(reply, authorization, image.tag)
    if reply.status != _OK:
        return _unclear(reply, authorization)
    manifest = _manifest(reply)
    claimed = reply.header("Docker-Content-Digest")
    if isinstance(manifest, Manifest) and claimed and claimed != manifest.digest:
        message = (
            f"{image}: the registry's header names another digest than the manifest has; "
            f"{manifest.digest} is computed from its bytes"
        )
        endpoint.warn(Diagnostic(category=None, message=message))
    return manifest


def _target(image: ImageReference) -> str:
    return f"/v2/{image.repository.path}/manifests/{image.tag}"


def _manifest(reply: Reply) -> Manifest | TagUnknown:
    if reply.truncated:
        return TagUnknown(Cause.PROTOCOL, f"the manifest is larger than {LARGE // 1024**2} MiB")
    document = json_object(reply)
    if not _is_manifest(document, _media_type(reply)):
        return TagUnknown(
            Cause.PROTOCOL, "200 OK with a body that is not a manifest: not a registry's answer"
        )
    claimed = reply.header("Docker-Content-Digest")
    if _media_type(reply) == _SCHEMA1_SIGNED and document.get("schemaVersion") == 1 and is_digest(claimed):
        # This digest is of the manifest without its signatures.
        return Manifest(Digest(claimed), document)
    return Manifest(Digest(f"sha256:{hashlib.sha256(reply.body).hexdigest()}"), document)


def _is_manifest(document: Mapping[str, Any], media_type: str) -> bool:
    if "manifests" in document and ("config" in document or "layers" in document):
        # Both index and image: two clients could see different images.
        return False
    known = media_type in MEDIA_TYPES or document.get("mediaType") in MEDIA_TYPES
    version = document.get("schemaVersion")
    shaped = isinstance(document.get("manifests"), list) or (
        isinstance(document.get("config"), dict) and isinstance(document.get("layers"), list)
    )
    return (known and version in (1, 2)) or (shaped and version == 2)  # noqa: PLR2004 (image manifest)


def _not_found(reply: Reply, authorization: Authorization, tag: str) -> TagLookup:
    reported = errors(reply)
    if not any(error.code for error in reported):
        return TagUnknown(
            Cause.PROTOCOL, "404 Not Found without an error of the registry: not a registry's answer"
        )
    if any(is_about_accept(error) for error in reported):
        return TagUnknown(
            Cause.PROTOCOL, "404 Not Found: the registry has a form of this manifest that was not accepted"
        )
    if any(error.code == "NAME_UNKNOWN" for error in reported):
        return TagUnknown(
            Cause.REPOSITORY, REPOSITORY_NOT_VISIBLE, repository_hidden=authorization.credentials_sent
        )
    if all(is_missing(error, tag) for error in reported):
        return TagMissing()
    unclear = _unclear(reply, authorization)
    if unclear.cause.concerns_credentials:
        return unclear
    return TagUnknown(unclear.cause, f"{unclear.reason}, which does not say that this tag is missing")


def _unclear(reply: Reply, authorization: Authorization) -> TagUnknown:
    text, cause = describe(reply), cause_of_reply(reply)
    if cause is Cause.AUTH:
        return TagUnknown(authorization.cause, f"{text}: {authorization.refusal}")
    return TagUnknown(cause, text)


def _media_type(reply: Reply) -> str:
    return reply.header("Content-Type").partition(";")[0].strip().lower()
