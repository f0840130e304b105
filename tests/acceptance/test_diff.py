"""`gitops-doca diff` in real repositories, from locks: nothing here may ask a registry."""

import errno
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from fakes.resolver import FakeResolver
from gitops_doca.sources.reading.schema import schema_text
from support.cli import Result, run_cli
from support.in_process import run_here
from support.repository import commit, edit, git, start, start_demo
from support.terminal import run_on_terminal
from support.upgrade import FALLBACK, VERSION, boot, change, finish

CONFIG = "gitops-doca.yaml"
LOCK = "gitops-doca.lock.yaml"
IMAGE = f"nvcr.io/nvidia/mellanox/doca-driver:{VERSION}"
STAYS = [
    f"2 pools stay on {FALLBACK}, nothing reloads",
    f"1 pool stays on {VERSION}, nothing reloads",
]
LINE_BREAK = "has a line break in its name, which git cannot look up here"


@pytest.fixture
def cluster(tmp_path: Path) -> Path:
    """Give the demo in a folder of a repository, committed on `main`."""
    return start_demo(tmp_path / "repository")


@pytest.fixture
def finished(cluster: Path) -> Path:
    """Give the demo after its upgrade, committed on `main`."""
    finish(cluster)
    commit(cluster)
    return cluster


def root(cluster: Path) -> Path:
    return cluster.parents[1]


def diff(folder: Path, *arguments: str | Path) -> Result:
    return run_here("diff", *arguments, cwd=folder)


def lines(result: Result) -> list[str]:
    return result.stdout.decode().splitlines()


def first_error(result: Result) -> tuple[int, bytes, str]:
    return result.exit_code, result.stdout, result.stderr.splitlines()[0]


class TextFile(SingleFileSnapshotExtension):
    """One snapshot, one document as it is printed."""

    _write_mode = WriteMode.TEXT
    file_extension = "txt"


# What is printed


@pytest.mark.parametrize("form", ["text", "markdown", "json"])
def test_a_change_is_told_as_reviewed(form: str, cluster: Path, snapshot: SnapshotAssertion) -> None:
    change(cluster)

    result = diff(cluster, "main", "-o", form)

    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout.decode() == snapshot(extension_class=TextFile)


def test_the_json_fits_its_schema(cluster: Path) -> None:
    change(cluster)

    document = json.loads(diff(cluster, "main", "-o", "json").stdout)

    Draft202012Validator(json.loads(schema_text("diff"))).validate(document)
    assert [(pool["pool"], pool["change"], pool["reload"]) for pool in document["pools"]] == [
        ("ubuntu22.04/5.15.0-179-generic/amd64", "changed", "next-restart"),
        ("ubuntu24.04/6.17.0-1008-nvidia/arm64", "changed", "next-restart"),
        ("ubuntu24.04/6.8.0-100-generic/amd64", "changed", "next-restart"),
        ("ubuntu24.04/6.8.0-117-generic/amd64", "added", "start"),
    ]


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("text", "no difference against main ({})\n"),
        ("markdown", "No difference against `main` ({}).\n"),
    ],
)
def test_no_difference_is_exit_0_and_said(form: str, text: str, cluster: Path) -> None:
    result = diff(cluster, "main", "-o", form)

    short = git(cluster, "rev-parse", "main")[:12]
    assert (result.exit_code, result.stdout.decode(), result.stderr) == (0, text.format(short), "")


def test_an_annotation_reloads_nothing(cluster: Path) -> None:
    edit(cluster / CONFIG, ("Prune=confirm", "Prune=false"))

    result = diff(cluster, "main")

    assert lines(result)[1:7] == [
        "3 pools changed",
        "",
        "changed  ubuntu22.04/5.15.0-179-generic/amd64 of NicClusterPolicy/nic-cluster-policy",
        f"  image   {IMAGE}-5.15.0-179-generic-ubuntu22.04-amd64",
        "  nodes   2: storage-1, storage-2",
        "  driver  not reloaded",
    ]


def driver_lines(result: Result) -> set[str]:
    return {line.removeprefix("  driver  ") for line in lines(result) if line.startswith("  driver  ")}


def test_another_strategy_is_told_with_what_it_does(cluster: Path) -> None:
    edit(cluster / CONFIG, ("spec:\n", "spec:\n  updateStrategy: {type: RollingUpdate, maxUnavailable: 1}\n"))

    assert driver_lines(diff(cluster, "main")) == {
        "not reloaded, but pods that an older change left behind are replaced (RollingUpdate)"
    }


def test_pods_go_at_once_from_nodes_that_they_may_no_longer_run_on(cluster: Path) -> None:
    edit(cluster / "policy.yaml", ("    value: rdma\n", "    value: rdma\n  - key: storage\n"))

    result = diff(cluster, "main")

    assert driver_lines(result) == {
        (
            "reloaded when its pod is deleted or the node restarts (OnDelete); "
            "unloaded at once from nodes that its pods may no longer run on"
        )
    }
    assert "  differs template, placement" in lines(result)


def test_a_template_under_rolling_update_reloads_as_soon_as_it_is_applied(cluster: Path) -> None:
    edit(cluster / CONFIG, ("spec:\n", "spec:\n  updateStrategy: {type: RollingUpdate, maxUnavailable: 1}\n"))
    commit(cluster)
    edit(cluster / "policy.yaml", ("Seconds: 300", "Seconds: 60"))

    assert driver_lines(diff(cluster, "main")) == {
        "reloaded node after node as soon as this is applied (RollingUpdate)"
    }


def test_another_name_or_namespace_reloads_all_at_once(cluster: Path) -> None:
    edit(
        cluster / CONFIG, ("spec:\n", "spec:\n  operatorNames: true\n"), ("nvidia-network-operator", "other")
    )

    assert driver_lines(diff(cluster, "main")) == {
        "reloaded on all nodes at once when this is applied: another namespace",
        "reloaded on all nodes at once when this is applied: another name and namespace and selector",
    }


def test_a_driver_version_that_moves_is_told_once(finished: Path) -> None:
    for name in ("policy.yaml", LOCK):
        edit(finished / name, ("26.04-0.8.0.0-0", "26.04-0.8.0.0-1"))

    assert lines(diff(finished, "main"))[1:3] == [
        "3 pools changed",
        "driver doca3.4.0-26.04-0.8.0.0-0 -> doca3.4.0-26.04-0.8.0.0-1: 3 pools, 5 nodes",
    ]


def test_a_node_that_joins_a_pool_is_a_difference_without_manifests(cluster: Path) -> None:
    nodes = (cluster / "nodes.yaml").read_text()
    start_of_last = nodes.rindex("- apiVersion: v1\n  kind: Node")
    last = nodes[start_of_last : nodes.rindex("kind: List")]
    (cluster / "nodes.yaml").write_text(nodes.replace(last, last + last.replace("storage-2", "storage-3")))

    result = diff(cluster, "main")

    assert (result.exit_code, lines(result)[1:]) == (
        1,
        [
            "1 node joins a pool",
            *STAYS,
            "",
            "nodes that move, join or leave",
            "  new in the inventory -> ubuntu22.04/5.15.0-179-generic/amd64",
            "    1: storage-3",
        ],
    )


def test_a_planned_pool_waits_for_its_first_node(cluster: Path) -> None:
    plan = "{os: ubuntu, osVersion: '24.04', kernel: 6.8.0-117-generic, arch: amd64}"
    change(cluster)
    boot(cluster, "gpu-2", "6.8.0-117-generic", "6.8.0-100-generic")
    edit(cluster / CONFIG, ("spec:\n", f"spec:\n  planned: [{plan}]\n"))
    edit(cluster / "policy.yaml", ('value: "false"', 'value: "true"'))

    assert lines(diff(cluster, "main"))[1:9] == [
        "1 pool added",
        *STAYS,
        "",
        "added    ubuntu24.04/6.8.0-117-generic/amd64 of NicClusterPolicy/nic-cluster-policy",
        f"  image   {IMAGE}-6.8.0-117-generic-ubuntu24.04-amd64",
        "  nodes   none yet (planned)",
        "  driver  loaded by the first node that boots this kernel",
    ]


def use_policies(cluster: Path) -> None:
    """Leave the DaemonSets to the operator, which finds all images."""
    edit(cluster / CONFIG, ("spec:\n", "spec:\n  emit: policies\n"))
    edit(cluster / LOCK, ("    platform:", "    listed: true\n    platform:"))


def test_handing_the_drivers_to_the_operator_reloads_them_all(finished: Path) -> None:
    use_policies(finished)

    result = diff(finished, "main")

    assert lines(result)[1] == "3 pools changed, 2 other objects differ"
    assert driver_lines(result) == {"reloaded on all nodes at once when this is applied: another owner"}


def test_with_the_operator_a_change_is_left_to_it(finished: Path) -> None:
    use_policies(finished)
    commit(finished)
    for name in ("policy.yaml", LOCK):
        edit(finished / name, ("26.04-0.8.0.0-0", "26.04-0.8.0.0-1"))

    result = diff(finished, "main")

    assert lines(result)[1:3] == [
        "3 pools changed, 1 other object differs",
        "driver doca3.4.0-26.04-0.8.0.0-0 -> doca3.4.0-26.04-0.8.0.0-1: 3 pools, 5 nodes",
    ]
    assert driver_lines(result) == {"left to the operator, which follows its upgradePolicy"}


def test_a_folder_of_policies_is_compared_by_its_objects(finished: Path) -> None:
    use_policies(finished)
    run_here("generate", "--output-dir", "../rendered", cwd=finished)
    assert lines(diff(finished, "../rendered")) == ["no difference against ../rendered"]
    edit(finished / "policy.yaml", ("Seconds: 300", "Seconds: 60"))

    assert lines(diff(finished, "../rendered"))[1:5] == [
        "1 other object differs",
        "",
        "other objects",
        "  changed  NicClusterPolicy nic-cluster-policy",
    ]


# What BASE may be


def test_without_a_base_it_is_where_head_left_the_default_branch(cluster: Path) -> None:
    fork = git(cluster, "rev-parse", "main")
    git(cluster, "switch", "--quiet", "--create", "topic")
    change(cluster)
    commit(cluster)
    git(cluster, "switch", "--quiet", "main")
    edit(cluster / "policy.yaml", ("Seconds: 300", "Seconds: 17"))
    commit(cluster)
    git(cluster, "switch", "--quiet", "topic")

    result = diff(cluster)

    assert lines(result)[:3] == [
        f"changes against {fork[:12]}",
        f"note: {fork[:12]} is where HEAD left main",
        "3 pools changed, 1 pool added, 1 node moves",
    ]
    assert b"Seconds: 17" not in result.stdout


def test_a_detached_head_in_a_clone_compares_with_the_branch_of_origin(cluster: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", root(cluster), "clone")
    clone = tmp_path / "clone"
    git(clone, "switch", "--quiet", "--detach", "HEAD")
    git(clone, "branch", "--quiet", "--delete", "--force", "main")
    change(clone / "clusters" / "a")

    assert lines(diff(clone, "clusters/a"))[1].endswith("is where HEAD left origin/main")


@pytest.mark.parametrize(
    "arguments", [("main", "clusters/a"), ("clusters/a",), ("clusters/a/gitops-doca.yaml",)]
)
def test_a_cluster_is_named_from_elsewhere(arguments: tuple[str, ...], cluster: Path) -> None:
    change(cluster)

    result = diff(root(cluster), *arguments)

    assert (result.exit_code, "3 pools changed, 1 pool added, 1 node moves" in lines(result)) == (1, True)


@pytest.mark.parametrize("revision", ["HEAD", "v1", "HEAD~0", "main@{0}", "bränch/ü"])
def test_a_revision_is_whatever_git_takes_for_a_commit(revision: str, cluster: Path) -> None:
    git(cluster, "tag", "--annotate", "--message", "v1", "v1")
    git(cluster, "branch", "bränch/ü")
    change(cluster)

    assert lines(diff(cluster, revision))[0].startswith(f"changes against {revision} (")


def test_names_with_spaces_and_other_letters_are_found(tmp_path: Path) -> None:
    cluster = start_demo(tmp_path / "my repo", "Größe 1/clüster a")
    (cluster / "nodes.yaml").rename(cluster / "nödes of it.yaml")
    edit(cluster / CONFIG, ("nodes.yaml", "nödes of it.yaml"))
    commit(cluster)

    assert diff(cluster, "main").exit_code == 0


def test_a_base_may_be_a_folder_of_manifests(cluster: Path) -> None:
    run_here("generate", "--output-dir", "../rendered", cwd=cluster)
    assert lines(diff(cluster, "../rendered")) == ["no difference against ../rendered"]
    change(cluster)

    result = diff(cluster, "../rendered")

    assert (result.exit_code, lines(result)[:2]) == (
        1,
        ["changes against ../rendered", "3 pools changed, 1 pool added"],
    )
    revision = diff(cluster, "main")
    assert result.stdout.partition(b"\n---")[2] == revision.stdout.partition(b"\n---")[2].replace(
        b"main:", b"../rendered:"
    )


def test_a_folder_needs_no_repository_and_knows_other_objects_apart(cluster: Path, tmp_path: Path) -> None:
    plain, rendered = tmp_path / "plain", tmp_path / "rendered"
    (cluster).rename(plain)
    (rendered / "deep").mkdir(parents=True)
    (rendered / "deep" / "all.yml").write_bytes(run_here("generate", cwd=plain).stdout)
    (rendered / "kustomization.yaml").write_text("resources: [deep/all.yml]\n")
    (rendered / "other.json").write_text('{"apiVersion": "v1", "kind": "Secret", "data": {"a": "b"}}')
    (rendered / "values.txt").write_text("{{ }}")

    assert lines(diff(plain, "../rendered")) == ["no difference against ../rendered"]


def test_an_empty_folder_makes_everything_new(cluster: Path) -> None:
    (cluster / "rendered").mkdir()

    assert lines(diff(cluster, "./rendered"))[:3] == [
        "changes against ./rendered",
        "note: ./rendered holds no object of gitops-doca: all of it is new",
        "3 pools added, 1 other object differs",
    ]


def test_a_base_without_the_config_makes_everything_new(cluster: Path) -> None:
    cluster.rename(cluster.with_name("b"))

    result = diff(root(cluster), "main", "clusters/b")

    assert (result.exit_code, result.stderr) == (1, "")
    assert lines(result)[1:3] == [
        "note: main has no clusters/b/gitops-doca.yaml: all of it is new",
        "3 pools added, 1 other object differs",
    ]


def test_a_config_that_is_gone_removes_everything(cluster: Path) -> None:
    git(cluster, "rm", "-r", "--quiet", ".")
    assert not cluster.exists()

    result = diff(root(cluster), "main", "clusters/a")

    assert lines(result)[1:3] == [
        "note: clusters/a/gitops-doca.yaml is removed, and everything that it rendered with it",
        "3 pools removed, 1 other object differs",
    ]
    assert driver_lines(result) == {
        f"unloaded from {nodes} as soon as this is applied: {names} in no pool (nothing is rendered any more)"
        for nodes, names in (
            ("1 node", "grace-1; it is"),
            ("2 nodes", "gpu-1, gpu-2; they are"),
            ("2 nodes", "storage-1, storage-2; they are"),
        )
    }


def test_files_above_the_cluster_are_read_at_the_base(cluster: Path) -> None:
    (cluster / "policy.yaml").rename(root(cluster) / "policy.yaml")
    edit(cluster / CONFIG, ("- policy.yaml", "- ../../policy.yaml"))
    commit(cluster)
    edit(root(cluster) / "policy.yaml", ('value: "true"', 'value: "false"'))

    assert "3 pools changed" in lines(diff(cluster, "main"))


def test_a_name_with_a_line_break_is_refused(cluster: Path) -> None:
    (cluster / "nodes.yaml").rename(cluster / "no\ndes.yaml")
    edit(cluster / CONFIG, ("- nodes.yaml", '- "no\\ndes.yaml"'))
    commit(cluster)

    assert first_error(diff(cluster, "main")) == (
        3,
        b"",
        f"error[input]: main:clusters/a/no\\ndes.yaml: {LINE_BREAK}",
    )


def test_verbose_tells_the_pools_of_the_work_tree(cluster: Path) -> None:
    result = diff(cluster, "main", "-v")

    assert (result.exit_code, [line.partition(":")[0] for line in result.stderr.splitlines()]) == (
        0,
        ["info"] * 4,
    )


def test_links_within_the_base_are_followed(cluster: Path) -> None:
    (cluster / "policy.yaml").rename(root(cluster) / "policy.yaml")
    (cluster / "policy.yaml").symlink_to("../../policy.yaml")
    commit(cluster)
    edit(root(cluster) / "policy.yaml", ('value: "true"', 'value: "false"'))

    assert "3 pools changed" in lines(diff(cluster, "main"))


def test_without_a_lock_the_base_is_looked_up_and_that_is_said(cluster: Path) -> None:
    git(cluster, "mv", LOCK, "old-lock.yaml")
    edit(cluster / "policy.yaml", ("nvcr.io", "127.0.0.1:1"))
    commit(cluster)
    git(cluster, "mv", "old-lock.yaml", LOCK)
    edit(cluster / "policy.yaml", ("127.0.0.1:1", "nvcr.io"))

    result = diff(cluster, "main")

    assert (result.exit_code, result.stdout) == (5, b"")
    said, error, *_ = result.stderr.splitlines()
    assert said == "main has no lock: its images are looked up in the registry"
    assert error.startswith(
        "error[unknown]: main:clusters/a/policy.yaml:6: spec.ofedDriver: cannot tell whether "
    )


# Nothing is changed


def test_neither_work_tree_nor_index_nor_refs_are_touched(cluster: Path) -> None:
    change(cluster)
    git(cluster, "add", "policy.yaml")
    (cluster / "new file").write_text("x")
    folder = root(cluster)
    before = state(folder)

    assert diff(cluster).exit_code == 1

    assert state(folder) == before


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return each file, those of `.git` too, with its time and content."""
    return {
        str(path): (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_no_filter_and_no_hook_is_run(cluster: Path) -> None:
    folder = root(cluster)
    mine = folder / "ran"
    git(folder, "config", "filter.mine.smudge", f"touch {mine}; cat")
    git(folder, "config", "filter.mine.clean", "cat")
    git(folder, "config", "diff.mine.textconv", f"touch {mine}; cat")
    (folder / ".gitattributes").write_text("*.yaml filter=mine diff=mine\n")
    commit(folder)
    for name in ("post-checkout", "post-index-change", "reference-transaction"):
        hook = folder / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {mine}\n")
        hook.chmod(0o755)

    assert diff(cluster, "main").exit_code == 0

    assert not mine.exists()


def test_no_folder_is_left_behind(cluster: Path, tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()

    result = run_cli("diff", "main", cwd=cluster, env={"TMPDIR": str(tmp_path / "tmp")})

    assert (result.exit_code, list((tmp_path / "tmp").iterdir())) == (0, [])


def test_the_environment_of_a_hook_leads_nowhere_else(cluster: Path, tmp_path: Path) -> None:
    other = start(tmp_path / "other")

    result = run_here(
        "diff", "main", cwd=cluster, env={"GIT_DIR": str(other / ".git"), "GIT_INDEX_FILE": "x"}
    )

    assert result.exit_code == 0


# What goes wrong


def test_without_a_folder_for_temporary_files_there_is_no_other_side(
    cluster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_options: object) -> None:
        raise OSError(errno.EROFS, "")

    monkeypatch.setattr("tempfile.TemporaryDirectory", refuse)

    assert first_error(diff(cluster, "main")) == (
        74,
        b"",
        "error[io]: there is no folder for temporary files: Read-only file system",
    )


def test_outside_of_a_repository_there_is_nothing_to_compare_with(cluster: Path, tmp_path: Path) -> None:
    cluster.rename(tmp_path / "plain")

    assert first_error(diff(tmp_path / "plain", "main")) == (
        3,
        b"",
        "error[input]: this folder is not in a Git repository, so there is nothing to compare with",
    )


@pytest.mark.parametrize("revision", ["nope", "main:clusters", "main..HEAD", "v1^{tree}", "a\tb", ""])
def test_an_unknown_revision_is_told(revision: str, cluster: Path) -> None:
    assert first_error(diff(cluster, revision)) == (
        3,
        b"",
        f"error[input]: {revision!r} is neither a revision of this repository nor a folder",
    )


def test_a_revision_that_begins_with_a_dash_is_no_option_of_git(cluster: Path) -> None:
    result = diff(cluster, "--", "--output=x")

    assert first_error(result)[2] == (
        "error[input]: '--output=x' is neither a revision of this repository nor a folder"
    )


def test_a_name_of_both_a_revision_and_a_folder_is_a_usage_error(cluster: Path) -> None:
    (cluster / "main").mkdir()

    result = diff(cluster, "main")

    assert first_error(result) == (
        2,
        b"",
        "error[usage]: 'main' is both a revision and a folder: write ./main for the folder",
    )
    assert "holds no object" in lines(diff(cluster, "./main"))[1]


def test_a_shallow_clone_says_what_to_fetch(cluster: Path, tmp_path: Path) -> None:
    old = git(cluster, "rev-parse", "HEAD")
    change(cluster)
    commit(cluster)
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{root(cluster)}", "clone")
    help = "  help: the clone is shallow; fetch the branch with its history: git fetch --unshallow origin"

    for arguments in ((old,), ("HEAD~1",)):
        result = diff(tmp_path / "clone" / "clusters" / "a", *arguments)
        assert (result.exit_code, result.stdout) == (3, b"")
        assert result.stderr.splitlines()[1] == help
    assert diff(tmp_path / "clone" / "clusters" / "a", "HEAD").exit_code == 0


def test_branches_without_a_common_commit_are_told(cluster: Path) -> None:
    git(cluster, "checkout", "--quiet", "--orphan", "other")
    commit(root(cluster))

    assert first_error(diff(cluster)) == (
        3,
        b"",
        "error[input]: HEAD and main have no common commit here",
    )


def test_a_repository_without_a_default_branch_is_told(cluster: Path) -> None:
    git(cluster, "branch", "--move", "main", "trunk")

    result = diff(cluster)

    sentence, help = result.stderr.splitlines()
    assert (result.exit_code, sentence) == (
        3,
        "error[input]: there is no default branch here: no origin/HEAD, and no main or master",
    )
    assert help == "  help: name the revision to compare with: gitops-doca diff REVISION"
    assert diff(cluster, "trunk").exit_code == 0


def test_a_repository_without_a_commit_is_told(tmp_path: Path) -> None:
    folder = start(tmp_path / "new")

    assert first_error(diff(folder))[2] == (
        "error[input]: the repository has no commits yet, so there is nothing to compare with"
    )
    assert first_error(diff(folder, "HEAD"))[2] == (
        "error[input]: 'HEAD' is neither a revision of this repository nor a folder"
    )


def test_a_config_on_neither_side_is_told(cluster: Path) -> None:
    assert first_error(diff(root(cluster), "main", "clusters/c")) == (
        3,
        b"",
        "error[input]: clusters/c/gitops-doca.yaml: there is no such config, neither here nor in main",
    )


def break_version(cluster: Path) -> None:
    edit(cluster / "policy.yaml", (f"version: {VERSION}", "version: 24.10"))


def test_a_config_that_fails_at_the_base_only_names_the_base(cluster: Path) -> None:
    break_version(cluster)
    commit(cluster)
    edit(cluster / "policy.yaml", ("version: 24.10", f"version: {VERSION}"))

    code, stdout, error = first_error(diff(cluster, "main"))

    assert (code, stdout) == (3, b"")
    assert error.startswith(
        "error[input]: main:clusters/a/policy.yaml:9: spec.ofedDriver.version: 24.10 is a number"
    )


def test_problems_of_both_sides_are_told_together(cluster: Path) -> None:
    break_version(cluster)
    commit(cluster)

    errors = [line for line in diff(cluster, "main").stderr.splitlines() if line.startswith("error")]

    assert [error.partition(": spec.")[0] for error in errors] == [
        "error[input]: main:clusters/a/policy.yaml:9",
        "error[input]: policy.yaml:9",
    ]


def test_a_base_that_cannot_be_read_hides_no_missing_image(cluster: Path) -> None:
    policy = (cluster / "policy.yaml").read_text()
    (cluster / "policy.yaml").write_text("{")
    commit(cluster)
    (cluster / "policy.yaml").write_text(policy)

    result = run_here("diff", "HEAD", "--online", cwd=cluster, connect=FakeResolver())

    heads = [line.partition(": ")[0] for line in result.stderr.splitlines() if line.startswith("error")]
    assert (result.exit_code, result.stdout) == (3, b"")
    assert heads == ["error[input]", "error[missing]", "error[missing]", "error[missing]"]


def test_a_stale_lock_at_the_base_says_where_to_mend_it(cluster: Path) -> None:
    boot(cluster, "gpu-2", "6.8.0-100-generic", "6.17.0-1008-nvidia")
    commit(cluster)

    result = diff(cluster, "main")

    errors = [line for line in result.stderr.splitlines() if line.startswith("error")]
    assert result.exit_code == 6
    assert [error.partition(": the lock")[0] for error in errors] == [
        "error[lock]: gitops-doca.lock.yaml",
        "error[lock]: main:clusters/a/gitops-doca.lock.yaml",
    ]
    assert "  help: run: gitops-doca lock" in result.stderr.splitlines()
    assert result.stderr.splitlines()[-1] == (
        "  help: run: gitops-doca lock clusters/a (with main checked out), or give --online"
    )


def absent(cluster: Path) -> str:
    git(cluster, "rm", "--quiet", "--cached", "nodes.yaml")
    git(cluster, "commit", "--quiet", "--message", "x")
    return "main:clusters/a/nodes.yaml: cannot be read: No such file or directory"


def a_folder(cluster: Path) -> str:
    nodes = (cluster / "nodes.yaml").read_text()
    (cluster / "nodes.yaml").unlink()
    (cluster / "nodes.yaml").mkdir()
    (cluster / "nodes.yaml" / "x").write_text("x")
    commit(cluster)
    (cluster / "nodes.yaml" / "x").unlink()
    (cluster / "nodes.yaml").rmdir()
    (cluster / "nodes.yaml").write_text(nodes)
    return "main:clusters/a/nodes.yaml: is not a regular file, so it is not read"


def a_link(target: str) -> Callable[[Path], None]:
    def place(cluster: Path) -> None:
        nodes = (cluster / "nodes.yaml").read_text()
        (cluster / "nodes.yaml").unlink()
        (cluster / "nodes.yaml").symlink_to(target)
        commit(cluster)
        (cluster / "nodes.yaml").unlink()
        (cluster / "nodes.yaml").write_text(nodes)

    return place


def a_link_outside(cluster: Path) -> str:
    a_link("/etc/hostname")(cluster)
    return "main:clusters/a/nodes.yaml: is a symbolic link that leads out of the repository"


def a_link_above(cluster: Path) -> str:
    a_link("../../../secret")(cluster)
    return "main:clusters/a/nodes.yaml: is a symbolic link that leads out of the repository"


def a_link_to_nothing(cluster: Path) -> str:
    a_link("nothing")(cluster)
    return "main:clusters/a/nodes.yaml: is a broken symbolic link"


def a_link_to_itself(cluster: Path) -> str:
    a_link("nodes.yaml")(cluster)
    return "main:clusters/a/nodes.yaml: is a broken symbolic link"


def a_pointer(cluster: Path) -> str:
    nodes = (cluster / "nodes.yaml").read_text()
    (cluster / "nodes.yaml").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n")
    commit(cluster)
    (cluster / "nodes.yaml").write_text(nodes)
    return (
        "main:clusters/a/nodes.yaml: is a pointer of Git LFS: the repository itself does not hold its content"
    )


def a_path_outside(cluster: Path) -> str:
    (root(cluster).parent / "nodes.yaml").write_text((cluster / "nodes.yaml").read_text())
    edit(cluster / CONFIG, ("- nodes.yaml", "- ../../../nodes.yaml"))
    commit(cluster)
    return (
        "main:clusters/a/gitops-doca.yaml: '../../../nodes.yaml' is not a file of the repository, "
        "so the revision does not have it"
    )


def a_submodule(cluster: Path) -> str:
    other = start(root(cluster).with_name("other"))
    (other / "nodes.yaml").write_text((cluster / "nodes.yaml").read_text())
    commit(other)
    git(cluster, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", other, "sub")
    edit(cluster / CONFIG, ("- nodes.yaml", "- sub/nodes.yaml"))
    commit(cluster)
    return "main:clusters/a/sub/nodes.yaml: is in a submodule, which is another repository"


@pytest.mark.parametrize(
    "prepare",
    [
        absent,
        a_folder,
        a_link_outside,
        a_link_above,
        a_link_to_nothing,
        a_link_to_itself,
        a_pointer,
        a_path_outside,
        a_submodule,
    ],
)
def test_a_file_that_the_base_does_not_hold_is_told(prepare: Callable[[Path], str], cluster: Path) -> None:
    sentence = prepare(cluster)

    assert first_error(diff(cluster, "main")) == (3, b"", f"error[input]: {sentence}")


def test_without_git_a_revision_cannot_be_read(cluster: Path) -> None:
    result = run_here("diff", "main", cwd=cluster, env={"PATH": "/nonexistent"})

    assert first_error(result) == (
        3,
        b"",
        "error[input]: git is not installed, and it is needed to read another revision",
    )


def test_a_repository_that_git_refuses_is_told(cluster: Path) -> None:
    (root(cluster) / ".git" / "config").write_text("[core\n")

    assert first_error(diff(cluster, "main"))[2].startswith(
        "error[input]: git cannot use the repository of this folder: bad config line"
    )


def test_a_folder_of_manifests_that_cannot_be_read_is_told(cluster: Path) -> None:
    (cluster / "rendered").mkdir()
    (cluster / "rendered" / "a.yaml").write_text("a: [")
    run_here("generate", "--output-dir", "rendered/b", cwd=cluster)
    run_here("generate", "--output-dir", "rendered/c", cwd=cluster)

    errors = [line for line in diff(cluster, "./rendered").stderr.splitlines() if line.startswith("error")]

    assert len(errors) == 5
    assert errors[0].startswith("error[input]: rendered/a.yaml:2: is not valid YAML")
    assert errors[1] == (
        "error[input]: rendered/c/daemonset-mofed-ubuntu22.04-548497d4c6-ds.yaml:3: "
        "DaemonSet mofed-ubuntu22.04-548497d4c6-ds appears twice in ./rendered"
    )


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_limit_is_about_markdown(form: str, cluster: Path) -> None:
    assert first_error(diff(cluster, "main", "-o", form, "--max-bytes", "5000")) == (
        2,
        b"",
        "error[usage]: --max-bytes is about -o markdown",
    )


# How much is printed


@pytest.mark.parametrize("limit", [1000, 1700, 3000, 5000])
def test_markdown_is_cut_between_pools_and_says_so(limit: int, cluster: Path) -> None:
    change(cluster)
    whole = diff(cluster, "main", "-o", "markdown").stdout.decode()

    text = diff(cluster, "main", "-o", "markdown", "--max-bytes", str(limit)).stdout.decode()

    shown, _, notice = text.rpartition("\n*Not shown")
    assert len(text.encode()) <= limit
    assert whole.startswith(shown)
    assert notice.startswith(f", to fit {limit} bytes: ")
    assert text.count("<details>") == text.count("</details>")
    assert text.count("```") % 2 == 0


@pytest.mark.parametrize(("env", "is_coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colour_is_for_terminals(env: dict[str, str], is_coloured: bool, cluster: Path) -> None:  # noqa: FBT001
    change(cluster)
    text = run_on_terminal("diff", "main", cwd=cluster, env=env)

    assert text.startswith("changes against main")
    assert ("\x1b[32m+" in text) is is_coloured
