import base64
import json
from pathlib import Path

import pytest

from support.cli import Result, run_cli
from support.docker_registry import PASSWORD, USER, DockerRegistry
from support.images import Pusher
from support.inputs import Pool, write_inputs
from support.wiretap import TLS_HANDSHAKE, tapping

pytestmark = pytest.mark.service

POOL = Pool(kernel="5.15.0-91-generic")


@pytest.fixture(scope="module")
def digest(secure_registry: DockerRegistry) -> str:
    return Pusher(registry=secure_registry, repository="private/doca-driver").image(POOL.tag)


def _login(folder: Path, host: str, password: str) -> Path:
    auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
    config = folder / "config.json"
    config.write_text(json.dumps({"auths": {host: {"auth": auth}}}))
    return config


def _generate(folder: Path, host: str, *flags: str | Path, env: dict[str, str] | None = None) -> Result:
    inputs = write_inputs(folder, repository=f"{host}/private", pools=[POOL], forced=True)
    return run_cli("generate", *inputs, "--deadline", "20", "-v", *flags, cwd=folder, env=env)


def _ca(registry: DockerRegistry) -> tuple[str, Path]:
    assert registry.ca_file is not None
    return ("--ca-file", registry.ca_file)


def test_the_right_password_opens_it(secure_registry: DockerRegistry, digest: str, tmp_path: Path) -> None:
    config = _login(tmp_path, secure_registry.host, PASSWORD)
    report = tmp_path / "report.json"

    flags = (*_ca(secure_registry), "--registry-config", config, "--report", report)
    result = _generate(tmp_path, secure_registry.host, *flags)

    assert result.exit_code == 0, result.stderr
    assert [pool["digest"] for pool in json.loads(report.read_text())["pools"]] == [digest]
    assert PASSWORD not in result.stderr


@pytest.mark.usefixtures("digest")
def test_a_docker_login_opens_it(secure_registry: DockerRegistry, tmp_path: Path) -> None:
    _login(tmp_path, secure_registry.host, PASSWORD)

    result = _generate(
        tmp_path, secure_registry.host, *_ca(secure_registry), env={"DOCKER_CONFIG": str(tmp_path)}
    )

    assert result.exit_code == 0, result.stderr


@pytest.mark.usefixtures("digest")
def test_a_wrong_password_is_unknown_and_is_not_shown(
    secure_registry: DockerRegistry, tmp_path: Path
) -> None:
    config = _login(tmp_path, secure_registry.host, "open-sesame")

    result = _generate(tmp_path, secure_registry.host, *_ca(secure_registry), "--registry-config", config)

    assert (result.exit_code, result.stdout) == (5, b"")
    assert "error[unknown]: " in result.stderr
    assert POOL.tag in result.stderr
    assert "open-sesame" not in result.stderr
    assert base64.b64encode(f"{USER}:open-sesame".encode()).decode() not in result.stderr


@pytest.mark.usefixtures("digest")
def test_no_credentials_are_unknown(secure_registry: DockerRegistry, tmp_path: Path) -> None:
    result = _generate(tmp_path, secure_registry.host, *_ca(secure_registry))

    assert (result.exit_code, result.stdout) == (5, b"")
    assert "error[unknown]: " in result.stderr
    assert "401" in result.stderr


@pytest.mark.usefixtures("digest")
def test_an_authority_nobody_trusts_is_unknown_and_never_tried_over_http(
    secure_registry: DockerRegistry, tmp_path: Path
) -> None:
    with tapping(int(secure_registry.host.rpartition(":")[2])) as wiretap:
        host = f"localhost:{wiretap.port}"
        config = _login(tmp_path, host, PASSWORD)
        result = _generate(tmp_path, host, "--registry-config", config)

    assert (result.exit_code, result.stdout) == (5, b"")
    assert "certificate" in result.stderr
    assert set(wiretap.first_bytes) == {TLS_HANDSHAKE}
