import gzip
import hashlib
import json
import tracemalloc

import pytest

from fakes.asking import REPOSITORY, look_up, repository_of, resolver
from fakes.registry import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    HTML,
    HTML_404,
    OCI_INDEX,
    OCI_MANIFEST,
    FakeRegistry,
    Fault,
    Manifest,
    Wire,
    errors,
)
from gitops_doca.core.reference import Digest
from gitops_doca.core.resolve.lookup import (
    REPOSITORY_NOT_VISIBLE,
    Cause,
    TagExists,
    TagMissing,
    TagUnknown,
)

NO_ANSWER_OF_A_REGISTRY = TagUnknown(
    Cause.PROTOCOL, "404 Not Found without an error of the registry: not a registry's answer"
)
NOT_SAID = ", which does not say that this tag is missing"
NO_MANIFEST = TagUnknown(Cause.PROTOCOL, "200 OK with a body that is not a manifest: not a registry's answer")


def _exists(fake: FakeRegistry) -> TagExists:
    return TagExists(Digest(fake.digest(REPOSITORY, "here")))


def test_a_tag_that_exists_costs_one_ping_and_one_head(fake: FakeRegistry) -> None:
    assert look_up(fake) == _exists(fake)
    assert fake.kinds == ["ping", "head"]


def test_a_missing_tag_is_confirmed_by_one_get(fake: FakeRegistry) -> None:
    assert look_up(fake, "gone") == TagMissing()
    assert fake.kinds == ["ping", "head", "get"]


@pytest.mark.parametrize("media_type", [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST])
def test_every_form_of_a_manifest_is_accepted_in_one_header(media_type: str) -> None:
    manifest = Manifest(b'{"schemaVersion": 2}', media_type)
    with FakeRegistry(tags={REPOSITORY: {"here": manifest}}) as fake:
        result = look_up(fake)

    assert result == TagExists(Digest(manifest.digest))
    assert len(fake.requests[-1].headers.get_all("Accept") or ()) == 1


def test_what_is_asked_for_is_not_compressed(fake: FakeRegistry) -> None:
    look_up(fake)

    assert {request.headers["Accept-Encoding"] for request in fake.requests} == {"identity"}


def test_a_form_that_was_not_accepted_is_not_missing(fake: FakeRegistry) -> None:
    refusal = errors(
        404, "MANIFEST_UNKNOWN", "OCI manifest found, but accept header does not support OCI manifests"
    )
    fake.fail_always("head", Fault(status=404))
    fake.fail_always("get", refusal)

    assert look_up(fake) == TagUnknown(
        Cause.PROTOCOL, "404 Not Found: the registry has a form of this manifest that was not accepted"
    )


@pytest.mark.parametrize(
    "answer",
    [
        HTML_404,
        Fault(status=404),
        Fault(status=404, body=b"404 page not found"),
        Fault(status=404, body=b"default backend - 404"),
        Fault(status=404, body=b"[]"),
        Fault(status=404, body=b'{"errors": []}'),
        Fault(status=404, body=b'{"errors": null}'),
        Fault(status=404, body=b'{"errors": [null, "MANIFEST_UNKNOWN", {"code": 404}]}'),
        Fault(status=404, body=b'{"errors": [{"code": "manifest <unknown>"}]}'),
        Fault(status=404, body=b'{"code": "MANIFEST_UNKNOWN"}'),
        Fault(status=404, body=b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]'),
        Fault(status=404, body=b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}' + b" " * 70_000 + b"x"),
        Fault(status=404, body=b"[" * 50_000),
    ],
)
def test_a_404_that_no_registry_gives_is_not_missing(fake: FakeRegistry, answer: Fault) -> None:
    fake.fail_always("head", answer)
    fake.fail_always("get", answer)

    assert look_up(fake) == NO_ANSWER_OF_A_REGISTRY


@pytest.mark.parametrize(
    "answer",
    [
        errors(404, "MANIFEST_UNKNOWN", "manifest unknown"),
        errors(404, "MANIFEST_UNKNOWN"),
        errors(404, "MANIFEST_UNKNOWN", "The named manifest is not known to the registry."),
        errors(404, "MANIFEST_UNKNOWN", 'manifest tagged by "here" is not found'),
        errors(
            404, "MANIFEST_UNKNOWN", 'Failed to fetch "here" from request "/v2/timeout/x/manifests/here".'
        ),
        errors(404, "MANIFEST_UNKNOWN", "Requested image not found"),
        errors(
            404, "MANIFEST_UNKNOWN", "Tag here was deleted or has expired. To pull, revive via time machine"
        ),
        errors(
            404,
            "MANIFEST_UNKNOWN",
            "The image with imageId {imageDigest:'null', imageTag:'here'} does not exist within the "
            "repository with name 'mellanox/doca-driver' in the registry with id '123456789012'",
        ),
        errors(404, "MANIFEST_UNKNOWN", "manifest for mellanox/upstream-timeout/accept:here unknown"),
        errors(404, "MANIFEST_UNKNOWN", "manifest unknown: 'denied/repository/doca-driver' refused.example"),
        errors(404, "NOT_FOUND", f"artifact {REPOSITORY}:here not found"),
        errors(404, "NOT_FOUND", "artifact mellanox/manifest-unknown/doca-driver:here not found"),
        errors(404, "NOT_FOUND", 'The requested artifact "here" was not found.'),
        errors(404, "NOT_FOUND", "the image is not found"),
        errors(404, "UNKNOWN", "Not Found"),
        errors(404, "UNKNOWN", "manifest unknown"),
    ],
)
def test_a_registrys_own_words_for_missing(fake: FakeRegistry, answer: Fault) -> None:
    fake.fail_always("head", Fault(status=404))
    fake.fail_always("get", answer)

    assert look_up(fake) == TagMissing()


@pytest.mark.parametrize(
    ("answer", "unknown"),
    [
        (
            errors(404, "UNKNOWN", "unknown error"),
            TagUnknown(Cause.PROTOCOL, f"404 Not Found (UNKNOWN){NOT_SAID}"),
        ),
        (
            errors(404, "TOOMANYREQUESTS"),
            TagUnknown(Cause.PROTOCOL, f"404 Not Found (TOOMANYREQUESTS){NOT_SAID}"),
        ),
        (
            errors(404, "NAME_UNKNOWN", "name"),
            TagUnknown(Cause.REPOSITORY, REPOSITORY_NOT_VISIBLE),
        ),
        (
            errors(404, "DENIED"),
            TagUnknown(
                Cause.NO_CHALLENGE,
                "404 Not Found (DENIED): the registry sent no challenge that can be answered, "
                "so no credentials were sent",
            ),
        ),
    ],
)
def test_other_words_are_not_missing(fake: FakeRegistry, answer: Fault, unknown: TagUnknown) -> None:
    fake.fail_always("head", Fault(status=404))
    fake.fail_always("get", answer)

    assert look_up(fake) == unknown


def test_several_errors_are_missing_only_if_all_say_so(fake: FakeRegistry) -> None:
    both = {"errors": [{"code": "MANIFEST_UNKNOWN"}, {"code": "UNAVAILABLE"}]}
    fake.fail_always("head", Fault(status=404))
    fake.fail_always("get", Fault(status=404, body=json.dumps(both).encode()))

    assert look_up(fake) == TagUnknown(
        Cause.PROTOCOL, f"404 Not Found (MANIFEST_UNKNOWN, UNAVAILABLE){NOT_SAID}"
    )


@pytest.mark.parametrize(
    "answer",
    [
        HTML,
        Fault(status=200, body=b""),
        Fault(status=200, body=b"null"),
        Fault(status=200, body=b"{}", headers=(("Content-Type", OCI_MANIFEST),)),
        Fault(status=200, body=b'{"schemaVersion": 2}'),
        Fault(status=200, body=b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}'),
        Fault(status=200, body=b"{" * 60, headers=(("Content-Type", OCI_MANIFEST),)),
        Fault(status=200, body=b"\xff\xfe{}", headers=(("Content-Type", OCI_MANIFEST),)),
        Fault(status=200, body=b"9" * 5000, headers=(("Content-Type", OCI_MANIFEST),)),
    ],
)
def test_a_200_without_a_manifest_is_unknown(fake: FakeRegistry, answer: Fault) -> None:
    fake.fail_always("head", answer)
    fake.fail_always("get", answer)

    assert look_up(fake) == NO_MANIFEST


def test_a_manifest_beyond_the_cap_is_unknown(fake: FakeRegistry) -> None:
    fake.fail_always("head", Fault(status=404))
    fake.fail_always("get", Fault(body=b" " * (4 * 1024 * 1024 + 1)))

    assert look_up(fake) == TagUnknown(Cause.PROTOCOL, "the manifest is larger than 4 MiB")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 406, 501])
def test_a_head_that_fails_where_get_works_is_no_problem(fake: FakeRegistry, status: int) -> None:
    fake.fail_always("head", Fault(status=status))

    assert look_up(fake) == _exists(fake)


@pytest.mark.parametrize(
    "bent",
    [
        Fault(without=("Docker-Content-Digest",)),
        Fault(headers=(("Docker-Content-Digest", "sha256:00"),)),
        Fault(headers=(("Docker-Content-Digest", "sha512:" + "0" * 64),)),
        Fault(without=("Content-Type",)),
        Fault(headers=(("Content-Type", "application/octet-stream"),)),
    ],
)
def test_a_head_that_says_too_little_is_followed_by_a_get(fake: FakeRegistry, bent: Fault) -> None:
    fake.fail_always("head", bent)

    assert look_up(fake) == _exists(fake)
    assert fake.kinds == ["ping", "head", "get"]


def test_the_digest_of_the_body_counts_when_a_header_lies(fake: FakeRegistry) -> None:
    fake.fail_always("head", Fault(status=405))
    fake.fail_always("get", Fault(headers=(("Docker-Content-Digest", "sha256:" + "0" * 64),)))

    assert look_up(fake) == _exists(fake)


def test_parameters_and_capitals_of_a_media_type_do_not_matter(fake: FakeRegistry) -> None:
    odd = (("content-type", f"{OCI_MANIFEST.upper()}; charset=utf-8"),)
    fake.fail_always("head", Fault(headers=odd))

    assert look_up(fake) == _exists(fake)
    assert fake.kinds == ["ping", "head"]


def test_a_manifest_known_only_by_its_own_media_type_exists(fake: FakeRegistry) -> None:
    fake.fail_always("head", Fault(status=405))
    fake.fail_always("get", Fault(headers=(("Content-Type", "application/json"),)))

    assert look_up(fake) == _exists(fake)


def test_a_body_that_comes_compressed_all_the_same_is_read(fake: FakeRegistry) -> None:
    body = fake.repositories[REPOSITORY]["here"].body
    fake.fail_always("head", Fault(status=405))
    fake.fail_always("get", Fault(headers=(("Content-Encoding", "gzip"),), body=gzip.compress(body)))

    assert look_up(fake) == _exists(fake)


def test_a_body_that_unpacks_beyond_the_cap_is_unknown(fake: FakeRegistry) -> None:
    bomb = gzip.compress(b" " * (64 * 1024 * 1024))
    fake.fail_always("head", Fault(status=405))
    fake.fail_always("get", Fault(headers=(("Content-Encoding", "gzip"),), body=bomb))

    assert look_up(fake) == TagUnknown(Cause.PROTOCOL, "the manifest is larger than 4 MiB")


def test_a_body_that_is_compressed_twice_takes_no_more_memory_than_its_cap(fake: FakeRegistry) -> None:
    bomb = gzip.compress(gzip.compress(bytes(256 * 1024 * 1024)))
    fake.fail_always("head", Fault(status=405))
    fake.fail_always("get", Fault(headers=(("Content-Encoding", "gzip, gzip"),), body=bomb))
    tracemalloc.start()
    try:
        verdict = look_up(fake)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert verdict == TagUnknown(Cause.PROTOCOL, "the manifest is larger than 4 MiB")
    assert peak < 32 * 1024 * 1024


def test_a_body_that_is_not_compressed_as_it_says_is_unknown(fake: FakeRegistry) -> None:
    fake.fail_always("head", Fault(status=405))
    fake.fail_always("get", Fault(headers=(("Content-Encoding", "gzip"),), body=b"{}"))

    assert look_up(fake) == TagUnknown(Cause.PROTOCOL, "an answer that cannot be decoded")


def test_a_truncated_manifest_is_not_taken_for_whole(fake: FakeRegistry) -> None:
    fake.fail_always("head", Fault(status=405))
    fake.fail_always("get", Fault(wire=Wire.CUT_BODY))

    assert look_up(fake) == TagUnknown(
        Cause.TRANSIENT, "the connection was closed before the answer was complete"
    )


def test_a_signed_schema_1_manifest_has_the_digest_of_its_header() -> None:
    signed = Manifest(
        b'{"schemaVersion": 1, "signatures": []}',
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
    )
    payload = f"sha256:{hashlib.sha256(b'payload').hexdigest()}"
    with FakeRegistry(tags={REPOSITORY: {"here": signed}}) as fake:
        fake.fail_always("head", Fault(status=405))
        fake.fail_always("get", Fault(headers=(("Docker-Content-Digest", payload),)))

        assert look_up(fake) == TagExists(Digest(payload))


@pytest.mark.parametrize(
    ("status", "cause"),
    [(402, Cause.PROTOCOL), (407, Cause.PROXY), (410, Cause.PROTOCOL), (451, Cause.PROTOCOL)],
)
def test_a_status_that_settles_nothing_is_shown(fake: FakeRegistry, status: int, cause: Cause) -> None:
    fake.fail_always("head", Fault(status=status))

    result = look_up(fake)

    assert isinstance(result, TagUnknown)
    assert (result.cause, result.reason[:3]) == (cause, str(status))


def test_a_kernel_of_another_registry_is_queried_there(fake: FakeRegistry) -> None:
    with FakeRegistry(tags={REPOSITORY: ["here"]}) as other:
        images = [repository_of(other).tag("gone"), repository_of(fake).tag("here")]

        assert list(resolver().resolve(images).items()) == [
            (images[0], TagMissing()),
            (images[1], _exists(fake)),
        ]


@pytest.mark.parametrize("code", ["toomanyrequests", None])
def test_an_error_without_a_known_code_beside_it_is_not_missing(fake: FakeRegistry, code: str | None) -> None:
    body = {"errors": [{"code": code, "message": "internal error"}, {"code": "MANIFEST_UNKNOWN"}]}
    fake.fail_always("head", Fault(status=404))
    fake.fail_always("get", Fault(status=404, body=json.dumps(body).encode()))

    assert look_up(fake) == TagUnknown(Cause.PROTOCOL, f"404 Not Found (MANIFEST_UNKNOWN){NOT_SAID}")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("NOT_FOUND", "repository image-cache/mellanox/doca-driver not found"),
        ("NOT_FOUND", "repository mellanox/manifest/tag not found"),
        ("NOT_FOUND", "project image-cache not found"),
        ("NOT_FOUND", "project manifest not found"),
        ("NOT_FOUND", "artifact mellanox/doca-driver:another not found"),
        ("NOT_FOUND", "image mellanox/doca-driver not found"),
        ("NOT_FOUND", "host notfound.example not found, no artifact"),
        ("NOT_FOUND", ""),
        ("UNKNOWN", "http status code: 503, body: manifest not found"),
        ("UNKNOWN", "http status code: 404, body: repository not found"),
        ("UNKNOWN", "upstream host not found: i/o timeout"),
        ("UNKNOWN", "unknown"),
        ("UNKNOWN", f"{REPOSITORY} not found"),
        ("MANIFEST_UNKNOWN", "http status code: 503, body: manifest not found"),
        ("MANIFEST_UNKNOWN", "manifest unknown: dial tcp: lookup nvcr.io: no such host"),
        ("MANIFEST_UNKNOWN", "manifest unknown: upstream answered 401 Unauthorized"),
        ("MANIFEST_UNKNOWN", "repository mellanox/doca-driver is not found"),
        ("MANIFEST_UNKNOWN", "project image-cache does not exist"),
    ],
)
def test_words_about_something_else_are_not_missing(fake: FakeRegistry, code: str, message: str) -> None:
    fake.fail_always("head", Fault(status=404))
    fake.fail_always("get", errors(404, code, message))

    assert look_up(fake) == TagUnknown(Cause.PROTOCOL, f"404 Not Found ({code}){NOT_SAID}")


def test_a_detail_about_something_else_is_not_missing(fake: FakeRegistry) -> None:
    error = {"code": "NOT_FOUND", "message": "not found", "detail": "repository mellanox/x not found"}
    fake.fail_always("head", Fault(status=404))
    fake.fail_always("get", Fault(status=404, body=json.dumps({"errors": [error]}).encode()))

    assert look_up(fake) == TagUnknown(Cause.PROTOCOL, f"404 Not Found (NOT_FOUND){NOT_SAID}")


@pytest.mark.parametrize(
    "path", ["mellanox/manifest-unknown/doca-driver", "timeout/denied", "accept/repository-not-found"]
)
@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("MANIFEST_UNKNOWN", "manifest for {host}/{path}:here unknown"),
        ("MANIFEST_UNKNOWN", "manifest unknown in {path}"),
        ("NOT_FOUND", "artifact {path}:here not found"),
    ],
)
def test_names_change_nothing_about_what_is_missing(path: str, code: str, message: str) -> None:
    with FakeRegistry(tags={path: ["there"]}) as fake:
        fake.fail_always("get", errors(404, code, message.format(host="notfound.example:5000", path=path)))
        image = repository_of(fake, path).tag("here")

        assert resolver().resolve([image]) == {image: TagMissing()}


@pytest.mark.parametrize("path", ["mellanox/manifest-unknown/doca-driver", "artifact/not-found", "tag/image"])
@pytest.mark.parametrize("message", ["repository {path} not found", "project {first} not found"])
def test_names_make_nothing_missing(path: str, message: str) -> None:
    with FakeRegistry(tags={path: ["there"]}) as fake:
        said = message.format(path=path, first=path.partition("/")[0])
        fake.fail_always("get", errors(404, "NOT_FOUND", said))
        image = repository_of(fake, path).tag("here")

        assert isinstance(resolver().resolve([image])[image], TagUnknown)


def test_a_manifest_that_is_index_and_image_at_once_is_none() -> None:
    both = {"schemaVersion": 2, "manifests": [], "config": {}, "layers": []}
    with FakeRegistry(tags={REPOSITORY: {"here": Manifest(json.dumps(both).encode())}}) as fake:
        fake.fail_always("head", Fault(status=405))

        assert look_up(fake) == NO_MANIFEST
