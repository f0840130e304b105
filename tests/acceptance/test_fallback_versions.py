"""A cluster in the middle of an upgrade: two kernels, each with its own driver version."""

import json
from pathlib import Path
from typing import Any

import pytest

from fakes.resolver import FakeResolver
from gitops_doca.core.resolve.lookup import Cause, TagList, TagUnknown
from support.in_process import run_here
from support.move import NEW, NEW_KERNEL, OLD, OLD_KERNEL, Move, plan, tag

UNKNOWN = TagUnknown(Cause.TRANSIENT, "503 Service Unavailable")


@pytest.fixture
def move(tmp_path: Path) -> Move:
    return Move(folder=tmp_path, spec={"fallbackVersions": [OLD]})


def test_each_kernel_runs_the_version_that_has_an_image_for_it(move: Move) -> None:
    assert move.table() == {OLD_KERNEL: ("fallback", OLD), NEW_KERNEL: ("precompiled", NEW)}
    assert move.run("check").exit_code == 0


def test_a_pool_that_stays_on_its_version_keeps_its_manifest_when_the_policy_moves_on(tmp_path: Path) -> None:
    before = Move(folder=tmp_path, version=OLD, nodes={"a": OLD_KERNEL}, spec={}).daemon_sets()
    after = Move(folder=tmp_path, spec={"fallbackVersions": [OLD]}).daemon_sets()

    old, new = (f"ubuntu24.04/{kernel}/amd64" for kernel in (OLD_KERNEL, NEW_KERNEL))
    assert set(before) == {old}
    assert set(after) == {old, new}
    assert after[old] == before[old]


def test_the_lock_gives_the_bytes_of_the_registry_and_records_what_was_asked(move: Move) -> None:
    online = move.run("generate", "--online").stdout
    locked = move.run("lock")

    assert (locked.exit_code, move.run("generate", "--locked").stdout) == (0, online)
    assert locked.stderr.endswith("gitops-doca.lock.yaml: 2 images locked; 1 pool runs a fallback version\n")
    (repository,) = move.lock["repositories"]
    assert [(entry["tag"], "missing" in entry) for entry in repository["tags"]] == [
        (tag(OLD, OLD_KERNEL), False),
        (tag(NEW, OLD_KERNEL), True),
        (tag(NEW, NEW_KERNEL), False),
    ]
    assert [entry["image"].rpartition(":")[2] for entry in move.lock["pools"]] == [
        tag(OLD, OLD_KERNEL),
        tag(NEW, NEW_KERNEL),
    ]


def test_once_the_version_before_is_published_the_fallbacks_tag_is_unneeded(move: Move) -> None:
    move.run("lock")
    move.published = (*move.published, tag(NEW, OLD_KERNEL))

    result = move.run("lock", "--check")

    assert result.exit_code == 1
    assert [line.split()[0] for line in result.stdout.decode().splitlines()] == [
        "image",
        "unneeded",
        "available",
    ]


def test_without_an_image_under_any_version_the_run_fails_and_names_all(move: Move) -> None:
    move.published = (tag(NEW, NEW_KERNEL),)

    result = move.run("generate")

    assert (result.exit_code, result.stdout) == (4, b"")
    assert result.stderr.startswith(
        "error[missing]: policy.yaml:6: spec.ofedDriver: ForcePrecompiled is enabled and precompiled tag was "
        f"not found: {tag(NEW, OLD_KERNEL)} in nvcr.io/nvidia/mellanox/doca-driver, nor one of the fallback "
        f"version {OLD}\n"
    )


def test_where_compiling_is_allowed_only_the_own_version_compiles(move: Move) -> None:
    move.forced, move.published = (
        False,
        (tag(NEW, NEW_KERNEL), f"{NEW}-ubuntu24.04-amd64", f"{OLD}-ubuntu24.04-amd64"),
    )

    assert move.table() == {OLD_KERNEL: ("compiled", NEW), NEW_KERNEL: ("precompiled", NEW)}


@pytest.mark.parametrize("version", [NEW, OLD])
def test_an_unknown_answer_is_never_skipped_over(move: Move, version: str) -> None:
    move.spec["fallbackVersions"] = [OLD, "doca3.2.0-25.10-1.2.8.0-2"]
    move.published = (*move.published, tag("doca3.2.0-25.10-1.2.8.0-2", OLD_KERNEL))
    move.faults = {tag(version, OLD_KERNEL): UNKNOWN}

    result = move.run("generate")

    assert (result.exit_code, result.stdout) == (5, b"")
    assert tag(version, OLD_KERNEL) in result.stderr


def test_an_outage_leaves_the_lock_as_it_is(move: Move) -> None:
    move.run("lock")
    before = (move.folder / "gitops-doca.lock.yaml").read_bytes()
    move.faults = {tag(OLD, OLD_KERNEL): UNKNOWN}

    assert move.run("lock").exit_code == 5
    assert (move.folder / "gitops-doca.lock.yaml").read_bytes() == before


@pytest.mark.parametrize(("strict", "code"), [(False, 0), (True, 4)])
def test_a_policy_that_runs_none_of_its_own_version_is_told(move: Move, code: int, *, strict: bool) -> None:
    move.nodes, move.spec["strict"] = {"a": OLD_KERNEL}, strict

    result = move.run("check")
    locked = move.run("lock")

    said = (
        f"no pool of NicClusterPolicy nic-cluster-policy runs its version {NEW}: "
        "its only pool runs a fallback version"
    )
    assert (result.exit_code, locked.exit_code) == (code, code)
    assert said in result.stderr
    assert said in locked.stderr
    assert (move.folder / "gitops-doca.lock.yaml").exists() is not strict
    assert (", so no lock is written (strict)" in locked.stderr) is strict


def test_a_plan_of_the_new_kernel_counts_as_running_the_own_version(move: Move) -> None:
    move.nodes = {"a": OLD_KERNEL}
    move.spec |= {"planned": [plan(NEW_KERNEL)], "strict": True}

    assert move.run("check").exit_code == 0


@pytest.mark.parametrize(("strict", "code"), [(False, 0), (True, 4)])
def test_a_pool_that_goes_back_to_a_fallback_is_told_first_and_refused_under_strict(
    move: Move, code: int, *, strict: bool
) -> None:
    move.published = (*move.published, tag(NEW, OLD_KERNEL))
    move.run("lock")
    before = (move.folder / "gitops-doca.lock.yaml").read_bytes()
    move.published, move.spec["strict"] = (tag(OLD, OLD_KERNEL), tag(NEW, NEW_KERNEL)), strict

    result = move.run("lock")

    refused = ", so no lock is written (strict)" if strict else ""
    kind = "error[missing]" if strict else "warning"
    assert result.exit_code == code
    assert result.stderr.startswith(
        f"{kind}: gitops-doca.lock.yaml: 1 pool with 1 node will go back to a fallback version{refused}\n"
        f"  pool ubuntu24.04/{OLD_KERNEL}/amd64 of NicClusterPolicy/nic-cluster-policy: "
        f"{NEW} -> {OLD}; 1 node: a\n"
    )
    assert ((move.folder / "gitops-doca.lock.yaml").read_bytes() == before) is strict


def test_a_pool_whose_version_became_a_fallback_has_not_gone_back(tmp_path: Path) -> None:
    Move(folder=tmp_path, version=OLD, nodes={"a": OLD_KERNEL}).run("lock")

    result = Move(folder=tmp_path, spec={"fallbackVersions": [OLD], "strict": True}).run("lock")

    assert result.exit_code == 0
    assert "go back" not in result.stderr


def test_a_pool_on_a_fallback_is_named_so_with_v(move: Move) -> None:
    stderr = move.run("generate", "-v").stderr

    assert f"pool ubuntu24.04/{OLD_KERNEL}/amd64: fallback, " in stderr
    assert f"pool ubuntu24.04/{NEW_KERNEL}/amd64: precompiled, " in stderr


def test_a_fallback_that_no_pool_runs_is_told_by_check_and_with_v(move: Move) -> None:
    move.nodes = {"b": NEW_KERNEL}
    note = f"fallback version {OLD}: no pool runs it, so remove it from fallbackVersions"

    assert note in move.run("check").stdout.decode()
    assert note in move.run("generate", "-v").stderr
    assert note not in move.run("generate").stderr


def test_the_list_that_cannot_confirm_a_miss_is_a_warning(move: Move) -> None:
    move.write()
    resolver = FakeResolver(move.published, lists=TagList(reason="403 Forbidden"))
    result = run_here("generate", cwd=move.folder, connect=resolver)

    assert result.exit_code == 0
    assert "it could not be read to its end: 403 Forbidden" in result.stderr


def test_the_operator_has_no_fallbacks(move: Move) -> None:
    move.spec["emit"] = "policies"

    result = move.run("generate")

    assert (result.exit_code, result.stdout) == (3, b"")
    assert result.stderr.startswith(
        "error[input]: the operator has no fallbackVersions (gitops-doca.yaml:7): it would run only "
        "the policy's version\n"
    )


@pytest.mark.parametrize(
    ("versions", "message"),
    [
        (
            ["sha256:" + "a" * 64],
            "a fallback version cannot be a digest: it would put one image on every pool",
        ),
        (
            [tag(OLD, OLD_KERNEL)],
            f"{tag(OLD, OLD_KERNEL)!r} is a whole image tag; kernel, OS and architecture",
        ),
        ([24.1], "24.1 is a number to YAML, not a driver version"),
        ([OLD, OLD], f"{OLD!r} appears twice"),
        (["a b"], "'a b' cannot begin a tag"),
        (["1", "2", "3", "4", "5", "6"], "a list of at most five driver versions"),
        (OLD, "a list of at most five driver versions"),
    ],
)
def test_a_list_that_cannot_be_used_is_an_input_error_at_its_place(
    move: Move, versions: Any, message: str
) -> None:
    move.spec["fallbackVersions"] = versions

    result = move.run("generate")

    assert (result.exit_code, result.stdout) == (3, b"")
    assert result.stderr.startswith("error[input]: gitops-doca.yaml:")
    assert ": spec.fallbackVersions" in result.stderr.splitlines()[0]
    assert message in result.stderr.splitlines()[0]


def test_check_says_how_far_a_move_is_in_every_form(move: Move) -> None:
    move.nodes = {"a": OLD_KERNEL, "b": OLD_KERNEL, "c": NEW_KERNEL}
    note = f"1 of 3 nodes run {NEW}"

    assert move.run("check").stdout.decode().splitlines()[-1] == note
    assert f"\n- {note}\n" in move.run("check", "-o", "markdown").stdout.decode()
    assert f"info: {note}\n" in move.run("generate", "-v").stderr
    policy = {"kind": "NicClusterPolicy", "name": "nic-cluster-policy"}
    assert json.loads(move.run("check", "-o", "json").stdout)["progress"] == [
        {"cluster": ".", "policy": policy, "version": NEW, "nodes": 3, "moved": 1}
    ]


def test_a_move_that_is_done_is_not_told(move: Move) -> None:
    move.nodes = {"a": NEW_KERNEL}

    assert json.loads(move.run("check", "-o", "json").stdout)["progress"] == []


def test_a_plan_is_not_done_while_a_node_is_on_a_fallback(move: Move) -> None:
    move.spec["planned"] = [plan(NEW_KERNEL)]

    assert "plan done" not in move.run("check").stdout.decode()
    assert json.loads(move.run("check", "-o", "json").stdout)["obsoletePlans"] == []
    move.nodes = {"b": NEW_KERNEL}
    assert "plan done" in move.run("check").stdout.decode()


def test_three_versions_cost_three_rounds_and_one_tag_list(move: Move) -> None:
    move.nodes = {f"n{number}": f"6.8.0-{number}-generic" for number in range(40)}
    move.spec["fallbackVersions"] = [OLD, "doca3.2.0-25.10-1.2.8.0-2"]
    move.published = [tag("doca3.2.0-25.10-1.2.8.0-2", kernel) for kernel in move.nodes.values()]
    resolver = move.resolver
    move.write()
    run_here("check", cwd=move.folder, connect=resolver)

    assert [len(round_) for round_ in resolver.asked] == [40, 40, 40]
    assert len(resolver.listed) == 1


def test_the_matrix_says_which_pools_run_a_fallback(move: Move) -> None:
    result = move.run("matrix")
    document = json.loads(move.run("matrix", "-o", "json").stdout)

    assert f"  ubuntu24.04/{OLD_KERNEL}/amd64 runs the fallback version {OLD}\n" in result.stdout.decode()
    assert [pool.get("fallbacks") for pool in document["repositories"][0]["pools"]] == [[OLD], None]


def test_the_matrix_knows_the_fallback_of_a_pool_also_where_the_list_broke_off(move: Move) -> None:
    move.write()
    lists = TagList(frozenset({tag(NEW, NEW_KERNEL)}), reason="503 Service Unavailable")
    resolver = FakeResolver(move.published, lists=lists)

    result = run_here("matrix", cwd=move.folder, connect=resolver)

    assert f"  ubuntu24.04/{OLD_KERNEL}/amd64 runs the fallback version {OLD}\n" in result.stdout.decode()
