"""Images besides the driver that a pool's kernel needs: the GPU driver's."""

import json
from pathlib import Path
from typing import Any

import pytest

from fakes.cluster import DIGEST
from fakes.resolver import FakeResolver
from gitops_doca.core.resolve.lookup import Cause, ImagePlatforms, TagList, TagUnknown
from support.in_process import run_here
from support.move import GPU_DRIVER, NEW, NEW_KERNEL, OLD, OLD_KERNEL, Move, gpu_tag, plan, tag

BOTH = ImagePlatforms(DIGEST, frozenset({"linux/amd64", "linux/arm64"}))
IMAGE = "nvcr.io/nvidia/driver"
DRIVERS = (tag(OLD, OLD_KERNEL), tag(NEW, NEW_KERNEL))
UNKNOWN = TagUnknown(Cause.TRANSIENT, "503 Service Unavailable")


@pytest.fixture
def move(tmp_path: Path) -> Move:
    """One node with a GPU on the old kernel; the new one is planned, and all images are published."""
    return Move(
        folder=tmp_path,
        nodes={"gpu-1": OLD_KERNEL},
        spec={"fallbackVersions": [OLD], "companions": [GPU_DRIVER], "planned": [plan(NEW_KERNEL)]},
        published=(*DRIVERS, gpu_tag(OLD_KERNEL), gpu_tag(NEW_KERNEL)),
        inspections={gpu_tag(OLD_KERNEL): BOTH, gpu_tag(NEW_KERNEL): BOTH},
    )


def companions(move: Move) -> list[tuple[str, str]]:
    report = json.loads(move.run("check", "-o", "json").stdout)
    return [(one["image"].rpartition(":")[2], one["state"]) for one in report["companions"]]


def test_companions_stand_below_the_table_and_never_in_the_manifests(move: Move) -> None:
    result = move.run("check")

    assert result.exit_code == 0
    assert result.stdout.decode().splitlines()[-2:] == [
        f"companion gpu-driver exists: {IMAGE}:{gpu_tag(OLD_KERNEL)} for ubuntu24.04/{OLD_KERNEL}/amd64",
        f"companion gpu-driver exists: {IMAGE}:{gpu_tag(NEW_KERNEL)} for ubuntu24.04/{NEW_KERNEL}/amd64",
    ]
    assert IMAGE.encode() not in move.run("generate").stdout


def test_the_lock_records_them_and_gives_the_same_answers(move: Move) -> None:
    online = move.run("generate", "--online").stdout
    locked = move.run("lock")

    assert (locked.exit_code, move.run("generate", "--locked").stdout) == (0, online)
    assert "4 images locked" in locked.stderr
    assert move.lock["companions"] == [
        {"image": f"{IMAGE}:{gpu_tag(kernel)}", "digest": DIGEST, "platforms": ["linux/amd64", "linux/arm64"]}
        for kernel in (OLD_KERNEL, NEW_KERNEL)
    ]
    assert companions(move) == [(gpu_tag(OLD_KERNEL), "exists"), (gpu_tag(NEW_KERNEL), "exists")]
    assert move.run("lock", "--check").exit_code == 0


def test_a_lock_without_a_companion_is_out_of_date(move: Move) -> None:
    spec = move.spec
    move.spec = {name: value for name, value in spec.items() if name != "companions"}
    move.run("lock")
    move.spec = spec

    result = move.run("generate")

    assert (result.exit_code, result.stdout) == (6, b"")
    assert "2 companions are not locked" in result.stderr


@pytest.mark.parametrize("command", ["check", "generate"])
def test_missing_for_a_planned_pool_is_an_error(move: Move, command: str) -> None:
    move.published = (*DRIVERS, gpu_tag(OLD_KERNEL))

    result = move.run(command)

    assert result.exit_code == 4
    assert result.stderr.startswith(
        f"error[missing]: gitops-doca.yaml:7: spec.companions[0]: companion gpu-driver is missing: "
        f"{gpu_tag(NEW_KERNEL)} was not found in {IMAGE}\n"
        f"  pool ubuntu24.04/{NEW_KERNEL}/amd64: planned, no node runs it yet\n"
    )


def test_the_lock_of_a_missing_companion_is_written_and_ends_with_4(move: Move) -> None:
    move.published = (*DRIVERS, gpu_tag(OLD_KERNEL))

    assert move.run("lock").exit_code == 4
    assert move.lock["companions"][1] == {"image": f"{IMAGE}:{gpu_tag(NEW_KERNEL)}", "missing": True}
    result = move.run("generate")
    assert result.exit_code == 4
    assert "gitops-doca.lock.yaml records this" in result.stderr
    move.published = (*move.published, gpu_tag(NEW_KERNEL))
    assert move.run("lock", "--check").stdout.decode().split()[:2] == [
        "available",
        f"{IMAGE}:{gpu_tag(NEW_KERNEL)}",
    ]


@pytest.mark.parametrize(("strict", "code"), [(False, 0), (True, 4)])
def test_missing_for_nodes_is_a_warning_and_refused_under_strict(
    move: Move, code: int, *, strict: bool
) -> None:
    move.published = (*DRIVERS, gpu_tag(NEW_KERNEL))
    move.spec["strict"] = strict

    result, locked = move.run("check"), move.run("lock")

    assert (result.exit_code, locked.exit_code) == (code, code)
    assert f"companion gpu-driver is missing: {gpu_tag(OLD_KERNEL)} was not found" in result.stderr
    assert (move.folder / "gitops-doca.lock.yaml").exists() is not strict
    assert (", so no lock is written (strict)" in locked.stderr) is strict


@pytest.mark.parametrize(("kernel", "code"), [(OLD_KERNEL, 0), (NEW_KERNEL, 5)])
def test_unknown_is_an_error_for_a_plan_and_for_every_lock(move: Move, kernel: str, code: int) -> None:
    move.faults = {gpu_tag(kernel): UNKNOWN}

    assert move.run("check").exit_code == code
    assert move.run("lock").exit_code == 5
    assert not (move.folder / "gitops-doca.lock.yaml").exists()
    assert f"cannot tell whether companion gpu-driver exists as {IMAGE}:{gpu_tag(kernel)}" in (
        move.run("check").stderr
    )


def test_an_index_that_lacks_the_architecture_is_missing_for_it(move: Move) -> None:
    move.inspections[gpu_tag(NEW_KERNEL)] = ImagePlatforms(DIGEST, frozenset({"linux/arm64"}))

    result = move.run("generate")

    assert result.exit_code == 4
    assert (
        f"companion gpu-driver is missing for linux/amd64: {IMAGE}:{gpu_tag(NEW_KERNEL)} is for linux/arm64"
        in result.stderr
    )


def test_a_companion_that_is_listed_but_said_to_be_missing_is_unknown(move: Move) -> None:
    move.published = (*DRIVERS, gpu_tag(OLD_KERNEL))
    move.write()
    lists = TagList(frozenset({*move.published, gpu_tag(NEW_KERNEL)}), complete=True)
    resolver = FakeResolver(move.published, lists=lists, inspections=move.inspections)

    result = run_here("check", cwd=move.folder, connect=resolver)

    assert result.exit_code == 5
    assert "the tag list holds this tag, but its manifest is said not to exist" in result.stderr


def test_the_first_node_without_a_gpu_keeps_the_companion_of_the_plan(move: Move) -> None:
    move.run("lock")
    before = move.lock["companions"]
    move.nodes = {"gpu-1": OLD_KERNEL, "cpu-1": NEW_KERNEL}

    move.run("lock")

    assert move.lock["companions"] == before


def test_a_plan_may_need_none(move: Move) -> None:
    move.spec["planned"] = [plan(NEW_KERNEL, companions=[])]

    assert companions(move) == [(gpu_tag(OLD_KERNEL), "exists")]


def test_the_mirror_list_has_what_is_chosen_and_the_companions(move: Move) -> None:
    assert move.run("check", "-o", "mirror").stdout.decode().splitlines() == [
        f"{IMAGE}:{gpu_tag(OLD_KERNEL)}",
        f"{IMAGE}:{gpu_tag(NEW_KERNEL)}",
        f"nvcr.io/nvidia/mellanox/doca-driver:{tag(OLD, OLD_KERNEL)}",
        f"nvcr.io/nvidia/mellanox/doca-driver:{tag(NEW, NEW_KERNEL)}",
    ]


def test_under_emit_policies_companions_are_checked_too(move: Move) -> None:
    move.version, move.nodes = NEW, {"gpu-1": NEW_KERNEL}
    move.spec = {"emit": "policies", "companions": [GPU_DRIVER], "strict": True}
    assert move.run("generate").exit_code == 0
    move.published = DRIVERS

    result = move.run("generate")

    assert (result.exit_code, result.stdout) == (4, b"")


def test_a_compact_inventory_without_the_companions_label_is_an_error(move: Move) -> None:
    move.write()
    (move.folder / "nodes.yaml").write_text(
        "apiVersion: gitops-doca.dev/v1alpha1\n"
        "kind: NodeInventory\n"
        "groups:\n"
        "- labels:\n"
        f"    feature.node.kubernetes.io/kernel-version.full: {OLD_KERNEL}\n"
        "    feature.node.kubernetes.io/system-os_release.ID: ubuntu\n"
        "    feature.node.kubernetes.io/system-os_release.VERSION_ID: '24.04'\n"
        "    kubernetes.io/arch: amd64\n"
        "  nodes: [gpu-1]\n"
    )

    result = run_here("check", cwd=move.folder, connect=move.resolver)

    assert (result.exit_code, result.stdout) == (3, b"")
    assert result.stderr.splitlines()[0].endswith(
        "the compact inventory does not hold the label 'nvidia.com/gpu.present', by which companion "
        "gpu-driver selects nodes"
    )


@pytest.mark.parametrize(
    ("change", "place", "message"),
    [
        ({"tag": "580-{version}"}, "tag", "'580-{version}' has braces that are not placeholders: {version}"),
        ({"tag": "580-{kernel"}, "tag", "'580-{kernel' has braces that are not placeholders: {"),
        ({"tag": "{kernel}/x"}, "tag", "the tag of companion gpu-driver for pool ubuntu24.04/"),
        ({"image": "https://nvcr.io/x"}, "image", "has a scheme; a repository is written without https://"),
        ({"image": "nvcr.io/x:1"}, "image", "has a tag; a repository is written without one"),
        ({"name": "GPU driver"}, "name", "a name of lower-case letters, digits and -"),
        ({"nodeSelector": {"a": True}}, "nodeSelector.a", "a label's value"),
        ({"nodeSelector": {"a": None}}, "nodeSelector.a", "nothing is not a label's value"),
        ({"tags": "x"}, "tags", "unknown field"),
    ],
)
def test_a_companion_that_cannot_be_used_is_an_input_error_at_its_place(
    move: Move, change: dict[str, Any], place: str, message: str
) -> None:
    move.spec["companions"] = [{**GPU_DRIVER, **change}]

    result = move.run("check")

    assert (result.exit_code, result.stdout) == (3, b"")
    first = result.stderr.splitlines()[0]
    assert first.startswith("error[input]: gitops-doca.yaml:")
    assert f": spec.companions[0].{place}: " in first
    assert message in first


def test_two_companions_of_one_name_are_an_error(move: Move) -> None:
    move.spec["companions"] = [GPU_DRIVER, GPU_DRIVER]

    assert "spec.companions[1].name: 'gpu-driver' appears twice" in move.run("check").stderr


def test_a_plan_names_no_companion(move: Move) -> None:
    move.spec["planned"] = [plan(NEW_KERNEL, companions=["gpu-driver"])]

    result = move.run("check")

    assert result.exit_code == 3
    assert "an empty list, for a pool that needs no companion" in result.stderr


def test_a_companion_that_no_pool_needs_is_named(move: Move) -> None:
    move.spec["companions"] = [{**GPU_DRIVER, "nodeSelector": {"nvidia.com/gpu.absent": "true"}}]
    note = "companion gpu-driver: no pool needs it; check the labels in its nodeSelector, or remove it\n"

    result = move.run("check", "--report", "report.json")

    assert note in result.stdout.decode()
    assert note in move.run("generate", "-v").stderr
    report = json.loads((move.folder / "report.json").read_text())
    assert report["unusedCompanions"] == [{"cluster": ".", "name": "gpu-driver"}]
    assert report["companions"] == []
