"""The recipe that proposes the next driver version: deploy/next-version around deploy/refresh/refresh.sh."""

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.cli import Result, run_cli
from support.deployment import DEPLOY
from support.docker_registry import DockerRegistry
from support.images import Pusher
from support.inputs import VERSION, Pool, write_inputs
from support.refreshing import FOLDER, Forge, run_workflow

pytestmark = pytest.mark.service

BRANCH = f"gitops-doca/next-version/{FOLDER}"
A, B = Pool(kernel="5.15.0-91-generic"), Pool(kernel="5.15.0-105-generic")
OLDER, NEWER = "25.01-0.6.0.0-0", "doca3.1.0-25.07-0.9.7.0-0"
NEWEST = "doca3.6.0-26.10-043000-0"
LOCK = "gitops-doca.lock.yaml"


def tag(version: str, pool: Pool) -> str:
    return pool.tag.replace(VERSION, version)


@pytest.fixture
def images(registry: DockerRegistry, request: pytest.FixtureRequest) -> Pusher:
    name = "".join(filter(str.isalnum, request.node.name.lower()))
    pusher = Pusher(registry=registry, repository=f"{name}/doca-driver")
    pusher.tags([A.tag, B.tag, tag(OLDER, A), tag(OLDER, B)])
    return pusher


@pytest.fixture
def forge(images: Pusher, tmp_path: Path) -> Forge:
    """A repository with scripts, and a folder of two pools whose lock is as the registry is."""
    forge = Forge(folder=tmp_path)
    forge.create("nodes.json")
    repository = f"{images.registry.host}/{images.repository.partition('/')[0]}"
    write_inputs(forge.cluster, repository=repository, pools=[A, B], forced=True)
    assert run_cli("lock", cwd=forge.cluster).exit_code == 0
    scripts = tmp_path / "author" / ".github" / "refresh"
    scripts.mkdir(parents=True)
    for script in (*DEPLOY.glob("refresh/*.sh"), DEPLOY / "next-version" / "next_version.py"):
        shutil.copy(script, scripts)
    forge.commit()
    forge.program("gh", f'printf "%s\\n" gh "$@" >> {tmp_path}/gh.log')
    forge.program("python3", f'exec {sys.executable} "$@"')
    return forge


def propose(forge: Forge) -> Result:
    return run_workflow(forge, DEPLOY / "next-version" / "github-workflow.yaml", "propose")


def change_policy(forge: Forge, old: str, new: str) -> None:
    """Replace a text that the policy has once, and commit."""
    policy = forge.cluster / "policy.yaml"
    text = policy.read_text()
    assert text.count(old) == 1
    policy.write_text(text.replace(old, new))
    forge.commit()


def refused(forge: Forge, message: str) -> None:
    result = propose(forge)
    assert (result.exit_code, result.stdout) == (3, b"")
    assert result.stderr.startswith(f"next_version.py: {message}"), result.stderr
    assert forge.branches() == ["main"]


def test_a_newer_version_for_every_pool_is_proposed_with_its_lock(forge: Forge, images: Pusher) -> None:
    images.tags([tag(NEWER, A), tag(NEWER, B)])

    result = propose(forge)

    assert (result.exit_code, result.stdout.decode()) == (0, f"{FOLDER}: proposed as {BRANCH}\n"), (
        result.stderr
    )
    before = forge.file("policy.yaml", "main")
    assert forge.file("policy.yaml", BRANCH) == before.replace(VERSION, NEWER)
    lock: Any = yaml.safe_load(forge.file(LOCK, BRANCH))
    assert [one["tag"] for one in lock["repositories"][0]["tags"]] == [tag(NEWER, B), tag(NEWER, A)]
    title, _, body = forge.git("log", "-1", "--format=%B", BRANCH).strip().partition("\n\n")
    assert title == f"Move {FOLDER} to {NEWER}"
    assert body.startswith(f"    The policy has {VERSION}. {NEWER} has an image for every pool.\n")
    created = (forge.folder / "gh.log").read_text().split("gh\n")[-1]
    assert created == f"pr\ncreate\n--head\n{BRANCH}\n--base\nmain\n--title\n{title}\n--body\n{body}\n"
    changed = forge.git("diff", "--name-only", "main", BRANCH).split()
    assert changed == [f"{FOLDER}/{LOCK}", f"{FOLDER}/policy.yaml"]


def test_a_version_with_a_build_number_is_the_newest_of_all(forge: Forge, images: Pusher) -> None:
    images.tags([tag(version, pool) for version in (NEWEST, NEWER) for pool in (A, B)])

    result = propose(forge)

    assert result.exit_code == 0, result.stderr
    assert forge.file("policy.yaml", BRANCH) == forge.file("policy.yaml", "main").replace(VERSION, NEWEST)


def test_what_is_proposed_already_is_left_as_it_is(forge: Forge, images: Pusher) -> None:
    images.tags([tag(NEWER, A), tag(NEWER, B)])
    assert propose(forge).exit_code == 0

    again = propose(forge)

    assert again.stdout.decode() == f"{FOLDER}: what moved is proposed already, as {BRANCH}\n"


def test_a_version_that_lacks_a_pool_is_not_proposed(forge: Forge, images: Pusher) -> None:
    images.tags([tag(NEWER, A)])

    result = propose(forge)

    assert (result.exit_code, result.stdout.decode()) == (0, f"{FOLDER}: nothing moved\n"), result.stderr
    assert forge.branches() == ["main"]


def test_a_tag_that_moved_is_no_reason_for_a_proposal(forge: Forge, images: Pusher) -> None:
    images.index(A.tag, architectures=("amd64",))

    assert propose(forge).stdout.decode() == f"{FOLDER}: nothing moved\n"


def test_an_older_version_is_never_proposed(forge: Forge) -> None:
    change_policy(forge, VERSION, "25.10-9.9.9.9-9")

    result = propose(forge)

    assert (result.exit_code, result.stdout.decode()) == (0, f"{FOLDER}: nothing moved\n"), result.stderr


def test_a_proposal_is_taken_back_when_the_policy_has_the_version(forge: Forge, images: Pusher) -> None:
    images.tags([tag(NEWER, A), tag(NEWER, B)])
    assert propose(forge).exit_code == 0
    change_policy(forge, VERSION, NEWER)

    assert propose(forge).stdout.decode() == f"{FOLDER}: nothing moved\n"
    assert forge.branches() == ["main"]


def test_quotes_comments_and_line_ends_stay(forge: Forge, images: Pusher) -> None:
    images.tags([tag(NEWER, A), tag(NEWER, B)])
    change_policy(forge, f"version: {VERSION}", f'version: "{VERSION}"  # not {VERSION} for long')
    policy = forge.cluster / "policy.yaml"
    policy.write_bytes(policy.read_bytes().replace(b"\n", b"\r\n"))
    forge.commit()

    assert propose(forge).exit_code == 0

    changed = forge.git("show", f"{BRANCH}:{FOLDER}/policy.yaml").splitlines()
    assert f'    version: "{NEWER}"  # not {VERSION} for long' in changed
    assert forge.git("diff", "--numstat", "main", BRANCH, "--", f"{FOLDER}/policy.yaml").startswith("1\t1\t")


def test_a_version_of_all_components_is_not_touched(forge: Forge, images: Pusher) -> None:
    images.tags([tag(NEWER, A), tag(NEWER, B)])
    policy = yaml.safe_load((forge.cluster / "policy.yaml").read_text())
    policy["spec"]["global"] = {"version": policy["spec"]["ofedDriver"].pop("version")}
    (forge.cluster / "policy.yaml").write_text(yaml.safe_dump(policy))
    forge.commit()

    refused(forge, f"{FOLDER} has 0 lines of an ofedDriver with the version {VERSION}, not one")


def test_two_lines_with_the_version_are_not_guessed_between(forge: Forge, images: Pusher) -> None:
    images.tags([tag(NEWER, A), tag(NEWER, B)])
    shutil.copy(forge.cluster / "policy.yaml", forge.cluster / "staging.yaml")
    forge.commit()

    refused(
        forge,
        f"{FOLDER} has 2 lines of an ofedDriver with the version {VERSION}, not one\n  {FOLDER}/policy.yaml:",
    )


def test_a_line_that_the_policy_is_not_made_of_is_put_back(forge: Forge, images: Pusher) -> None:
    images.tags([tag(NEWER, A), tag(NEWER, B)])
    shutil.copy(forge.cluster / "policy.yaml", forge.cluster / "staging.yaml")
    change_policy(forge, f"version: {VERSION}", f"'version': {VERSION}")

    refused(forge, f"{FOLDER}/staging.yaml has the version, but {FOLDER} does not take it from there")


def test_several_policies_are_not_guessed_between(forge: Forge, images: Pusher) -> None:
    images.tags([tag(NEWER, A), tag(NEWER, B)])
    policy = yaml.safe_load((forge.cluster / "policy.yaml").read_text())
    nodes = yaml.safe_load((forge.cluster / "nodes.json").read_text())["items"]
    policies = []
    for node in nodes:
        name = node["metadata"]["name"]
        driver = policy["spec"]["ofedDriver"]
        selector = {"kubernetes.io/hostname": name}
        policies.append(
            {
                "apiVersion": "mellanox.com/v1alpha1",
                "kind": "NicNodePolicy",
                "metadata": {"name": f"policy-{name}"},
                "spec": {"nodeSelector": selector, "ofedDriver": driver},
            }
        )
        node["metadata"]["labels"] |= selector
    (forge.cluster / "policy.yaml").write_text(yaml.safe_dump_all(policies))
    (forge.cluster / "nodes.json").write_text(
        yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": nodes})
    )
    forge.commit()

    refused(
        forge,
        f"{FOLDER} has not one policy with pools (NicNodePolicy/policy-node-1, NicNodePolicy/policy-node-2)",
    )


def test_an_outage_proposes_nothing(forge: Forge) -> None:
    change_policy(forge, "repository: ", "repository: 127.0.0.1:1/gone # ")

    result = propose(forge)

    assert (result.exit_code, result.stdout, forge.branches()) == (5, b"", ["main"]), result.stderr


def test_the_command_wants_a_folder(forge: Forge) -> None:
    result = forge.run(".github/refresh/next_version.py", env={})

    assert (result.exit_code, result.stderr) == (2, "next_version.py: usage: next_version.py FOLDER\n")
