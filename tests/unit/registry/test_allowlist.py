import pytest

from fakes.asking import REPOSITORY, list_tags, look_up
from fakes.registry import Auth, FakeRegistry
from gitops_doca.core.reference import parse_repository
from gitops_doca.core.resolve.lookup import Cause, TagExists, TagList, TagUnknown
from gitops_doca.registry.allowlist import parse_allowed


@pytest.mark.parametrize(
    ("entry", "repository"),
    [
        ("nvcr.io", "nvcr.io/nvidia/mellanox"),
        ("NVCR.io", "nvcr.io/nvidia/mellanox"),
        ("nvcr.io:443", "nvcr.io/nvidia/mellanox"),
        ("nvcr.io", "nvcr.io:443/nvidia/mellanox"),
        ("nvcr.io:0443", "nvcr.io/nvidia"),
        ("*.nvcr.io", "eu.nvcr.io/nvidia"),
        ("*.*", "nvcr.io/nvidia"),
        ("nvcr.io/nvidia", "nvcr.io/nvidia/mellanox"),
        ("nvcr.io/nvidia/", "nvcr.io/nvidia/mellanox"),
        ("nvcr.io/nvidia/mellanox", "nvcr.io/nvidia/mellanox"),
        ("localhost:5000", "localhost:5000/a"),
        ("[::1]:5000/a", "[::1]:5000/a"),
        ("docker.io", "ubuntu"),
        ("index.docker.io/library", "docker.io/ubuntu"),
    ],
)
def test_what_an_entry_covers(entry: str, repository: str) -> None:
    assert parse_allowed(entry).covers(parse_repository(repository))


@pytest.mark.parametrize(
    ("entry", "repository"),
    [
        ("nvcr.io", "nvcr.io:5000/nvidia"),
        ("nvcr.io:5000", "nvcr.io/nvidia"),
        ("nvcr.io", "eu.nvcr.io/nvidia"),
        ("nvcr.io", "nvcr.io.evil.example/nvidia"),
        ("*.nvcr.io", "nvcr.io/nvidia"),
        ("*.nvcr.io", "a.b.nvcr.io/nvidia"),
        ("*.io", "eu.nvcr.io/nvidia"),
        ("nvcr.io/nvidia", "nvcr.io/nvidia-evil/mellanox"),
        ("nvcr.io/nvidia/mellanox", "nvcr.io/nvidia"),
        ("docker.io/library", "docker.io/other/ubuntu"),
        ("r.example", "ubuntu"),
    ],
)
def test_what_it_does_not_cover(entry: str, repository: str) -> None:
    assert not parse_allowed(entry).covers(parse_repository(repository))


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "https://nvcr.io",
        "nvcr.io:",
        "nvcr.io:port",
        "nv*.io",
        "**",
        "me@nvcr.io",
        "nvcr.io//a",
        "nvcr.io/A b",
        "a b",
    ],
)
def test_what_is_no_entry(entry: str) -> None:
    with pytest.raises(ValueError, match="is not HOST"):
        parse_allowed(entry)


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ("r.example", True),
        ("r.example/a", True),
        ("r.example:443", True),
        ("*.example", False),
        ("r.example:1", False),
    ],
)
def test_a_registry_is_named_by_an_entry_without_patterns(entry: str, *, named: bool) -> None:
    assert parse_allowed(entry).names("r.example") is named


def test_a_registry_that_is_not_allowed_is_sent_nothing(fake: FakeRegistry) -> None:
    allowed = (parse_allowed("nvcr.io"), parse_allowed(f"{fake.host}/other"))

    assert look_up(fake, allowed_registries=allowed) == TagUnknown(
        Cause.NOT_ALLOWED, f"{fake.host}/{REPOSITORY} is not in the allowed registries"
    )
    assert list_tags(fake, allowed_registries=allowed) == TagList()
    assert fake.connections == 0


def test_a_registry_that_is_allowed_is_queried(fake: FakeRegistry) -> None:
    allowed = (parse_allowed("nvcr.io"), parse_allowed(f"{fake.host}/{REPOSITORY}"))

    assert isinstance(look_up(fake, allowed_registries=allowed), TagExists)


@pytest.mark.usefixtures("names")
def test_a_token_server_needs_no_entry_of_its_own() -> None:
    with FakeRegistry(auth=Auth(scheme="bearer"), name="tokens.test") as realm:
        challenge = f'Bearer realm="{realm.url}/token"'
        auth = Auth(scheme="bearer", challenges=(challenge,))
        with FakeRegistry(tags={REPOSITORY: ["here"]}, auth=auth) as fake:
            fake.tokens = realm.tokens

            assert isinstance(look_up(fake, allowed_registries=(parse_allowed(fake.host),)), TagExists)
