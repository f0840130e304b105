"""What README.md shows is what the commands print."""

import re
import shlex
from collections.abc import Collection, Mapping
from pathlib import Path

from click.testing import CliRunner

from fakes.api_server import FakeApiServer, node
from fakes.cluster import DIGEST
from fakes.resolver import FakeResolver
from gitops_doca.cli import cli
from gitops_doca.cli.settings.registries import Connect
from gitops_doca.core.reference import ImageReference
from gitops_doca.core.resolve.lookup import ImagePlatforms, Inspection
from support.cli import Result
from support.command import POOL, prepare, run_pool
from support.in_process import run_here
from support.published import published_tags
from support.repository import commit, start, start_demo
from support.upgrade import change

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


class Registry(FakeResolver):
    """Has images of the platform that their tags name."""

    def inspect(self, images: Collection[ImageReference]) -> Mapping[ImageReference, Inspection]:
        return dict.fromkeys(images, ImagePlatforms(DIGEST, frozenset({f"linux/{POOL.arch}"})))


def section(heading: str) -> str:
    return README.partition(f"\n{heading}\n")[2].partition("\n## ")[0].partition("\n### ")[0].strip("\n")


def commands(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.startswith("    ")]


def shown(name: str) -> str:
    """Return what stands between the marks of this name."""
    block = re.search(rf"<!-- begin {name} -->\n```\n(.*?)```\n<!-- end {name} -->", README, re.DOTALL)
    assert block is not None
    return block[1]


def test_the_help_is_the_one_that_the_command_prints() -> None:
    printed = CliRunner().invoke(cli, ["--help"], prog_name="gitops-doca", terminal_width=100)

    assert shown("help") == printed.output


def write_the_folder(folder: Path) -> None:
    """Make what `## Use` begins with, with a file in the place of what kubectl prints of a cluster."""
    policy, inventory = commands(section("## Use"))
    shown = re.search(r"```yaml\n(.*?)```", section("## Use"), re.DOTALL)
    assert shown is not None
    assert (folder / policy.partition(" > ")[2]).is_file()
    with FakeApiServer(nodes=[node("node-1")]) as cluster:
        assert run_line(inventory, folder, KUBECONFIG=str(cluster.kubeconfig(folder))).exit_code == 0
    (folder / "gitops-doca.yaml").write_text(shown[1])


def run_line(line: str, folder: Path, connect: Connect | None = None, **env: str) -> Result:
    """Run a line of the README as a shell would."""
    line, _, file = line.partition(" > ")
    program, *arguments = shlex.split(line)
    assert program == "gitops-doca"
    result = run_pool(*arguments, cwd=folder, env=env, connect=connect)
    if file:
        (folder / file).write_bytes(result.stdout)
    return result


def test_what_it_tells_of_the_command_line_works(tmp_path: Path) -> None:
    start(tmp_path)
    commit(tmp_path)
    prepare(tmp_path)
    write_the_folder(tmp_path)
    lines = commands(section("### The command line"))

    results = [run_line(line, tmp_path, Registry([POOL.tag])) for line in lines]

    assert [line.split()[1] for line in lines] == ["check", "lock", "generate", "diff"]
    assert [result.exit_code for result in results] == [0, 0, 0, 1]
    assert (tmp_path / "gitops-doca.lock.yaml").is_file()
    assert (tmp_path / "drivers.yaml").read_text().count("kind: DaemonSet\n") == 1
    assert "1 pool added" in results[-1].stdout.decode()


def test_a_look_needs_no_config(tmp_path: Path) -> None:
    prepare(tmp_path)
    shown = re.search(r"`(gitops-doca check -p [^`]*)`", section("## Use"))
    assert shown is not None

    result = run_line(shown[1], tmp_path)

    assert (result.exit_code, result.stderr) == (0, "")


def test_it_is_short_about_the_command_line() -> None:
    assert len(section("### The command line").splitlines()) < 15


def test_the_matrix_is_the_one_of_the_demo() -> None:
    printed = run_here("matrix", "fixtures/demo", cwd=ROOT, connect=FakeResolver(published_tags()))

    assert (printed.exit_code, printed.stderr) == (0, "")
    assert shown("matrix") == printed.stdout.decode()


def test_the_difference_is_the_one_of_a_changed_demo(tmp_path: Path) -> None:
    cluster = start_demo(tmp_path / "repository")
    change(cluster)

    printed = run_here("diff", "main", cwd=cluster)

    assert (printed.exit_code, printed.stderr) == (1, "")
    assert shown("diff") == printed.stdout.decode().partition("\n--- ")[0]
