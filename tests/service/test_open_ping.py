"""Real registries behind a server that leaves `/v2/` open: the challenge comes with the first manifest."""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from support.cli import Result, run_cli
from support.docker_registry import PASSWORD as REGISTRY_PASSWORD
from support.docker_registry import PROGRAMS, DockerRegistry, token_registry
from support.docker_registry import USER as REGISTRY_USER
from support.front import OpenPing, open_ping
from support.images import Pusher
from support.inputs import Pool, write_inputs
from support.token_server import (
    IDENTITY_TOKEN,
    PASSWORD,
    PRIVATE,
    PUBLIC,
    USER,
    TokenServer,
    Vendor,
    serving,
)
from support.token_signer import ISSUER, TokenSigner

pytestmark = pytest.mark.service

POOL = Pool(kernel="5.15.0-91-generic")
ABSENT = Pool(kernel="5.15.0-92-generic")


def _run(folder: Path, command: str, host: str, *flags: str | Path, pool: Pool = POOL) -> Result:
    inputs = write_inputs(folder, repository=host, pools=[pool], forced=True)
    return run_cli(command, *inputs, "--deadline", "20", "-v", *flags, cwd=folder)


def _password(user: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def _config(folder: Path, host: str, entry: dict[str, str]) -> tuple[str, Path]:
    file = folder / "login.json"
    file.write_text(json.dumps({"auths": {host: entry}}))
    return ("--registry-config", file)


def _pull_secret(folder: Path, host: str, entry: dict[str, str]) -> tuple[str, Path]:
    file = folder / "secret.yaml"
    content = json.dumps({"auths": {host: entry}})
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "pull"},
        "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": content},
    }
    file.write_text(yaml.safe_dump(secret))
    return ("--pull-secret", file)


def _locked(folder: Path) -> list[dict[str, str]]:
    (repository,) = yaml.safe_load((folder / "gitops-doca.lock.yaml").read_text())["repositories"]
    tags: list[dict[str, str]] = repository["tags"]
    return tags


@pytest.fixture
def digest(secure_registry: DockerRegistry) -> str:
    return Pusher(registry=secure_registry, repository="partly/doca-driver").image(POOL.tag)


@pytest.fixture
def basic(secure_registry: DockerRegistry) -> Iterator[OpenPing]:
    with open_ping(secure_registry) as front:
        yield front


@pytest.mark.parametrize("flags", [_config, _pull_secret])
def test_a_password_opens_manifest_configuration_and_list(
    basic: OpenPing, digest: str, tmp_path: Path, flags: Callable[..., tuple[str, Path]]
) -> None:
    host = f"{basic.host}/partly"
    login = flags(tmp_path, basic.host, _password(REGISTRY_USER, REGISTRY_PASSWORD))

    locked = _run(tmp_path, "lock", host, *login)
    missing = _run(tmp_path, "generate", host, "--online", *login, pool=ABSENT)

    assert locked.exit_code == 0, locked.stderr
    assert _locked(tmp_path) == [{"tag": POOL.tag, "digest": digest, "platform": "linux/amd64"}]
    assert (missing.exit_code, missing.stdout) == (4, b"")
    assert POOL.tag in missing.stderr
    assert REGISTRY_PASSWORD not in locked.stderr + missing.stderr
    assert basic.seen[:3] == [("PING", "-"), ("HEAD", "-"), ("HEAD", "Basic")]


@pytest.mark.usefixtures("digest")
def test_a_wrong_password_or_none_is_unknown(basic: OpenPing, tmp_path: Path) -> None:
    host = f"{basic.host}/partly"
    wrong = _config(tmp_path, basic.host, _password(REGISTRY_USER, "wrong"))

    refused, nobody = _run(tmp_path, "generate", host, *wrong), _run(tmp_path, "generate", host)

    assert (refused.exit_code, refused.stdout) == (nobody.exit_code, nobody.stdout) == (5, b"")
    assert "the registry does not accept the credentials from" in refused.stderr
    assert "the repository is private or absent" in nobody.stderr


def test_a_registry_that_asks_for_no_login_is_sent_none(registry: DockerRegistry, tmp_path: Path) -> None:
    Pusher(registry=registry, repository="open/doca-driver").image(POOL.tag)
    with open_ping(registry) as front:
        login = _config(tmp_path, front.host, _password("me", "unwanted"))
        result = _run(tmp_path, "lock", f"{front.host}/open", *login)

    assert result.exit_code == 0, result.stderr
    assert {scheme for _, scheme in front.seen} == {"-"}


@pytest.fixture(params=PROGRAMS)
def bearer(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[Vendor], OpenPing]]:
    """Start a token server, its registry and the server before that, with an image in each repository."""
    with ExitStack() as stack:

        def started(vendor: Vendor) -> OpenPing:
            data = tmp_path / "registry"
            data.mkdir()
            signer = TokenSigner(data)
            server = stack.enter_context(serving(TokenServer(vendor, signer)))
            registry = stack.enter_context(
                token_registry(
                    data,
                    request.param,
                    realm=server.realm,
                    service=vendor.service,
                    issuer=ISSUER,
                    authority_file=signer.authority_file,
                )
            )
            for repository in (PUBLIC, PRIVATE):
                allowed = DockerRegistry(host=registry.host, token=server.push_token(repository))
                Pusher(registry=allowed, repository=repository).image(POOL.tag)
            return stack.enter_context(open_ping(registry))

        yield started


Bearer = Callable[[Vendor], OpenPing]


def test_anybody_is_given_a_token_for_what_is_public(bearer: Bearer, tmp_path: Path) -> None:
    front = bearer(Vendor.DOCKER_HUB)

    result = _run(tmp_path, "lock", f"{front.host}/public")

    assert result.exit_code == 0, result.stderr
    assert front.seen[:3] == [("PING", "-"), ("HEAD", "-"), ("HEAD", "Bearer")]


@pytest.mark.parametrize("flags", [_config, _pull_secret])
def test_a_login_is_exchanged_for_what_is_private(
    bearer: Bearer, tmp_path: Path, flags: Callable[..., tuple[str, Path]]
) -> None:
    front = bearer(Vendor.DOCKER_HUB)
    login = flags(tmp_path, front.host, _password(USER["docker-hub"], PASSWORD))

    locked = _run(tmp_path, "lock", f"{front.host}/private", *login)
    missing = _run(tmp_path, "generate", f"{front.host}/private", "--online", *login, pool=ABSENT)
    nobody = _run(tmp_path, "generate", f"{front.host}/private", "--online")

    assert locked.exit_code == 0, locked.stderr
    assert (missing.exit_code, nobody.exit_code) == (4, 5)
    assert POOL.tag in missing.stderr
    assert "Basic" not in {scheme for _, scheme in front.seen}


def test_an_identity_token_is_exchanged_by_post(bearer: Bearer, tmp_path: Path) -> None:
    front = bearer(Vendor.ACR)
    login = _config(tmp_path, front.host, {**_password(USER["acr"], ""), "identitytoken": IDENTITY_TOKEN})

    result = _run(tmp_path, "lock", f"{front.host}/private", *login)

    assert result.exit_code == 0, result.stderr
    assert IDENTITY_TOKEN not in result.stderr
