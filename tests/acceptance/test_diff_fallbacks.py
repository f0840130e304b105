"""What `gitops-doca diff` says of fallback versions, in real repositories, from locks."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from gitops_doca.sources.reading.schema import schema_text
from support.cli import Result
from support.move import NEW, NEW_KERNEL, OLD, OLD_KERNEL, Move, plan, tag
from support.repository import commit, git, start

POOL = f"ubuntu24.04/{OLD_KERNEL}/amd64"
NEW_POOL = f"ubuntu24.04/{NEW_KERNEL}/amd64"
POLICY = "NicClusterPolicy/nic-cluster-policy"
IMAGE = "nvcr.io/nvidia/mellanox/doca-driver"
OTHER_KERNELS = ("6.17.0-1007-aws", "6.17.0-1008-nvidia")
WENT_BACK = (
    f"1 node will go back to a fallback version: a; {POOL} of {POLICY} had {NEW} and gets {OLD}",
    "publish or mirror the precompiled image of the policy's version",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository without a commit."""
    return start(tmp_path / "repository")


def commit_locked(move: Move) -> None:
    """Write the inputs and their lock, and commit them on `main`."""
    assert move.run("lock").exit_code == 0
    commit(move.folder)


def go_back(move: Move) -> None:
    """Commit a cluster whose nodes run the new version, then lose one of its images."""
    commit_locked(replace(move, published=(*move.published, tag(NEW, OLD_KERNEL))))
    move.run("lock")


def lines(result: Result) -> list[str]:
    return result.stdout.decode().splitlines()


def document(move: Move) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(move.run("diff", "main", "--stat", "-o", "json").stdout)
    Draft202012Validator(json.loads(schema_text("diff"))).validate(found)
    return found


@pytest.fixture
def back(folder: Path) -> Move:
    """A cluster of which one of two pools goes back to a fallback version."""
    move = Move(folder=folder, spec={"fallbackVersions": [OLD]})
    go_back(move)
    return move


@pytest.fixture
def moved(folder: Path) -> Move:
    """A cluster of three pools, whose policy moves to the next version, with a plan of its kernel."""
    kernels = (OLD_KERNEL, *OTHER_KERNELS)
    nodes = {f"node-{number}": kernel for number, kernel in enumerate(kernels)}
    published = (*(tag(OLD, kernel) for kernel in kernels), tag(NEW, NEW_KERNEL))
    before = Move(folder=folder, nodes=nodes, version=OLD, published=published)
    commit_locked(before)
    move = replace(before, version=NEW, spec={"fallbackVersions": [OLD], "planned": [plan(NEW_KERNEL)]})
    assert move.run("lock").exit_code == 0
    return move


def test_pools_that_stay_when_the_policy_moves_are_one_line(moved: Move) -> None:
    result = moved.run("diff", "main", "--stat")

    assert (result.exit_code, result.stderr) == (1, "")
    assert lines(result)[1:] == [
        "1 pool added",
        f"3 pools stay on {OLD}, nothing reloads",
        "",
        f"added    {NEW_POOL} of {POLICY}",
        f"  image   {IMAGE}:{tag(NEW, NEW_KERNEL)}",
        "  nodes   none yet (planned)",
        "  driver  loaded by the first node that boots this kernel",
    ]


def test_their_manifests_are_not_among_the_objects_that_differ(moved: Move) -> None:
    found = document(moved)

    assert [(one["kind"], one["change"]) for one in found["objects"]] == [("DaemonSet", "added")]
    assert found["stays"] == [{"cluster": ".", "version": OLD, "pools": 3}]
    assert [(pool["pool"], "fallsBack" in pool) for pool in found["pools"]] == [(NEW_POOL, False)]


def test_in_markdown_too_they_are_one_line(moved: Move) -> None:
    printed = moved.run("diff", "main", "--stat", "-o", "markdown").stdout.decode()

    assert f"\n\n3 pools stay on `{OLD}`, nothing reloads\n\n" in printed
    assert printed.count(OLD_KERNEL) == 0


def test_a_node_that_boots_the_new_kernel_goes_from_one_version_to_the_other(moved: Move) -> None:
    commit(moved.folder)
    moved.nodes = {**moved.nodes, "node-0": NEW_KERNEL, "node-3": OLD_KERNEL}

    assert lines(moved.run("diff", "main", "--stat"))[1:] == [
        "1 node moves, 1 node joins a pool",
        f"3 pools stay on {OLD}, nothing reloads",
        f"1 pool stays on {NEW}, nothing reloads",
        "",
        "nodes that move, join or leave",
        f"  new in the inventory -> {POOL}",
        "    1: node-3",
        f"  {POOL} -> {NEW_POOL}",
        "    1: node-0",
    ]


@pytest.mark.parametrize(("strict", "code"), [(False, 1), (True, 4)])
def test_a_pool_that_goes_back_is_told_at_the_top_and_an_error_under_strict(
    back: Move, code: int, *, strict: bool
) -> None:
    back.spec["strict"] = strict

    result = back.run("diff", "main", "--stat")

    said, help = WENT_BACK
    kind, end = ("error[missing]", ", and the config is strict") if strict else ("warning", "")
    assert result.exit_code == code
    assert result.stderr == (
        f"{kind}: policy.yaml:6: spec.ofedDriver: {said}{end}\n"
        f"  help: {help}{', or remove strict' if strict else ''}\n"
    )
    assert lines(result) == [
        said,
        f"changes against main ({git(back.folder, 'rev-parse', 'main')[:12]})",
        "1 pool changed",
        f"driver {NEW} -> {OLD}: 1 pool, 1 node",
        f"1 pool stays on {NEW}, nothing reloads",
        "",
        f"changed  {POOL} of {POLICY}",
        f"  image   {IMAGE}:{tag(NEW, OLD_KERNEL)}",
        f"       -> {IMAGE}:{tag(OLD, OLD_KERNEL)}",
        "  nodes   1: a",
        "  driver  reloaded when its pod is deleted or the node restarts (OnDelete)",
        "  differs template",
    ]


def test_in_markdown_it_comes_before_the_counts(back: Move) -> None:
    printed = back.run("diff", "main", "--stat", "-o", "markdown").stdout.decode().splitlines()

    said = WENT_BACK[0].replace("_", r"\_")
    assert printed[2:5] == [f"**{said}**", "", "**1 pool changed**"]


@pytest.mark.parametrize("strict", [False, True])
def test_in_json_the_pool_falls_back(back: Move, *, strict: bool) -> None:
    back.spec["strict"] = strict

    found = document(back)

    (pool,) = found["pools"]
    assert (pool["pool"], pool["fallsBack"], pool["reload"]) == (POOL, True, "next-restart")
    assert [(pool[side]["version"], pool[side].get("fallback")) for side in ("before", "after")] == [
        (NEW, None),
        (OLD, True),
    ]
    assert [(one["severity"], one.get("class")) for one in found["diagnostics"]] == [
        ("error", "missing") if strict else ("warning", None)
    ]
    assert found["clusters"][0]["exitCode"] == (4 if strict else 1)


def test_a_pool_of_a_plan_goes_back_too(folder: Path) -> None:
    move = Move(
        folder=folder,
        nodes={"b": NEW_KERNEL},
        spec={"fallbackVersions": [OLD], "planned": [plan(OLD_KERNEL)]},
    )
    go_back(move)

    assert lines(move.run("diff", "main", "--stat"))[0] == (
        "a pool without nodes will go back to a fallback version; "
        f"{POOL} of {POLICY} had {NEW} and gets {OLD}"
    )


def test_from_one_fallback_to_another_is_a_way_back_too(folder: Path) -> None:
    older = "doca3.2.0-25.10-1.2.8.0-2"
    move = Move(folder=folder, spec={"fallbackVersions": [OLD, older]})
    commit_locked(move)
    move.published = (tag(older, OLD_KERNEL), tag(NEW, NEW_KERNEL))
    move.run("lock")

    assert lines(move.run("diff", "main", "--stat"))[0] == (
        f"1 node will go back to a fallback version: a; {POOL} of {POLICY} had {OLD} and gets {older}"
    )


def test_a_pool_that_gets_the_policys_version_at_last_has_not_gone_back(folder: Path) -> None:
    move = Move(folder=folder, spec={"fallbackVersions": [OLD], "strict": True})
    commit_locked(move)
    move.published = (*move.published, tag(NEW, OLD_KERNEL))
    move.run("lock")

    result = move.run("diff", "main", "--stat")

    assert (result.exit_code, result.stderr) == (1, "")
    assert lines(result)[1:4] == [
        "1 pool changed",
        f"driver {OLD} -> {NEW}: 1 pool, 1 node",
        f"1 pool stays on {NEW}, nothing reloads",
    ]


def test_a_pool_that_compiled_and_gets_a_fallbacks_image_has_not_gone_back(folder: Path) -> None:
    compiled = f"{NEW}-ubuntu24.04-amd64"
    move = Move(folder=folder, forced=False, published=(compiled, tag(NEW, NEW_KERNEL)))
    commit_locked(move)
    move.spec = {"fallbackVersions": [OLD], "strict": True}
    move.published = (*move.published, tag(OLD, OLD_KERNEL))
    move.run("lock")

    result = move.run("diff", "main", "--stat")

    assert (result.exit_code, result.stderr) == (1, "")


def test_a_fallback_from_another_registry_has_not_gone_back(folder: Path) -> None:
    move = Move(folder=folder, spec={"fallbackVersions": [OLD], "strict": True})
    commit_locked(move)
    move.repository = "registry.example/mirror"
    locked = move.run("lock")

    result = move.run("diff", "main", "--stat")

    assert (locked.exit_code, "go back" in locked.stderr) == (0, False)
    assert (result.exit_code, result.stderr) == (1, "")
    assert lines(result)[1] == "2 pools changed"
