import hashlib
import json
from typing import Any

import pytest

from fakes.asking import REPOSITORY, repository_of, resolver
from fakes.registry import OCI_INDEX, OCI_MANIFEST, FakeRegistry, Fault, Manifest, Wire, errors, image
from gitops_doca.core.lookup import Cause, ImagePlatforms, Inspection, TagUnknown
from gitops_doca.core.reference import Digest

SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+json"
CONFIGURATION = TagUnknown(Cause.PROTOCOL, "the configuration is not the one that the manifest names")


def _inspect(manifest: Manifest, *blobs: bytes, fault: Fault | None = None) -> Inspection:
    with FakeRegistry(tags={REPOSITORY: {"here": manifest}}, blobs=blobs) as fake:
        if fault is not None:
            fake.fail_always("blob", fault)
        here = repository_of(fake).tag("here")
        return resolver().inspect([here])[here]


def _index(*entries: Any) -> Manifest:
    body = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()
    return Manifest(body, OCI_INDEX)


def _entry(os: str, architecture: str, **more: str) -> dict[str, Any]:
    return {"digest": "sha256:" + "0" * 64, "platform": {"os": os, "architecture": architecture}, **more}


def _with_config(**descriptor: Any) -> Manifest:
    return Manifest(
        json.dumps({"schemaVersion": 2, "config": descriptor, "layers": []}).encode(), OCI_MANIFEST
    )


def test_an_index_has_the_platforms_of_its_images_and_not_of_attestations() -> None:
    index = _index(
        _entry("linux", "amd64"),
        _entry("linux", "arm64", variant="v8"),
        _entry("unknown", "unknown"),
        _entry("linux", "s390x", artifactType="application/x"),
        {"digest": "x"},
        None,
    )

    assert _inspect(index) == ImagePlatforms(Digest(index.digest), frozenset({"linux/amd64", "linux/arm64"}))


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_a_single_image_has_the_platform_of_its_configuration(architecture: str) -> None:
    manifest, config = image(architecture=architecture)

    assert _inspect(manifest, config) == ImagePlatforms(
        Digest(manifest.digest), frozenset({f"linux/{architecture}"})
    )


def test_schema_1_states_the_architecture_alone() -> None:
    manifest = Manifest(b'{"schemaVersion": 1, "architecture": "amd64"}', SCHEMA_1)

    assert _inspect(manifest) == ImagePlatforms(Digest(manifest.digest), frozenset({"linux/amd64"}))


@pytest.mark.parametrize("config", [b"{}", b'{"os": "linux"}', b'{"os": 5, "architecture": "amd64"}'])
def test_a_configuration_may_state_no_platform(config: bytes) -> None:
    digest = f"sha256:{hashlib.sha256(config).hexdigest()}"
    manifest = _with_config(digest=digest, size=len(config))

    assert _inspect(manifest, config) == ImagePlatforms(Digest(manifest.digest), frozenset())


def test_a_platform_is_no_place_for_other_text() -> None:
    config = json.dumps({"os": "linux\x1b[31m", "architecture": "amd64: x"}).encode()
    manifest = _with_config(digest=f"sha256:{hashlib.sha256(config).hexdigest()}", size=len(config))

    assert _inspect(manifest, config) == ImagePlatforms(Digest(manifest.digest), frozenset())


@pytest.mark.parametrize(
    "fault",
    [
        Fault(body=b'{"os": "linux", "architecture": "arm64"}'),
        Fault(body=b""),
        Fault(status=200, body=b"<html>"),
    ],
)
def test_a_configuration_with_another_digest_is_unknown(fault: Fault) -> None:
    manifest, config = image()

    assert _inspect(manifest, config, fault=fault) == CONFIGURATION


def test_a_configuration_with_another_size_is_unknown() -> None:
    manifest, config = image()
    lying = json.loads(manifest.body)
    lying["config"]["size"] += 1

    assert _inspect(Manifest(json.dumps(lying).encode()), config) == CONFIGURATION


@pytest.mark.parametrize(
    ("descriptor", "reason"),
    [
        ({}, "the manifest names no configuration by a sha256 digest"),
        ({"digest": "sha512:" + "0" * 128}, "the manifest names no configuration by a sha256 digest"),
        ({"digest": "../../secret"}, "the manifest names no configuration by a sha256 digest"),
        ({"digest": "sha256:" + "0" * 64, "size": 1 << 30}, "the configuration is larger than 4 MiB"),
    ],
)
def test_a_configuration_that_cannot_be_asked_for_is_unknown(descriptor: dict[str, Any], reason: str) -> None:
    assert _inspect(_with_config(**descriptor)) == TagUnknown(Cause.PROTOCOL, reason)


@pytest.mark.parametrize(
    ("fault", "unknown"),
    [
        (
            errors(404, "BLOB_UNKNOWN"),
            TagUnknown(Cause.PROTOCOL, "404 Not Found for the image's configuration"),
        ),
        (Fault(status=503), TagUnknown(Cause.TRANSIENT, "503 Service Unavailable after 3 tries")),
        (
            Fault(wire=Wire.CUT_BODY),
            TagUnknown(Cause.TRANSIENT, "the connection was closed before the answer was complete"),
        ),
        (
            Fault(status=307, headers=(("Location", "http://127.0.0.1/"),)),
            TagUnknown(Cause.TRANSIENT, "connection refused"),
        ),
    ],
)
def test_a_configuration_that_does_not_come_is_unknown(fault: Fault, unknown: TagUnknown) -> None:
    manifest, config = image()

    assert _inspect(manifest, config, fault=fault) == unknown


def test_a_configuration_that_is_no_object_is_unknown() -> None:
    config = b"[]"
    manifest = _with_config(digest=f"sha256:{hashlib.sha256(config).hexdigest()}", size=2)

    assert _inspect(manifest, config) == TagUnknown(Cause.PROTOCOL, "the configuration is no JSON object")


def test_a_digest_that_a_header_makes_up_is_never_taken() -> None:
    manifest, config = image()
    with FakeRegistry(tags={REPOSITORY: {"here": manifest}}, blobs=(config,)) as fake:
        lie = Fault(headers=(("Docker-Content-Digest", "sha256:" + "0" * 64),))
        fake.fail_always("head", lie)
        fake.fail_always("get", lie)
        asked = resolver(verify_digests=True)
        here = repository_of(fake).tag("here")
        asked.resolve([here])

        assert asked.inspect([here]) == {
            here: ImagePlatforms(Digest(manifest.digest), frozenset({"linux/amd64"}))
        }
        told = (
            f"{here}: the registry's header names another digest than the manifest has; "
            f"{manifest.digest} is computed from its bytes"
        )
        assert asked.warnings == (told,)
