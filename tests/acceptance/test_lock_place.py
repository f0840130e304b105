"""Where a config may have its lock: in its Git work tree, and elsewhere only by the flag."""

from collections.abc import Callable
from pathlib import Path

import pytest

from support.command import POOL, run_pool
from support.inputs import write_inputs
from support.krm import config, resource_list

HELP = "  help: name a file inside of that folder, or give this one with --lock\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a cluster, two levels below the top of what may be a work tree."""
    folder = tmp_path / "top" / "clusters" / "a"
    folder.mkdir(parents=True)
    write_inputs(folder, repository="nvcr.io/nvidia/mellanox", pools=[POOL], forced=True)
    return folder


def use_lock(folder: Path, lock: str) -> None:
    (folder / "gitops-doca.yaml").write_text(
        "apiVersion: gitops-doca.dev/v1alpha1\nkind: DriverGenerator\nspec:\n"
        f"  policies: [policy.yaml]\n  inventory: nodes.json\n  lock: {lock}\n"
    )


def a_work_tree(top: Path) -> None:
    (top / ".git").mkdir()


def a_linked_work_tree(top: Path) -> None:
    (top / ".git").write_text("gitdir: /elsewhere\n")


def no_work_tree(_top: Path) -> None:
    pass


def a_repository_below(top: Path) -> None:
    (top / ".git").mkdir()
    (top / "clusters" / "a" / ".git").write_text("gitdir: ../../.git/modules/a\n")


def a_link_that_leads_out(top: Path) -> None:
    (top / ".git").mkdir()
    (top.parent / "elsewhere").mkdir()
    (top / "locks").symlink_to("../elsewhere")


INSIDE: list[tuple[Callable[[Path], None], str]] = [
    (a_work_tree, "../../locks.yaml"),
    (a_work_tree, "{top}/locks.yaml"),
    (a_linked_work_tree, "../../locks.yaml"),
    (no_work_tree, "locks.yaml"),
    (no_work_tree, "../a/locks.yaml"),
]
OUTSIDE: list[tuple[Callable[[Path], None], str, str]] = [
    (a_work_tree, "{top}/../locks.yaml", "{top}"),
    (a_work_tree, "../../../locks.yaml", "{top}"),
    (a_work_tree, "/nowhere/locks.yaml", "{top}"),
    (a_link_that_leads_out, "../../locks/locks.yaml", "{top}"),
    (no_work_tree, "../locks.yaml", "{top}/clusters/a"),
    (a_repository_below, "../../locks.yaml", "{top}/clusters/a"),
]


@pytest.mark.parametrize(("prepare", "lock"), INSIDE)
def test_a_lock_in_the_work_tree_is_written_and_read(
    prepare: Callable[[Path], None], lock: str, folder: Path
) -> None:
    top = folder.parents[1]
    prepare(top)
    use_lock(folder, lock.format(top=top))

    assert run_pool("lock", cwd=folder).exit_code == 0
    assert run_pool("generate", "--locked", cwd=folder).exit_code == 0
    assert not (folder / "gitops-doca.lock.yaml").exists()


@pytest.mark.parametrize("command", ["lock", "generate", "check", "verify"])
@pytest.mark.parametrize(("prepare", "lock", "limit"), OUTSIDE)
def test_a_lock_outside_is_neither_written_nor_read(
    prepare: Callable[[Path], None], lock: str, limit: str, command: str, folder: Path
) -> None:
    top = folder.parents[1]
    prepare(top)
    named = lock.format(top=top)
    use_lock(folder, named)
    before = sorted(top.parent.rglob("*"))

    result = run_pool(command, cwd=folder)

    assert (result.exit_code, result.stdout) == (3, b"")
    assert result.stderr.startswith(
        f"error[input]: gitops-doca.yaml:6: spec.lock: the lock {named!r} is outside of "
        f"{limit.format(top=top)}, and a config names only one inside\n{HELP}"
    )
    assert sorted(top.parent.rglob("*")) == before


def a_link_to_gits_own(top: Path) -> None:
    (top / ".git" / "info").mkdir(parents=True)
    (top / "locks").symlink_to(".git/info")


AMONG_GITS: list[tuple[Callable[[Path], None], str]] = [
    (a_work_tree, "../../.git/shallow"),
    (a_work_tree, "{top}/.git/hooks/post-checkout"),
    (a_work_tree, "../../.GIT/objects/info/alternates"),
    (a_linked_work_tree, "../../.git"),
    (a_link_to_gits_own, "../../locks/attributes"),
]


@pytest.mark.parametrize("command", ["lock", "generate"])
@pytest.mark.parametrize(("prepare", "lock"), AMONG_GITS)
def test_no_lock_is_among_gits_own_files(
    prepare: Callable[[Path], None], lock: str, command: str, folder: Path
) -> None:
    top = folder.parents[1]
    prepare(top)
    named = lock.format(top=top)
    use_lock(folder, named)
    before = sorted(top.parent.rglob("*"))

    result = run_pool(command, cwd=folder)

    assert (result.exit_code, result.stdout) == (3, b"")
    assert result.stderr.startswith(
        f"error[input]: gitops-doca.yaml:6: spec.lock: the lock {named!r} is among the files of Git itself "
        f"in {top}, where a config names none\n{HELP}"
    )
    assert sorted(top.parent.rglob("*")) == before


def test_the_flag_may_name_a_lock_anywhere(folder: Path) -> None:
    use_lock(folder, "/nowhere/locks.yaml")
    file = folder.parents[2] / "locks.yaml"

    assert run_pool("lock", "--lock", file, cwd=folder).exit_code == 0
    assert run_pool("generate", "--lock", file, cwd=folder).exit_code == 0
    assert file.exists()


def test_one_cluster_of_a_fleet_does_not_write_outside(folder: Path) -> None:
    other = folder.parent / "b"
    other.mkdir()
    write_inputs(other, repository="nvcr.io/nvidia/mellanox", pools=[POOL], forced=True)
    use_lock(folder, "lock.yaml")
    use_lock(other, "/nowhere/lock.yaml")

    result = run_pool("lock", "a", "b", cwd=folder.parent)

    assert result.exit_code == 3
    assert result.stderr.splitlines()[1].startswith("error[input]: b/gitops-doca.yaml:6: spec.lock: the lock")
    assert (folder / "lock.yaml").exists()


def test_a_function_reads_no_lock_outside_of_its_folder(folder: Path) -> None:
    asked = resource_list([], config(policies=["policy.yaml"], inventory="nodes.json", lock="../lock.yaml"))

    result = run_pool("krm", cwd=folder, stdin=asked)

    assert result.exit_code == 3
    assert (
        f"the lock '../lock.yaml' is outside of {folder}, and a config names only one inside" in result.stderr
    )


def test_no_work_tree_is_looked_for_above_a_ceiling(folder: Path) -> None:
    top = folder.parents[1]
    a_work_tree(top)
    use_lock(folder, "../lock.yaml")

    result = run_pool("lock", cwd=folder, env={"GIT_CEILING_DIRECTORIES": str(top.resolve())})

    assert result.exit_code == 3
    assert f"the lock '../lock.yaml' is outside of {folder.resolve()}, and a config" in result.stderr
