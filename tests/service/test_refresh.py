"""deploy/refresh/refresh.sh, against a repository, a registry whose tags move and an API server."""

import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path
from time import sleep
from typing import Any

import pytest
import yaml

from fakes.api_server import NODES, FakeApiServer, node, status
from support.cli import run_cli
from support.docker_registry import DockerRegistry
from support.images import Pusher
from support.inputs import VERSION, Pool, write_inputs
from support.refreshing import BRANCH, FOLDER, IDENTITY, Forge

pytestmark = pytest.mark.service

OLD = Pool(kernel="5.15.0-91-generic")
NEW = Pool(kernel="5.15.0-105-generic")
LOCK = "gitops-doca.lock.yaml"
POOL = "NicClusterPolicy/nic-cluster-policy"
MISSING = "An image is missing: the manifests cannot be rendered until it is published."


@dataclass(frozen=True, slots=True, kw_only=True)
class Drivers:
    """The folder of a cluster in Git, and the repository of its images."""

    forge: Forge
    images: Pusher
    repository: str

    def write(self, *pools: Pool) -> None:
        """Write policy and nodes of these pools, where a next commit takes them from."""
        repository = self.repository.removesuffix("/doca-driver")
        write_inputs(self.forge.cluster, repository=repository, pools=pools, forced=True)

    def start(self, *pools: Pool) -> None:
        """Begin with nodes of these pools and a lock of what the registry has for them."""
        self.forge.create("nodes.json")
        self.write(*pools)
        assert run_cli("lock", cwd=self.forge.cluster).exit_code == 0
        self.forge.commit()

    def good(self, *args: str, **env: str) -> str:
        """Run the script and return what it says; it must end well."""
        result = self.forge.refresh(*args, env=env)
        assert result.exit_code == 0, result.stderr
        return result.stdout.decode()

    def message(self, branch: str = BRANCH) -> str:
        """Return the proposal's message without the indent that makes its body code to a forge."""
        title, _, body = self.forge.git("log", "-1", "--format=%B", branch).rstrip("\n").partition("\n\n")
        lines = body.splitlines()
        assert all(line.startswith("    ") for line in lines if not line.startswith("... and more"))
        return "\n".join([title, "", *(line.removeprefix("    ") for line in lines)])

    def tags(self, branch: str = BRANCH) -> list[Any]:
        (repository,) = yaml.safe_load(self.forge.file(LOCK, branch))["repositories"]
        return list(repository["tags"])


@pytest.fixture
def drivers(registry: DockerRegistry, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Drivers]:
    name = "".join(filter(str.isalnum, request.node.name.lower()))
    images = Pusher(registry=registry, repository=f"{name}/doca-driver")
    forge = Forge(folder=tmp_path)
    yield Drivers(forge=forge, images=images, repository=f"{registry.host}/{name}/doca-driver")
    # Of every run, whatever it was for.
    assert forge.at_rest() == {
        "head": forge.git("rev-list", "--max-parents=0", "main"),
        "branches": f"{forge.git('rev-list', '--max-parents=0', 'main').strip()} commit\trefs/heads/main\n",
        "files": "",
        "worktrees": f"worktree {forge.clone}\nHEAD {forge.git('rev-list', '--max-parents=0', 'main')}"
        "branch refs/heads/main\n\n",
        "temporary": "",
    }


def test_the_first_lock_is_proposed(drivers: Drivers) -> None:
    digest = drivers.images.image(OLD.tag)
    drivers.forge.create("nodes.json")
    drivers.write(OLD)
    drivers.forge.commit()

    said = drivers.good()

    assert said == f"{FOLDER}: proposed as {BRANCH}\n"
    assert drivers.message() == f"Refresh {FOLDER}\n\nThe lock is new."
    assert drivers.tags() == [{"tag": OLD.tag, "digest": digest, "platform": "linux/amd64"}]
    assert drivers.forge.called == [f"{BRANCH} main Refresh {FOLDER}"]


def test_where_nothing_moved_nothing_is_pushed(drivers: Drivers) -> None:
    drivers.images.image(OLD.tag)
    drivers.start(OLD)

    assert drivers.good() == f"{FOLDER}: nothing moved\n"
    assert (drivers.forge.branches(), drivers.forge.called) == (["main"], [])


def test_a_tag_that_moved_is_one_commit_on_the_base(drivers: Drivers) -> None:
    before = drivers.images.image(OLD.tag)
    drivers.start(OLD)
    after = drivers.images.index(OLD.tag, architectures=("amd64",))

    drivers.good()

    moved = f"moved  {drivers.repository}:{OLD.tag}  {before} -> {after}"
    assert drivers.message() == f"Refresh {FOLDER}\n\n{moved}"
    assert drivers.forge.git("rev-parse", f"{BRANCH}^") == drivers.forge.git("rev-parse", "main")
    assert drivers.forge.git("diff", "--name-only", "main", BRANCH) == f"{FOLDER}/{LOCK}\n"
    assert drivers.forge.git("log", "-1", "--format=%an %ce", BRANCH) == "Ada ada@example.com\n"
    assert drivers.tags() == [{"tag": OLD.tag, "digest": after, "platform": "linux/amd64"}]


def test_the_same_is_proposed_once(drivers: Drivers) -> None:
    drivers.images.image(OLD.tag)
    drivers.start(OLD)
    drivers.images.index(OLD.tag, architectures=("amd64",))
    drivers.good()
    first = drivers.forge.git("rev-parse", BRANCH)

    assert drivers.good() == f"{FOLDER}: what moved is proposed already, as {BRANCH}\n"
    assert drivers.forge.git("rev-parse", BRANCH) == first
    assert drivers.forge.called == [f"{BRANCH} main Refresh {FOLDER}"]


def test_a_base_that_moved_gets_a_proposal_of_its_own(drivers: Drivers) -> None:
    drivers.images.image(OLD.tag)
    drivers.start(OLD)
    drivers.images.index(OLD.tag, architectures=("amd64",))
    drivers.good()
    lock = drivers.forge.file(LOCK)
    (drivers.forge.cluster / "README.md").write_text("Drivers of Berlin.\n")
    drivers.forge.commit()

    drivers.good()

    assert drivers.forge.git("rev-parse", f"{BRANCH}^") == drivers.forge.git("rev-parse", "main")
    assert drivers.forge.file("README.md") == "Drivers of Berlin.\n"
    assert drivers.forge.file(LOCK) == lock
    assert len(drivers.forge.called) == 2


def test_a_tag_that_moved_back_takes_its_proposal_away(drivers: Drivers) -> None:
    drivers.images.image(OLD.tag)
    drivers.start(OLD)
    drivers.images.index(OLD.tag, architectures=("amd64",))
    drivers.good()
    drivers.images.image(OLD.tag)

    assert drivers.good() == f"{FOLDER}: nothing moved\n"
    assert drivers.forge.branches() == ["main"]


def test_a_merged_proposal_is_taken_away(drivers: Drivers) -> None:
    drivers.images.image(OLD.tag)
    drivers.start(OLD)
    drivers.images.index(OLD.tag, architectures=("amd64",))
    drivers.good()
    drivers.forge.merge()

    assert drivers.good() == f"{FOLDER}: nothing moved\n"
    assert drivers.forge.branches() == ["main"]


def test_an_image_that_is_missing_is_proposed_and_then_its_publication(drivers: Drivers) -> None:
    drivers.images.image(OLD.tag)
    drivers.start(OLD)
    drivers.write(OLD, NEW)
    drivers.forge.commit()

    result = drivers.forge.refresh()

    assert result.exit_code == 0
    assert f"precompiled tag was not found: {NEW.tag}" in result.stderr
    assert drivers.message() == (
        f"Refresh {FOLDER}\n\npool new  {NEW.name} of {POOL}\nneeded    {drivers.repository}:{NEW.tag}\n"
        f"{MISSING}"
    )
    assert {"tag": NEW.tag, "missing": True} in drivers.tags()

    drivers.forge.merge()
    drivers.good()
    digest = drivers.images.image(NEW.tag)
    drivers.good()
    available = f"available  {drivers.repository}:{NEW.tag}  {digest}"
    assert drivers.message() == f"Refresh {FOLDER}\n\n{available}"


def test_a_registry_that_is_down_changes_nothing(drivers: Drivers) -> None:
    drivers.images.image(OLD.tag)
    drivers.start(OLD)
    policy = drivers.forge.cluster / "policy.yaml"
    policy.write_text(policy.read_text().replace(drivers.images.registry.host, "127.0.0.1:1"))
    drivers.forge.commit()

    result = drivers.forge.refresh(env={"GITOPS_DOCA_DEADLINE": "2"})

    assert (result.exit_code, result.stdout) == (5, b"")
    assert "error[unknown]" in result.stderr
    assert (drivers.forge.branches(), drivers.forge.called) == (["main"], [])


def test_an_image_of_the_wrong_platform_is_never_proposed(drivers: Drivers) -> None:
    drivers.images.image(OLD.tag)
    drivers.start(OLD)
    drivers.images.image(OLD.tag, architecture="arm64")

    result = drivers.forge.refresh()

    assert result.exit_code == 4
    assert "is for linux/arm64, but its tag says linux/amd64" in result.stderr
    assert drivers.forge.branches() == ["main"]


def propose(drivers: Drivers) -> str:
    """Have a proposal open, and return its commit."""
    drivers.images.image(OLD.tag)
    drivers.start(OLD)
    drivers.images.index(OLD.tag, architectures=("amd64",))
    drivers.good()
    return drivers.forge.git("rev-parse", BRANCH)


@pytest.mark.parametrize(
    "missing", [(), (Pool(kernel="6.8.0-1-generic"),)], ids=["alone", "beside a missing one"]
)
def test_a_lock_that_was_not_written_is_no_reason_to_remove_a_proposal(
    missing: tuple[Pool, ...], drivers: Drivers
) -> None:
    proposed = propose(drivers)
    drivers.images.image(NEW.tag, architecture="arm64")
    drivers.write(OLD, NEW, *missing)
    drivers.forge.commit()

    result = drivers.forge.refresh()

    assert (result.exit_code, result.stdout) == (4, b"")
    assert f"{NEW.tag} is for linux/arm64" in result.stderr
    assert drivers.forge.git("rev-parse", BRANCH) == proposed


def test_what_strict_does_not_let_lock_write_is_not_proposed(drivers: Drivers) -> None:
    proposed = propose(drivers)
    drivers.images.image(OLD.compile_tag.replace(VERSION, "25.07-0.9.7.0-0"))
    policy, config = (drivers.forge.cluster / name for name in ("policy.yaml", "gitops-doca.yaml"))
    bumped = policy.read_text().replace(VERSION, "25.07-0.9.7.0-0")
    policy.write_text(bumped.replace("forcePrecompiled: true", "forcePrecompiled: false"))
    settings = yaml.safe_load(config.read_text())
    settings["spec"]["strict"] = True
    config.write_text(yaml.safe_dump(settings))
    drivers.forge.commit()

    result = drivers.forge.refresh()

    assert (result.exit_code, result.stdout) == (4, b"")
    assert "1 pool no longer has a precompiled image, so no lock is written (strict)" in result.stderr
    assert drivers.forge.git("rev-parse", BRANCH) == proposed


@pytest.mark.parametrize("code", [1, 6])
def test_exit_4_without_a_new_lock_is_a_failure(code: int, drivers: Drivers, tmp_path: Path) -> None:
    """As for what `strict` refuses: the check tells a difference, and the lock stays as it is."""
    proposed = propose(drivers)
    standing_in = tmp_path / "standing-in" / "gitops-doca"
    standing_in.parent.mkdir()
    standing_in.write_text(f'#!/bin/sh\ncase "$*" in *--check) exit {code} ;; esac\nexit 4\n')
    standing_in.chmod(0o755)

    result = drivers.forge.refresh(env={"PATH": f"{standing_in.parent}:{tmp_path}/bin:{os.defpath}"})

    assert (result.exit_code, result.stdout, result.stderr) == (4, b"", "")
    assert drivers.forge.git("rev-parse", BRANCH) == proposed


def test_a_registry_that_is_down_is_no_reason_to_remove_a_proposal(drivers: Drivers) -> None:
    proposed = propose(drivers)
    policy = drivers.forge.cluster / "policy.yaml"
    policy.write_text(policy.read_text().replace(drivers.images.registry.host, "127.0.0.1:1"))
    drivers.forge.commit()

    result = drivers.forge.refresh(env={"GITOPS_DOCA_DEADLINE": "2"})

    assert (result.exit_code, result.stdout) == (5, b"")
    assert drivers.forge.git("rev-parse", BRANCH) == proposed


def test_a_change_that_fails_is_no_reason_to_remove_a_proposal(drivers: Drivers) -> None:
    proposed = propose(drivers)

    assert drivers.forge.refresh(env={"REFRESH_CHANGE": "false"}).exit_code == 1
    assert drivers.forge.git("rev-parse", BRANCH) == proposed


@pytest.mark.parametrize(
    ("prefix", "kept"),
    [
        ("refs/heads/x/refs/heads/", ["main"]),
        # Git refuses to delete a branch while another ref ends in its whole name: it proposes nothing then.
        ("refs/tags/refs/heads/", ["main", BRANCH]),
        ("refs/heads/refs/heads/", ["main", BRANCH]),
    ],
)
def test_branches_are_those_of_exactly_these_names(prefix: str, kept: list[str], drivers: Drivers) -> None:
    drivers.images.image(OLD.tag)
    drivers.start(OLD)
    drivers.images.index(OLD.tag, architectures=("amd64",))
    others = {f"{prefix}{name}" for name in ("main", BRANCH)}
    for name in others:
        drivers.forge.git("update-ref", name, "main")
    main = drivers.forge.git("rev-parse", "refs/heads/main")

    assert drivers.good() == f"{FOLDER}: proposed as {BRANCH}\n"
    assert drivers.forge.git("rev-parse", f"refs/heads/{BRANCH}^") == main
    drivers.images.image(OLD.tag)
    assert drivers.good() == f"{FOLDER}: nothing moved\n"
    left = dict(line.split()[::-1] for line in drivers.forge.git("show-ref").splitlines())
    assert left.keys() == others | {f"refs/heads/{name}" for name in kept}
    assert set(left.values()) == {main.strip()}


def test_nothing_of_the_repository_is_run(drivers: Drivers, tmp_path: Path) -> None:
    drivers.images.image(OLD.tag)
    drivers.start(OLD)
    drivers.images.index(OLD.tag, architectures=("amd64",))
    canary = f"touch {tmp_path}/canary"
    hostile = drivers.forge.clone / "looks-like-one"
    for folder in ("objects", "refs", "hooks"):
        (hostile / folder).mkdir(parents=True)
    (hostile / "HEAD").write_text("ref: refs/heads/main\n")
    config = f"[core]\n  fsmonitor = {canary}\n  sshCommand = {canary}\n  hooksPath = {hostile}/hooks\n"
    (hostile / "config").write_text(f'{config}[remote "origin"]\n  url = ssh://x/y\n')
    for name in ("post-checkout", "pre-commit", "post-commit", "pre-push", "reference-transaction"):
        for hooks in (hostile / "hooks", drivers.forge.clone / ".git" / "hooks"):
            (hooks / name).write_text(f"#!/bin/sh\n{canary}\n")
            (hooks / name).chmod(0o755)
    drivers.forge.run(f"git config core.fsmonitor '{canary}'", env={})

    result = drivers.forge.refresh(clone=hostile)
    shutil.rmtree(hostile)
    drivers.forge.run("git config --unset core.fsmonitor", env={})

    assert (result.exit_code, result.stdout.decode()) == (0, f"{FOLDER}: proposed as {BRANCH}\n")
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("setting", ["", "\tfetchRecurseSubmodules = true\n"])
def test_a_submodule_of_the_base_is_not_fetched(setting: str, drivers: Drivers) -> None:
    drivers.images.image(OLD.tag)
    drivers.start(OLD)
    add = "git -c protocol.file.allow=always submodule --quiet add ../remote.git other"
    author, before = drivers.forge.clone.parent / "author", drivers.forge.git("rev-parse", "main").strip()
    done = drivers.forge.run(add, env=IDENTITY, clone=author)
    assert done.exit_code == 0, done.stderr
    (author / ".gitmodules").write_text((author / ".gitmodules").read_text() + setting)
    drivers.forge.commit()
    update = "git pull --quiet && git -c protocol.file.allow=always submodule --quiet update --init"
    done = drivers.forge.run(update, env=IDENTITY)
    assert done.exit_code == 0, done.stderr
    # The clone would ask for the submodule's next commit where that says.
    drivers.forge.run("git -C other remote set-url origin ext::false", env={})
    drivers.forge.run(f"git update-index --cacheinfo 160000,{'a' * 40},other", env={}, clone=author)
    drivers.forge.run(
        "git commit --quiet --message next && git push --quiet ../remote.git main", env=IDENTITY, clone=author
    )

    said = drivers.good()
    drivers.forge.run(
        f"git submodule --quiet deinit --force --all && git reset --quiet --hard {before}", env={}
    )
    shutil.rmtree(drivers.forge.clone / ".git" / "modules")

    assert said == f"{FOLDER}: nothing moved\n"


def test_a_folder_that_leads_out_of_the_repository_is_refused(drivers: Drivers, tmp_path: Path) -> None:
    drivers.images.image(OLD.tag)
    drivers.start(OLD)
    outside = tmp_path / "outside"
    drivers.forge.cluster.rename(outside)
    drivers.forge.cluster.symlink_to(outside)
    drivers.forge.commit()
    before = sorted(outside.iterdir())

    result = drivers.forge.refresh(FOLDER)

    assert (result.exit_code, result.stdout) == (2, b"")
    assert (
        result.stderr.splitlines()[-1] == f"refresh.sh: the folder {FOLDER} in main of origin leads out of it"
    )
    assert sorted(outside.iterdir()) == before


def test_no_line_of_a_log_on_github_is_a_command_but_of_the_hook(drivers: Drivers) -> None:
    drivers.images.image(OLD.tag)
    drivers.start(OLD)
    drivers.images.index(OLD.tag, architectures=("amd64",))
    drivers.forge.program("annotate", "echo ::notice::proposed")

    result = drivers.forge.refresh(env={"REFRESH_HOOK": "annotate", "GITHUB_ACTIONS": "true"})

    lines = result.stdout.decode().splitlines()
    token = lines[0].removeprefix("::stop-commands::")
    assert (result.exit_code, len(token), result.stderr) == (0, 32, "")
    assert lines[-3:] == [f"::{token}::", "::notice::proposed", f"{FOLDER}: proposed as {BRANCH}"]


def test_a_hook_that_fails_is_called_again(drivers: Drivers) -> None:
    drivers.images.image(OLD.tag)
    drivers.start(OLD)
    drivers.images.index(OLD.tag, architectures=("amd64",))

    failed = drivers.forge.refresh(env={"REFRESH_HOOK": "false"})

    assert (failed.exit_code, drivers.forge.branches()) == (1, ["main"])
    assert drivers.good() == f"{FOLDER}: proposed as {BRANCH}\n"
    assert drivers.forge.called == [f"{BRANCH} main Refresh {FOLDER}"]


def test_without_a_hook_the_branch_is_all(drivers: Drivers) -> None:
    drivers.images.image(OLD.tag)
    drivers.start(OLD)
    drivers.images.index(OLD.tag, architectures=("amd64",))

    assert drivers.good(REFRESH_HOOK="", REFRESH_BRANCH="bot/berlin") == f"{FOLDER}: proposed as bot/berlin\n"
    assert (drivers.forge.branches(), drivers.forge.called) == (["bot/berlin", "main"], [])


def test_the_base_may_have_another_name(drivers: Drivers) -> None:
    drivers.images.image(OLD.tag)
    drivers.start(OLD)
    drivers.forge.git("branch", "staging", "main")
    drivers.images.index(OLD.tag, architectures=("amd64",))

    drivers.good(REFRESH_BASE="staging")

    assert drivers.forge.called == [f"{BRANCH} staging Refresh {FOLDER}"]


def test_a_shallow_clone_is_enough(drivers: Drivers) -> None:
    drivers.images.image(OLD.tag)
    drivers.start(OLD)
    (drivers.forge.cluster / "README.md").write_text("Drivers of Berlin.\n")
    drivers.forge.commit()
    shallow = drivers.forge.shallow_clone()
    drivers.forge.commit()
    drivers.images.index(OLD.tag, architectures=("amd64",))

    result = drivers.forge.refresh(clone=shallow)

    assert result.exit_code == 0, result.stderr
    assert drivers.forge.git("rev-parse", f"{BRANCH}^") == drivers.forge.git("rev-parse", "main")


@pytest.mark.parametrize(
    ("args", "env", "message"),
    [
        ((), {"REFRESH_BASE": "release"}, "origin has no branch release"),
        (("clusters/paris",), {}, "there is no folder clusters/paris in main of origin"),
        (
            (FOLDER,),
            {"REFRESH_BRANCH": "main"},
            "REFRESH_BRANCH is the base, main, which is never written to",
        ),
        ((), {"REFRESH_BASE": "*"}, "* is no name for a branch: set REFRESH_BASE"),
        ((), {"REFRESH_BRANCH": "a..b"}, "a..b is no name for a branch: set REFRESH_BRANCH"),
        (("a", "b", "c"), {}, "usage: refresh.sh FOLDER [INVENTORY]"),
        (("",), {}, "usage: refresh.sh FOLDER [INVENTORY]"),
        ((), dict.fromkeys(IDENTITY, ""), "Git does not know who commits: set user.name and user.email"),
    ],
    ids=["base", "folder", "base as branch", "no base", "no branch", "arguments", "empty", "identity"],
)
def test_a_wrong_call_is_told_before_anything_is_looked_up(
    drivers: Drivers, args: tuple[str, ...], env: dict[str, str], message: str
) -> None:
    drivers.forge.create("nodes.json")
    drivers.write(OLD)
    drivers.forge.commit()

    result = drivers.forge.refresh(*args, env=env)

    assert (result.exit_code, result.stdout) == (2, b"")
    assert result.stderr.splitlines()[-1] == f"refresh.sh: {message}"
    assert drivers.forge.branches() == ["main"]


def test_temporary_files_are_where_tmpdir_says(drivers: Drivers) -> None:
    drivers.forge.create("nodes.json")
    drivers.forge.commit()

    result = drivers.forge.refresh(env={"TMPDIR": "/nonexistent"})

    assert (result.exit_code, result.stdout) == (1, b"")
    assert "/nonexistent/tmp." in result.stderr


@pytest.mark.parametrize(
    "stop",
    [
        "(sleep 2; touch $TMPDIR/../canary) & kill -TERM $PPID; wait",
        "(sleep 2; touch $TMPDIR/../canary) & kill -HUP $PPID; wait",
        "kill -INT $PPID; kill -INT $$",
    ],
    ids=["terminated", "hung up", "interrupted"],
)
def test_a_run_that_is_stopped_leaves_nothing(stop: str, drivers: Drivers, tmp_path: Path) -> None:
    drivers.images.image(OLD.tag)
    drivers.start(OLD)
    drivers.images.index(OLD.tag, architectures=("amd64",))
    drivers.forge.program("stop", stop)

    code = drivers.forge.refresh(env={"REFRESH_HOOK": "stop"}).exit_code

    assert -code in {signal.SIGTERM, signal.SIGHUP, signal.SIGINT}
    assert drivers.forge.branches() == ["main"]
    # Not even a process that would go on.
    sleep(3)
    assert not (tmp_path / "canary").exists()


def test_what_a_run_that_was_killed_left_is_removed_by_the_next(drivers: Drivers) -> None:
    drivers.images.image(OLD.tag)
    drivers.start(OLD)
    drivers.images.index(OLD.tag, architectures=("amd64",))
    drivers.forge.program("die", "kill -KILL $PPID")

    killed = [drivers.forge.refresh(env={"REFRESH_HOOK": "die"}).exit_code]
    left = drivers.forge.at_rest()
    # Such as a restart of the machine: its folder is gone, too.
    drivers.forge.git("branch", "--quiet", "-D", BRANCH)
    killed.append(drivers.forge.refresh(env={"REFRESH_HOOK": "die"}).exit_code)
    for folder in (drivers.forge.folder / "tmp").iterdir():
        shutil.rmtree(folder)
    drivers.good()

    assert killed == [-signal.SIGKILL] * 2
    assert left["temporary"].startswith("tmp.")
    assert left["worktrees"].count("worktree ") == 2


def test_what_others_have_stays(drivers: Drivers) -> None:
    drivers.images.image(OLD.tag)
    drivers.start(OLD)
    temporary = drivers.forge.folder / "tmp"
    trees = [
        temporary / name for name in ("tmp.a/gitops-doca-refresh", "tmp.b/mine", "c/gitops-doca-refresh")
    ]
    add = "".join(f"git worktree add --quiet --detach {tree}\n" for tree in trees)
    drivers.forge.run(add, env={})
    lock = temporary / "tmp.a" / "lock"
    lock.touch()
    (temporary / "tmp.x").mkdir()

    # A run that is going on holds its lock.
    with lock.open() as held:
        flock(held, LOCK_EX)
        said = drivers.good()
    stayed = [(tree / FOLDER).is_dir() for tree in trees]
    for tree in trees:
        drivers.forge.run(f"git worktree remove {tree}", env={})
        shutil.rmtree(tree.parent)
    (temporary / "tmp.x").rmdir()

    assert said == f"{FOLDER}: nothing moved\n"
    assert stayed == [True] * 3


def test_a_remote_that_does_not_answer_is_told(drivers: Drivers) -> None:
    drivers.forge.create("nodes.json")
    drivers.write(OLD)
    drivers.forge.commit()

    result = drivers.forge.refresh(env={"REFRESH_REMOTE": "/nonexistent"})

    assert result.exit_code == 128
    assert "'/nonexistent' does not appear to be a git repository" in result.stderr


class Cluster:
    """An API server whose nodes boot other kernels, and how to ask it."""

    def __init__(self, server: FakeApiServer, kubeconfig: Path) -> None:
        self.server = server
        self.env = {"KUBECONFIG": str(kubeconfig), "GITOPS_DOCA_DEADLINE": "5"}

    def boot(self, *pools: Pool) -> None:
        self.server.nodes = [node(f"node-{i}", kernel=pool.kernel) for i, pool in enumerate(pools, start=1)]


@pytest.fixture
def cluster(drivers: Drivers, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster of two nodes, with inventory and lock of both in `main`."""
    with FakeApiServer() as server:
        cluster = Cluster(server, server.kubeconfig(tmp_path))
        cluster.boot(OLD, OLD)
        drivers.images.image(OLD.tag)
        drivers.forge.create("nodes.yaml")
        drivers.write(OLD)
        (drivers.forge.cluster / "nodes.json").unlink()
        drivers.forge.commit()
        drivers.good(FOLDER, "nodes.yaml", **cluster.env)
        drivers.forge.merge()
        drivers.forge.git("branch", "--quiet", "-D", BRANCH)
        yield cluster


def test_a_kernel_that_a_node_booted_moves_inventory_and_lock_in_one_commit(
    drivers: Drivers, cluster: Cluster
) -> None:
    drivers.images.image(NEW.tag)
    cluster.boot(OLD, NEW)

    drivers.good(FOLDER, "nodes.yaml", **cluster.env)

    assert drivers.message() == (
        f"Refresh {FOLDER}\n\nnode node-2: kernel {OLD.kernel} -> {NEW.kernel}\n"
        f"pool new  {NEW.name} of {POOL}\nneeded    {drivers.repository}:{NEW.tag}"
    )
    changed = drivers.forge.git("diff", "--name-only", "main", BRANCH).split()
    assert changed == [f"{FOLDER}/{LOCK}", f"{FOLDER}/nodes.yaml"]
    assert [tag["tag"] for tag in drivers.tags()] == [NEW.tag, OLD.tag]
    groups = yaml.safe_load(drivers.forge.file("nodes.yaml"))["groups"]
    assert sorted(group["nodes"] for group in groups) == [["node-1"], ["node-2"]]


@pytest.mark.parametrize("fault", [status(503), status(403, "Forbidden")], ids=["down", "forbidden"])
def test_a_cluster_that_does_not_answer_changes_nothing(
    drivers: Drivers, cluster: Cluster, fault: Any
) -> None:
    drivers.images.index(OLD.tag, architectures=("amd64",))
    cluster.server.fail_always(NODES, fault)

    result = drivers.forge.refresh(FOLDER, "nodes.yaml", env=cluster.env)

    assert (result.exit_code, result.stdout) == (5, b"")
    assert BRANCH not in drivers.forge.branches()


def test_a_cluster_without_nics_is_not_taken_for_one_where_nothing_moved(
    drivers: Drivers, cluster: Cluster
) -> None:
    cluster.server.nodes = []

    result = drivers.forge.refresh(FOLDER, "nodes.yaml", env=cluster.env)

    assert (result.exit_code, result.stdout) == (7, b"")
    assert "error[empty]: the cluster has no node with the label" in result.stderr
    assert BRANCH not in drivers.forge.branches()


def test_a_cluster_without_nics_gives_no_first_inventory(drivers: Drivers, cluster: Cluster) -> None:
    (drivers.forge.cluster / "nodes.yaml").unlink()
    drivers.forge.commit()
    cluster.server.nodes = []

    result = drivers.forge.refresh(FOLDER, "nodes.yaml", env=cluster.env)

    assert (result.exit_code, result.stdout, drivers.forge.branches()) == (7, b"", ["main"])


def test_a_cluster_gives_the_first_inventory(drivers: Drivers, cluster: Cluster) -> None:
    assert drivers.forge.called == [f"{BRANCH} main Refresh {FOLDER}"]
    assert drivers.message("main") == (f"Refresh {FOLDER}\n\nThe inventory is new.\nThe lock is new.")
    assert drivers.good(FOLDER, "nodes.yaml", **cluster.env) == f"{FOLDER}: nothing moved\n"
    assert drivers.forge.branches() == ["main"]


def test_a_snapshot_that_cannot_be_read_is_taken_anew(drivers: Drivers, cluster: Cluster) -> None:
    good = drivers.forge.file("nodes.yaml", "main")
    (drivers.forge.cluster / "nodes.yaml").write_text(f"<<<<<<< ours\n{good}")
    drivers.forge.commit()

    drivers.good(FOLDER, "nodes.yaml", **cluster.env)

    assert drivers.message() == f"Refresh {FOLDER}\n\nThe old inventory could not be read."
    assert drivers.forge.file("nodes.yaml") == good


def test_a_policy_that_is_wrong_ends_the_run(drivers: Drivers, cluster: Cluster) -> None:
    policy = drivers.forge.cluster / "policy.yaml"
    policy.write_text(policy.read_text().replace("forcePrecompiled", "forcedPrecompiled"))
    drivers.forge.commit()

    result = drivers.forge.refresh(FOLDER, "nodes.yaml", env=cluster.env)

    assert (result.exit_code, result.stdout) == (3, b"")
    assert BRANCH not in drivers.forge.branches()


def test_a_long_list_of_what_moved_is_cut(drivers: Drivers, cluster: Cluster) -> None:
    cluster.boot(*(Pool(kernel=f"6.8.0-{number}-generic") for number in range(60)))

    drivers.good(FOLDER, "nodes.yaml", **cluster.env)

    lines = drivers.message().splitlines()
    assert (len(lines), lines[-1]) == (103, "... and more: see the difference")
