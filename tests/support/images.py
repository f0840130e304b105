"""Pushes tiny images to a registry, over its HTTP API, in every format that registries hold."""

import gzip
import hashlib
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import requests

from support.docker_registry import DockerRegistry

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"

_CONFIG_OF = {
    OCI_MANIFEST: "application/vnd.oci.image.config.v1+json",
    DOCKER_MANIFEST: "application/vnd.docker.container.image.v1+json",
}
_LAYER_OF = {
    OCI_MANIFEST: "application/vnd.oci.image.layer.v1.tar+gzip",
    DOCKER_MANIFEST: "application/vnd.docker.image.rootfs.diff.tar.gzip",
}
_EMPTY_TAR = bytes(10240)
_LAYER = gzip.compress(_EMPTY_TAR, mtime=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pusher:
    """Writes to one repository of a registry; every push returns the digest of what it pushed."""

    registry: DockerRegistry
    repository: str

    def image(self, tag: str, *, architecture: str = "amd64", media_type: str = OCI_MANIFEST) -> str:
        """Push an image for Linux on this architecture, with one empty layer."""
        return self._put_manifest(tag, media_type, self._manifest(architecture, media_type))

    def index(self, tag: str, *, architectures: tuple[str, ...], media_type: str = OCI_INDEX) -> str:
        """Push an index (or Docker's manifest list) over one image for each architecture."""
        image_type = OCI_MANIFEST if media_type == OCI_INDEX else DOCKER_MANIFEST
        entries = []
        for architecture in architectures:
            manifest = self._manifest(architecture, image_type)
            digest = self._put_manifest(_digest(_encode(manifest)), image_type, manifest)
            entries.append(
                {
                    "mediaType": image_type,
                    "size": len(_encode(manifest)),
                    "digest": digest,
                    "platform": {"architecture": architecture, "os": "linux"},
                }
            )
        index = {"schemaVersion": 2, "mediaType": media_type, "manifests": entries}
        return self._put_manifest(tag, media_type, index)

    def bare_index(self, tag: str, *entries: dict[str, Any]) -> str:
        """Push an index with exactly these entries."""
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
        return self._put_manifest(tag, OCI_INDEX, index)

    def tags(self, tags: Iterable[str], *, architecture: str = "amd64") -> str:
        """Push one image under all of these tags, side by side; return its digest."""
        manifest = self._manifest(architecture, OCI_MANIFEST)
        with ThreadPoolExecutor(8) as pool:
            for done in [pool.submit(self._put_manifest, tag, OCI_MANIFEST, manifest) for tag in tags]:
                done.result()
        return _digest(_encode(manifest))

    def _manifest(self, architecture: str, media_type: str) -> dict[str, Any]:
        config = {
            "architecture": architecture,
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [_digest(_EMPTY_TAR)]},
        }
        return {
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": self._blob(_CONFIG_OF[media_type], _encode(config)),
            "layers": [self._blob(_LAYER_OF[media_type], _LAYER)],
        }

    def _blob(self, media_type: str, content: bytes) -> dict[str, Any]:
        digest = _digest(content)
        if self._request("HEAD", f"blobs/{digest}").status_code == requests.codes.not_found:
            upload = self._request("POST", "blobs/uploads/").headers["Location"]
            self._request("PUT", upload, params={"digest": digest}, data=content).raise_for_status()
        return {"mediaType": media_type, "size": len(content), "digest": digest}

    def _put_manifest(self, reference: str, media_type: str, manifest: dict[str, Any]) -> str:
        content = _encode(manifest)
        headers = {"Content-Type": media_type}
        self._request("PUT", f"manifests/{reference}", data=content, headers=headers).raise_for_status()
        return _digest(content)

    def _request(self, method: str, path: str, **details: Any) -> requests.Response:
        url = path if "://" in path else f"{self.registry.url}/{self.repository}/{path}"
        with requests.Session() as session:
            session.trust_env = False
            session.auth = self.registry.credentials
            if self.registry.token:
                session.headers["Authorization"] = f"Bearer {self.registry.token}"
            session.verify = str(self.registry.ca_file or True)
            return session.request(method, url, timeout=30, **details)


def _encode(document: dict[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True).encode()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
