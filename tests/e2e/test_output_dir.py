"""The folder that --output-dir writes, under the real kustomize."""

from pathlib import Path

import pytest
import yaml

from support.cli import ROOT, run_cli
from support.kustomize import build

pytestmark = pytest.mark.e2e

DEMO = ROOT / "fixtures" / "demo"


def test_kustomize_builds_the_objects_that_generate_prints(tmp_path: Path) -> None:
    printed = list(yaml.safe_load_all(run_cli("generate", DEMO, cwd=tmp_path).stdout))
    run_cli("generate", DEMO, "--output-dir", "out", cwd=tmp_path)

    result = build(tmp_path / "out")

    assert (result.exit_code, result.stderr) == (0, "")
    assert list(yaml.safe_load_all(result.stdout)) == printed


def test_kustomize_builds_nothing_of_a_folder_without_objects(tmp_path: Path) -> None:
    (tmp_path / "nodes.yaml").write_text("apiVersion: v1\nkind: List\nitems: []\n")
    (tmp_path / "gitops-doca.yaml").write_text(
        "apiVersion: gitops-doca.dev/v1alpha1\nkind: DriverGenerator\n"
        f"spec: {{policies: [{DEMO}/policy.yaml], inventory: [nodes.yaml], allowEmpty: true}}\n"
    )
    assert run_cli("generate", "--output-dir", "out", cwd=tmp_path).exit_code == 0

    result = build(tmp_path / "out")

    assert (result.exit_code, result.stdout, result.stderr) == (0, b"", "")
