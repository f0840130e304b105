"""How `lock` ends when an image is missing, unknown or wrong, and what it then did to the file."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from fakes.cluster import DIGEST
from fakes.resolver import FakeResolver
from gitops_doca.core.compare.lock import RENDERING
from gitops_doca.core.resolve.lookup import Cause, ImagePlatforms, TagUnknown
from support.cli import Result
from support.in_process import run_here
from support.inputs import Pool, write_inputs

A, B, C = (Pool(kernel=f"5.15.0-{number}-generic") for number in (101, 102, 103))
UNKNOWN = TagUnknown(Cause.TRANSIENT, "503 Service Unavailable")
WRONG = ImagePlatforms(DIGEST, frozenset({"linux/arm64"}))
LOCK = "gitops-doca.lock.yaml"
OLD = f"""\
apiVersion: gitops-doca.dev/v1alpha1
kind: DriverLock
rendering: {RENDERING}
pools: []
repositories: []
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """A folder that has one cluster with the pool A, and others as a test wants them."""

    folder: Path

    def cluster(self, name: str, *pools: Pool, lock: str = OLD) -> None:
        folder = self.folder / name
        folder.mkdir()
        write_inputs(folder, repository="nvcr.io/nvidia/mellanox", pools=pools, forced=True)
        (folder / LOCK).write_text(lock)
        (folder / "gitops-doca.yaml").write_text(
            "apiVersion: gitops-doca.dev/v1alpha1\nkind: DriverGenerator\nspec:\n"
            "  policies: [policy.yaml]\n  inventory: nodes.json\n"
        )

    def ask(self, resolver: FakeResolver, *arguments: str) -> Result:
        return run_here("lock", *arguments, "--report", "report.json", cwd=self.folder, connect=resolver)

    def changed(self) -> list[str]:
        """Return the clusters whose lock is not the old one."""
        return sorted(file.parent.name for file in self.folder.glob(f"*/{LOCK}") if file.read_text() != OLD)

    def codes(self) -> dict[str, int]:
        """Return the exit code of each cluster by the report."""
        report = json.loads((self.folder / "report.json").read_text())
        return {entry["cluster"]: entry["exitCode"] for entry in report["clusters"]}


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(folder=tmp_path)


def classes(result: Result) -> list[str]:
    return [
        line.partition("[")[2].partition("]")[0] for line in result.stderr.splitlines() if "error[" in line
    ]


NOT_LOCKED = {
    "missing beside unknown": (FakeResolver([], faults={B.tag: UNKNOWN}), 5, ["missing", "unknown"]),
    "unknown alone": (FakeResolver([A.tag], faults={B.tag: UNKNOWN}), 5, ["unknown"]),
    "missing beside an image that cannot be read": (
        FakeResolver([B.tag], inspections={B.tag: UNKNOWN}),
        5,
        ["missing", "unknown"],
    ),
    "a wrong platform beside an image that cannot be read": (
        FakeResolver([A.tag, B.tag], inspections={A.tag: WRONG, B.tag: UNKNOWN}),
        5,
        ["missing", "unknown"],
    ),
    "a wrong platform": (FakeResolver([A.tag, B.tag], inspections={B.tag: WRONG}), 4, ["missing"]),
    "a wrong platform beside missing": (
        FakeResolver([B.tag], inspections={B.tag: WRONG}),
        4,
        ["missing", "missing"],
    ),
}


@pytest.mark.parametrize("check", [(), ("--check",)], ids=["lock", "check"])
@pytest.mark.parametrize("others", [(), ("other",)], ids=["one", "fleet"])
@pytest.mark.parametrize("name", NOT_LOCKED)
def test_no_lock_is_written_unless_all_is_known_and_right(
    name: str, others: tuple[str, ...], check: tuple[str, ...], fleet: Fleet
) -> None:
    resolver, code, found = NOT_LOCKED[name]
    fleet.cluster("bad", A, B)
    for other in others:
        fleet.cluster(other, A)
    result = fleet.ask(resolver, "bad", *others, *check)

    assert result.exit_code == code
    assert "bad" not in fleet.changed()
    told = classes(result)
    # What is missing in the other cluster is one more message, and an answer to --check.
    assert told == found or (others and told == ["missing", *found])
    if others:
        assert fleet.codes()["bad"] == code


def test_a_missing_image_is_recorded_and_ends_with_4(fleet: Fleet) -> None:
    fleet.cluster("a", A, B)

    result = fleet.ask(FakeResolver([A.tag]), "a")

    assert (result.exit_code, fleet.changed()) == (4, ["a"])
    assert f"{LOCK}: 1 image locked; 1 pool has no image\n" in result.stderr


def test_a_missing_image_is_an_answer_to_check(fleet: Fleet) -> None:
    fleet.cluster("a", A, B)
    fleet.ask(FakeResolver([A.tag]), "a")

    same = fleet.ask(FakeResolver([A.tag]), "a", "--check")
    there = fleet.ask(FakeResolver([A.tag, B.tag]), "a", "--check")

    assert (same.exit_code, same.stdout, same.stderr) == (0, b"", "")
    assert (there.exit_code, there.stdout.split()[0]) == (1, b"available")


def test_a_wrong_platform_says_that_no_lock_is_written(fleet: Fleet) -> None:
    fleet.cluster("a", A)

    result = fleet.ask(FakeResolver([A.tag], inspections={A.tag: WRONG}), "a")

    assert result.stderr == (
        f"error[missing]: a/policy.yaml:6: spec.ofedDriver: nvcr.io/nvidia/mellanox/doca-driver:{A.tag} "
        "is for linux/arm64, but its tag says linux/amd64, so no lock is written\n"
        f"  digest: {DIGEST}\n"
        "  help: publish an image of the right platform under this tag; a lock never names the wrong one\n"
    )


@pytest.mark.parametrize(
    ("name", "class_"), [("not an inventory", "input"), ("not a lock", "lock"), ("missing", "missing")]
)
def test_a_fleet_ends_with_5_beside_any_other_class_and_writes_the_other_locks(
    name: str, class_: str, fleet: Fleet
) -> None:
    fleet.cluster("good", A)
    fleet.cluster("unknown", B)
    fleet.cluster("bad", *([C] if name == "missing" else [A]), lock="mine\n" if name == "not a lock" else OLD)
    if name == "not an inventory":
        (fleet.folder / "bad/nodes.json").write_text("{")

    result = fleet.ask(FakeResolver([A.tag], faults={B.tag: UNKNOWN}), "bad", "good", "unknown")

    assert (result.exit_code, classes(result)) == (5, [class_, "unknown"])
    written = {"input": ["good"], "lock": ["bad", "good"], "missing": ["bad", "good"]}
    assert fleet.changed() == written[class_]
    bad = {"input": 3, "lock": 6, "missing": 4}
    assert fleet.codes() == {"bad": bad[class_], "unknown": 5, "good": 0}


def test_check_of_a_fleet_ends_with_5_beside_a_lock_that_differs(fleet: Fleet) -> None:
    fleet.cluster("good", A)
    fleet.cluster("unknown", B)

    result = fleet.ask(FakeResolver([A.tag], faults={B.tag: UNKNOWN}), "good", "unknown", "--check")

    assert (result.exit_code, classes(result)) == (5, ["unknown"])
    assert fleet.codes() == {"unknown": 5, "good": 1}
    assert result.stdout.decode().splitlines()[0].startswith("good  pool new")
