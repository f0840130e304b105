"""A hostile repository under Argo CD reaches no registry, address or credential that is not for it."""

import base64
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from fakes.registry import Auth, FakeRegistry, Fault
from support.application import Application, make_application
from support.cli import Result
from support.inputs import Pool, write_inputs

POOL = Pool(kernel="5.15.0-91-generic")
TAGS = {"nvidia/doca-driver": [POOL.tag]}
LOGIN = ("me", "hunter2canary")


@pytest.fixture
def application(tmp_path: Path) -> Application:
    """A repository whose policy a test points somewhere."""
    return make_application(tmp_path / "repository")


class Canary:
    """A port that listens, and that nobody may connect to."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        listening.settimeout(0)
        self.port = int(listening.getsockname()[1])

    @property
    def untouched(self) -> bool:
        """Say whether nobody has connected."""
        try:
            self._listening.accept()[0].close()
        except BlockingIOError:
            return True
        return False


@pytest.fixture
def canary() -> Iterator[Canary]:
    """A port on loopback, and no FakeRegistry behind it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield Canary(listening)


def names(monkeypatch: pytest.MonkeyPatch, **addresses: str) -> list[str]:
    """Let names (`_` for a dot) lead to addresses; return the list of all that is resolved from now on."""
    asked: list[str] = []
    known = {name.replace("_", "."): address for name, address in addresses.items()}
    resolve = socket.getaddrinfo

    def find(host: Any, *args: Any, **options: Any) -> Any:
        asked.append(str(host))
        return resolve(known.get(str(host), host), *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", find)
    return asked


def ask(application: Application, repository: str, env: dict[str, str] | None = None) -> Result:
    """Call the plugin with a policy that names a repository, and no lock."""
    folder = application.folder
    write_inputs(folder, repository=repository, pools=[POOL], forced=True)
    (folder / "gitops-doca.lock.yaml").unlink(missing_ok=True)
    config = yaml.safe_load((folder / "gitops-doca.yaml").read_text())
    config["spec"]["inventory"] = ["nodes.json"]
    (folder / "gitops-doca.yaml").write_text(yaml.safe_dump(config))
    return application.generate(env={"GITOPS_DOCA_DEADLINE": "10", **(env or {})})


def login(folder: Path, *hosts: str) -> dict[str, str]:
    """Write a config.json with the login for these hosts, and return the variable that names it."""
    folder.mkdir()
    auth = base64.b64encode(":".join(LOGIN).encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth} for host in hosts}}))
    return {"DOCKER_CONFIG": str(folder)}


def unknown(result: Result) -> str:
    """Return the first line of a run that may not have found anything out."""
    assert (result.exit_code, result.stdout) == (5, b"")
    assert LOGIN[1] not in result.stderr
    return result.stderr.splitlines()[0]


def test_a_registry_that_the_side_car_lists_is_asked(application: Application) -> None:
    with FakeRegistry(tags=TAGS) as fake:
        result = ask(application, f"{fake.host}/nvidia", {"GITOPS_DOCA_ALLOWED_REGISTRY": fake.host})

        assert (result.exit_code, result.stderr, fake.count("head")) == (0, "", 1)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "registry.evil.example", "nvcr.io.evil.example"])
def test_no_registry_is_asked_that_the_side_car_does_not_list(
    host: str, application: Application, canary: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = names(monkeypatch, registry_evil_example="127.0.0.1")

    result = ask(application, f"{host}:{canary.port}/x")

    assert unknown(result).endswith(f"{host}:{canary.port}/x/doca-driver is not in the allowed registries")
    assert (canary.untouched, asked) == (True, [])


@pytest.mark.parametrize("name", ["ARGOCD_ENV_GITOPS_DOCA_ALLOWED_REGISTRY", "PARAM_ALLOWED_REGISTRY"])
def test_an_application_cannot_list_a_registry(name: str, application: Application, canary: Canary) -> None:
    host = f"127.0.0.1:{canary.port}"

    assert "is not in the allowed registries" in unknown(ask(application, f"{host}/x", {name: host}))
    assert canary.untouched


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "fe80::1", "::ffff:127.0.0.1"],
)
def test_a_pattern_lists_no_name_that_leads_inside(
    address: str, application: Application, canary: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    names(monkeypatch, rebound_evil_example=address)
    environment = {"GITOPS_DOCA_ALLOWED_REGISTRY": f"*.evil.example:{canary.port}"}

    message = unknown(ask(application, f"rebound.evil.example:{canary.port}/x", environment))

    host = f"rebound.evil.example:{canary.port}"
    assert message.endswith(f"{host} is on a private address and not in the allowed registries")
    assert canary.untouched


def test_nvcr_io_itself_may_not_lead_inside(
    application: Application, canary: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    names(monkeypatch, registry_nvcr_io="127.0.0.1")
    environment = {"GITOPS_DOCA_ALLOWED_REGISTRY": f"*.nvcr.io:{canary.port} nvcr.io"}

    assert "is on a private address" in unknown(
        ask(application, f"registry.nvcr.io:{canary.port}/x", environment)
    )
    assert canary.untouched


def test_a_redirect_leads_nowhere_else(application: Application, canary: Canary) -> None:
    with FakeRegistry(tags=TAGS) as fake:
        target = f"http://localhost:{canary.port}/v2/"
        fake.fail_always("head", Fault(status=307, headers=(("Location", target),)))

        message = unknown(
            ask(application, f"{fake.host}/nvidia", {"GITOPS_DOCA_ALLOWED_REGISTRY": fake.host})
        )

    assert message.endswith(f"a redirect to another host, localhost:{canary.port}, was refused")
    assert canary.untouched


def test_a_login_is_not_shown_to_another_registry(application: Application, tmp_path: Path) -> None:
    with (
        FakeRegistry(tags=TAGS) as own,
        FakeRegistry(tags=TAGS, auth=Auth(scheme="basic", login=LOGIN)) as other,
    ):
        hosts = {
            "GITOPS_DOCA_ALLOWED_REGISTRY": f"{own.host} {other.host}",
            **login(tmp_path / "d", own.host),
        }

        unknown(ask(application, f"{other.host}/nvidia", hosts))

        assert other.count("head") + other.count("get") > 0
        assert {request.authorization for request in other.requests} == {""}
        assert own.requests == []


def test_a_login_is_not_shown_to_another_registrys_token_server(
    application: Application, tmp_path: Path
) -> None:
    challenge = 'Bearer realm="http://localhost:{port}/token",service="x",scope="repository:x:pull"'
    with FakeRegistry() as elsewhere:
        auth = Auth(scheme="bearer", login=LOGIN, challenges=(challenge.format(port=elsewhere.port),))
        with FakeRegistry(tags=TAGS, auth=auth) as fake:
            hosts = {"GITOPS_DOCA_ALLOWED_REGISTRY": fake.host, **login(tmp_path / "d", fake.host)}

            unknown(ask(application, f"{fake.host}/nvidia", hosts))

            assert [request.authorization for request in elsewhere.requests if request.authorization] == []


def test_the_login_of_the_side_car_opens_its_registry(application: Application, tmp_path: Path) -> None:
    with FakeRegistry(tags=TAGS, auth=Auth(scheme="basic", login=LOGIN)) as fake:
        hosts = {"GITOPS_DOCA_ALLOWED_REGISTRY": fake.host, **login(tmp_path / "d", fake.host)}

        assert ask(application, f"{fake.host}/nvidia", hosts).exit_code == 0


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("ARGOCD_ENV_DOCKER_CONFIG", ""),
        ("ARGOCD_ENV_HOME", ".docker"),
        ("ARGOCD_ENV_GITOPS_DOCA_REGISTRY_CONFIG", "config.json"),
        ("PARAM_REGISTRY_CONFIG", "config.json"),
    ],
)
def test_a_repository_brings_no_login(name: str, file: str, application: Application) -> None:
    with FakeRegistry(tags=TAGS, auth=Auth(scheme="basic", login=LOGIN)) as fake:
        folder = application.folder / ".docker"
        login(folder, fake.host)
        (application.folder / "config.json").write_bytes((folder / "config.json").read_bytes())
        environment = {"GITOPS_DOCA_ALLOWED_REGISTRY": fake.host, name: str(application.folder / file)}

        unknown(ask(application, f"{fake.host}/nvidia", environment))

        assert {request.authorization for request in fake.requests} == {""}


@pytest.mark.parametrize("name", ["ARGOCD_ENV_HTTPS_PROXY", "ARGOCD_ENV_https_proxy", "PARAM_HTTPS_PROXY"])
def test_a_repository_chooses_no_proxy(
    name: str, application: Application, canary: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    names(monkeypatch, registry_example="127.0.0.1")
    environment = {
        "GITOPS_DOCA_ALLOWED_REGISTRY": "registry.example:1",
        name: f"http://127.0.0.1:{canary.port}",
    }

    unknown(ask(application, "registry.example:1/x", environment))

    assert canary.untouched


def test_the_proxy_of_the_side_car_is_used(
    application: Application, canary: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    names(monkeypatch, registry_example="127.0.0.1")
    environment = {
        "GITOPS_DOCA_ALLOWED_REGISTRY": "registry.example:1",
        "GITOPS_DOCA_DEADLINE": "1",
        "HTTPS_PROXY": f"http://127.0.0.1:{canary.port}",
    }

    unknown(ask(application, "registry.example:1/x", environment))

    assert not canary.untouched


def test_plain_http_is_the_operators_choice(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    names(monkeypatch, registry_example="127.0.0.1")
    with FakeRegistry(tags=TAGS, name="registry.example") as fake:
        listed = {"GITOPS_DOCA_ALLOWED_REGISTRY": fake.host}

        unknown(ask(application, f"{fake.host}/nvidia", listed))
        assert fake.requests == []

        listed["ARGOCD_ENV_GITOPS_DOCA_INSECURE_REGISTRY"] = fake.host
        unknown(ask(application, f"{fake.host}/nvidia", listed))
        assert fake.requests == []

        listed["GITOPS_DOCA_INSECURE_REGISTRY"] = fake.host
        assert ask(application, f"{fake.host}/nvidia", listed).exit_code == 0


def test_with_a_lock_nobody_is_asked(application: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = names(monkeypatch)

    assert application.generate().exit_code == 0
    assert asked == []


def test_the_list_is_of_registries_to_ask_and_not_of_images_that_a_lock_holds(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = names(monkeypatch)
    for file in ("policy.yaml", "gitops-doca.lock.yaml"):
        application.change(file, "nvcr.io/nvidia/mellanox", "mirror.example/x")

    result = application.generate(pinDigests="true")

    assert (result.exit_code, result.stderr, asked) == (0, "", [])
    assert result.stdout.count(b"image: mirror.example/x/doca-driver:") == 3
