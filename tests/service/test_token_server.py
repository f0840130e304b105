import base64
import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import trustme
import yaml

from support.cli import Result, run_cli
from support.docker_registry import PROGRAMS, Program, token_registry
from support.images import Pusher
from support.inputs import Pool, write_inputs
from support.token_server import (
    IDENTITY_TOKEN,
    PASSWORD,
    PRIVATE,
    PUBLIC,
    USER,
    Exchange,
    TokenServer,
    Vendor,
    serving,
)
from support.token_signer import ISSUER, LIFETIME, TokenSigner

pytestmark = pytest.mark.service

POOL = Pool(kernel="5.15.0-91-generic")
LONG_AGO = LIFETIME * 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A registry that wants tokens, the server that gives them, and a folder for the product to run in."""

    server: TokenServer
    host: str
    """What images are asked of: the registry itself, or the server that stands before it."""
    digest: str
    folder: Path

    def run(self, command: str, repository: str, *flags: str | Path) -> Result:
        namespace = f"{self.host}/{repository.rpartition('/')[0]}"
        inputs = write_inputs(self.folder, repository=namespace, pools=[POOL], forced=True)
        trust = ("--ca-file", self.folder / "ca.pem") if (self.folder / "ca.pem").exists() else ()
        return run_cli(command, *inputs, "--deadline", "20", "-v", *trust, *flags, cwd=self.folder)

    def login(self, **entry: str) -> tuple[str, Path]:
        """Write a docker config for this registry, and return the flags that name it."""
        config = self.folder / "login.json"
        config.write_text(json.dumps({"auths": {self.host: entry}}))
        return ("--registry-config", config)

    def password(self, secret: str = PASSWORD) -> tuple[str, Path]:
        user = USER[self.server.vendor.value]
        return self.login(auth=base64.b64encode(f"{user}:{secret}".encode()).decode())


Start = Callable[..., Site]


@pytest.fixture(params=PROGRAMS)
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Start]:
    """Start a token server with its registry, and push one image to each of its repositories."""
    program: Program = request.param
    with ExitStack() as stack:

        def started(vendor: Vendor, realm_host: str = "127.0.0.1") -> Site:
            data = tmp_path / "registry"
            data.mkdir()
            signer = TokenSigner(data)
            tls = _tls(tmp_path) if vendor is Vendor.NGC else None
            server = stack.enter_context(serving(TokenServer(vendor, signer, tls)))
            settings = {
                "realm": server.realm.replace("127.0.0.1", realm_host),
                "service": vendor.service,
                "issuer": ISSUER,
            }
            registry = stack.enter_context(
                token_registry(data, program, authority_file=signer.authority_file, **settings)
            )
            server.registry = registry.host
            digests = {
                Pusher(
                    registry=replace(registry, token=server.push_token(repository)), repository=repository
                ).image(POOL.tag)
                for repository in (PUBLIC, PRIVATE)
            }
            host = server.host if vendor is Vendor.NGC else registry.host
            return Site(server=server, host=host, digest=digests.pop(), folder=tmp_path)

        yield started


def _tls(folder: Path) -> ssl.SSLContext:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


def _asked(repository: str, **details: str) -> Exchange:
    fields = {"method": "GET", "service": "", "account": "", **details}
    return Exchange(scopes=(f"repository:{repository}:pull",), **fields)


def _shows_no_secret(result: Result) -> bool:
    secrets = (PASSWORD, IDENTITY_TOKEN, base64.b64encode(PASSWORD.encode()).decode().rstrip("="), "eyJ")
    return not any(secret in result.stderr or secret.encode() in result.stdout for secret in secrets)


def test_ngc_opens_a_public_repository_to_anybody(start: Start) -> None:
    site = start(Vendor.NGC)

    result = site.run("generate", PUBLIC)

    assert result.exit_code == 0, result.stderr
    assert site.server.exchanges == [_asked(PUBLIC)]


def test_ngc_opens_a_private_repository_to_its_key(start: Start) -> None:
    site = start(Vendor.NGC)

    result = site.run("generate", PRIVATE, *site.password())

    assert result.exit_code == 0, result.stderr
    assert site.server.exchanges == [_asked(PRIVATE, account="$oauthtoken")]
    assert _shows_no_secret(result)


@pytest.mark.parametrize("secret", ["open:sesame", ""], ids=["wrong key", "no key"])
def test_ngc_keeps_a_private_repository_closed_and_that_is_unknown(start: Start, secret: str) -> None:
    site = start(Vendor.NGC)

    result = site.run("generate", PRIVATE, *(site.password(secret) if secret else ()))

    assert (result.exit_code, result.stdout) == (5, b"")
    assert f"the token server {site.host} answered 401 Unauthorized" in result.stderr
    assert "html" not in result.stderr.lower()
    assert not secret or secret not in result.stderr


def test_docker_hub_opens_a_public_repository_to_anybody(start: Start) -> None:
    site = start(Vendor.DOCKER_HUB)

    result = site.run("generate", PUBLIC)

    assert result.exit_code == 0, result.stderr
    assert site.server.exchanges == [_asked(PUBLIC, service="registry.docker.io")]


@pytest.mark.parametrize("repository", [PRIVATE, "absent/doca-driver"], ids=["private", "absent"])
def test_docker_hub_does_not_tell_private_from_absent(start: Start, repository: str) -> None:
    site = start(Vendor.DOCKER_HUB)

    result = site.run("generate", repository)

    assert (result.exit_code, result.stdout) == (5, b"")
    assert "401 Unauthorized (UNAUTHORIZED)" in result.stderr
    assert "the repository is private or absent" in result.stderr
    assert _shows_no_secret(result)


def test_docker_hub_opens_a_private_repository_to_a_login(start: Start) -> None:
    site = start(Vendor.DOCKER_HUB)

    result = site.run("generate", PRIVATE, *site.password())

    assert result.exit_code == 0, result.stderr
    assert site.server.exchanges == [_asked(PRIVATE, service="registry.docker.io", account="puller")]
    assert _shows_no_secret(result)


def test_one_token_serves_for_manifest_and_configuration(start: Start) -> None:
    site = start(Vendor.DOCKER_HUB)

    result = site.run("lock", PRIVATE, *site.password())

    assert result.exit_code == 0, result.stderr
    (repository,) = yaml.safe_load((site.folder / "gitops-doca.lock.yaml").read_text())["repositories"]
    assert repository["tags"] == [{"tag": POOL.tag, "digest": site.digest, "platform": "linux/amd64"}]
    assert len(site.server.exchanges) == 1


def test_a_login_goes_to_a_token_server_elsewhere_only_when_that_is_trusted(start: Start) -> None:
    site = start(Vendor.DOCKER_HUB, realm_host="localhost")

    withheld = site.run("generate", PRIVATE, *site.password())
    sent = site.run("generate", PRIVATE, *site.password(), "--trusted-realm-host", "localhost")

    assert (withheld.exit_code, withheld.stdout) == (5, b"")
    assert "were not sent to its token server localhost:" in withheld.stderr
    assert sent.exit_code == 0, sent.stderr
    assert {exchange.account for exchange in site.server.exchanges[:-1]} == {""}
    assert site.server.exchanges[-1].account == "puller"


def test_azure_takes_an_identity_token_by_post(start: Start) -> None:
    site = start(Vendor.ACR)
    entry = {"auth": base64.b64encode(f"{USER['acr']}:".encode()).decode(), "identitytoken": IDENTITY_TOKEN}

    result = site.run("generate", PRIVATE, *site.login(**entry))

    assert result.exit_code == 0, result.stderr
    assert site.server.exchanges == [
        _asked(PRIVATE, method="POST", service="example.azurecr.io", account="identity")
    ]
    assert _shows_no_secret(result)


def test_an_identity_token_goes_by_get_where_post_is_not_found(start: Start) -> None:
    site = start(Vendor.ACR)
    site.server.posts = False
    entry = {"auth": base64.b64encode(f"{USER['acr']}:".encode()).decode(), "identitytoken": IDENTITY_TOKEN}

    result = site.run("generate", PRIVATE, *site.login(**entry))

    assert result.exit_code == 0, result.stderr
    service = "example.azurecr.io"
    assert site.server.exchanges == [
        _asked(PRIVATE, method="POST", service=service, account="identity"),
        _asked(PRIVATE, service=service, account=USER["acr"]),
    ]


def test_an_identity_token_that_is_refused_is_unknown(start: Start) -> None:
    site = start(Vendor.ACR)

    result = site.run("generate", PRIVATE, *site.login(identitytoken="revoked.not-a-secret"))

    assert (result.exit_code, result.stdout) == (5, b"")
    assert "answered 401 Unauthorized" in result.stderr
    assert "revoked" not in result.stderr


def test_an_expired_token_is_renewed_once(start: Start) -> None:
    site = start(Vendor.DOCKER_HUB)
    site.server.ages = [LONG_AGO]

    result = site.run("generate", PUBLIC)

    assert result.exit_code == 0, result.stderr
    assert len(site.server.exchanges) == 2


def test_tokens_that_are_never_good_are_unknown_after_one_renewal(start: Start) -> None:
    site = start(Vendor.DOCKER_HUB)
    site.server.ages = [LONG_AGO] * 9

    result = site.run("generate", PUBLIC)

    assert (result.exit_code, result.stdout) == (5, b"")
    assert "401 Unauthorized" in result.stderr
    assert len(site.server.exchanges) == 2


def test_a_token_by_another_signer_opens_nothing(start: Start, tmp_path: Path) -> None:
    site = start(Vendor.DOCKER_HUB)
    site.server.signer = TokenSigner(tmp_path)

    result = site.run("generate", PUBLIC)

    assert (result.exit_code, result.stdout) == (5, b"")
    assert "401 Unauthorized" in result.stderr
