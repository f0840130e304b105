"""The plugin under Argo CD's own plugin server, spoken to as the repo-server does."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from gitops_doca.cli.argocd.parameters import announce
from support.application import APP, Application, make_application, spell
from support.argocd import CmpServer, cmp_server
from support.cli import ROOT, install, run_cli
from support.cmp_client import PluginError, announcement, is_supported, manifests

pytestmark = pytest.mark.e2e

PLUGIN = (ROOT / "plugin.yaml").read_text()
# Nothing listens there: a run that asks anybody fails.
NOWHERE = {"HTTPS_PROXY": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CmpServer]:
    """The server with the plugin as it ships, in a side car without a way to a registry."""
    folder = tmp_path_factory.mktemp("cmp")
    programs = folder / "bin"
    programs.mkdir()
    install(programs)
    env = NOWHERE | {"PATH": f"{programs}:{os.environ['PATH']}"}
    with cmp_server(folder, PLUGIN, env=env) as running:
        yield running


@pytest.fixture
def application(tmp_path: Path) -> Application:
    """The demo as an application of a repository."""
    return make_application(tmp_path / "repository")


def error(server: CmpServer, application: Application, **env: str) -> str:
    """Return what stands behind Argo CD's words for a plugin that failed."""
    with pytest.raises(PluginError) as failed:
        manifests(server.socket, application.root, APP, application.environment | env)
    prefix, status, told = str(failed.value).partition(" failed exit status ")
    assert (prefix, status) == (
        "error generating manifests: `gitops-doca argocd generate`",
        " failed exit status ",
    )
    return told


def test_the_socket_has_the_name_that_applications_use(server: CmpServer) -> None:
    assert server.socket.name == "gitops-doca.sock"


def test_the_server_hands_on_what_generate_prints(server: CmpServer, application: Application) -> None:
    printed = run_cli("generate", APP, cwd=application.root, env=NOWHERE)

    found = manifests(server.socket, application.root, APP, application.environment)

    assert printed.exit_code == 0
    assert found == [item for item in yaml.safe_load_all(printed.stdout) if item]
    assert [item["kind"] for item in found].count("DaemonSet") == 3


def test_parameters_reach_the_plugin(server: CmpServer, application: Application) -> None:
    parameters = {"ARGOCD_APP_PARAMETERS": spell({"pinDigests": "true", "namespace": "drivers"})}

    found = manifests(server.socket, application.root, APP, application.environment | parameters)

    assert {item["metadata"].get("namespace", "drivers") for item in found} == {"drivers"}


def test_the_parameters_are_announced(server: CmpServer, application: Application) -> None:
    # As the server is asked for details of an application: with less environment than for its manifests.
    env = {name: application.environment[name] for name in ("ARGOCD_APP_NAME", "ARGOCD_APP_SOURCE_PATH")}

    found = announcement(server.socket, application.root, APP, env)

    texts = [
        {key: value for key, value in entry.items() if isinstance(value, str)}
        for entry in yaml.safe_load(announce())
    ]
    assert found == texts


def test_an_error_begins_with_our_sentence(server: CmpServer, application: Application) -> None:
    application.change("gitops-doca.lock.yaml", "5.15.0-179-generic/amd64", "5.15.0-180-generic/amd64")

    told = error(server, application)

    assert told.startswith("6: error[lock]: gitops-doca.lock.yaml: the lock ")
    assert "Traceback" not in told
    assert (
        "help: check that this pool is meant to be removed, then run: gitops-doca lock apps/drivers" in told
    )


def test_a_wrong_parameter_is_told(server: CmpServer, application: Application) -> None:
    told = error(server, application, ARGOCD_APP_PARAMETERS=spell({"polices": "x"}))

    assert told.startswith(
        "3: error[input]: parameter polices: there is no such parameter; did you mean 'policy'?"
    )


def test_a_registry_that_is_out_of_reach_is_told_with_the_refresh_that_helps(
    server: CmpServer, application: Application
) -> None:
    told = error(server, application, ARGOCD_APP_PARAMETERS=spell({"resolve": "online"}))

    assert told.startswith("5: error[unknown]: policy.yaml:6: spec.ofedDriver: cannot tell whether ")
    assert "argocd app get drivers --hard-refresh" in told


def test_the_servers_own_environment_is_out_of_an_applications_reach(
    server: CmpServer, application: Application
) -> None:
    parameters = {"ARGOCD_APP_PARAMETERS": spell({"resolve": "online"})}
    evil = {"ARGOCD_ENV_GITOPS_DOCA_ALLOWED_REGISTRY": "127.0.0.1:1", "PARAM_ALLOWED_REGISTRY": "127.0.0.1:1"}
    application.change("policy.yaml", "nvcr.io/nvidia/mellanox", "127.0.0.1:1/x")

    told = error(server, application, **parameters, **evil)
    assert "127.0.0.1:1/x/doca-driver is not in the allowed registries" in told


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/etc/passwd", "is an absolute path"),
        ("/proc/self/environ", "is an absolute path"),
        ("../../../../../../etc/passwd", "leads out of the repository"),
        ("../../../canary.yaml", "leads out of the repository"),
    ],
)
def test_a_hostile_path_leads_nowhere(
    path: str, why: str, server: CmpServer, application: Application
) -> None:
    told = error(server, application, ARGOCD_APP_PARAMETERS=spell({"policy": path}))

    assert told.startswith(f"3: error[input]: {path}: {why}")
    assert "root:" not in told


def test_a_link_out_of_the_repository_does_not_even_arrive(
    server: CmpServer, application: Application
) -> None:
    (application.folder / "policy.yaml").unlink()
    (application.folder / "policy.yaml").symlink_to("/etc/passwd")

    with pytest.raises(PluginError) as failed:
        manifests(server.socket, application.root, APP, application.environment)

    assert "root:" not in str(failed.value)


def test_a_link_within_the_repository_is_followed(server: CmpServer, application: Application) -> None:
    (application.root / "policy.yaml").write_bytes((application.folder / "policy.yaml").read_bytes())
    (application.folder / "policy.yaml").unlink()
    (application.folder / "policy.yaml").symlink_to("../../policy.yaml")

    assert len(manifests(server.socket, application.root, APP, application.environment)) > 3


def test_an_application_whose_path_is_a_link_is_rendered(server: CmpServer, application: Application) -> None:
    (application.root / "policy.yaml").write_bytes((application.folder / "policy.yaml").read_bytes())
    (application.folder / "policy.yaml").unlink()
    (application.folder / "policy.yaml").symlink_to("../../policy.yaml")
    (application.root / "linked").symlink_to(APP)

    environment = application.at("linked").environment
    found = manifests(server.socket, application.root, "linked", environment)

    assert found == manifests(server.socket, application.root, APP, application.environment)


def test_without_discover_no_application_is_claimed(server: CmpServer, application: Application) -> None:
    assert not is_supported(server.socket, application.root, APP, application.environment)


def test_the_variant_with_discovery_claims_folders_with_a_config(
    application: Application, tmp_path: Path
) -> None:
    page = (ROOT / "docs" / "argocd.md").read_text()
    variant = next(text for text in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "discover:" in text)
    other = application.root / "apps" / "other"
    other.mkdir()
    (other / "deployment.yaml").write_text("kind: Deployment\n")
    folder = tmp_path / "cmp"
    folder.mkdir()

    with cmp_server(folder, variant) as server:
        claimed = [
            is_supported(server.socket, application.root, app, application.environment)
            for app in (APP, "apps/other")
        ]

    assert claimed == [True, False]
