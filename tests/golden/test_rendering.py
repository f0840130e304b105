"""The number that locks carry counts up whenever manifests change: see CONTRIBUTING.md."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from shutil import copytree

import pytest
import yaml

from fakes.resolver import FakeResolver
from gitops_doca.core.compare.lock import RENDERING
from gitops_doca.core.diagnostics import Problems
from gitops_doca.emit.yaml import dump_stream
from gitops_doca.sources.config import Settings
from gitops_doca.usecases.generate import generate
from gitops_doca.usecases.look_up import RegistryTags
from support.cli import ROOT
from support.golden import Case, cases
from support.in_process import run_here

RECORD = Path(__file__).with_name("rendering.json")
DEMO = ROOT / "fixtures" / "demo"
VARIANTS: Mapping[str, Mapping[str, object]] = {
    "demo": {},
    "demo, driverLabel": {"driverLabel": True},
    "demo, operatorNames": {"operatorNames": True},
    "demo, pinDigests": {"pinDigests": True},
    "demo, updateStrategy": {"updateStrategy": {"type": "RollingUpdate", "maxUnavailable": 1}},
}
COUNT_UP = (
    "The same inputs give other manifests now. If that is meant, count up RENDERING in "
    "gitops_doca/core/compare/lock.py and `rendering` in the locks of fixtures/ and deploy/, tell it in "
    "CHANGELOG.md "
    "and run this test with --snapshot-update. If the inputs of a case changed, remove its line from "
    "rendering.json before that."
)
NOT_RECORDED = "Run this test with --snapshot-update, which writes rendering.json."


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifests:
    """What a release renders."""

    rendering: int
    sha256: Mapping[str, str]
    """Of the stream of each case."""

    def changed_under_one_number(self, since: "Manifests") -> list[str]:
        """Return the cases whose bytes changed although the number did not."""
        common = self.sha256.keys() & since.sha256 if self.rendering == since.rendering else ()
        return sorted(case for case in common if self.sha256[case] != since.sha256[case])


def rendered_case(case: Case) -> str:
    """Render a golden case in this process, from a registry in memory."""
    objects = case.folder / "objects.yaml"
    settings = Settings(
        policies=(str(case.folder / "policy.yaml"),),
        inventory=(str(case.folder / "nodes.yaml"), *([str(objects)] if objects.exists() else ())),
        namespace=case.namespace,
        openshift=case.openshift,
        init_container_image=case.init_container_image,
    )
    problems = Problems()
    generation = generate(settings, RegistryTags(FakeResolver(case.tags)), problems)
    problems.raise_errors()
    return dump_stream(generation.resources)


def rendered_demo(folder: Path, settings: Mapping[str, object]) -> str:
    copytree(DEMO, folder)
    config = yaml.safe_load((folder / "gitops-doca.yaml").read_text())
    config["spec"] |= settings
    (folder / "gitops-doca.yaml").write_text(yaml.safe_dump(config))
    result = run_here("generate", cwd=folder)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout.decode()


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_manifests_change_only_together_with_the_number_in_the_lock(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    streams = {case.name: rendered_case(case) for case in cases() if case.failure is None}
    streams |= {name: rendered_demo(tmp_path / name, settings) for name, settings in VARIANTS.items()}
    now = Manifests(rendering=RENDERING, sha256={name: digest(text) for name, text in streams.items()})
    recorded = Manifests(**json.loads(RECORD.read_text()))

    assert now.changed_under_one_number(recorded) == [], COUNT_UP
    if request.config.getoption("update_snapshots"):
        RECORD.write_text(json.dumps(asdict(now), indent=2, sort_keys=True) + "\n")
    else:
        assert now == recorded, NOT_RECORDED


def test_a_change_under_one_number_is_found_and_one_under_a_new_number_is_none() -> None:
    recorded = Manifests(rendering=2, sha256={"a": "1", "b": "2", "gone": "3"})
    changed = {"a": "1", "b": "other", "new": "4"}

    assert Manifests(rendering=2, sha256=changed).changed_under_one_number(recorded) == ["b"]
    assert Manifests(rendering=3, sha256=changed).changed_under_one_number(recorded) == []
    assert recorded.changed_under_one_number(recorded) == []


def test_each_digest_is_that_of_the_reviewed_stream() -> None:
    recorded = json.loads(RECORD.read_text())["sha256"]
    folder = Path(__file__).parent / "__snapshots__" / "test_golden"
    snapshots = {
        file.name.partition("[")[2].removesuffix("].yaml"): digest(file.read_text())
        for file in folder.iterdir()
    }

    assert {name: recorded[name] for name in snapshots} == snapshots
    assert recorded.keys() - snapshots == VARIANTS.keys()
