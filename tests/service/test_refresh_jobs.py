"""The jobs around deploy/refresh/refresh.sh: GitHub's workflow and the CronJob, run as their files say."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from support.cli import Result, run_cli
from support.deployment import DEPLOY, objects
from support.docker_registry import DockerRegistry
from support.images import Pusher
from support.inputs import Pool, write_inputs
from support.refreshing import BRANCH, FOLDER, Forge, run_workflow
from support.shell import blocks

pytestmark = pytest.mark.service

REFRESH = DEPLOY / "refresh"
POOL = Pool(kernel="5.15.0-91-generic")
# Tells what it was asked for, each argument on a line of its own, and that what `open` holds is open.
GH = """printf '%s\\n' gh "$@" >> {folder}/gh.log
if [ "$1 $2" = "pr list" ] && [ -e {folder}/open ]; then cat {folder}/open; fi"""


@pytest.fixture
def images(registry: DockerRegistry, request: pytest.FixtureRequest) -> Pusher:
    name = "".join(filter(str.isalnum, request.node.name.lower()))
    return Pusher(registry=registry, repository=f"{name}/doca-driver")


@pytest.fixture
def forge(images: Pusher, tmp_path: Path) -> Forge:
    """A repository with the two scripts in it, and a lock of a tag that moved since."""
    forge = Forge(folder=tmp_path)
    forge.create("nodes.json")
    repository = f"{images.registry.host}/{images.repository.partition('/')[0]}"
    write_inputs(forge.cluster, repository=repository, pools=[POOL], forced=True)
    images.image(POOL.tag)
    assert run_cli("lock", cwd=forge.cluster).exit_code == 0
    scripts = tmp_path / "author" / ".github" / "refresh"
    scripts.mkdir(parents=True)
    for script in REFRESH.glob("*.sh"):
        shutil.copy(script, scripts)
    forge.commit()
    images.index(POOL.tag, architectures=("amd64",))
    forge.program("gh", GH.format(folder=tmp_path))
    return forge


def work(forge: Forge) -> Result:
    """Run the steps of the workflow."""
    return run_workflow(forge, REFRESH / "github-workflow.yaml", "refresh")


def said(forge: Forge) -> list[str]:
    """Return the calls of gh so far."""
    return (forge.folder / "gh.log").read_text().split("gh\n")[1:]


def test_the_workflow_opens_a_pull_request_and_keeps_it_up_to_date(forge: Forge, images: Pusher) -> None:
    result = work(forge)

    assert result.exit_code == 0, result.stderr
    installed = (forge.folder / "pip.log").read_text().splitlines()
    assert installed == ["pip", "install", "https://packages.example.com/gitops_doca-0.1.0-py3-none-any.whl"]
    body = forge.git("log", "-1", "--format=%b", BRANCH).rstrip("\n")
    assert body.startswith("    moved  ")
    listed, created = said(forge)
    assert listed.startswith(f"pr\nlist\n--head\n{BRANCH}\n--base\nmain\n")
    assert created == (
        f"pr\ncreate\n--head\n{BRANCH}\n--base\nmain\n--title\nRefresh {FOLDER}\n--body\n{body}\n"
    )

    (forge.folder / "open").write_text("17\n")
    images.index(POOL.tag, architectures=("amd64", "arm64"))
    assert work(forge).exit_code == 0
    body = forge.git("log", "-1", "--format=%b", BRANCH).rstrip("\n")
    assert said(forge)[-1].splitlines()[:6] == [
        "api",
        "--silent",
        "--method",
        "PATCH",
        "repos/{owner}/{repo}/pulls/17",
        "-f",
    ]
    assert said(forge)[-1].endswith(f"title=Refresh {FOLDER}\n-f\nbody={body}\n")


def test_the_folder_and_the_trigger_of_the_workflow_agree() -> None:
    workflow: dict[Any, Any] = dict(*objects(REFRESH / "github-workflow.yaml"))

    # `on` is a truth to YAML 1.1.
    assert workflow[True]["push"] == {"branches": ["main"], "paths": ["clusters/**"]}
    assert workflow["jobs"]["refresh"]["strategy"]["matrix"]["folder"] == [FOLDER]


def container(forge: Forge, spec: dict[str, Any], env: dict[str, str]) -> Result:
    """Run a container's command, its volumes below the forge's folder."""

    def here(word: str) -> str:
        word = re.sub(r"\$\((\w+)\)", lambda found: env[found[1]], word)
        return re.sub(r"^/(work|git|scripts)\b", rf"{forge.folder}/\1", word)

    at = Path(here(spec.get("workingDir", "/work")))
    words = " ".join(f"'{here(word)}'" for word in spec["command"])
    return forge.run(words, env={name: here(value) for name, value in env.items()}, clone=at)


def test_the_job_clones_and_proposes(forge: Forge) -> None:
    (kustomization,) = objects(REFRESH / "kustomization.yaml")
    (settings, scripts) = kustomization["configMapGenerator"]
    (job,) = objects(REFRESH / "cronjob.yaml")
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    for name in ("work", "git", "scripts"):
        (forge.folder / name).mkdir()
    for name in scripts["files"]:
        shutil.copy(REFRESH / name, forge.folder / "scripts")
    (forge.folder / "git" / ".gitconfig").write_text(blocks("refresh.md", "ini")[0])
    env = dict(literal.split("=", 1) for literal in settings["literals"]) | {
        "REPOSITORY": f"file://{forge.folder}/remote.git",
        "INVENTORY": "",
        "REFRESH_HOOK": "/scripts/open-pull-request.sh",
        # HOME counts again, which other tests do without.
        "GIT_CONFIG_GLOBAL": "/git/.gitconfig",
    }
    (cloning,), (refreshing,) = pod["initContainers"], pod["containers"]

    results = [container(forge, spec, env) for spec in (cloning, refreshing)]

    assert [result.exit_code for result in results] == [0, 0], results
    assert forge.git("log", "-1", "--format=%an %s", BRANCH) == f"gitops-doca Refresh {FOLDER}\n"
    assert [call.split()[1] for call in said(forge)] == ["list", "create"]
    assert [path.name for path in (forge.folder / "work").iterdir()] == ["repository"]
    mounted = {mount["name"] for mount in refreshing["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}


@pytest.mark.parametrize(
    ("block", "host", "login"),
    [
        (0, "github.com", "username=x\npassword=of-gh"),
        (1, "gitlab.example.com", "username=y\npassword=of-file"),
    ],
    ids=["GitHub", "GitLab"],
)
def test_the_page_says_how_to_log_in(tmp_path: Path, block: int, host: str, login: str) -> None:
    forge = Forge(folder=tmp_path)
    forge.create("nodes.json")
    forge.commit()
    forge.program("gh", '[ "$*" = "auth git-credential get" ] && printf "username=x\\npassword=of-gh\\n"')
    (tmp_path / "login").write_text("username=y\npassword=of-file\n")
    config = blocks("refresh.md", "ini")[block].replace("/git/", f"{tmp_path}/")
    (tmp_path / ".gitconfig").write_text(config)
    env = {"GIT_CONFIG_GLOBAL": str(tmp_path / ".gitconfig"), "GIT_TERMINAL_PROMPT": "0"}

    asked = "printf 'protocol=https\\nhost={}\\n\\n' | git credential fill"
    result = forge.run(asked.format(host), env=env)
    elsewhere = forge.run(asked.format("elsewhere.example.com"), env=env)

    assert result.stdout.decode() == f"protocol=https\nhost={host}\n{login}\n"
    assert (elsewhere.exit_code, elsewhere.stdout) == (128, b"")


def test_a_deploy_key_of_the_page_is_used(tmp_path: Path) -> None:
    forge = Forge(folder=tmp_path)
    forge.create("nodes.json")
    forge.commit()
    forge.program("ssh", f'echo "$*" > {tmp_path}/ssh.log; exit 1')
    (tmp_path / ".gitconfig").write_text(blocks("refresh.md", "ini")[2])

    forge.run(
        "git ls-remote git@git.example.com:platform/drivers.git || true",
        env={"GIT_CONFIG_GLOBAL": str(tmp_path / ".gitconfig"), "GIT_SSH_VARIANT": "ssh"},
    )

    options = "-i /git/key -o IdentitiesOnly=yes -o UserKnownHostsFile=/git/known_hosts"
    told = (tmp_path / "ssh.log").read_text()
    assert told.startswith(options)
    assert "git@git.example.com git-upload-pack 'platform/drivers.git'" in told
