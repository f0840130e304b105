"""The flags about credentials and registries, from the command line to the wire."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from fakes.registry import Auth, FakeRegistry
from gitops_doca.cli import cli, main
from support.inputs import Pool, write_inputs

LOGIN = ("me", "hunter2")
POOL = Pool(kernel="5.15.0-91-generic")


@pytest.fixture(autouse=True)
def _nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.chdir(tmp_path)


def _fake() -> FakeRegistry:
    return FakeRegistry(tags={"nvidia/doca-driver": [POOL.tag]}, auth=Auth(scheme="basic", login=LOGIN))


def _secret(folder: Path, fake: FakeRegistry, name: str, login: tuple[str, str]) -> Path:
    auths = {"auths": {fake.host: {"auth": base64.b64encode(":".join(login).encode()).decode()}}}
    document = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": base64.b64encode(json.dumps(auths).encode()).decode()},
    }
    file = folder / f"{name}.json"
    file.write_text(json.dumps(document))
    return file


def _generate(folder: Path, fake: FakeRegistry, *flags: Any) -> int:
    inputs = write_inputs(folder, repository=f"{fake.host}/nvidia", pools=[POOL], forced=True)
    with pytest.raises(SystemExit) as ended:
        main(["generate", *inputs, *map(str, flags)])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_pull_secrets_open_a_registry(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with _fake() as fake:
        wrong = _secret(tmp_path, fake, "wrong", ("me", "wrong"))
        right = _secret(tmp_path, fake, "right", LOGIN)

        assert _generate(tmp_path, fake, "--pull-secret", wrong, "--pull-secret", right) == 0
        assert "kind: DaemonSet" in capsys.readouterr().out


def test_pull_secrets_may_stand_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with _fake() as fake:
        files = [_secret(tmp_path, fake, "wrong", ("me", "wrong")), _secret(tmp_path, fake, "right", LOGIN)]
        monkeypatch.setenv("GITOPS_DOCA_PULL_SECRET", ":".join(map(str, files)))

        assert _generate(tmp_path, fake) == 0


def test_the_secrets_that_were_tried_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with _fake() as fake:
        wrong = _secret(tmp_path, fake, "wrong", ("me", "hunter3"))

        assert _generate(tmp_path, fake, "--pull-secret", wrong, "-v") == 5
        streams = capsys.readouterr()
        assert streams.out == ""
        assert f"{wrong} (Secret wrong)" in streams.err
        assert "hunter" not in streams.err


def test_a_pull_secret_that_cannot_be_read_ends_the_run_before_anything_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with _fake() as fake:
        file = tmp_path / "secret.yaml"
        file.write_text("hunter2: [")

        assert _generate(tmp_path, fake, "--pull-secret", file) == 3
        streams = capsys.readouterr()
        assert (streams.out, fake.requests) == ("", [])
        assert streams.err.startswith(f"error[input]: {file}:")
        assert "hunter2" not in streams.err


def test_a_pull_secret_must_be_there(tmp_path: Path) -> None:
    with _fake() as fake:
        assert _generate(tmp_path, fake, "--pull-secret", tmp_path / "absent") == 2


def test_only_allowed_registries_are_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with _fake() as fake:
        assert _generate(tmp_path, fake, "--allowed-registry", "nvcr.io", "--allowed-registry", "*.x.io") == 5
        assert fake.connections == 0
        said = f"{fake.host}/nvidia/doca-driver is not in the allowed registries"
        assert said in capsys.readouterr().err


def test_allowed_registries_may_stand_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _fake() as fake:
        secret = _secret(tmp_path, fake, "right", LOGIN)
        monkeypatch.setenv("GITOPS_DOCA_ALLOWED_REGISTRY", f"nvcr.io {fake.host}/nvidia")

        assert _generate(tmp_path, fake, "--pull-secret", secret) == 0


@pytest.mark.parametrize("entry", ["https://nvcr.io", "nv*.io", ""])
def test_an_allowed_registry_that_is_none_is_a_usage_error(
    tmp_path: Path, entry: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with _fake() as fake:
        assert _generate(tmp_path, fake, "--allowed-registry", entry) == 2
    assert f"{entry!r} is not HOST[:PORT][/PATH]" in capsys.readouterr().err


def test_what_a_run_may_ask_is_explained(tmp_path: Path) -> None:
    secret = tmp_path / "secret.yaml"
    secret.write_text("")
    flags = ("--allowed-registry", "nvcr.io", "--pull-secret", str(secret), "--explain-config")
    result = CliRunner().invoke(cli, ["generate", "-p", "p", "-i", "i", *flags])

    assert result.exit_code == 0
    rows = [line.split("  ")[0] for line in result.output.splitlines()]
    assert {"--allowed-registry", "--pull-secret"} <= set(rows)


def test_what_withheld_credentials_need_is_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeRegistry(auth=Auth(scheme="bearer"), name="localhost") as realm:
        auth = Auth(scheme="bearer", challenges=(f'Bearer realm="{realm.url}/token"',))
        with FakeRegistry(tags={"nvidia/doca-driver": [POOL.tag]}, auth=auth) as fake:
            fake.tokens = realm.tokens

            assert _generate(tmp_path, fake, "--pull-secret", _secret(tmp_path, fake, "right", LOGIN)) == 0
            assert capsys.readouterr().err == (
                f"warning: the credentials for {fake.host} were not sent to its token server {realm.host}\n"
                f"  help: if it may have them, give --trusted-realm-host {realm.host}\n"
            )
