"""The JSON of every command has one shape and fits its schema, whether the run succeeds or fails."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from fakes.registry import FakeRegistry, image
from gitops_doca.core.diagnostics import Category
from gitops_doca.sources.reading.schema import SCHEMAS, schema_text
from support.cli import Result
from support.in_process import run_here
from support.inputs import VERSION, Pool, write_inputs
from support.repository import commit, start
from support.status_cluster import StatusCluster

A, B = (Pool(kernel=f"5.15.0-{number}-generic") for number in (101, 102))
PATH = "nvidia/mellanox"
MANIFEST, CONFIG = image()
POLICY = {"kind": "NicClusterPolicy", "name": "nic-cluster-policy"}
DOCUMENTS = (
    *("diff", "doctor", "inventory-check", "lock-check", "matrix", "report", "status", "upgrade"),
    "verification",
)
RESULTS = {
    "DriverReport": "clusters",
    "DriverMatrix": "repositories",
    "DriverDiff": "pools",
    "DriverLockCheck": "locks",
    "DriverVerification": "differences",
    "DriverStatus": "pools",
    "DriverUpgrade": "pools",
    "NodeInventoryCheck": "differences",
    "DriverDoctor": "checks",
}
"""A key that each document has when the run had a result."""


class World:
    """A repository with a cluster in `clusters/a`, its registry, and the live cluster of another folder."""

    def __init__(self, folder: Path, registry: FakeRegistry, live: StatusCluster) -> None:
        self.root, self.cluster, self.live = folder, folder / "clusters" / "a", live
        start(folder)
        self.cluster.mkdir(parents=True)
        write_inputs(self.cluster, repository=f"{registry.host}/{PATH}", pools=[A], forced=True)
        (self.cluster / "gitops-doca.yaml").write_text(
            "apiVersion: gitops-doca.dev/v1alpha1\nkind: DriverGenerator\nspec:\n"
            "  policies: [policy.yaml]\n  inventory: nodes.json\n"
        )
        assert self("lock", "clusters/a/").exit_code == 0
        (folder / "built.yaml").write_bytes(self("generate", "clusters/a").stdout)
        (folder / "inventory.yaml").write_bytes(self("inventory").stdout)
        commit(folder)

    def __call__(self, *arguments: str) -> Result:
        return run_here(*arguments, cwd=self.root, env={"KUBECONFIG": str(self.live.kubeconfig)})

    def change(self) -> None:
        """Give the cluster another pool, which the lock does not know, and a node without any."""
        text = (self.cluster / "nodes.json").read_text()
        (self.cluster / "nodes.json").write_text(text.replace(A.kernel, B.kernel))

    def break_config(self) -> None:
        (self.cluster / "gitops-doca.yaml").write_text("kind: DriverGenerator\n")


@pytest.fixture
def world(tmp_path: Path, cluster: StatusCluster) -> Iterator[World]:
    tags = {f"{PATH}/doca-driver": {pool.tag: MANIFEST for pool in (A, B)}}
    with FakeRegistry(tags=tags, blobs=[CONFIG]) as registry:
        yield World(tmp_path / "repository", registry, cluster)


def document(result: Result) -> dict[str, Any]:
    """Return what a command printed, held against its schema, and against what stderr says."""
    found: dict[str, Any] = json.loads(result.stdout)
    schemas = {json.loads(schema_text(name))["title"]: json.loads(schema_text(name)) for name in DOCUMENTS}
    jsonschema.validate(found, schemas[found["kind"]], cls=jsonschema.Draft202012Validator)
    assert all(problem["message"] in result.stderr for problem in found["diagnostics"])
    return found


Command = tuple[str, ...]
COMMANDS: dict[str, tuple[Command, int]] = {
    "check": (("check", "clusters/a/"), 6),
    "check online": (("check", "--online", "clusters/a/"), 0),
    "lock --check": (("lock", "--check", "clusters/a/"), 1),
    "matrix": (("matrix", "clusters/a/"), 0),
    "upgrade": (("upgrade", "clusters/a/"), 0),
    "diff": (("diff", "--online", "HEAD", "clusters/a/"), 1),
    "status": (("status", "--online", "clusters/a/"), 1),
    "verify": (("verify", "clusters/a/", "built.yaml"), 0),
    "inventory --check": (("inventory", "clusters/a/", "--check", "inventory.yaml"), 0),
    "doctor": (("doctor", "clusters/a/"), 1),
}


@pytest.mark.parametrize(("arguments", "code"), COMMANDS.values(), ids=COMMANDS)
def test_a_document_of_a_changed_cluster_fits_its_schema(arguments: Command, code: int, world: World) -> None:
    world.change()

    result = world(*arguments, "-o", "json")
    found = document(result)

    assert result.exit_code == code
    assert found["apiVersion"] == "gitops-doca.dev/v1alpha1"
    assert RESULTS[found["kind"]] in found


@pytest.mark.parametrize("arguments", [arguments for arguments, _ in COMMANDS.values()], ids=COMMANDS)
def test_a_document_of_a_run_that_fails_has_the_diagnostics(arguments: Command, world: World) -> None:
    world.break_config()

    result = world(*arguments, "-o", "json")
    (problem,) = document(result)["diagnostics"]

    assert result.exit_code == (1 if arguments[0] == "doctor" else 3)
    assert (problem["severity"], problem["class"], problem["file"]) == (
        "error",
        "input",
        "clusters/a/gitops-doca.yaml",
    )


@pytest.mark.parametrize("command", ["check", "lock --check", "matrix", "upgrade"])
@pytest.mark.parametrize("broken", [False, True])
def test_a_document_of_a_fleet_fits_its_schema(command: str, world: World, *, broken: bool) -> None:
    other = world.root / "clusters" / "b"
    other.mkdir()
    (other / "gitops-doca.yaml").write_text("kind: DriverGenerator\n")
    if broken:
        world.break_config()

    result = world(*command.split(), "clusters/a/", "clusters/b/", "-o", "json")
    found = document(result)

    assert result.exit_code == 3
    assert {problem["file"] for problem in found["diagnostics"]} == {
        "clusters/b/gitops-doca.yaml",
        *(["clusters/a/gitops-doca.yaml"] if broken else []),
    }


@pytest.mark.parametrize(
    ("arguments", "pools"),
    [
        (("check", "--online"), lambda found: found["pools"]),
        (("matrix",), lambda found: found["repositories"][0]["policies"]),
        (("diff", "--online", "HEAD"), lambda found: found["pools"]),
        (("status", "--online"), lambda found: found["pools"]),
        (("lock", "--check"), lambda found: found["locks"][0]["differences"][:2]),
    ],
)
@pytest.mark.parametrize("target", ["clusters/a", "clusters/a/", "clusters/a/gitops-doca.yaml"])
def test_a_pool_names_its_policy_and_its_cluster(
    arguments: Command, pools: Callable[[Any], list[dict[str, Any]]], target: str, world: World
) -> None:
    world.change()

    found = pools(document(world(*arguments, target, "-o", "json")))

    assert found
    assert {(one["cluster"], one["policy"]["name"], one["policy"]["kind"]) for one in found} == {
        ("clusters/a", "nic-cluster-policy", "NicClusterPolicy")
    }


def test_the_working_directory_is_a_dot(world: World) -> None:
    result = run_here("check", "-o", "json", cwd=world.cluster)

    assert document(result) == {
        "apiVersion": "gitops-doca.dev/v1alpha1",
        "kind": "DriverReport",
        "clusters": [{"cluster": ".", "exitCode": 0}],
        "pools": [
            {
                "cluster": ".",
                "pool": A.name,
                "policy": POLICY,
                "daemonSet": document(result)["pools"][0]["daemonSet"],
                "nodes": ["node-1"],
                "tag": A.tag,
                "state": "precompiled",
                "version": VERSION,
                "image": document(result)["pools"][0]["image"],
                "digest": MANIFEST.digest,
            }
        ],
        "companions": [],
        "progress": [],
        "unusedFallbacks": [],
        "unusedCompanions": [],
        "skipped": [],
        "obsoletePlans": [],
        "diagnostics": [],
    }


def test_what_check_prints_is_what_the_report_has(world: World) -> None:
    changes: list[Callable[[], None]] = [lambda: None, world.change, world.break_config]
    for change in changes:
        change()
        result = world("check", "clusters/a", "-o", "json", "--report", "report.json")

        assert (world.root / "report.json").read_bytes() == result.stdout


def test_a_lock_that_differs_is_told_by_pool_and_by_image(world: World) -> None:
    world.change()

    (lock,) = document(world("lock", "--check", "clusters/a", "-o", "json"))["locks"]

    about = {"cluster": "clusters/a", "policy": POLICY}
    assert (lock["exitCode"], lock["file"], lock["matches"]) == (
        1,
        "clusters/a/gitops-doca.lock.yaml",
        False,
    )
    assert lock["differences"][:2] == [
        {"difference": "pool lost", "pool": A.name, **about},
        {"difference": "pool new", "pool": B.name, **about},
    ]
    assert [one["difference"] for one in lock["differences"][2:]] == ["unneeded", "needed"]


def test_a_stream_that_differs_is_told_by_pool(world: World) -> None:
    (world.root / "built.yaml").write_text("kind: List\napiVersion: v1\nitems: []\n")

    result = world("verify", "clusters/a", "built.yaml", "-o", "json")

    assert result.exit_code == 1
    assert document(result) == {
        "apiVersion": "gitops-doca.dev/v1alpha1",
        "kind": "DriverVerification",
        "stream": "built.yaml",
        "matches": False,
        "differences": [{"difference": "missing", "cluster": "clusters/a", "pool": A.name, "policy": POLICY}],
        "diagnostics": [],
    }


def test_an_inventory_that_differs_is_told_with_its_file(world: World) -> None:
    text = (world.root / "inventory.yaml").read_text()
    (world.root / "inventory.yaml").write_text(text.replace("  - node-4\n", "  - node-5\n"))

    result = world("inventory", "--check", "inventory.yaml", "-o", "json")

    assert (result.exit_code, document(result)) == (
        1,
        {
            "apiVersion": "gitops-doca.dev/v1alpha1",
            "kind": "NodeInventoryCheck",
            "cluster": ".",
            "file": "inventory.yaml",
            "matches": False,
            "differences": ["node node-4: new", "node node-5: gone"],
            "diagnostics": [],
        },
    )


@pytest.mark.parametrize("arguments", [("lock",), ("inventory",)])
def test_without_check_there_is_no_format(arguments: Command, world: World) -> None:
    result = world(*arguments, "-o", "json")

    assert (result.exit_code, result.stdout) == (2, b"")
    assert "-o is the format of --check: give that too" in result.stderr


@pytest.mark.parametrize("name", DOCUMENTS)
def test_schemas_describe_diagnostics_policies_and_clusters_alike(name: str) -> None:
    assert name in SCHEMAS
    own, report = (json.loads(schema_text(one)) for one in (name, "report"))

    for shared in ("diagnostics", "policy", "cluster", "pool"):
        assert own["$defs"].get(shared, report["$defs"][shared]) == report["$defs"][shared]
    assert own["properties"]["diagnostics"] == {"$ref": "#/$defs/diagnostics"}
    assert own["$defs"]["diagnostics"]["items"]["properties"]["class"]["enum"] == [
        category.value for category in Category
    ]
