"""Fallback versions, companions and their lock from a tenant who means harm, or from a careless hand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from fakes.cluster import DIGEST
from fakes.registry import FakeRegistry
from gitops_doca.core.resolve.lookup import Cause, ImagePlatforms, TagUnknown
from support.application import Application, make_application
from support.cli import Result
from support.inputs import VERSION, Pool, write_inputs
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


@pytest.mark.parametrize(
    ("cause", "help"),
    [
        (Cause.AUTH, "give credentials for this repository with --registry-config, then run again"),
        (Cause.DNS, "correct the registry's name, or the name server, then run again"),
        (Cause.DEADLINE, "give more time with --deadline, then run again"),
    ],
)
def test_what_to_do_about_an_unknown_companion_is_for_its_cause(move: Move, cause: Cause, help: str) -> None:
    move.faults = {gpu_tag(NEW_KERNEL): TagUnknown(cause, "no answer")}

    result = move.run("check")

    assert result.exit_code == 5
    assert f"  help: {help}\n" in result.stderr


@pytest.fixture
def application(tmp_path: Path) -> Application:
    """One pool that runs a fallback version, as Argo CD hands it to the plugin, without a lock."""
    application = make_application(tmp_path / "repository")
    (application.folder / "gitops-doca.lock.yaml").unlink()
    return application


def ask(application: Application, registry: FakeRegistry, image: str, environment: dict[str, str]) -> Result:
    """Call the plugin with a companion."""
    write_inputs(application.folder, repository=f"{registry.host}/nvidia", pools=[POOL], forced=True)
    companion = {"name": "gpu-driver", "image": image, "tag": "580-{kernel}"}
    spec = {"policies": "policy.yaml", "inventory": "nodes.json", "companions": [companion]}
    config = {
        "apiVersion": "gitops-doca.dev/v1alpha1",
        "kind": "DriverGenerator",
        "spec": {**spec, "fallbackVersions": [FALLBACK]},
    }
    (application.folder / "gitops-doca.yaml").write_text(yaml.safe_dump(config))
    return application.generate(env=environment)


POOL = Pool(kernel="5.15.0-91-generic")
FALLBACK = "24.10-0.7.0.0-0"
TAGS = {"nvidia/doca-driver": [POOL.tag.replace(VERSION, FALLBACK)]}


@pytest.mark.parametrize(
    "image",
    [
        "127.0.0.1:{port}/x",
        "LOCALHOST:{port}/x",
        "[::1]:{port}/x",
        "2130706433:{port}/x",
        "nvcr.io:{port}/x",
        "127.0.0.1:{own}/other/driver",
        "nvidia/driver",
    ],
)
def test_no_companion_leads_to_a_registry_that_the_side_car_does_not_list(
    application: Application, image: str
) -> None:
    with FakeRegistry(tags=TAGS) as registry, FakeRegistry() as other:
        image = image.format(port=other.port, own=registry.port)
        result = ask(
            application, registry, image, {"GITOPS_DOCA_ALLOWED_REGISTRY": f"{registry.host}/nvidia"}
        )

        assert result.exit_code == 0
        assert f"exists as {image}:580-{POOL.kernel}: " in result.stderr
        assert "is not in the allowed registries" in result.stderr
        assert other.requests == []
        assert not any("/other/" in request.path for request in registry.requests)


def test_a_companions_registry_that_hangs_takes_no_time_from_the_drivers(application: Application) -> None:
    with FakeRegistry(tags=TAGS) as registry, FakeRegistry(latency=60) as slow:
        hosts = {"GITOPS_DOCA_ALLOWED_REGISTRY": f"{registry.host} {slow.host}", "GITOPS_DOCA_DEADLINE": "2"}
        result = ask(application, registry, f"{slow.host}/x", hosts)

    assert result.exit_code == 0
    assert FALLBACK.encode() in result.stdout
    assert "warning: gitops-doca.yaml:" in result.stderr
    assert "cannot tell whether companion gpu-driver exists" in result.stderr
