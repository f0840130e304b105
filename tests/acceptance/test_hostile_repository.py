"""`gitops-doca diff` in repositories of real git that were made to run, hide or redirect something."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support.cli import Result
from support.in_process import run_here
from support.repository import commit, edit, git, start, start_demo
from support.upgrade import change

CONFIG = "gitops-doca.yaml"
LOCK = "gitops-doca.lock.yaml"


@pytest.fixture
def cluster(tmp_path: Path) -> Path:
    """Give the demo in a folder of a repository, committed on `main`, with a change that is not."""
    folder = start_demo(tmp_path / "repository")
    change(folder)
    return folder


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """Give a file that exists when something was run."""
    return tmp_path / "canary"


@pytest.fixture
def truth(cluster: Path) -> bytes:
    """Give what the change does, told before anything hostile is there."""
    result = diff(cluster, "main")
    assert (result.exit_code, result.stderr) == (1, "")
    return result.stdout


def root(cluster: Path) -> Path:
    return cluster.parents[1]


def diff(folder: Path, *arguments: str | Path, env: dict[str, str] | None = None) -> Result:
    return run_here("diff", *arguments, cwd=folder, env=env)


def refused(result: Result, sentence: str, help: str = "") -> None:
    lines = [f"error[input]: {sentence}", *([f"  help: {help}"] if help else [])]
    assert (result.exit_code, result.stdout, result.stderr.splitlines()) == (3, b"", lines)


def programs(canary: Path) -> str:
    """Return a configuration of Git in which each program that it may start leaves the canary."""
    touch = f"touch {canary}"
    return f"""
[core]
    sshCommand = {touch}; false
    fsmonitor = {touch}
    pager = {touch}
    gitProxy = {touch}
    alternateRefsCommand = {touch}
    askPass = {touch}
    hooksPath = hooks
[alias]
    rev-parse = !{touch}
    cat-file = !{touch}
    ls-tree = !{touch}
[diff]
    external = {touch}
[diff "mine"]
    textconv = {touch}
    command = {touch}
[filter "mine"]
    smudge = {touch}
    process = {touch}
    required = true
[remote "origin"]
    url = ssh://git@example.com/fleet
    promisor = true
    partialclonefilter = blob:none
[extensions]
    partialClone = origin
[protocol]
    allow = always
[protocol "ssh"]
    allow = always
"""


# A folder that git takes for a repository


def embed(folder: Path, config: str, *names: str) -> None:
    """Put what `git init --bare` makes into a folder as plain files, all of which Git tracks."""
    bare = folder.parent / "bare"
    git(folder, "init", "--quiet", "--bare", bare)
    for name in names:
        if (bare / name).is_dir():
            (folder / name).mkdir()
            (folder / name / ".keep").touch()
        elif (bare / name).exists():
            shutil.copy(bare / name, folder)
        else:
            (folder / name).write_text("../../.git\n")
    with (folder / "config").open("a") as file:
        file.write("[core]\n    repositoryformatversion = 1\n    bare = true\n" + config)
    shutil.rmtree(bare)


@pytest.mark.parametrize("place", ["clusters/a", "clusters"])
@pytest.mark.parametrize("names", [("HEAD", "objects", "refs"), ("HEAD", "commondir")], ids="+".join)
def test_a_folder_that_git_takes_for_a_repository_is_refused(
    place: str, names: tuple[str, ...], cluster: Path, canary: Path
) -> None:
    embed(root(cluster) / place, programs(canary), *names)
    commit(root(cluster))
    sentence = (
        f"'{place}' is laid out as a Git repository (HEAD, objects, refs) inside of another one; "
        "git commands in it would follow its config and its refs"
    )

    for arguments in (("main",), (), ("main", root(cluster) / "clusters" / "a"), ("main", cluster / CONFIG)):
        refused(diff(cluster, *arguments), sentence, "remove these files, or give them other names")
    assert not canary.exists()


def test_refs_in_a_folder_cannot_say_that_nothing_changed(cluster: Path, tmp_path: Path) -> None:
    git(cluster, "checkout", "--quiet", "-b", "change")
    commit(cluster)
    git(tmp_path, "clone", "--quiet", "--bare", "--branch=change", root(cluster), tmp_path / "bare")
    git(tmp_path / "bare", "update-ref", "refs/heads/main", "change")
    (tmp_path / "bare" / "config").write_text("[core]\n    bare = false\n    worktree = ../..\n")
    shutil.copytree(tmp_path / "bare", cluster, dirs_exist_ok=True)

    result = diff(cluster, "main")

    assert (result.exit_code, result.stdout) == (3, b"")
    assert result.stderr.startswith("error[input]: 'clusters/a' is laid out as a Git repository")


def test_a_folder_inside_of_git_is_no_place_for_a_cluster(cluster: Path) -> None:
    shutil.copytree(cluster, root(cluster) / ".git" / "a")

    result = diff(root(cluster) / ".git" / "a", "main")

    assert result.stderr.startswith("error[input]: '.git' is laid out as a Git repository")


@pytest.mark.parametrize("place", [".", "clusters/b"])
def test_elsewhere_it_changes_nothing(place: str, cluster: Path, truth: bytes, canary: Path) -> None:
    folder = root(cluster) / place
    folder.mkdir(exist_ok=True)
    embed(folder, programs(canary), "HEAD", "objects", "refs")

    result = diff(cluster, "main")

    assert (result.stdout, result.stderr, canary.exists()) == (truth, "", False)


# A clone whose own configuration names programs


def test_no_program_of_the_configuration_is_started(cluster: Path, truth: bytes, canary: Path) -> None:
    # As where a clone includes a file that the repository keeps for it.
    (root(cluster) / ".gitconfig").write_text(programs(canary))
    (root(cluster) / ".gitattributes").write_text("*.yaml filter=mine diff=mine\n")
    hooks = root(cluster) / "hooks"
    hooks.mkdir()
    for name in ("post-checkout", "post-index-change", "reference-transaction", "fsmonitor-watchman"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {canary}\n")
        (hooks / name).chmod(0o755)
    git(cluster, "config", "core.repositoryFormatVersion", "1")
    git(cluster, "config", "include.path", "../.gitconfig")

    for base in ("main", "0123456789012345678901234567890123456789"):
        diff(cluster, base, env={"GIT_PAGER": f"touch {canary}", "GIT_SSH_COMMAND": f"touch {canary}"})
    assert (diff(cluster, "main").stdout, canary.exists()) == (truth, False)


@pytest.fixture
def partial(cluster: Path, tmp_path: Path) -> Path:
    """Give the cluster in a clone without contents, with its change."""
    git(cluster, "config", "uploadpack.allowFilter", "true")
    source = f"file://{root(cluster)}"
    git(tmp_path, "clone", "--quiet", "--no-checkout", "--filter=blob:none", source, "partial")
    shutil.copytree(root(cluster) / "clusters", tmp_path / "partial" / "clusters")
    return tmp_path / "partial" / "clusters" / "a"


def hidden(oid: str, file: str) -> tuple[str, str]:
    """Return the message about a file that a partial clone does not hold."""
    return (
        f"main: this clone is partial and does not hold 'clusters/a/{file}'",
        f"fetch it: echo {oid}:clusters/a/{file} | git cat-file --batch-check --follow-symlinks",
    )


def test_nothing_is_fetched_into_a_partial_clone(partial: Path, canary: Path) -> None:
    oid = git(partial, "rev-parse", "main")
    git(partial, "config", "core.sshCommand", f"touch {canary}; false")
    git(partial, "config", "remote.origin.url", "ssh://git@example.com/fleet")

    refused(diff(partial, "main"), *hidden(oid, CONFIG))
    assert not canary.exists()


def test_a_git_that_knows_only_protocols_fetches_nothing(partial: Path, canary: Path, tmp_path: Path) -> None:
    oid = git(partial, "rev-parse", "main")
    git(partial, "config", "protocol.ext.allow", "always")
    git(partial, "config", "remote.origin.url", f"ext::touch {canary}")
    older = tmp_path / "bin" / "git"
    older.parent.mkdir()
    older.write_text(f'#!/bin/sh\nunset GIT_NO_LAZY_FETCH\nexec {shutil.which("git")} "$@"\n')
    older.chmod(0o755)

    refused(diff(partial, "main", env={"PATH": f"{older.parent}:{os.defpath}"}), *hidden(oid, CONFIG))
    assert not canary.exists()


def test_what_a_partial_clone_lacks_can_be_fetched_as_the_message_says(partial: Path, truth: bytes) -> None:
    result = diff(partial, "main")
    # The config, then one file after the other that it names.
    for _ in range(5):
        if result.exit_code == 1:
            break
        command = result.stderr.splitlines()[1].removeprefix("  help: fetch it: ")
        subprocess.run(["sh", "-c", command], cwd=partial, check=True, capture_output=True)
        result = diff(partial, "main")

    assert result.stdout == truth


def test_a_partial_clone_without_trees_is_told(cluster: Path, tmp_path: Path) -> None:
    git(cluster, "config", "uploadpack.allowFilter", "true")
    source = f"file://{root(cluster)}"
    git(tmp_path, "clone", "--quiet", "--no-checkout", "--filter=tree:0", source, "partial")
    shutil.copytree(root(cluster) / "clusters", tmp_path / "partial" / "clusters")

    refused(
        diff(tmp_path / "partial" / "clusters" / "a", "main"),
        *hidden(git(cluster, "rev-parse", "main"), CONFIG),
    )


def test_content_that_was_lost_is_not_taken_for_a_file_that_is_not_there(cluster: Path) -> None:
    oid = git(cluster, "rev-parse", f"main:clusters/a/{LOCK}")
    (root(cluster) / ".git" / "objects" / oid[:2] / oid[2:]).unlink()

    refused(
        diff(cluster, "main"),
        f"main:clusters/a/{LOCK}: is in the commit, but its content is missing in the repository",
    )


def test_a_git_that_dies_is_not_taken_for_a_file_that_is_not_there(cluster: Path, tmp_path: Path) -> None:
    dying = tmp_path / "bin" / "git"
    dying.parent.mkdir()
    dying.write_text(
        '#!/bin/sh\ncase "$*" in *--batch*) exec 0<&-; echo "out of memory" >&2; exit 9 ;; esac\n'
        f'exec {shutil.which("git")} "$@"\n'
    )
    dying.chmod(0o755)

    refused(
        diff(cluster, "main", env={"PATH": f"{dying.parent}:{os.defpath}"}),
        "main: git ended in the middle of reading the commit: out of memory",
    )


def test_a_file_with_a_space_in_its_name_may_be_absent(cluster: Path) -> None:
    edit(cluster / CONFIG, ("- nodes.yaml", "- no such nodes.yaml"))
    commit(cluster)
    edit(cluster / CONFIG, ("- no such nodes.yaml", "- nodes.yaml"))

    refused(
        diff(cluster, "main"), "main:clusters/a/no such nodes.yaml: cannot be read: No such file or directory"
    )


# What stands for something else


@pytest.mark.parametrize("kind", ["commit", "blob"])
def test_a_replaced_object_is_not_what_it_is_compared_with(kind: str, cluster: Path, truth: bytes) -> None:
    name = "main" if kind == "commit" else "main:clusters/a/policy.yaml"
    old = git(cluster, "rev-parse", name)
    git(cluster, "checkout", "--quiet", "-b", "change")
    commit(cluster)
    git(cluster, "replace", old, git(cluster, "rev-parse", name.replace("main", "change")))

    assert diff(cluster, "main").stdout == truth


@pytest.mark.parametrize(
    ("ref", "base"),
    [
        ("refs/tags/main", "main"),
        ("refs/remotes/main/HEAD", "main"),
        ("refs/main", "main~0"),
        ("refs/tags/origin/main", "origin/main"),
        ("refs/heads/origin/main", "origin/main^{commit}"),
    ],
)
def test_a_name_of_two_commits_is_not_guessed_about(ref: str, base: str, cluster: Path) -> None:
    git(cluster, "update-ref", "refs/remotes/origin/main", "main")
    git(cluster, "checkout", "--quiet", "-b", "change")
    commit(cluster)
    git(cluster, "update-ref", ref, "change")
    name = base.partition("~")[0].partition("^")[0]
    branch = "refs/remotes/origin/main" if "origin" in base else "refs/heads/main"
    order = sorted([ref, branch], key=_rank)

    refused(
        diff(cluster, base),
        f"'{name}' is the name of several commits here: {', '.join(order)}",
        "write the full name of one of them",
    )
    assert diff(cluster, branch).exit_code == 1
    assert diff(cluster, ref).exit_code == 0


def _rank(ref: str) -> int:
    """Return the place of a ref in the order of gitrevisions(7)."""
    return [ref == "refs/main", ref.startswith("refs/tags"), ref.startswith("refs/heads"), True].index(True)


def test_a_name_of_two_refs_of_one_commit_is_clear(cluster: Path, truth: bytes) -> None:
    git(cluster, "tag", "--annotate", "--message", "x", "main", "main")

    assert diff(cluster, "main").stdout == truth


def test_a_tag_named_like_a_commit_is_not_taken_for_it(cluster: Path) -> None:
    old = git(cluster, "rev-parse", "main")
    git(cluster, "checkout", "--quiet", "-b", "change")
    git(cluster, "tag", old[:9], commit(cluster))

    refused(
        diff(cluster, old[:9]),
        f"'{old[:9]}' is the name of several commits here: refs/tags/{old[:9]}, {old}",
        "write the full name of one of them",
    )
    assert diff(cluster, old).exit_code == 1


@pytest.mark.parametrize("ref", ["refs/tags/refs/heads/trunk", "refs/heads/refs/heads/trunk"])
def test_a_whole_name_is_no_part_of_another(ref: str, cluster: Path) -> None:
    git(cluster, "update-ref", ref, "main")

    result = diff(cluster, "refs/heads/trunk")

    assert result.stderr.startswith(
        "error[input]: 'refs/heads/trunk' is neither a revision of this repository nor a folder"
    )


@pytest.mark.parametrize(
    "name", ["refs/remotes/origin/main", "refs/remotes/origin/master", "refs/heads/main"]
)
def test_a_tag_is_no_default_branch(name: str, cluster: Path) -> None:
    git(cluster, "branch", "--move", "main", "trunk")
    git(cluster, "tag", name, "trunk")

    assert diff(cluster).stderr.startswith("error[input]: there is no default branch here")


def test_a_whole_name_is_shown_short(cluster: Path, truth: bytes) -> None:
    git(cluster, "update-ref", "refs/remotes/origin/main", "main")

    assert diff(cluster, "refs/heads/main").stdout == truth
    assert diff(cluster, "refs/remotes/origin/main").stdout == truth.replace(b"main", b"origin/main")


def test_another_work_tree_of_the_configuration_does_not_count(cluster: Path, truth: bytes) -> None:
    git(cluster, "config", "core.worktree", root(cluster) / "clusters")

    assert diff(cluster, "main").stdout == truth


def test_variables_of_git_lead_nowhere_else(cluster: Path, truth: bytes, tmp_path: Path) -> None:
    other = start(tmp_path / "other")
    (other / "x").touch()
    commit(other)
    objects = str(other / ".git" / "objects")
    env = {
        "GIT_OBJECT_DIRECTORY": objects,
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": objects,
        "GIT_COMMON_DIR": str(other / ".git"),
        "GIT_NAMESPACE": "x",
        "GIT_REPLACE_REF_BASE": "refs/heads/",
        "GIT_TRACE": str(tmp_path / "trace"),
    }

    assert diff(cluster, "main", env=env).stdout == truth
    assert not (tmp_path / "trace").exists()


def test_a_link_into_another_repository_is_refused(cluster: Path, tmp_path: Path) -> None:
    other = start_demo(tmp_path / "other")
    (cluster.parent / "b").symlink_to(other)

    refused(
        diff(root(cluster), "main", "clusters/b"),
        "'clusters/b' leads out of its repository through a symbolic link",
        "name the folder that the link leads to",
    )


def test_a_link_to_the_top_of_another_repository_is_refused(cluster: Path, tmp_path: Path) -> None:
    other = start(tmp_path / "other")
    shutil.copytree(cluster, other, dirs_exist_ok=True)
    commit(other)
    (cluster.parent / "b").symlink_to(other)
    (cluster.parent / "c").symlink_to("b")

    for name in ("clusters/b", "clusters/c"):
        refused(
            diff(root(cluster), "main", name),
            f"'{name}' leads out of its repository through a symbolic link",
            "name the folder that the link leads to",
        )


OUTPUTS = [
    ("link/report.json", ["check", "clusters/a", "--report", "link/report.json"]),
    ("report.json", ["check", "clusters/a", "--report", "report.json"]),
    ("link/out", ["generate", "clusters/a", "--output-dir", "link/out"]),
    ("nested/link/out", ["generate", "clusters/a", "--output-dir", "nested/link/out"]),
]


@pytest.mark.parametrize("prepare", [Path.mkdir, start])
@pytest.mark.parametrize(("path", "arguments"), OUTPUTS)
def test_nothing_is_written_through_a_link_that_leads_out(
    path: str, arguments: list[str], prepare: Callable[[Path], object], cluster: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    prepare(outside)
    (outside / "victim").write_text("mine\n")
    (root(cluster) / "link").symlink_to("../outside")
    (root(cluster) / "nested").symlink_to(".")
    (root(cluster) / "report.json").symlink_to(outside / "victim")
    before = sorted(outside.rglob("*"))

    result = run_here(*arguments, cwd=root(cluster))

    assert result.exit_code == 74
    assert result.stderr.splitlines() == [
        f"error[io]: {path}: is not written, since a symbolic link leads it out of its repository",
        "  help: remove the link, or name the place that it leads to",
    ]
    assert (sorted(outside.rglob("*")), (outside / "victim").read_text()) == (before, "mine\n")


# What goes on working


def test_what_is_outside_may_be_written_where_no_link_of_a_repository_leads(
    cluster: Path, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "link").symlink_to("outside")
    (root(cluster) / "inside").symlink_to("clusters")
    report = ["check", "clusters/a", "--report"]

    for path in (tmp_path / "link" / "report.json", "../link/other.json", "inside/report.json"):
        assert run_here(*report, path, cwd=root(cluster)).exit_code == 0

    assert sorted(file.name for file in (tmp_path / "outside").iterdir()) == ["other.json", "report.json"]
    assert (cluster.parent / "report.json").exists()


def test_a_link_to_a_cluster_is_followed(cluster: Path, truth: bytes, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(cluster)
    (cluster.parent / "b").symlink_to("a")

    assert diff(tmp_path, "main", "link").stdout == truth
    assert diff(root(cluster), "main", "clusters/b").stdout == truth


def test_a_linked_work_tree_is_a_repository(cluster: Path, truth: bytes, tmp_path: Path) -> None:
    git(cluster, "worktree", "add", "--quiet", "--detach", tmp_path / "linked")
    change(tmp_path / "linked" / "clusters" / "a")

    assert diff(tmp_path / "linked" / "clusters" / "a", "main").stdout == truth


def test_a_work_tree_beside_a_bare_clone_is_a_repository(cluster: Path, truth: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "fleet"
    git(tmp_path, "clone", "--quiet", "--bare", root(cluster), folder / ".bare")
    (folder / ".git").write_text("gitdir: ./.bare\n")
    git(folder, "worktree", "add", "--quiet", "--detach", folder / "work", "main")
    change(folder / "work" / "clusters" / "a")

    assert diff(folder / "work" / "clusters" / "a", "main").stdout == truth


def test_a_submodule_is_a_repository(cluster: Path, truth: bytes, tmp_path: Path) -> None:
    outer = start(tmp_path / "outer")
    git(outer, "submodule", "--quiet", "add", root(cluster), "fleet")
    change(outer / "fleet" / "clusters" / "a")

    assert diff(outer / "fleet" / "clusters" / "a", "main").stdout == truth


def test_a_clone_that_shares_its_objects_is_a_repository(cluster: Path, truth: bytes, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--shared", root(cluster), "shared")
    change(tmp_path / "shared" / "clusters" / "a")

    assert diff(tmp_path / "shared" / "clusters" / "a", "main").stdout == truth


@pytest.mark.parametrize(("ceiling", "code"), [("repository/clusters", 3), ("repository", 3), (".", 1)])
def test_no_repository_is_looked_for_above_a_ceiling(
    ceiling: str, code: int, cluster: Path, tmp_path: Path
) -> None:
    result = diff(cluster, "main", env={"GIT_CEILING_DIRECTORIES": str((tmp_path / ceiling).resolve())})

    assert result.exit_code == code
    assert ("is in no Git repository" in result.stderr) is (code == 3)


def test_a_repository_of_another_owner_is_used_only_where_the_user_trusts_it(
    cluster: Path, truth: bytes, tmp_path: Path
) -> None:
    foreign = tmp_path / "bin" / "git"
    foreign.parent.mkdir()
    # Git's own switch for tests: every owner is another one.
    foreign.write_text(f'#!/bin/sh\nGIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec {shutil.which("git")} "$@"\n')
    foreign.chmod(0o755)
    env = {"PATH": f"{foreign.parent}:{os.defpath}"}
    trust = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": str(root(cluster)),
    }

    refused(
        diff(cluster, "main", env=env),
        f"git cannot use the repository of this folder: "
        f"detected dubious ownership in repository at '{root(cluster)}'",
        f"if you trust its owner: git config --global --add safe.directory {root(cluster)}",
    )
    assert diff(cluster, "main", env=env | trust).stdout == truth


@pytest.mark.parametrize("entry", ["folder", "file"])
def test_a_git_entry_that_is_none_is_told(entry: str, cluster: Path) -> None:
    if entry == "folder":
        (cluster / ".git").mkdir()
    else:
        (cluster / ".git").write_text("gitdir: /nonexistent\n")

    result = diff(cluster, "main")

    assert (result.exit_code, result.stdout) == (3, b"")
    assert result.stderr.startswith(
        "error[input]: git cannot use the repository of this folder: not a git repository"
    )


@pytest.mark.parametrize("name", ["m{}", "x/" * 40 + "m{}", "sub/m{}"])
def test_files_that_a_commit_lacks_are_not_asked_for_one_by_one(
    name: str, cluster: Path, tmp_path: Path
) -> None:
    named = "".join(f"\n  - {name.format(number)}" for number in range(1_000))
    edit(cluster / CONFIG, ("\n  - nodes.yaml", f"\n  - nodes.yaml{named}"))
    commit(cluster, "many")
    git(cluster, "checkout", "--quiet", "main^", "--", CONFIG)
    calls = tmp_path / "calls"
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$$" >> {calls}\nexec {shutil.which("git")} "$@"\n')
    program.chmod(0o755)

    result = diff(cluster, "main", env={"PATH": f"{program.parent}:{os.defpath}"})

    assert (result.exit_code, result.stdout) == (3, b"")
    assert f"main:clusters/a/{name.format(0)}: cannot be read: No such file or directory" in result.stderr
    assert len(calls.read_text().splitlines()) < 30
