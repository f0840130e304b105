import pytest

from gitops_doca.core.reference import (
    DOCKER_HUB,
    ImageReference,
    InvalidReferenceError,
    Repository,
    is_digest,
    is_tag,
    parse_image,
    parse_repository,
)

DIGEST = "sha256:" + "0123456789abcdef" * 4
SCHEME = "has a scheme; a repository is written without https://"
TAG = "has a tag; a repository is written without one"
HOST = "has no valid host[:port] before its first slash"
NAME = "is not a repository name: lower-case letters and digits, . _ - between them, parts split by /"


@pytest.mark.parametrize(
    ("text", "registry", "path"),
    [
        ("nvcr.io/nvidia/mellanox/doca-driver", "nvcr.io", "nvidia/mellanox/doca-driver"),
        ("host:5000/a", "host:5000", "a"),
        ("host.example:5000/a/b", "host.example:5000", "a/b"),
        ("localhost/foo", "localhost", "foo"),
        ("localhost:5000/foo", "localhost:5000", "foo"),
        ("LOCALHOST:5000/foo", "localhost:5000", "foo"),
        ("NVCR.io/nvidia/x", "nvcr.io", "nvidia/x"),
        ("127.0.0.1/x", "127.0.0.1", "x"),
        ("127.0.0.1.evil.com/x", "127.0.0.1.evil.com", "x"),
        ("[::1]:5000/a", "[::1]:5000", "a"),
        ("[::1]/a", "[::1]", "a"),
        ("[2001:DB8::1]/a", "[2001:db8::1]", "a"),
        ("ubuntu", DOCKER_HUB, "library/ubuntu"),
        ("docker.io/ubuntu", DOCKER_HUB, "library/ubuntu"),
        ("index.docker.io/ubuntu", DOCKER_HUB, "library/ubuntu"),
        ("docker.io/nvidia/x", DOCKER_HUB, "nvidia/x"),
        ("nvidia/x", DOCKER_HUB, "nvidia/x"),
        ("host/a", DOCKER_HUB, "host/a"),
        ("registry-1.docker.io/a", "registry-1.docker.io", "a"),
        ("r.io/a__b/c_d/e--f/g.h", "r.io", "a__b/c_d/e--f/g.h"),
    ],
)
def test_a_repository_is_taken_apart_and_shown_as_written(text: str, registry: str, path: str) -> None:
    repository = parse_repository(text)

    assert repository == Repository(text, registry, path)
    assert str(repository) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("https://nvcr.io/nvidia", SCHEME),
        ("oci://nvcr.io/nvidia", SCHEME),
        ("nvcr.io/nvidia/x:1.0", TAG),
        ("ubuntu:22.04", TAG),
        ("host:5000/a:b", TAG),
        ("[::1]:5000/a:b", TAG),
        (f"nvcr.io/x@{DIGEST}", "has a digest; a repository is written without one"),
        ("user@nvcr.io/x", "has a digest; a repository is written without one"),
        ("", NAME),
        ("nvcr.io/", NAME),
        ("/x", NAME),
        ("nvcr.io//x", NAME),
        ("nvcr.io/x/", NAME),
        ("nvcr.io/NVIDIA/x", NAME),
        ("Localhost/foo", NAME),
        ("white space/x", NAME),
        ("nvcr.io/x\n", NAME),
        ("nvcr.io/a..b", NAME),
        ("nvcr.io/a___b", NAME),
        ("nvcr.io/-a", NAME),
        ("nvcr.io/a/../b", NAME),
        ("white space.io/x", HOST),
        ("a_b.io/x", HOST),
        ("-a.io/x", HOST),
        ("a..b/x", HOST),
        ("./x", HOST),
        ("host:/x", HOST),
        ("host:65536/x", HOST),
        ("host:port/x", HOST),
        ("[::1/x", HOST),
        ("[::g]/x", HOST),
        ("r.io/" + "a" * 251, "is longer than 255 characters"),
        ("a" * 240, "is longer than 255 characters"),
    ],
)
def test_what_is_no_repository_is_refused_with_the_rule_it_breaks(text: str, why: str) -> None:
    with pytest.raises(InvalidReferenceError) as refused:
        parse_repository(text)

    assert str(refused.value) == why


def test_a_name_of_255_characters_is_the_longest() -> None:
    assert parse_repository("r.io/" + "a" * 250).path == "a" * 250


@pytest.mark.parametrize(
    ("text", "repository", "tag", "digest"),
    [
        ("ubuntu", "ubuntu", "", ""),
        ("ubuntu:22.04", "ubuntu", "22.04", ""),
        ("host:5000/a", "host:5000/a", "", ""),
        ("host:5000/a:b", "host:5000/a", "b", ""),
        ("[::1]/a", "[::1]/a", "", ""),
        (f"nvcr.io/a:tag@{DIGEST}", "nvcr.io/a", "tag", DIGEST),
        (f"nvcr.io/a@{DIGEST}", "nvcr.io/a", "", DIGEST),
    ],
)
def test_an_image_may_have_a_tag_and_a_digest(text: str, repository: str, tag: str, digest: str) -> None:
    image = parse_image(text)

    assert image == ImageReference(parse_repository(repository), tag=tag, digest=digest)
    assert str(image) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("repo:", "has an invalid tag"),
        ("repo:a+b", "has an invalid tag"),
        ("repo:" + "a" * 129, "has an invalid tag"),
        ("repo@", "has a digest that is not sha256: and 64 lower-case hex digits"),
        ("repo@sha512:" + "a" * 64, "has a digest that is not sha256: and 64 lower-case hex digits"),
        (f"repo@{DIGEST}@{DIGEST}", "has a digest that is not sha256: and 64 lower-case hex digits"),
        ("https://nvcr.io/x:1", SCHEME),
    ],
)
def test_what_is_no_image_is_refused_with_the_rule_it_breaks(text: str, why: str) -> None:
    with pytest.raises(InvalidReferenceError) as refused:
        parse_image(text)

    assert str(refused.value) == why


@pytest.mark.parametrize(
    ("text", "holds"),
    [("a", True), ("_a.-", True), ("a" * 128, True), ("a" * 129, False)]
    + [(text, False) for text in ("", "-a", ".a", "a+b", "a/b", "a b", "a\n", "ä")],
)
def test_a_tag_has_at_most_128_of_its_characters(text: str, *, holds: bool) -> None:
    assert is_tag(text) is holds


@pytest.mark.parametrize(
    ("text", "holds"),
    [(DIGEST, True)]
    + [(text, False) for text in (DIGEST.upper(), DIGEST[:-1], DIGEST + "0", DIGEST + "\n", DIGEST[7:], "")],
)
def test_a_digest_is_sha256_and_64_lower_case_digits(text: str, *, holds: bool) -> None:
    assert is_digest(text) is holds


def test_references_sort_by_registry_then_path_then_tag() -> None:
    texts = ["b.io/a:1", "ubuntu:1", "a.io/b:2", "a.io/b:1", "a.io/a:9", "docker.io/ubuntu:1"]

    assert [str(image) for image in sorted(map(parse_image, texts))] == [
        "a.io/a:9",
        "a.io/b:1",
        "a.io/b:2",
        "b.io/a:1",
        "docker.io/ubuntu:1",
        "ubuntu:1",
    ]
