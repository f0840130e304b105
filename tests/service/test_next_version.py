"""The recipe that proposes the next driver version: deploy/next-version around deploy/refresh/refresh.sh."""

import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from next_version import RELEASES as PATTERN

from gitops_doca.core.tags import split_revision
from support.cli import Result, run_cli
from support.deployment import DEPLOY
from support.docker_registry import DockerRegistry
from support.images import Pusher
from support.inputs import VERSION, Pool, write_inputs
from support.published import VERSIONS
from support.refreshing import FOLDER, Forge, run_workflow

pytestmark = pytest.mark.service

BRANCH = f"gitops-doca/next-version/{FOLDER}"
KERNEL, NEXT_KERNEL = "5.15.0-91-generic", "5.15.0-105-generic"
POOLS = [Pool(kernel=KERNEL), Pool(kernel=KERNEL, arch="arm64")]
OLDER, NEWER = "25.01-0.6.0.0-0", "doca3.1.0-25.07-0.9.7.0-0"
BETA = "doca3.6.0-26.10-043000-0"
LOCK = "gitops-doca.lock.yaml"
ANY = {"NEXT_VERSION_PATTERN": ".*"}


def publish(images: Pusher, version: str, kernel: str, *architectures: str) -> None:
    """Push the images of a version for one kernel."""
    for architecture in architectures or ("amd64", "arm64"):
        images.tags([f"{version}-{kernel}-ubuntu22.04-{architecture}"], architecture=architecture)


@pytest.fixture
def images(registry: DockerRegistry, request: pytest.FixtureRequest) -> Pusher:
    name = "".join(filter(str.isalnum, request.node.name.lower()))
    pusher = Pusher(registry=registry, repository=f"{name}/doca-driver")
    publish(pusher, VERSION, KERNEL)
    publish(pusher, OLDER, "5.15.0-25-generic")
    return pusher


@pytest.fixture
def forge(images: Pusher, tmp_path: Path) -> Forge:
    """A repository with scripts, and a folder of two pools whose lock is as the registry is."""
    forge = Forge(folder=tmp_path)
    forge.create("nodes.json")
    repository = f"{images.registry.host}/{images.repository.partition('/')[0]}"
    write_inputs(forge.cluster, repository=repository, pools=POOLS, forced=True)
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


def alone(forge: Forge, env: Mapping[str, str] | None = None) -> Result:
    """Run the program by itself in the clone."""
    return forge.run(f"git checkout --quiet .\n.github/refresh/next_version.py {FOLDER}", env=env or {})


def change_policy(forge: Forge, old: str, new: str) -> None:
    """Replace a text that the policy has once, and commit."""
    policy = forge.cluster / "policy.yaml"
    text = policy.read_text()
    assert text.count(old) == 1
    policy.write_text(text.replace(old, new))
    forge.commit()


def nothing_moved(result: Result) -> bool:
    return (result.exit_code, result.stdout.decode()) == (0, f"{FOLDER}: nothing moved\n")


def test_a_newer_version_for_every_pool_is_proposed_with_plans_and_lock(forge: Forge, images: Pusher) -> None:
    publish(images, NEWER, NEXT_KERNEL)

    result = propose(forge)

    assert (result.exit_code, result.stdout.decode()) == (0, f"{FOLDER}: proposed as {BRANCH}\n"), (
        result.stderr
    )
    before = forge.file("policy.yaml", "main")
    assert forge.file("policy.yaml", BRANCH) == before.replace(VERSION, NEWER)
    spec = yaml.safe_load(forge.file("gitops-doca.yaml", BRANCH))["spec"]
    assert spec["fallbackVersions"] == [VERSION]
    assert [(plan["kernel"], plan["arch"]) for plan in spec["planned"]] == [
        (NEXT_KERNEL, "amd64"),
        (NEXT_KERNEL, "arm64"),
    ]
    lock: Any = yaml.safe_load(forge.file(LOCK, BRANCH))
    assert {pool["image"].rpartition(":")[2] for pool in lock["pools"]} == {
        f"{version}-{kernel}-ubuntu22.04-{arch}"
        for version, kernel in ((VERSION, KERNEL), (NEWER, NEXT_KERNEL))
        for arch in ("amd64", "arm64")
    }
    title, _, body = forge.git("log", "-1", "--format=%B", BRANCH).strip().partition("\n\n")
    assert title == f"Move {FOLDER} to {NEWER}"
    assert body.splitlines()[:4] == [
        "    Each pool, and the kernel that its nodes boot for it:",
        f"    ubuntu22.04/amd64 (1 node): {KERNEL} -> {NEXT_KERNEL}, with {NEWER}",
        f"    ubuntu22.04/arm64 (1 node): {KERNEL} -> {NEXT_KERNEL}, with {NEWER}",
        "    When all nodes have: gitops-doca upgrade --finish --write",
    ]
    created = (forge.folder / "gh.log").read_text().split("gh\n")[-1]
    assert created == f"pr\ncreate\n--head\n{BRANCH}\n--base\nmain\n--title\n{title}\n--body\n{body}\n"
    changed = forge.git("diff", "--name-only", "main", BRANCH).split()
    assert changed == [f"{FOLDER}/{name}" for name in (LOCK, "gitops-doca.yaml", "policy.yaml")]


def test_a_beta_is_not_proposed_unless_asked_for(forge: Forge, images: Pusher) -> None:
    publish(images, NEWER, NEXT_KERNEL)
    publish(images, BETA, "5.15.0-198-generic")

    careful, asked = alone(forge), alone(forge, ANY)

    assert careful.stdout.decode().splitlines()[0] == f"Move {FOLDER} to {NEWER}"
    assert f"NEXT_VERSION_PATTERN does not allow {BETA.rpartition('-')[0]}\n" in careful.stderr
    assert asked.stdout.decode().splitlines()[0] == f"Move {FOLDER} to {BETA}"


def test_the_pattern_is_for_the_whole_version_without_its_revision(forge: Forge, images: Pusher) -> None:
    publish(images, NEWER, NEXT_KERNEL)
    version = NEWER.rpartition("-")[0]

    part = alone(forge, {"NEXT_VERSION_PATTERN": "25[.]07"})
    whole = alone(forge, {"NEXT_VERSION_PATTERN": re.escape(version)})

    assert (part.exit_code, part.stdout) == (0, b"")
    assert whole.stdout.decode().splitlines()[0] == f"Move {FOLDER} to {NEWER}"


def test_the_default_pattern_allows_what_was_released_and_no_beta() -> None:
    releases = [split_revision(version)[0] for version in VERSIONS]

    assert [version for version in releases if not re.fullmatch(PATTERN, version)] == [
        BETA.rpartition("-")[0]
    ]


def test_what_is_proposed_already_is_left_as_it_is(forge: Forge, images: Pusher) -> None:
    publish(images, NEWER, NEXT_KERNEL)
    assert propose(forge).exit_code == 0

    again = propose(forge)

    assert again.stdout.decode() == f"{FOLDER}: what moved is proposed already, as {BRANCH}\n"


def test_a_version_that_lacks_a_pool_is_not_proposed(forge: Forge, images: Pusher) -> None:
    publish(images, NEWER, NEXT_KERNEL, "amd64")

    assert nothing_moved(propose(forge))
    assert forge.branches() == ["main"]


def test_a_tag_that_moved_is_no_reason_for_a_proposal(forge: Forge, images: Pusher) -> None:
    images.index(POOLS[0].tag, architectures=("amd64",))

    assert nothing_moved(propose(forge))


def test_an_older_version_is_never_proposed(forge: Forge) -> None:
    change_policy(forge, VERSION, "25.10-9.9.9.9-9")

    assert nothing_moved(propose(forge))


def test_a_proposal_is_taken_back_when_the_policy_has_the_version(forge: Forge, images: Pusher) -> None:
    publish(images, NEWER, NEXT_KERNEL)
    assert propose(forge).exit_code == 0
    forge.merge(BRANCH)

    assert nothing_moved(propose(forge))
    assert forge.branches() == ["main"]


def test_quotes_comments_and_line_ends_stay(forge: Forge, images: Pusher) -> None:
    publish(images, NEWER, NEXT_KERNEL)
    change_policy(forge, f"version: {VERSION}", f'version: "{VERSION}"  # not {VERSION} for long')
    policy = forge.cluster / "policy.yaml"
    policy.write_bytes(policy.read_bytes().replace(b"\n", b"\r\n"))
    forge.commit()

    assert propose(forge).exit_code == 0

    changed = forge.git("show", f"{BRANCH}:{FOLDER}/policy.yaml").splitlines()
    assert f'    version: "{NEWER}"  # not {VERSION} for long' in changed
    assert forge.git("diff", "--numstat", "main", BRANCH, "--", f"{FOLDER}/policy.yaml").startswith("1\t1\t")


def test_a_version_of_all_components_stays_beside_one_of_the_driver(forge: Forge, images: Pusher) -> None:
    publish(images, NEWER, NEXT_KERNEL)
    policy = yaml.safe_load((forge.cluster / "policy.yaml").read_text())
    policy["spec"]["global"] = {"version": policy["spec"]["ofedDriver"].pop("version")}
    (forge.cluster / "policy.yaml").write_text(yaml.safe_dump(policy))
    forge.commit()

    assert propose(forge).exit_code == 0

    spec = yaml.safe_load(forge.file("policy.yaml", BRANCH))["spec"]
    assert (spec["global"]["version"], spec["ofedDriver"]["version"]) == (VERSION, NEWER)


def test_a_version_that_cannot_be_changed_exactly_changes_nothing(forge: Forge, images: Pusher) -> None:
    publish(images, NEWER, NEXT_KERNEL)
    change_policy(forge, f"version: {VERSION}", f"version: &driver {VERSION}")

    result = propose(forge)

    assert (result.exit_code, result.stdout) == (3, b"")
    assert "by hand: " in result.stderr
    assert forge.branches() == ["main"]


def test_an_outage_proposes_nothing(forge: Forge) -> None:
    change_policy(forge, "repository: ", "repository: 127.0.0.1:1/gone # ")

    result = propose(forge)

    assert (result.exit_code, result.stdout, forge.branches()) == (5, b"", ["main"]), result.stderr


@pytest.mark.parametrize(
    ("arguments", "env", "message"),
    [
        ("", {}, "usage: next_version.py FOLDER\n"),
        (FOLDER, {"NEXT_VERSION_PATTERN": "("}, "NEXT_VERSION_PATTERN is not a regular expression: "),
    ],
)
def test_a_wrong_call_is_told(forge: Forge, arguments: str, env: Mapping[str, str], message: str) -> None:
    result = forge.run(f".github/refresh/next_version.py {arguments}", env=env)

    assert result.exit_code == 2
    assert result.stderr.startswith(f"next_version.py: {message}")
