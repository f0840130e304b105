"""The GitLab template: its jobs run in a real clone, with the variables that a runner sets."""

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.cli import Result
from support.deployment import DEPLOY, objects
from support.refreshing import BRANCH, FOLDER, Forge
from support.shell import blocks

TEMPLATE = DEPLOY / "gitlab" / "gitops-doca.gitlab-ci.yml"
NEW = "ubuntu22.04/5.15.0-105-generic/amd64"


def job(name: str) -> Any:
    return objects(TEMPLATE)[0][name]


def run(change: Forge, name: str, **variables: str) -> Result:
    """Run the lines of a job with its variables, in which those of GitLab are put."""
    own = dict(job(name).get("variables", {}))
    for known, value in variables.items():
        own = {key: text.replace(f"${known}", value) for key, text in own.items()}
    env: Mapping[str, str] = {"FOLDER": FOLDER, "GITOPS_DOCA_DEADLINE": "3"} | own | variables
    return change.run("\n".join(job(name)["script"]), env=env, clone=change.folder / "clone")


@pytest.fixture
def clone(change: Forge) -> Forge:
    """All of the repository, with the change checked out; GitLab's own user does not commit."""
    fetched = change.run("git fetch --quiet && git checkout --quiet origin/change", env={})
    assert fetched.exit_code == 0, fetched.stderr
    return change


def test_the_difference_is_an_artifact(clone: Forge) -> None:
    base = clone.git("rev-parse", "main").strip()

    result = run(clone, "gitops-doca-diff", CI_MERGE_REQUEST_DIFF_BASE_SHA=base)

    assert (result.exit_code, result.stderr) == (0, "")
    (path,) = job("gitops-doca-diff")["artifacts"]["paths"]
    text = (clone.clone / path).read_text()
    assert result.stdout.decode() == text
    assert NEW in text


def test_a_new_folder_is_new_as_a_whole(clone: Forge) -> None:
    base = clone.git("rev-parse", "main").strip()
    shutil.copytree(clone.clone / FOLDER, clone.clone / "new")

    result = run(clone, "gitops-doca-diff", CI_MERGE_REQUEST_DIFF_BASE_SHA=base, FOLDER="new")

    assert (result.exit_code, result.stderr) == (0, "")
    assert b"2 pools added" in result.stdout


def test_a_strict_config_fails_and_the_difference_is_an_artifact_all_the_same(
    clone: Forge, compile_new: Callable[[Path], None]
) -> None:
    base = clone.git("rev-parse", "main").strip()
    compile_new(clone.clone / FOLDER)

    result = run(clone, "gitops-doca-diff", CI_MERGE_REQUEST_DIFF_BASE_SHA=base)

    assert (result.exit_code, job("gitops-doca-diff")["artifacts"]["when"]) == (4, "always")
    assert b"**1 node will compile the driver: " in result.stdout


def test_no_control_character_comes_into_the_log(clone: Forge, tmp_path: Path) -> None:
    """GitLab makes colours and sections of them."""
    standing_in = tmp_path / "standing-in" / "gitops-doca"
    standing_in.parent.mkdir()
    standing_in.write_text("#!/bin/sh\nprintf 'a\\033[31m\\tb\\nsection_start:1:x\\r\\033[0K\\0c\\n'\n")
    standing_in.chmod(0o755)
    path = f"{standing_in.parent}:{os.defpath}"

    result = run(clone, "gitops-doca-diff", CI_MERGE_REQUEST_DIFF_BASE_SHA="main", PATH=path)

    assert (result.exit_code, result.stdout) == (0, b"a[31m\tb\nsection_start:1:x[0Kc\n")


def test_a_config_that_is_wrong_fails_the_difference(clone: Forge) -> None:
    base = clone.git("rev-parse", "main").strip()
    (clone.clone / FOLDER / "gitops-doca.yaml").write_text("kind: Other\n")

    assert run(clone, "gitops-doca-diff", CI_MERGE_REQUEST_DIFF_BASE_SHA=base).exit_code == 3


def test_the_check_asks_the_registry_about_the_lock(clone: Forge) -> None:
    result = run(clone, "gitops-doca-check")

    assert result.exit_code == 5
    assert f"{NEW} " in result.stdout.decode()


def test_the_refresh_runs_the_script_with_a_login_of_its_own(clone: Forge) -> None:
    scripts = clone.clone / ".gitlab" / "refresh"
    scripts.mkdir(parents=True)
    log = clone.folder / "refresh.log"
    (scripts / "refresh.sh").write_text(
        "#!/bin/sh\n"
        f"{{ echo $REFRESH_REMOTE $REFRESH_BASE $*; git config --get-all push.pushOption; }} > {log}\n"
        f"printf 'protocol=https\\nhost=git.example.com\\n\\n' | git credential fill >> {log}\n"
        f"git var GIT_COMMITTER_IDENT | cut -d'>' -f1 >> {log}\n"
    )
    (scripts / "refresh.sh").chmod(0o755)

    result = run(
        clone,
        "gitops-doca-refresh",
        CI_PROJECT_URL="https://git.example.com/platform/drivers",
        CI_DEFAULT_BRANCH="trunk",
        CI_SERVER_HOST="git.example.com",
        REFRESH_TOKEN="of-the-project",
    )

    assert (result.exit_code, result.stderr) == (0, "")
    assert log.read_text().splitlines() == [
        f"https://git.example.com/platform/drivers.git trunk {FOLDER}",
        "merge_request.create",
        "merge_request.target=trunk",
        "protocol=https",
        "host=git.example.com",
        "username=gitops-doca",
        "password=of-the-project",
        "gitops-doca <gitops-doca@noreply.git.example.com",
    ]


def test_the_refresh_is_the_script_of_the_refresh_page(clone: Forge) -> None:
    scripts = clone.folder / "author" / ".gitlab" / "refresh"
    scripts.mkdir(parents=True)
    for name in ("refresh.sh", "common.sh"):
        shutil.copy(DEPLOY / "refresh" / name, scripts)
    clone.commit()
    pulled = clone.run("git fetch --quiet && git checkout --quiet origin/main", env={})

    result = run(
        clone,
        "gitops-doca-refresh",
        CI_PROJECT_URL=f"file://{clone.folder}/remote",
        CI_DEFAULT_BRANCH="main",
        CI_SERVER_HOST="git.example.com",
        REFRESH_TOKEN="of-the-project",
    )

    # As far as without a registry: nothing is pushed on a guess.
    assert (pulled.exit_code, result.exit_code, BRANCH in clone.branches()) == (0, 5, False), result.stderr


def test_each_job_runs_in_its_own_pipelines() -> None:
    template = objects(TEMPLATE)[0]
    rules = {name: entry["rules"] for name, entry in template.items() if "script" in entry}

    review = [{"if": '$CI_PIPELINE_SOURCE == "merge_request_event"'}]
    assert rules == {
        "gitops-doca-check": review,
        "gitops-doca-diff": review,
        "gitops-doca-refresh": [{"if": '$CI_PIPELINE_SOURCE == "schedule"'}],
    }


def test_the_page_sets_what_the_template_has() -> None:
    (page,) = [yaml.safe_load(block) for block in blocks("ci.md", "yaml") if block.startswith("include:")]
    template = objects(TEMPLATE)[0]

    assert page["variables"].keys() == template["variables"].keys()
    assert page[".gitops-doca"].keys() <= template[".gitops-doca"].keys()
