import base64
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitops_doca.cluster.credentials import resolve_credentials
from gitops_doca.cluster.kubeconfig import KubeContext
from gitops_doca.core.diagnostics import Category, Diagnostic, Place, Problems
from gitops_doca.net.deadline import Deadline

API = "client.authentication.k8s.io/v1"
CREDENTIAL = {"apiVersion": API, "kind": "ExecCredential", "status": {"token": "t0ken"}}
Plugin = Callable[..., dict[str, Any]]


@pytest.fixture
def plugin(tmp_path: Path) -> Plugin:
    """Return a function that makes a plugin of a script, and returns the user whose plugin it is."""

    def make(script: str, **section: Any) -> dict[str, Any]:
        file = tmp_path / "plugin"
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        return {"exec": {"apiVersion": API, "command": str(file), **section}}

    return make


def prints(answer: object) -> str:
    return f"cat <<'END'\n{json.dumps(answer)}\nEND"


def ask(
    user: dict[str, Any],
    cluster: dict[str, Any] | None = None,
    *,
    seconds: float = 20.0,
    file: str = "config",
) -> tuple[dict[str, Any] | None, list[Diagnostic]]:
    """Return the user with credentials, and what is wrong."""
    problems = Problems()
    context = KubeContext(cluster=cluster or {}, user=user, user_place=Place(file, 9, "users[0]"))
    result = resolve_credentials(context, {"PATH": os.environ["PATH"]}, Deadline.after(seconds), problems)
    return (dict(result.user) if result else None), list(problems)


def refusal(user: dict[str, Any], *, category: Category, seconds: float = 20.0) -> str:
    """Return why there are no credentials; one sentence, and nothing secret in it."""
    result, problems = ask(user, seconds=seconds)
    assert result is None
    assert [problem.category for problem in problems] == [category]
    assert "s3cret" not in str(problems)
    return problems[0].message


def test_a_token_is_taken_as_it_is() -> None:
    assert ask({"token": "t0ken"}) == ({"token": "t0ken"}, [])


def test_a_token_file_comes_before_a_token_and_loses_its_newline(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")

    assert ask({"token": "t0ken", "tokenFile": str(tmp_path / "token")}) == ({"token": "from-file"}, [])


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff\xfes3cret"])
def test_a_token_file_without_a_token_is_reported(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "token").write_bytes(content)

    assert refusal({"tokenFile": str(tmp_path / "token")}, category=Category.INPUT) == (
        "names a token file that cannot be read, or holds no token"
    )


@pytest.mark.parametrize("name", ["id-token", "access-token"])
def test_a_token_that_kubectl_stored_is_used(name: str) -> None:
    assert ask({"auth-provider": {"name": "oidc", "config": {name: "t0ken"}}}) == ({"token": "t0ken"}, [])


def test_a_provider_without_a_stored_token_is_reported() -> None:
    user = {"auth-provider": {"name": "oidc", "config": {"refresh-token": "s3cret"}}}

    assert refusal(user, category=Category.UNKNOWN) == "the auth-provider of this user has no token stored"


def test_a_plugin_gives_a_token(plugin: Plugin) -> None:
    assert ask(plugin(prints(CREDENTIAL))) == ({"token": "t0ken"}, [])


def test_a_plugin_gives_a_certificate(plugin: Plugin) -> None:
    status = {"clientCertificateData": "CERT", "clientKeyData": "KEY"}
    result, _ = ask(plugin(prints(CREDENTIAL | {"status": status})))

    assert result == {
        "client-certificate-data": base64.b64encode(b"CERT").decode(),
        "client-key-data": base64.b64encode(b"KEY").decode(),
    }


def test_a_token_that_is_there_asks_no_plugin(plugin: Plugin) -> None:
    assert ask(plugin("exit 1") | {"token": "t0ken"}) == ({"token": "t0ken"}, [])


def test_a_plugin_has_its_arguments_and_variables_and_the_question(plugin: Plugin, tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = f'printf "%s|%s|%s" "$*" "$MODE" "$KUBERNETES_EXEC_INFO" > {log}\n{prints(CREDENTIAL)}'
    ca = tmp_path / "ca.pem"
    ca.write_text("CA")
    user = plugin(
        script,
        args=["get", "a b"],
        env=[{"name": "MODE", "value": "test"}],
        provideClusterInfo=True,
    )

    result, _ = ask(user, {"server": "https://x", "certificate-authority": str(ca)})

    arguments, mode, question = log.read_text().split("|")
    assert result == {"token": "t0ken"}
    assert (arguments, mode) == ("get a b", "test")
    assert json.loads(question) == {
        "apiVersion": API,
        "kind": "ExecCredential",
        "spec": {
            "interactive": False,
            "cluster": {"server": "https://x", "certificate-authority-data": "Q0E="},
        },
    }


def test_a_plugin_beside_the_kubeconfig_is_found(plugin: Plugin, tmp_path: Path) -> None:
    user = plugin(prints(CREDENTIAL))
    user["exec"]["command"] = "./plugin"

    assert ask(user, file=str(tmp_path / "config"))[0] == {"token": "t0ken"}


NO_CREDENTIAL = "printed no ExecCredential in JSON"
NEITHER = "printed an ExecCredential without a token or a certificate"
ONE = "printed only one of clientCertificateData and clientKeyData"
NO_TIME = "printed credentials with an invalid expirationTimestamp"


def with_status(**status: object) -> str:
    return prints(CREDENTIAL | {"status": status})


@pytest.mark.parametrize(
    ("script", "how"),
    [
        ("echo s3cret >&2; exit 3", "failed with exit code 3"),
        ("echo s3cret", NO_CREDENTIAL),
        ("true", NO_CREDENTIAL),
        (prints([]), NO_CREDENTIAL),
        (prints("s3cret"), NO_CREDENTIAL),
        (prints({"status": {"token": "s3cret"}, "apiVersion": API}), NO_CREDENTIAL),
        (prints(CREDENTIAL | {"kind": "s3cret"}), NO_CREDENTIAL),
        (prints(CREDENTIAL | {"kind": ["ExecCredential"]}), NO_CREDENTIAL),
        (
            prints({"apiVersion": API, "kind": "ExecCredential", "token": "s3cret"}),
            "printed an ExecCredential without a status, so without credentials",
        ),
        (
            prints(CREDENTIAL | {"status": "s3cret"}),
            "printed an ExecCredential without a status, so without credentials",
        ),
        (with_status(), NEITHER),
        (with_status(token=7), NEITHER),
        (with_status(token=""), NEITHER),
        (with_status(clientCertificateData="s3cret"), ONE),
        (with_status(token="s3cret", clientKeyData="s3cret"), ONE),
        (with_status(token="s3cret", expirationTimestamp="s3cret"), NO_TIME),
        (with_status(token="s3cret", expirationTimestamp=1700000000), NO_TIME),
        (with_status(token="s3cret", expirationTimestamp="2020-01-02T03:04:05"), NO_TIME),
        (with_status(token="s3cret", expirationTimestamp="0001-01-01T00:00:00+14:00"), NO_TIME),
        (
            with_status(token="s3cret", expirationTimestamp="2020-01-02T03:04:05Z"),
            "printed credentials that expired at 2020-01-02T03:04:05Z",
        ),
        (
            with_status(token="s3cret", expirationTimestamp="2020-01-02T03:04:05.678+02:00"),
            "printed credentials that expired at 2020-01-02T01:04:05Z",
        ),
        ("head -c 200000 /dev/zero", "printed more than any credentials need"),
    ],
)
def test_a_plugin_that_fails_is_reported_without_what_it_printed(
    plugin: Plugin, capfd: pytest.CaptureFixture[str], script: str, how: str
) -> None:
    user = plugin(script)

    reason = refusal(user, category=Category.UNKNOWN)

    assert reason == f"the credential plugin {user['exec']['command']} {how}"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("asked", "answered", "shown"),
    [
        (f"{API}beta1", API, API),
        (API, f"{API}beta1", f"{API}beta1"),
        (API, f"{API}alpha1", f"{API}alpha1"),
        (API, "s3cret/v1", "another version"),
        (API, None, "another version"),
        (API, ["s3cret"], "another version"),
    ],
)
def test_a_plugin_of_another_version_is_reported_with_both(
    plugin: Plugin, asked: str, answered: object, shown: str
) -> None:
    user = plugin(prints(CREDENTIAL | {"apiVersion": answered}), apiVersion=asked)

    _, (problem,) = ask(user)

    assert (problem.category, problem.message, problem.help) == (
        Category.UNKNOWN,
        (
            f"the credential plugin {user['exec']['command']} answered {shown}, "
            f"and the kubeconfig asks it for {asked}"
        ),
        "update the plugin, or write its version as apiVersion into the exec section of the kubeconfig",
    )
    assert "s3cret" not in str(problem)


@pytest.mark.parametrize("expires", [None, "2999-01-01T00:00:00Z", "2999-01-01T00:00:00.5+02:00"])
def test_credentials_that_have_not_expired_are_used(plugin: Plugin, expires: str | None) -> None:
    assert ask(plugin(with_status(token="t0ken", expirationTimestamp=expires))) == ({"token": "t0ken"}, [])


@pytest.mark.parametrize("mode", ["Never", "IfAvailable", "", None])
def test_a_plugin_that_needs_no_terminal_is_run_without_one(plugin: Plugin, mode: str | None) -> None:
    assert ask(plugin(prints(CREDENTIAL), interactiveMode=mode)) == ({"token": "t0ken"}, [])


def test_a_plugin_that_hangs_meets_the_deadline(plugin: Plugin) -> None:
    started = time.monotonic()

    assert refusal(plugin("sleep 60"), category=Category.UNKNOWN, seconds=0.5).endswith(
        "gave no answer in time"
    )
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("hint", "details"),
    [
        (None, ()),
        ("", ()),
        (5, ()),
        ("\n  Install it:\n  brew install it\n", ("Install it:", "  brew install it")),
        ("\n".join(f"line {number}" for number in range(50)), tuple(f"line {n}" for n in range(10))),
        ("x" * 5000, ("x" * 200,)),
    ],
)
def test_a_plugin_that_is_not_installed_is_reported_with_its_hint(
    hint: object, details: tuple[str, ...]
) -> None:
    user = {"exec": {"apiVersion": API, "command": "no-such-plugin", "installHint": hint}}

    result, (problem,) = ask(user)

    assert (result, problem.category, problem.details) == (None, Category.UNKNOWN, details)
    assert (
        problem.message == "the credential plugin no-such-plugin is not installed: there is no such program"
    )
    assert problem.help == (
        "install it, or choose credentials without a plugin with --context or --kubeconfig"
    )


@pytest.mark.parametrize(
    "section",
    [
        {"command": ""},
        {"command": ["s3cret"]},
        {"apiVersion": "client.authentication.k8s.io/v1alpha1"},
        {"apiVersion": None},
        {"args": "s3cret"},
        {"args": [1]},
        {"args": ["s3cret\0"]},
        {"env": {"NAME": "s3cret"}},
        {"env": [{"name": "NAME"}]},
        {"env": [{"name": "NAME\0", "value": "s3cret"}]},
        {"env": [{"name": "NAME=", "value": "s3cret"}]},
        {"interactiveMode": "Always"},
        {"interactiveMode": "s3cret"},
        {"interactiveMode": ["s3cret"]},
        {"provideClusterInfo": "s3cret"},
        {"provideClusterInfo": 1},
    ],
)
def test_a_plugin_that_is_described_wrong_is_not_run(section: dict[str, Any]) -> None:
    user = {"exec": {"apiVersion": API, "command": "true", **section}}

    assert refusal(user, category=Category.INPUT)
