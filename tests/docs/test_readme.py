"""What README.md shows is what the commands print."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from fakes.resolver import FakeResolver
from gitops_doca.cli import cli
from support.in_process import run_here
from support.published import published_tags
from support.repository import start_demo
from support.upgrade import change

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def test_the_help_is_the_one_that_the_command_prints() -> None:
    shown = re.search(r"<!-- begin help -->\n```\n(.*?)```\n<!-- end help -->", README, re.DOTALL)
    printed = CliRunner().invoke(cli, ["generate", "--help"], prog_name="gitops-doca", terminal_width=100)

    assert shown is not None
    assert shown[1] == printed.output


def test_every_link_leads_to_a_file() -> None:
    targets = re.findall(r"\]\(([^)#:]+)\)", README)

    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_the_config_in_it_is_valid(tmp_path: Path) -> None:
    text = re.search(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert text is not None
    (tmp_path / "gitops-doca.yaml").write_text(text[1])

    result = CliRunner().invoke(cli, ["generate", str(tmp_path), "--explain-config"])

    assert result.exit_code == 0
    assert "nvidia-network-operator" in result.output


def test_the_matrix_is_the_one_of_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = FakeResolver(published_tags())
    monkeypatch.setattr("gitops_doca.registry.resolver.RegistryResolver", lambda *_args, **_options: registry)
    shown = re.search(r"<!-- begin matrix -->\n```\n(.*?)```\n<!-- end matrix -->", README, re.DOTALL)

    printed = run_here("matrix", "fixtures/demo", cwd=ROOT)

    assert (printed.exit_code, printed.stderr) == (0, "")
    assert shown is not None
    assert shown[1] == printed.stdout.decode()


def test_the_difference_is_the_one_of_a_changed_demo(tmp_path: Path) -> None:
    cluster = start_demo(tmp_path / "repository")
    change(cluster)
    shown = re.search(r"<!-- begin diff -->\n```\n(.*?)```\n<!-- end diff -->", README, re.DOTALL)

    printed = run_here("diff", "main", cwd=cluster)

    assert (printed.exit_code, printed.stderr) == (1, "")
    assert shown is not None
    assert shown[1] == printed.stdout.decode().partition("\n--- ")[0]
