"""What deploy/ holds, read by kustomize, the API server with Argo CD's resources, and actionlint."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from support.api_server import ApiServer, Object
from support.argocd_cluster import NAMESPACE, define
from support.cli import ROOT, Result, clean_environment, install
from support.deployment import DEPLOY, Kind, manifests, objects
from support.kustomize import build
from support.require import require, require_program
from support.shell import blocks

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("api-server")]

COMPONENT = DEPLOY / "argocd" / "component"
KUSTOMIZATIONS = [file.parent for file in manifests(Kind.KUSTOMIZATION)]


def names(folders: list[Path]) -> list[str]:
    return [str(folder.relative_to(DEPLOY)) for folder in folders]


def built(result: Result) -> list[Object]:
    assert (result.exit_code, result.stderr) == (0, "")
    return [document for document in yaml.safe_load_all(result.stdout) if document]


@pytest.fixture
def functions(tmp_path: Path) -> dict[str, str]:
    """An environment with the KRM function on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    install(folder, "gitops-doca-krm")
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


@pytest.fixture
def argo_cd(tmp_path: Path) -> Path:
    """A folder with the repo-server's kustomization, and the component beside it."""
    source = Path(os.environ.get("ARGOCD_REPO_SERVER", "/nonexistent"))
    require(source.is_dir(), "ARGOCD_REPO_SERVER does not name the folder of Argo CD's repo-server")
    shutil.copytree(source, tmp_path / "repo-server")
    shutil.copytree(COMPONENT, tmp_path / "component")
    return tmp_path


def kustomized(folder: Path, *patches: str) -> dict[str, Any]:
    """Build the kustomization of the README with these patches too, and return the Deployment."""
    overlay, *_ = readme_blocks()
    for number, patch in enumerate(patches):
        (folder / f"patch-{number}.yaml").write_text(patch)
    listed = [{"path": f"patch-{number}.yaml"} for number in range(len(patches))]
    text = yaml.safe_dump(yaml.safe_load(overlay) | {"patches": listed})
    (folder / "kustomization.yaml").write_text(text)
    (deployment,) = [one for one in built(build(folder)) if one["kind"] == "Deployment"]
    return deployment


def readme_blocks() -> list[str]:
    return blocks("../deploy/argocd/README.md", "yaml")


def check_mounts(deployment: dict[str, Any]) -> None:
    """Hold a Deployment to Kubernetes' schema, and its mounts to its volumes."""
    kubernetes_validate.validate(deployment, kubernetes_validate.latest_version(), strict=True)
    pod = deployment["spec"]["template"]["spec"]
    volumes = [volume["name"] for volume in pod["volumes"]]
    containers = [*pod["initContainers"], *pod["containers"]]
    mounted = {mount["name"] for one in containers for mount in one.get("volumeMounts", ())}
    assert sorted(volumes) == sorted(set(volumes))
    assert mounted <= set(volumes)


@pytest.mark.parametrize("folder", KUSTOMIZATIONS, ids=names(KUSTOMIZATIONS))
def test_the_api_server_takes_what_kustomize_builds(
    folder: Path, functions: dict[str, str], api_server: ApiServer
) -> None:
    # A folder alone: nothing above it may be needed but its neighbours in deploy/.
    wanted = built(build(folder, "--enable-alpha-plugins", "--enable-exec", env=functions))

    assert wanted
    for resource in wanted:
        api_server.namespace(resource["metadata"].get("namespace", "default"))
        kubernetes_validate.validate(resource, kubernetes_validate.latest_version(), strict=True)
        api_server.apply(resource, dry_run=True)


@pytest.mark.parametrize("file", manifests(Kind.KUBERNETES), ids=lambda file: str(file.relative_to(DEPLOY)))
def test_the_api_server_takes_every_object(file: Path, api_server: ApiServer) -> None:
    for resource in objects(file):
        api_server.namespace(resource["metadata"].get("namespace", "default"))
        api_server.apply(resource, dry_run=True)


@pytest.mark.parametrize("file", manifests(Kind.ARGO_CD), ids=lambda file: file.name)
def test_argo_cds_own_definitions_take_the_examples(file: Path, api_server: ApiServer) -> None:
    define(api_server)
    api_server.namespace(NAMESPACE)

    for resource in objects(file):
        answer = api_server.create(resource, dry_run=True)
        assert answer["spec"] == resource["spec"]


def test_the_component_adds_the_side_car_to_argo_cds_own_deployment(
    argo_cd: Path, api_server: ApiServer
) -> None:
    (plain,) = objects(argo_cd / "repo-server" / "argocd-repo-server-deployment.yaml")

    deployment = kustomized(argo_cd)

    check_mounts(deployment)
    api_server.apply(deployment, dry_run=True)
    before, after = plain["spec"]["template"]["spec"], deployment["spec"]["template"]["spec"]
    (added,) = [one for one in after["containers"] if one not in before["containers"]]
    (patch,) = objects(COMPONENT / "repo-server.yaml")
    (wanted,) = patch["spec"]["template"]["spec"]["containers"]
    assert added == wanted | {"image": "registry.example.com/gitops-doca:0.1.0"}
    assert [one for one in after["volumes"] if one not in before["volumes"]] == [
        {"name": "gitops-doca-tmp", "emptyDir": {}}
    ]
    assert after["automountServiceAccountToken"] is False


def test_the_patches_of_the_page_fit_the_component(argo_cd: Path, api_server: ApiServer) -> None:
    _, *patches = readme_blocks()
    (patch,) = objects(COMPONENT / "repo-server.yaml")
    kept = patch["spec"]["template"]["spec"]["containers"][0]["securityContext"]

    deployments = [kustomized(argo_cd, text) for text in patches]

    assert len(deployments) == 2
    for deployment in deployments:
        check_mounts(deployment)
        api_server.apply(deployment, dry_run=True)
        containers = deployment["spec"]["template"]["spec"]["containers"]
        (ours,) = [one for one in containers if one["name"] == "gitops-doca"]
        assert ours["securityContext"] == kept
        assert ours["env"][0]["name"] in {"GITOPS_DOCA_ALLOWED_REGISTRY", "PATH"}


def test_the_overlay_of_the_refresh_page_builds(tmp_path: Path, api_server: ApiServer) -> None:
    (overlay,) = blocks("refresh.md", "yaml")
    shutil.copytree(DEPLOY, tmp_path / "gitops-doca" / "deploy")
    (tmp_path / "kustomization.yaml").write_text(overlay)
    (tmp_path / ".gitconfig").write_text(blocks("refresh.md", "ini")[0])
    (tmp_path / "token.env").write_text("GH_TOKEN=a-token\n")

    wanted = {one["kind"]: one for one in built(build(tmp_path))}

    pod = wanted["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    secret = wanted["Secret"]
    assert container["image"] == "registry.internal/gitops-doca-refresh:0.1.0"
    assert set(secret["data"]) == {".gitconfig", "GH_TOKEN"}
    assert pod["volumes"][2]["secret"]["secretName"] == secret["metadata"]["name"]
    assert container["env"][0]["valueFrom"]["secretKeyRef"]["name"] == secret["metadata"]["name"]
    for resource in wanted.values():
        api_server.namespace(resource["metadata"].get("namespace", "default"))
        api_server.apply(resource, dry_run=True)


@pytest.mark.parametrize("file", manifests(Kind.WORKFLOW), ids=lambda file: str(file.relative_to(DEPLOY)))
def test_actionlint_finds_nothing_in_the_workflow(file: Path, tmp_path: Path) -> None:
    program = require_program("ACTIONLINT", "actionlint 1.7.12")
    workflows = tmp_path / ".github" / "workflows"
    workflows.mkdir(parents=True)
    shutil.copy(file, workflows)

    run = subprocess.run(
        [program, "-no-color", f".github/workflows/{file.name}"],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (run.returncode, run.stdout + run.stderr) == (0, "")


def test_actionlint_knows_the_inputs_and_outputs_of_the_action(tmp_path: Path) -> None:
    """It reads the metadata of an action that a workflow names by its folder."""
    program = require_program("ACTIONLINT", "actionlint 1.7.12")
    shutil.copytree(ROOT / "deploy" / "github", tmp_path / ".github" / "workflows")
    shutil.copy(ROOT / "action.yml", tmp_path)
    # By this it knows the root.
    (tmp_path / ".git").mkdir()
    workflow = tmp_path / ".github" / "workflows" / "pull-request.yaml"
    text = workflow.read_text()
    found = []
    for folder in ("folder: ", "directory: "):
        here = text.replace("example/gitops-doca@v0.1.0", "./").replace("folder: ", folder)
        workflow.write_text(here)
        run = subprocess.run(
            [program, "-no-color", "-oneline", ".github/workflows/pull-request.yaml"],
            cwd=tmp_path,
            env=clean_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        found.append((run.returncode, run.stdout.partition('"directory" is not defined in action')[1]))

    assert found == [(0, ""), (1, '"directory" is not defined in action')]
