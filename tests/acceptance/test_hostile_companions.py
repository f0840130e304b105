"""Fallback versions, companions and their lock from a tenant who means harm, or from a careless hand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from fakes.cluster import DIGEST
from gitops_doca.core.resolve.lookup import ImagePlatforms
from support.move import GPU_DRIVER, NEW, NEW_KERNEL, OLD, OLD_KERNEL, Move, gpu_tag, plan, tag

BOTH = ImagePlatforms(DIGEST, frozenset({"linux/amd64", "linux/arm64"}))
DRIVER = f"nvcr.io/nvidia/mellanox/doca-driver:{tag(OLD, OLD_KERNEL)}"
OTHER_DIGEST = "sha256:" + "b" * 64


@pytest.fixture
def move(tmp_path: Path) -> Move:
    """One node with a GPU on the old kernel; the new one is planned, and all images are published."""
    return Move(
        folder=tmp_path,
        nodes={"gpu-1": OLD_KERNEL},
        spec={
            "fallbackVersions": [OLD],
            "companions": [GPU_DRIVER],
            "planned": [plan(NEW_KERNEL)],
            "pinDigests": True,
        },
        published=(tag(OLD, OLD_KERNEL), tag(NEW, NEW_KERNEL), gpu_tag(OLD_KERNEL), gpu_tag(NEW_KERNEL)),
        inspections={gpu_tag(OLD_KERNEL): BOTH, gpu_tag(NEW_KERNEL): BOTH},
    )


def forge(move: Move, change: Callable[[Any], object]) -> None:
    """Write the lock, then change what is in it."""
    move.run("lock")
    lock = move.lock
    change(lock)
    (move.folder / "gitops-doca.lock.yaml").write_text(yaml.safe_dump(lock))


@pytest.mark.parametrize("answer", [{"digest": OTHER_DIGEST}, {"missing": True}])
def test_a_companion_never_answers_for_a_driver(move: Move, answer: dict[str, Any]) -> None:
    forge(move, lambda lock: lock["companions"].append({"image": DRIVER, **answer}))

    result = move.run("generate")

    assert (result.exit_code, result.stdout) == (6, b"")
    assert result.stderr.startswith("error[lock]: gitops-doca.lock.yaml:")
    assert f": companions[2].image: {DRIVER} has another entry among the repositories\n" in result.stderr


def test_a_drivers_tag_that_stands_among_the_companions_alone_is_not_locked(move: Move) -> None:
    def change(lock: Any) -> None:
        del lock["repositories"][0]["tags"][0], lock["pools"][0]["image"]
        lock["companions"].append({"image": DRIVER, "digest": OTHER_DIGEST})

    forge(move, change)

    result = move.run("generate")

    assert (result.exit_code, result.stdout) == (6, b"")
    assert f"tag {tag(OLD, OLD_KERNEL)} of nvcr.io/nvidia/mellanox/doca-driver is not locked" in result.stderr


def test_a_drivers_image_may_be_a_companion_too(move: Move) -> None:
    move.spec["companions"] = [
        {
            "name": "driver",
            "image": "nvcr.io/nvidia/mellanox/doca-driver",
            "tag": f"{OLD}-{{kernel}}-{{os}}{{osVersion}}-{{arch}}",
            "nodeSelector": GPU_DRIVER["nodeSelector"],
        }
    ]
    move.spec["planned"] = [plan(NEW_KERNEL, companions=[])]
    online = move.run("generate", "--online").stdout

    assert move.run("lock").exit_code == 0
    assert move.run("generate", "--locked").stdout == online


@pytest.mark.parametrize("path", [("companions", 0), ("repositories", 0, "tags", 0)])
def test_an_entry_is_never_both_there_and_missing(move: Move, path: tuple[Any, ...]) -> None:
    def change(lock: Any) -> None:
        for step in path:
            lock = lock[step]
        lock["missing"] = True
        lock.pop("platform", None)

    forge(move, change)

    result = move.run("generate")

    assert result.exit_code == 6
    assert "is not an entry with either digest or missing: true" in result.stderr


def test_a_fallback_whose_tag_no_registry_can_hold_is_an_input_error(move: Move) -> None:
    move.spec |= {"fallbackVersions": ["x" * 100], "planned": []}

    result = move.run("check")

    assert (result.exit_code, result.stdout) == (3, b"")
    assert result.stderr.startswith("error[input]: nodes.yaml:")
    assert (
        f": node gpu-1: '{'x' * 100}-{OLD_KERNEL}-ubuntu24.04-amd64' cannot be a tag: at most 128"
        in result.stderr
    )


def test_the_place_of_a_companions_tag_is_its_line(move: Move) -> None:
    move.spec["companions"] = [{**GPU_DRIVER, "tag": "{kernel}/x"}]

    result = move.run("check")

    lines = (move.folder / "gitops-doca.yaml").read_text().splitlines()
    number = next(number for number, line in enumerate(lines, 1) if "{kernel}/x" in line)
    assert result.stderr.startswith(f"error[input]: gitops-doca.yaml:{number}: spec.companions[0].tag: ")


@pytest.mark.parametrize("text", ["x" * 100_000 + "{kernel}", "{" * 100_000])
def test_a_tag_without_end_is_refused_before_it_is_filled_for_every_pool(move: Move, text: str) -> None:
    move.spec["companions"] = [{**GPU_DRIVER, "tag": text}]

    result = move.run("check")

    assert result.exit_code == 3
    assert result.stderr.count("error[input]") == 1
    assert ": spec.companions[0].tag: '" in result.stderr
    assert len(result.stderr) < 500


def test_two_companions_of_one_image_are_both_named(move: Move) -> None:
    move.spec["companions"] = [GPU_DRIVER, {**GPU_DRIVER, "name": "fabric-manager"}]
    move.published = (tag(OLD, OLD_KERNEL), tag(NEW, NEW_KERNEL), gpu_tag(OLD_KERNEL))

    result = move.run("check")

    assert result.exit_code == 4
    assert "companion gpu-driver is missing" in result.stderr
    assert "spec.companions[1]: companion fabric-manager is missing" in result.stderr
