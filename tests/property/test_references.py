"""A reference is shown as it was written, and only what a registry could hold is one."""

import re

from hypothesis import given
from hypothesis import strategies as st

from gitops_doca.core.reference import (
    DOCKER_HUB,
    ImageReference,
    InvalidReferenceError,
    is_digest,
    is_tag,
    parse_image,
    parse_repository,
)

COMPONENTS = st.from_regex(r"[a-z0-9]{1,8}(?:(?:\.|_|__|-{1,3})[a-z0-9]{1,8}){0,2}", fullmatch=True)
HOSTS = st.one_of(
    st.just("localhost"),
    st.from_regex(r"[A-Za-z0-9]{1,8}\.[A-Za-z0-9]{1,8}(?::[0-9]{1,4})?", fullmatch=True),
    st.from_regex(r"[A-Za-z0-9]{1,8}:[0-9]{1,4}", fullmatch=True),
    st.from_regex(r"\[[0-9a-f]{0,4}::[0-9a-f]{1,4}\](?::[0-9]{1,4})?", fullmatch=True),
)
PATHS = st.lists(COMPONENTS, min_size=1, max_size=3).map("/".join)
TAGS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", fullmatch=True)
DIGESTS = st.from_regex(r"sha256:[0-9a-f]{64}", fullmatch=True)
ANYTHING = st.text(max_size=30) | st.text(alphabet="aB0.:/@-_[]", max_size=12)


@given(host=HOSTS, path=PATHS, tag=st.just("") | TAGS, digest=st.just("") | DIGESTS)
def test_a_reference_is_shown_as_it_was_written(host: str, path: str, tag: str, digest: str) -> None:
    text = f"{host}/{path}{':' * bool(tag)}{tag}{'@' * bool(digest)}{digest}"
    image = parse_image(text)

    assert str(image) == text
    assert image == ImageReference(parse_repository(f"{host}/{path}"), tag=tag, digest=digest)
    assert (image.repository.registry, image.repository.path) == (host.lower(), path)


@given(path=PATHS)
def test_docker_hub_has_one_name_and_a_library(path: str) -> None:
    found = {
        (repository.registry, repository.path)
        for repository in (parse_repository(f"docker.io/{path}"), parse_repository(f"index.docker.io/{path}"))
    }

    assert found == {(DOCKER_HUB, path if "/" in path else f"library/{path}")}


@given(text=ANYTHING)
def test_whatever_is_taken_for_an_image_could_be_asked_for(text: str) -> None:
    try:
        image = parse_image(text)
    except InvalidReferenceError:
        return

    assert str(image) == text
    assert re.fullmatch(r"[a-z0-9._/-]{1,255}", image.repository.path)
    assert re.fullmatch(r"[a-z0-9.:\[\]-]{1,255}", image.repository.registry)
    assert not image.tag or is_tag(image.tag)
    assert not image.digest or is_digest(image.digest)
