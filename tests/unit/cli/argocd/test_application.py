import os
from pathlib import Path
from typing import Any

import pytest

from gitops_doca.cli.argocd.application import find_file_root, operator_environment
from gitops_doca.sources.file_root import FileRoot
from support.application import APP, Application
from support.in_process import run_here
from support.upgrade import finish


def explained(application: Application, **parameters: Any) -> dict[str, tuple[str, str]]:
    """Return value and origin of each setting."""
    result = application.generate("--explain-config", **parameters)
    assert (result.exit_code, result.stderr) == (0, "")
    rows = (line.partition("  # ") for line in result.stdout.decode().splitlines())
    return {row.split()[0]: (" ".join(row.split()[1:]), origin) for row, _, origin in rows}


def test_what_is_synced_is_what_generate_shows(application: Application) -> None:
    shown = run_here("generate", APP, cwd=application.root)
    synced = application.generate()

    assert (shown.exit_code, synced.exit_code, synced.stderr) == (0, 0, "")
    assert synced.stdout == shown.stdout
    assert synced.stdout.count(b"kind: DaemonSet\n") == 3


def test_nothing_of_argo_cds_environment_is_in_the_output(application: Application) -> None:
    other = {
        "ARGOCD_APP_NAME": "canary-name",
        "ARGOCD_APP_PROJECT_NAME": "canary-project",
        "ARGOCD_APP_REVISION": "c" * 40,
        "ARGOCD_APP_SOURCE_REPO_URL": "https://canary.example/r.git",
        "ARGOCD_APP_SOURCE_TARGET_REVISION": "canary",
        "ARGOCD_APP_NAMESPACE": "canary",
        "ARGOCD_ENV_GITOPS_DOCA_NAMESPACE": "canary",
        "PARAM_NAMESPACE": "canary",
        "KUBE_VERSION": "1.99",
    }

    assert application.generate(env=other).stdout == application.generate().stdout


def test_a_parameter_comes_before_the_config_and_the_config_before_the_default(
    application: Application,
) -> None:
    before = explained(application)
    after = explained(
        application, namespace="drivers", pinDigests="true", resolve="locked", policy="policy.yaml"
    )

    assert (before["namespace"], before["pinDigests"], before["resolve"], before["policies"]) == (
        ("nvidia-network-operator", "gitops-doca.yaml:10"),
        ("false", "default"),
        ("auto", "default"),
        ("policy.yaml", "gitops-doca.yaml:6"),
    )
    assert (after["namespace"], after["pinDigests"], after["resolve"], after["policies"]) == (
        ("drivers", "parameter namespace"),
        ("true", "parameter pinDigests"),
        ("locked", "parameter resolve"),
        ("policy.yaml", "parameter policy"),
    )


def test_parameters_have_their_effect(application: Application) -> None:
    result = application.generate(namespace="drivers", pinDigests="true")

    assert result.exit_code == 0
    assert b"namespace: drivers\n" in result.stdout
    assert result.stdout.count(b"@sha256:") == 3


def test_the_operators_settings_are_explained_by_their_variables(application: Application) -> None:
    environment = {"GITOPS_DOCA_ALLOWED_REGISTRY": "a.example b.example:5000/x", "GITOPS_DOCA_DEADLINE": "7"}
    result = application.generate("--explain-config", env=environment)

    rows = [line.split() for line in result.stdout.decode().splitlines() if line.startswith("GITOPS_DOCA_")]
    assert rows == [
        ["GITOPS_DOCA_REGISTRY_CONFIG", "none", "#", "default"],
        ["GITOPS_DOCA_PULL_SECRET", "none", "#", "default"],
        ["GITOPS_DOCA_CA_FILE", "none", "#", "default"],
        ["GITOPS_DOCA_INSECURE_REGISTRY", "none", "#", "default"],
        [
            "GITOPS_DOCA_ALLOWED_REGISTRY",
            "a.example",
            "b.example:5000/x",
            "#",
            "GITOPS_DOCA_ALLOWED_REGISTRY",
        ],
        ["GITOPS_DOCA_TRUSTED_REALM_HOST", "none", "#", "default"],
        ["GITOPS_DOCA_DEADLINE", "7.0", "#", "GITOPS_DOCA_DEADLINE"],
    ]


def test_without_the_operators_word_nvcr_io_alone_may_be_asked_for_40_seconds(
    application: Application,
) -> None:
    settings = explained(application)

    assert settings["GITOPS_DOCA_ALLOWED_REGISTRY"] == ("nvcr.io", "default")
    assert settings["GITOPS_DOCA_DEADLINE"] == ("40.0", "default")


@pytest.mark.parametrize(
    "name", ["ALLOWED_REGISTRY", "DEADLINE", "CA_FILE", "INSECURE_REGISTRY", "REGISTRY_CONFIG"]
)
def test_an_application_cannot_reach_the_operators_settings(name: str, application: Application) -> None:
    before = application.generate("--explain-config").stdout
    environment = {
        f"ARGOCD_ENV_GITOPS_DOCA_{name}": "1",
        f"ARGOCD_ENV_{name}": "1",
        f"PARAM_{name}": "1",
        f"PARAM_GITOPS_DOCA_{name}": "1",
        f"ARGOCD_APP_{name}": "1",
    }

    assert application.generate("--explain-config", env=environment).stdout == before


def test_a_wrong_setting_of_the_operator_is_told_by_its_variable(application: Application) -> None:
    result = application.generate(env={"GITOPS_DOCA_DEADLINE": "soon"})

    assert (result.exit_code, result.stdout) == (2, b"")
    assert result.stderr == (
        "error[usage]: GITOPS_DOCA_DEADLINE in the sidecar's environment is wrong: "
        "'soon' is not a valid float range.\n"
    )


def test_a_blank_list_of_registries_does_not_allow_all(application: Application) -> None:
    result = application.generate(env={"GITOPS_DOCA_ALLOWED_REGISTRY": " \n"})

    assert (result.exit_code, result.stdout) == (2, b"")
    assert result.stderr == (
        "error[usage]: GITOPS_DOCA_ALLOWED_REGISTRY in the sidecar's environment is wrong: "
        "no registry is named\n"
    )


def test_the_operator_environment_is_what_argo_cd_did_not_add() -> None:
    environ = {
        "HOME": "/h",
        "DOCKER_CONFIG": "/d",
        "HTTPS_PROXY": "http://p",
        "GITOPS_DOCA_CA_FILE": "/ca",
        "ARGOCD_ENV_HTTPS_PROXY": "http://evil",
        "ARGOCD_ENV_DOCKER_CONFIG": "/evil",
        "ARGOCD_APP_NAME": "x",
        "PARAM_CONFIG": "x",
        "KUBE_VERSION": "1.33",
        "KUBE_API_VERSIONS": "v1",
    }

    assert sorted(operator_environment(environ)) == [
        "DOCKER_CONFIG",
        "GITOPS_DOCA_CA_FILE",
        "HOME",
        "HTTPS_PROXY",
    ]


@pytest.mark.parametrize(
    ("path", "root", "start"),
    [
        ("apps/one", "", ("apps", "one")),
        ("./apps//one/", "", ("apps", "one")),
        ("one", "apps", ("one",)),
        (".", "apps/one", ()),
        ("", "apps/one", ()),
        (None, "apps/one", ()),
    ],
)
def test_the_repository_is_what_is_above_the_applications_folder(
    path: str | None, root: str, start: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "apps" / "one").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "apps" / "one")

    found = find_file_root({} if path is None else {"ARGOCD_APP_SOURCE_PATH": path})

    assert found == FileRoot(os.path.normpath(tmp_path / root), start)


UNKNOWN = "the application's folder (ARGOCD_APP_SOURCE_PATH does not lead to it)"


@pytest.mark.parametrize(
    "path",
    ["other", "pps/one", "../one", "apps/../..", "/apps/one", "proc/self/cwd", "absolute", "out/again"],
)
def test_a_path_that_does_not_lead_to_the_working_directory_gives_no_more_than_that(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "apps" / "one"
    folder.mkdir(parents=True)
    (tmp_path / "absolute").symlink_to(folder)
    (tmp_path / "out").symlink_to("..")
    (tmp_path / "again").symlink_to("apps/one")
    monkeypatch.chdir(folder)

    assert find_file_root({"ARGOCD_APP_SOURCE_PATH": path}) == FileRoot(str(folder), called=UNKNOWN)


def test_the_root_of_the_file_system_is_no_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    found = find_file_root({"ARGOCD_APP_SOURCE_PATH": str(tmp_path).lstrip("/")})

    assert found == FileRoot(str(tmp_path), called=UNKNOWN)


@pytest.mark.parametrize(
    ("link", "target", "path", "root", "start"),
    [
        ("apps/link", "../clusters/one", "apps/link", ".", ("clusters", "one")),
        ("link", "clusters", "link/one", ".", ("clusters", "one")),
        ("apps/link", "../twice", "apps/link", ".", ("clusters", "one")),
        ("clusters/link", "one", "clusters/link", ".", ("clusters", "one")),
        # A smaller repository than the whole, since more is not known.
        ("clusters/one/link", ".", "link", "clusters/one", ()),
        ("clusters/link", "one", "link", "clusters", ("one",)),
    ],
)
def test_a_linked_folder_is_in_the_nearest_folder_in_which_the_link_stays(
    link: str,
    target: str,
    path: str,
    root: str,
    start: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "clusters" / "one").mkdir(parents=True)
    (tmp_path / "apps").mkdir()
    (tmp_path / "twice").symlink_to("clusters/one")
    (tmp_path / link).symlink_to(target)
    monkeypatch.chdir(tmp_path / "clusters" / "one")

    found = find_file_root({"ARGOCD_APP_SOURCE_PATH": path})

    assert found == FileRoot(os.path.normpath(tmp_path / root), start)


def test_a_destination_that_no_file_names_is_an_error_that_says_what_to_write(
    application: Application,
) -> None:
    application.change("gitops-doca.yaml", "  namespace: nvidia-network-operator\n", "")

    assert application.generate().exit_code == 0
    result = application.generate(env={"ARGOCD_APP_NAMESPACE": "drivers"})
    assert (result.exit_code, result.stdout) == (3, b"")
    assert result.stderr == (
        "error[input]: the application's destination is the namespace drivers, and gitops-doca.yaml sets "
        "none, which means nvidia-network-operator\n"
        "  help: write namespace: drivers (or nvidia-network-operator) under spec in gitops-doca.yaml\n"
    )
    assert application.generate(env={"ARGOCD_APP_NAMESPACE": "drivers"}, namespace="drivers").exit_code == 0
    assert application.generate(env={"ARGOCD_APP_NAMESPACE": ""}).exit_code == 0


def test_a_config_that_cannot_be_read_is_not_told_to_name_no_namespace(application: Application) -> None:
    application.change("gitops-doca.yaml", "kind: DriverGenerator", "kind: Other")

    result = application.generate(env={"ARGOCD_APP_NAMESPACE": "drivers"})

    assert result.exit_code == 3
    assert result.stderr == (
        "error[input]: gitops-doca.yaml: not a gitops-doca config: expected kind DriverGenerator\n"
        "  help: write apiVersion: gitops-doca.dev/v1alpha1 and kind: DriverGenerator\n"
    )


def test_a_destination_other_than_the_one_that_the_config_sets_is_the_configs_affair(
    application: Application,
) -> None:
    assert application.generate(env={"ARGOCD_APP_NAMESPACE": "drivers"}).exit_code == 0


def test_policies_for_the_operator_have_no_namespace_and_no_openshift_to_disagree_about(
    application: Application,
) -> None:
    application.change("gitops-doca.yaml", "  namespace: nvidia-network-operator\n", "  emit: policies\n")

    result = application.generate(
        env={"ARGOCD_APP_NAMESPACE": "drivers", "KUBE_API_VERSIONS": "v1,apps/v1,config.openshift.io/v1"}
    )

    assert "destination" not in result.stderr
    assert "OpenShift" not in result.stderr


OPENSHIFT = "v1,apps/v1,config.openshift.io/v1,config.openshift.io/v1/Proxy,route.openshift.io/v1"
PLAIN = "v1,apps/v1,sriovnetwork.openshift.io/v1,sriovnetwork.openshift.io/v1/SriovNetwork"


def test_an_openshift_that_the_inventory_does_not_show_is_an_error(application: Application) -> None:
    result = application.generate(env={"KUBE_API_VERSIONS": OPENSHIFT})

    assert (result.exit_code, result.stdout) == (3, b"")
    assert result.stderr == (
        "error[input]: the cluster's API has OpenShift's groups, but the inventory has no sign of "
        "OpenShift (*.openshift.io)\n"
        "  help: take the inventory from that cluster, or set spec.openshift: true (or false, to trust "
        "the inventory) in gitops-doca.yaml\n"
    )


def test_an_openshift_inventory_for_another_cluster_is_an_error(application: Application) -> None:
    with (application.folder / "nodes.yaml").open("a") as nodes:
        nodes.write("---\napiVersion: config.openshift.io/v1\nkind: Proxy\nmetadata: {name: cluster}\n")

    result = application.generate()

    assert (result.exit_code, result.stdout) == (3, b"")
    assert result.stderr.startswith(
        "error[input]: the inventory is from OpenShift, but the cluster's API has no groups of OpenShift"
    )


@pytest.mark.parametrize("versions", ["", "v1", PLAIN, "v1,apps/v1"])
def test_an_api_that_says_nothing_of_openshift_agrees_with_a_plain_inventory(
    versions: str, application: Application
) -> None:
    assert application.generate(env={"KUBE_API_VERSIONS": versions}).exit_code == 0


@pytest.mark.parametrize("value", ["true", "false"])
def test_a_setting_decides_against_the_api(value: str, application: Application) -> None:
    application.change("gitops-doca.yaml", "spec:\n", f"spec:\n  openshift: {value}\n")

    assert application.generate(env={"KUBE_API_VERSIONS": OPENSHIFT}).exit_code == 0


def test_a_folder_without_a_config_is_told(application: Application) -> None:
    (application.folder / "gitops-doca.yaml").unlink()

    result = application.generate()

    assert (result.exit_code, result.stdout) == (3, b"")
    assert result.stderr == (
        "error[input]: there is no gitops-doca.yaml in apps/drivers\n"
        "  help: commit one, or name it with the parameter config\n"
    )


def test_policies_and_inventory_as_parameters_need_no_config(application: Application) -> None:
    finish(application.folder)
    (application.folder / "gitops-doca.yaml").unlink()

    result = application.generate(policy="policy.yaml", inventory=["nodes.yaml"])

    assert (result.exit_code, result.stdout.count(b"kind: DaemonSet\n")) == (0, 3)


def test_a_config_of_another_name_and_folder_has_its_paths_beside_it(application: Application) -> None:
    shared = application.root / "shared"
    shared.mkdir()
    for file in application.folder.iterdir():
        file.rename(shared / file.name)
    (shared / "gitops-doca.yaml").rename(shared / "prod.yaml")

    result = application.generate(config="../../shared/prod.yaml")

    assert (result.exit_code, result.stdout.count(b"kind: DaemonSet\n")) == (0, 3)


@pytest.mark.parametrize(
    ("parameters", "command"),
    [
        ({}, "gitops-doca lock apps/drivers"),
        ({"config": "../x/c.yaml"}, "gitops-doca lock apps/x/c.yaml"),
        ({"lock": "other.lock.yaml"}, "gitops-doca lock apps/drivers --lock apps/drivers/other.lock.yaml"),
        (
            {"policy": ["policy.yaml"], "inventory": "nodes.yaml"},
            "gitops-doca lock apps/drivers -p apps/drivers/policy.yaml -i apps/drivers/nodes.yaml",
        ),
    ],
)
def test_a_lock_that_is_not_there_is_told_with_the_command_from_the_repositorys_root(
    parameters: dict[str, Any], command: str, application: Application
) -> None:
    (application.folder / "gitops-doca.lock.yaml").unlink()
    (application.root / "apps" / "x").mkdir()
    for name in ("gitops-doca.yaml", "policy.yaml", "nodes.yaml"):
        target = application.root / "apps" / "x" / ("c.yaml" if name == "gitops-doca.yaml" else name)
        target.write_text((application.folder / name).read_text())

    result = application.generate(resolve="locked", **parameters)

    assert (result.exit_code, result.stdout) == (6, b"")
    assert f"help: run: {command}\n" in result.stderr


def test_nothing_to_render_is_an_error_unless_it_is_allowed(application: Application) -> None:
    application.change("nodes.yaml", "pci-15b3.present: 'true'", "pci-15b3.present: 'false'")
    (application.folder / "gitops-doca.lock.yaml").unlink()
    refused = application.generate()

    application.change("gitops-doca.yaml", "spec:\n", "spec:\n  allowEmpty: true\n")
    allowed = application.generate()

    assert (refused.exit_code, refused.stdout) == (7, b"")
    assert refused.stderr.startswith("error[empty]: nothing to render: none of the ")
    assert (allowed.exit_code, allowed.stdout) == (0, b"")


def test_there_are_no_flags_but_one(application: Application) -> None:
    result = application.generate("--allowed-registry", "evil.example")

    assert (result.exit_code, result.stdout) == (2, b"")
    assert result.stderr.startswith("error[usage]: No such option")
    assert "Usage:" not in result.stderr
