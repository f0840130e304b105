"""docs/argocd.md and README.md tell of the plugin as it is."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from gitops_doca.cli.argocd.parameters import PARAMETERS
from gitops_doca.cli.settings.environment import LIVE
from gitops_doca.cli.settings.flags import REGISTRY_FLAGS, flag_of, variable
from support.application import make_application
from support.cli import ROOT, clean_environment, install

PAGE = (ROOT / "docs" / "argocd.md").read_text()
README = (ROOT / "README.md").read_text()
PLUGIN = yaml.safe_load((ROOT / "plugin.yaml").read_text())


def blocks() -> list[Any]:
    return [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]


def first_cells(header: str) -> list[str]:
    table = PAGE[PAGE.index(f"| {header} |") :].partition("\n\n")[0].splitlines()[2:]
    return [word for line in table for word in re.findall(r"`([^`]+)`", line.split("|")[1])]


def test_the_plugin_runs_the_program_itself_and_has_the_bare_name() -> None:
    assert PLUGIN == {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "ConfigManagementPlugin",
        "metadata": {"name": "gitops-doca"},
        "spec": {
            "generate": {"command": ["gitops-doca", "argocd", "generate"]},
            "parameters": {"dynamic": {"command": ["gitops-doca", "argocd", "parameters"]}},
        },
    }


def test_the_variant_with_discovery_differs_in_nothing_else() -> None:
    variant = next(block for block in blocks() if block["kind"] == "ConfigManagementPlugin")

    assert variant["spec"].pop("discover") == {"fileName": "gitops-doca.yaml"}
    assert variant == PLUGIN


def test_the_application_names_the_plugin() -> None:
    application = next(block for block in blocks() if block["kind"] == "Application")

    assert application["spec"]["source"]["plugin"] == {"name": PLUGIN["metadata"]["name"]}


def test_every_parameter_is_listed() -> None:
    assert first_cells("parameter") == list(PARAMETERS)


def test_every_variable_of_the_operator_is_listed() -> None:
    listed = {name for name in first_cells("variable") if name.startswith("GITOPS_DOCA_")}

    assert listed == {LIVE, *(variable(flag_of(name)) for name in REGISTRY_FLAGS)}


def section() -> str:
    return README[README.index("### Argo CD") :].partition("\n## ")[0].partition("\n### ")[0]


def commands() -> list[str]:
    return [
        line.strip() for line in section().splitlines() if line.startswith("    ") and "gitops-doca" in line
    ]


@pytest.mark.parametrize("command", [line for line in commands() if "generate" in line])
def test_what_the_readme_tells_of_argo_cd_works(command: str, tmp_path: Path) -> None:
    application = make_application(tmp_path / "fleet")
    application.folder.parent.rename(tmp_path / "fleet" / "clusters")
    (tmp_path / "fleet" / "clusters" / "drivers").rename(tmp_path / "fleet" / "clusters" / "a")
    programs = tmp_path / "bin"
    programs.mkdir()
    install(programs)
    path = f"{programs}:{os.environ['PATH']}"

    run = subprocess.run(
        ["sh", "-c", command],
        cwd=tmp_path / "fleet",
        env=clean_environment() | {"PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.count("kind: DaemonSet\n") == 3


def test_the_readme_is_short_about_it_and_has_commands_to_try() -> None:
    assert len(section().strip().splitlines()) < 15
    assert len([line for line in commands() if "generate" in line]) == 2
