"""Every YAML file below deploy/ is validated: here, or in tests/e2e by the programs that read it."""

import json
import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from gitops_doca import __version__
from support.cli import ROOT, run_cli
from support.deployment import DEPLOY, Kind, manifests, objects
from support.in_process import run_here

ARGOCD = DEPLOY / "argocd"
PAGE = (ROOT / "docs" / "reference.md").read_text()
# Nothing listens there: a run that asks anybody fails.
NOWHERE = {"HTTPS_PROXY": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1"}


def side_car(owner: Any) -> Any:
    (container,) = [one for one in owner if one["name"] == "gitops-doca"]
    return container


@pytest.fixture(scope="module")
def patch() -> dict[str, Any]:
    """What the component adds to the pod of the repo-server."""
    (deployment,) = objects(ARGOCD / "component" / "repo-server.yaml")
    pod: dict[str, Any] = deployment["spec"]["template"]["spec"]
    return pod


def test_every_file_is_of_a_kind_that_is_validated() -> None:
    assert {kind for kind in Kind if not manifests(kind)} == set()


@pytest.mark.parametrize("file", manifests(Kind.KUBERNETES), ids=lambda file: str(file.relative_to(DEPLOY)))
def test_kubernetes_accepts_every_object(file: Path) -> None:
    for resource in objects(file):
        kubernetes_validate.validate(resource, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize(
    "folder",
    sorted({file.parent for file in manifests(Kind.OURS) if file.name == "gitops-doca.yaml"}),
    ids=lambda folder: str(folder.relative_to(DEPLOY)),
)
def test_configs_render_with_their_policies_inventories_and_locks(folder: Path) -> None:
    result = run_cli("generate", folder, "--locked", cwd=ROOT, env=NOWHERE)

    assert (result.exit_code, result.stderr) == (0, "")


def test_helm_values_and_component_add_the_same(patch: dict[str, Any]) -> None:
    (values,) = objects(ARGOCD / "values.yaml")
    container = side_car(values["repoServer"]["extraContainers"])

    assert values["repoServer"].keys() == {"extraContainers", "volumes"}
    assert container.pop("image") == "registry.example.com/gitops-doca:0.1.0"
    assert container | {"image": "gitops-doca"} == side_car(patch["containers"])
    assert values["repoServer"]["volumes"] == patch["volumes"]


def test_variables_and_parameters_that_are_used_exist(patch: dict[str, Any]) -> None:
    variables = {entry["name"] for entry in side_car(patch["containers"])["env"]}
    announced = {entry["name"] for entry in json.loads(run_here("argocd", "parameters", cwd=ROOT).stdout)}
    (application,) = objects(ARGOCD / "application.yaml")
    (application_set,) = objects(ARGOCD / "applicationset.yaml")
    specs = [application["spec"], application_set["spec"]["template"]["spec"]]
    used = {entry["name"] for spec in specs for entry in spec["source"]["plugin"]["parameters"]}

    assert variables == {name for name in variables if f"| `{name}` |" in PAGE}
    assert used == {"resolve"}
    assert used <= announced


def test_an_application_names_the_plugin_of_the_image() -> None:
    plugin = yaml.safe_load((ROOT / "plugin.yaml").read_text())["metadata"]["name"]
    (application,) = objects(ARGOCD / "application.yaml")
    (application_set,) = objects(ARGOCD / "applicationset.yaml")

    assert application["spec"]["source"]["plugin"]["name"] == plugin
    assert application_set["spec"]["template"]["spec"]["source"]["plugin"]["name"] == plugin


def test_application_and_set_want_the_same_of_a_sync() -> None:
    (application,) = objects(ARGOCD / "application.yaml")
    (application_set,) = objects(ARGOCD / "applicationset.yaml")
    template = application_set["spec"]["template"]

    assert template["spec"]["syncPolicy"] == application["spec"]["syncPolicy"]
    assert template["spec"]["source"]["plugin"] == application["spec"]["source"]["plugin"]
    assert template["metadata"]["annotations"] == application["metadata"]["annotations"]


def test_all_speak_of_the_version_that_is_here() -> None:
    texts = [path.read_text() for path in DEPLOY.rglob("*") if path.is_file()]
    found = {version for text in texts for version in re.findall(r"gitops.doca\S*?[:-](\d+\.\d+\.\d+)", text)}

    assert found == {__version__}


def test_the_job_uses_the_account_that_may_read_nodes() -> None:
    (job,) = objects(DEPLOY / "refresh" / "cronjob.yaml")
    accounts = [one for one in objects(DEPLOY / "rbac" / "live.yaml") if one["kind"] == "ServiceAccount"]

    assert [one["metadata"] for one in accounts] == [
        {
            "name": job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["serviceAccountName"],
            "namespace": job["metadata"]["namespace"],
        }
    ]


def test_the_job_may_read_no_secret_and_write_nothing() -> None:
    (kustomization,) = objects(DEPLOY / "rbac" / "kustomization.yaml")
    given = [one for file in kustomization["resources"] for one in objects(DEPLOY / "rbac" / file)]
    rules = [rule for one in given for rule in one.get("rules", ())]

    assert [rule["resources"] for rule in rules] == [
        ["nodes"],
        ["nicclusterpolicies", "nicnodepolicies"],
        ["configmaps"],
    ]
    assert {verb for rule in rules for verb in rule["verbs"]} == {"get", "list"}


def test_wherever_the_refresh_script_goes_its_companion_goes() -> None:
    (kustomization,) = objects(DEPLOY / "refresh" / "kustomization.yaml")
    (_, scripts) = kustomization["configMapGenerator"]
    pages = [*DEPLOY.rglob("*.yaml"), *DEPLOY.rglob("*.yml"), *(ROOT / "docs").glob("*.md")]
    # Each place that names the folder of the copies says before which files go there.
    folder = re.compile(r"(.{1,300})\.git(?:hub|lab)/refresh/(?!\w)", re.DOTALL)
    said = {str(page.relative_to(ROOT)): folder.findall(page.read_text()) for page in pages}

    assert scripts["files"] == ["refresh.sh", "common.sh", "open-pull-request.sh"]
    assert {name: len(texts) for name, texts in said.items() if texts} == {
        "docs/ci.md": 2,
        "docs/refresh.md": 1,
        "deploy/refresh/github-workflow.yaml": 1,
        "deploy/next-version/github-workflow.yaml": 1,
        "deploy/gitlab/gitops-doca.gitlab-ci.yml": 1,
    }
    assert [text for texts in said.values() for text in texts if "common.sh" not in text] == []
