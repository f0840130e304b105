import hashlib
import json
from typing import Any

import pytest

from fakes.asking import REPOSITORY, repository_of, resolver
from fakes.registry import (
    HTML,
    OCI_INDEX,
    OCI_MANIFEST,
    FakeRegistry,
    Fault,
    Manifest,
    Wire,
    errors,
    image,
    image_manifest,
)
from gitops_doca.core.reference import Digest
from gitops_doca.core.resolve.lookup import Cause, ImagePlatforms, Inspection, NotAnImage, TagUnknown

SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+json"
CONFIGURATION = TagUnknown(Cause.PROTOCOL, "the configuration is not the one that the manifest names")


def _inspect(
    manifest: Manifest, *blobs: bytes, children: tuple[Manifest, ...] = (), fault: Fault | None = None
) -> Inspection:
    tags = {"here": manifest, **{child.digest: child for child in children}}
    with FakeRegistry(tags={REPOSITORY: tags}, blobs=blobs) as fake:
        if fault is not None:
            fake.fail_always("blob", fault)
        here = repository_of(fake).tag("here")
        return resolver().inspect([here])[here]


def _index(*entries: Any) -> Manifest:
    body = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()
    return Manifest(body, OCI_INDEX)


def _attestation(**platform: str) -> dict[str, Any]:
    """Return an entry as BuildKit writes them for what it attests of an image."""
    annotations = {"vnd.docker.reference.type": "attestation-manifest"}
    return {"digest": "sha256:" + "0" * 64, "platform": platform, "annotations": annotations}


def _child(manifest: Manifest, **more: Any) -> dict[str, Any]:
    """Return an entry that does not state its platform."""
    return {"mediaType": manifest.media_type, "digest": manifest.digest, **more}


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
        _entry("linux", "ppc64le", mediaType="application/vnd.oci.image.layer.v1.tar"),
        _attestation(),
    )

    assert _inspect(index) == ImagePlatforms(Digest(index.digest), frozenset({"linux/amd64", "linux/arm64"}))


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_a_single_image_has_the_platform_of_its_configuration(architecture: str) -> None:
    manifest, config = image(architecture=architecture)

    assert _inspect(manifest, config) == ImagePlatforms(
        Digest(manifest.digest), frozenset({f"linux/{architecture}"})
    )


@pytest.mark.parametrize(
    ("stated", "platform"),
    [
        (("linux", "aarch64"), "linux/arm64"),
        (("linux", "x86_64"), "linux/amd64"),
        (("linux", "x86-64"), "linux/amd64"),
        (("Linux", "AARCH64"), "linux/arm64"),
        (("linux", "ARM64"), "linux/arm64"),
        (("linux", "arm64/v8"), "linux/arm64"),
        (("linux", "aarch64/v8"), "linux/arm64"),
        (("linux", "i386"), "linux/386"),
        (("linux", "armhf"), "linux/arm"),
        (("linux", "ppc64le"), "linux/ppc64le"),
        (("windows", "x86_64"), "windows/amd64"),
    ],
)
def test_an_architecture_has_one_name_in_configuration_and_index(
    stated: tuple[str, str], platform: str
) -> None:
    manifest, config = image(os=stated[0], architecture=stated[1])
    index = _index(_entry(*stated, variant="v8"))

    assert _inspect(manifest, config) == ImagePlatforms(Digest(manifest.digest), frozenset({platform}))
    assert _inspect(index) == ImagePlatforms(Digest(index.digest), frozenset({platform}))


@pytest.mark.parametrize(
    "entries",
    [
        (),
        (_entry("unknown", "unknown"),),
        (_attestation(os="unknown", architecture="unknown"), _attestation()),
        (_attestation(os="linux", architecture="amd64"),),
        (_entry("linux", "amd64", artifactType="application/vnd.example"),),
        (_entry("linux", "amd64", mediaType="application/vnd.oci.artifact.manifest.v1+json"),),
    ],
)
def test_an_index_may_have_no_image(entries: tuple[dict[str, Any], ...]) -> None:
    index = _index(*entries)

    assert _inspect(index) == NotAnImage(Digest(index.digest), "an index without any image")


def test_an_artifact_is_no_image() -> None:
    manifest = _with_config(mediaType="application/vnd.cncf.helm.config.v1+json", digest="x", size=2)

    assert _inspect(manifest) == NotAnImage(Digest(manifest.digest), "an artifact, and not an image")


def test_an_entry_without_a_platform_has_that_of_its_manifest() -> None:
    arm, arm_config = image(architecture="arm64")
    amd, amd_config = image(architecture="x86_64")
    odd = {"os": "linux\x1b[31m", "architecture": "arm64"}
    index = _index(_child(arm, platform=odd), _child(amd), _attestation())

    assert _inspect(index, arm_config, amd_config, children=(arm, amd)) == ImagePlatforms(
        Digest(index.digest), frozenset({"linux/arm64", "linux/amd64"})
    )


def test_an_index_within_an_index_has_its_platforms() -> None:
    inner = _index(_entry("linux", "arm64"), _attestation())
    index = _index(_child(inner), _entry("linux", "amd64"))

    assert _inspect(index, children=(inner,)) == ImagePlatforms(
        Digest(index.digest), frozenset({"linux/arm64", "linux/amd64"})
    )


def test_what_an_index_leads_to_may_be_no_image_either() -> None:
    inner = _index(_attestation())
    chart = _with_config(mediaType="application/vnd.cncf.helm.config.v1+json", digest="x", size=2)
    index = _index(_child(inner), _child(chart))

    assert _inspect(index, children=(inner, chart)) == NotAnImage(
        Digest(index.digest), "an index without any image"
    )


def test_indexes_are_read_one_level_deep() -> None:
    innermost = _index(_entry("linux", "arm64"))
    inner = _index(_child(innermost))

    assert _inspect(_index(_child(inner)), children=(inner, innermost)) == TagUnknown(
        Cause.PROTOCOL, "an index within the index does not state its platforms"
    )


def test_an_index_that_names_itself_ends() -> None:
    with FakeRegistry(tags={REPOSITORY: {"here": _index(_child(image_manifest("a")))}}) as fake:
        here = fake.repositories[REPOSITORY]["here"]
        fake.repositories[REPOSITORY][image_manifest("a").digest] = here
        tag = repository_of(fake).tag("here")

        assert resolver().inspect([tag])[tag] == TagUnknown(
            Cause.PROTOCOL, "a manifest is not the one that the index names"
        )
        assert fake.kinds == ["ping", "get", "get"]


def test_few_manifests_of_an_index_are_looked_into() -> None:
    pairs = [image(architecture=f"arch{number}") for number in range(9)]
    children, configs = tuple(manifest for manifest, _ in pairs), [config for _, config in pairs]
    eight = _index(*(_child(child) for child in children[:8]))

    result = _inspect(eight, *configs, children=children)
    assert isinstance(result, ImagePlatforms)
    assert len(result.platforms) == 8
    assert _inspect(
        _index(*(_child(child) for child in children)), *configs, children=children
    ) == TagUnknown(Cause.PROTOCOL, "the index has more than 8 manifests whose platform it does not state")


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (None, "the index has an entry that is not a JSON object"),
        ("sha256", "the index has an entry that is not a JSON object"),
        ({}, "the index has an entry without a sha256 digest"),
        ({"digest": "../../secret"}, "the index has an entry without a sha256 digest"),
        (
            {"digest": "sha256:" + "0" * 64},
            "a manifest that the index names: 404 Not Found (MANIFEST_UNKNOWN)",
        ),
    ],
)
def test_an_entry_that_cannot_be_read_is_unknown(entry: Any, reason: str) -> None:
    assert _inspect(_index(entry)) == TagUnknown(Cause.PROTOCOL, reason)


def test_a_manifest_of_an_index_that_is_not_a_manifest_is_unknown() -> None:
    arm, _ = image(architecture="arm64")
    with FakeRegistry(tags={REPOSITORY: {"here": _index(_child(arm)), arm.digest: arm}}) as fake:
        fake.fail("get", Fault(), HTML)
        here = repository_of(fake).tag("here")

        assert resolver().inspect([here])[here] == TagUnknown(
            Cause.PROTOCOL,
            "a manifest that the index names: 200 OK with a body that is not a manifest: "
            "not a registry's answer",
        )


def test_schema_1_states_the_architecture_alone() -> None:
    manifest = Manifest(b'{"schemaVersion": 1, "architecture": "amd64"}', SCHEMA_1)

    assert _inspect(manifest) == ImagePlatforms(Digest(manifest.digest), frozenset({"linux/amd64"}))


@pytest.mark.parametrize(
    "config",
    [
        b"{}",
        b'{"os": "linux"}',
        b'{"os": 5, "architecture": "amd64"}',
        b'{"os": "", "architecture": "amd64"}',
        b'{"os": "linux", "architecture": ""}',
        b'{"os": "linux", "architecture": "/v8"}',
    ],
)
def test_a_configuration_may_state_no_platform(config: bytes) -> None:
    digest = f"sha256:{hashlib.sha256(config).hexdigest()}"
    manifest = _with_config(digest=digest, size=len(config))

    assert _inspect(manifest, config) == ImagePlatforms(Digest(manifest.digest), frozenset())


@pytest.mark.parametrize(("os", "architecture"), [("linux\x1b[31m", "amd64: x"), ("linux", "x" * 100)])
def test_a_platform_is_no_place_for_other_text(os: str, architecture: str) -> None:
    config = json.dumps({"os": os, "architecture": architecture}).encode()
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

    assert _inspect(manifest, config) == TagUnknown(Cause.PROTOCOL, "the configuration is not a JSON object")


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
        assert [warning.message for warning in asked.warnings] == [told]
