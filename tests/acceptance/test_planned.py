"""Planned pools on the command line: what is printed, and what each mistake in them gets."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from syrupy.assertion import SnapshotAssertion

from fakes.resolver import FakeResolver
from support.cli import Result
from support.in_process import run_here
from support.inputs import VERSION, Pool, write_inputs

OLD, NEW = Pool(kernel="5.15.0-91-generic"), Pool(kernel="5.15.0-105-generic")
ENTRY = {"os": "ubuntu", "osVersion": "22.04", "kernel": NEW.kernel, "arch": "amd64"}
FIELD = "spec.planned[0]"


def run(
    folder: Path,
    *flags: str,
    planned: Any,
    pools: tuple[Pool, ...] = (OLD,),
    tags: tuple[str, ...] = (OLD.tag, NEW.tag),
    settings: Mapping[str, Any] | None = None,
) -> Result:
    """Run a command (`generate` without one) on a config with plans and a registry with these tags."""
    write_inputs(folder, repository="nvcr.io/nvidia/mellanox", pools=pools, forced=True)
    spec = {"policies": ["policy.yaml"], "inventory": "nodes.json", "planned": planned, **(settings or {})}
    config = {"apiVersion": "gitops-doca.dev/v1alpha1", "kind": "DriverGenerator", "spec": spec}
    (folder / "gitops-doca.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    return run_here(*(flags or ("generate",)), cwd=folder, connect=FakeResolver(tags))


def errors(result: Result, code: int = 3) -> list[str]:
    assert (result.exit_code, result.stdout) == (code, b"")
    return [line for line in result.stderr.splitlines() if line.startswith("error")]


def test_a_plan_is_rendered_like_a_pool_with_nodes(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    planned = run(tmp_path, planned=[ENTRY])
    real = run(tmp_path, planned=[], pools=(OLD, NEW))

    assert (planned.exit_code, planned.stderr) == (0, "")
    assert planned.stdout == real.stdout
    assert planned.stdout.decode() == snapshot


def test_plans_alone_are_not_nothing_to_render(tmp_path: Path) -> None:
    result = run(tmp_path, planned=[ENTRY], pools=())

    assert (result.exit_code, result.stderr) == (0, "")
    names = [item["metadata"]["name"] for item in yaml.safe_load_all(result.stdout)]
    assert len(names) == 2


def test_a_plan_that_a_node_fulfils_is_no_second_daemon_set_and_can_go(tmp_path: Path) -> None:
    result = run(tmp_path, "generate", "-v", planned=[ENTRY], pools=(OLD, NEW))

    assert result.stdout == run(tmp_path, planned=[], pools=(OLD, NEW)).stdout
    note = f"plan done: nodes run {NEW.name} now, so remove it from the config (gitops-doca.yaml:8: {FIELD})"
    assert result.stderr.splitlines()[-1] == f"info: {note}"
    table = run(tmp_path, "check", planned=[ENTRY], pools=(OLD, NEW)).stdout.decode()
    assert table.splitlines()[-1] == note


def test_check_and_v_mark_a_plan(tmp_path: Path) -> None:
    result = run(tmp_path, "check", "-v", "-o", "json", planned=[ENTRY])

    pools = json.loads(result.stdout)["pools"]
    assert [(pool["pool"], pool["nodes"], pool.get("planned")) for pool in pools] == [
        (NEW.name, [], True),
        (OLD.name, ["node-1"], None),
    ]
    assert f"info: pool {NEW.name}: precompiled, " in result.stderr
    assert f"{NEW.tag}, planned, no node runs it yet\n" in result.stderr


def test_a_planned_kernel_without_its_image_is_missing(tmp_path: Path) -> None:
    result = run(tmp_path, planned=[ENTRY], tags=(OLD.tag,))

    assert errors(result, 4) == [
        (
            f"error[missing]: gitops-doca.yaml:8: {FIELD}: ForcePrecompiled is enabled and precompiled tag "
            f"was not found: {NEW.tag} in nvcr.io/nvidia/mellanox/doca-driver"
        )
    ]
    assert f"  pool {NEW.name}: planned, no node runs it yet\n" in result.stderr
    assert "1 node" not in result.stderr


@pytest.mark.parametrize("field", ["os", "osVersion", "kernel", "arch"])
def test_a_field_that_is_left_out_is_told_with_its_place(field: str, tmp_path: Path) -> None:
    entry = {name: value for name, value in ENTRY.items() if name != field}

    assert errors(run(tmp_path, planned=[entry])) == [
        f"error[input]: gitops-doca.yaml:8: {FIELD}: the field {field!r} is required"
    ]


@pytest.mark.parametrize(
    ("change", "line", "error"),
    [
        (
            {"osVersion": 22.04},
            9,
            (
                f'{FIELD}.osVersion: 22.04 is a number to YAML, not a version such as "24.04"; '
                'put it in quotes: osVersion: "22.04"'
            ),
        ),
        ({"kernle": "x"}, 12, f"{FIELD}.kernle: unknown field 'kernle'; did you mean 'kernel'?"),
        (
            {"arch": "aarch64"},
            11,
            (f"{FIELD}.arch: 'aarch64' is not how Kubernetes names an architecture; did you mean 'arm64'?"),
        ),
        (
            {"containerRuntime": "crio"},
            12,
            (f"{FIELD}.containerRuntime: 'crio' is not containerd or cri-o or docker; did you mean 'cri-o'?"),
        ),
        (
            {"policies": ["nic-cluster-polcy"]},
            12,
            (
                f"{FIELD}.policies: there is no policy 'nic-cluster-polcy' with ofedDriver; "
                "did you mean 'nic-cluster-policy'?"
            ),
        ),
        ({"policies": []}, 12, f"{FIELD}.policies: a list is not a list of at least one policy's name"),
        (
            {"kernel": "5.14.0+64k"},
            10,
            (
                f"{FIELD}.kernel: planned pool: '5.14.0+64k' cannot be the value of a label "
                "(letters, digits and - _ . between them, at most 63 characters)"
            ),
        ),
        (
            {"os": "rhel"},
            8,
            (
                f"{FIELD}: planned pool rhel22.04/{NEW.kernel}/amd64 has no containerRuntime, and "
                "RHEL's subscription is mounted under all but cri-o"
            ),
        ),
    ],
)
def test_a_mistake_in_a_plan_is_told_with_its_place(
    change: dict[str, Any], line: int, error: str, tmp_path: Path
) -> None:
    assert errors(run(tmp_path, planned=[ENTRY | change])) == [
        f"error[input]: gitops-doca.yaml:{line}: {error}"
    ]


def test_one_pool_planned_twice_is_told_with_both_places(tmp_path: Path) -> None:
    assert errors(run(tmp_path, planned=[ENTRY, dict(ENTRY)])) == [
        (
            "error[input]: gitops-doca.yaml:12: spec.planned[1]: "
            f"{NEW.name} is planned twice for nic-cluster-policy; "
            f"the first is at gitops-doca.yaml:8: {FIELD}"
        )
    ]


def test_a_plan_that_compiles_needs_its_toolkit_release(tmp_path: Path) -> None:
    entry = ENTRY | {"os": "rhcos", "osVersion": "4.17"}
    write_inputs(tmp_path, repository="nvcr.io/nvidia/mellanox", pools=(OLD,), forced=False)
    free = yaml.safe_load((tmp_path / "policy.yaml").read_text())
    tags = (OLD.tag, f"{VERSION}-rhcos4.17-amd64")

    found = errors(run(tmp_path, planned=[entry], tags=tags, settings={"policies": [free]}))

    assert [line.partition(" planned pool ")[2] for line in found] == [
        (
            f"rhcos4.17/{NEW.kernel}/amd64 compiles with OpenShift's driver toolkit, and has no "
            "ostreeVersion, which chooses its image"
        )
    ]


def test_plans_count_as_pools_of_a_run(tmp_path: Path) -> None:
    planned = [ENTRY | {"kernel": f"{number}-a"} for number in range(501)]

    assert errors(run(tmp_path, planned=planned)) == [
        "error[input]: 502 pools are in the inventory and plans, and a run renders at most 500"
    ]


def test_the_settings_are_explained_with_plans(tmp_path: Path) -> None:
    result = run(tmp_path, "generate", "--explain-config", planned=[ENTRY])

    (line,) = [line for line in result.stdout.decode().splitlines() if line.startswith("planned")]
    assert line.split() == ["planned", NEW.name, "#", "gitops-doca.yaml:7"]
