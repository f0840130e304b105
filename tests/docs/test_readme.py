"""What README.md tells to type works, and its lines fit a screen."""

import re
import shlex
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import pytest
import yaml

from fakes.api_server import FakeApiServer, node
from fakes.cluster import DIGEST
from fakes.resolver import FakeResolver
from gitops_doca.cli import COMMANDS
from gitops_doca.core.distributions import DISTRIBUTIONS
from gitops_doca.core.reference import ImageReference
from gitops_doca.core.resolve.lookup import ImagePlatforms, Inspection
from support.cli import Result
from support.command import POOL
from support.in_process import run_here
from support.inputs import Pool
from support.repository import edit, git, start
from support.small_cluster import policy

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
FIVE_MINUTES = "## Five minutes with your own cluster"
SET_UP = ["python3 -m venv venv", ". venv/bin/activate", "pip install ."]
NEXT_POOL = Pool(kernel="5.15.0-92-generic")
POLICIES = "/apis/mellanox.com/v1alpha1/nicclusterpolicies"


class Registry(FakeResolver):
    """Has images of the platform that their tags name."""

    def inspect(self, images: Collection[ImageReference]) -> Mapping[ImageReference, Inspection]:
        return dict.fromkeys(images, ImagePlatforms(DIGEST, frozenset({f"linux/{POOL.arch}"})))


def section(heading: str) -> str:
    return README.partition(f"\n{heading}\n")[2].partition("\n## ")[0].partition("\n### ")[0].strip("\n")


def commands(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.startswith("    ")]


class Desk:
    """A Git work tree, and a cluster."""

    def __init__(self, folder: Path, api: FakeApiServer) -> None:
        self.folder = folder / "fleet"
        start(self.folder)
        self.kubeconfig = api.kubeconfig(folder)
        self.registry = Registry([POOL.tag, POOL.tag.replace("-2-", "-3-"), NEXT_POOL.tag])

    def run(self, line: str) -> Result:
        """Run a line of the README as a shell would."""
        program, *arguments = shlex.split(line)
        if program == "git":
            return Result(exit_code=0, stdout=git(self.folder, *arguments).encode(), stderr="")
        assert program == "gitops-doca"
        env = {"KUBECONFIG": str(self.kubeconfig)}
        return run_here(*arguments, cwd=self.folder, env=env, connect=self.registry)


def policy_changes(desk: Desk, api: FakeApiServer) -> None:  # noqa: ARG001 (as the other change)
    edit(desk.folder / "clusters/a/policy.yaml", ("-2", "-3"))


def node_boots(desk: Desk, api: FakeApiServer) -> None:  # noqa: ARG001 (as the other change)
    api.nodes = [node("node-1", kernel=NEXT_POOL.kernel)]


@pytest.mark.parametrize(
    ("change", "told"), [(policy_changes, b"1 pool changed"), (node_boots, b"1 pool added, 1 pool removed")]
)
def test_five_minutes_with_a_cluster_end_with_a_difference(
    change: Callable[[Desk, FakeApiServer], None], told: bytes, tmp_path: Path
) -> None:
    lines = commands(section(FIVE_MINUTES))
    assert lines[:3] == SET_UP
    first = lines.index("git add clusters/a") + 2
    with FakeApiServer(nodes=[node("node-1", kernel=POOL.kernel)], groups=["mellanox.com"]) as api:
        api.lists = {POLICIES: [policy()]}
        desk = Desk(tmp_path, api)
        begun = [desk.run(line) for line in lines[3:first]]
        change(desk, api)
        changed = [desk.run(line) for line in lines[first:]]

    assert [result.exit_code for result in begun] == [0] * len(begun)
    assert yaml.safe_load(begun[3].stdout)["kind"] == "NicClusterPolicy"
    assert [
        (line.split()[1], result.exit_code) for line, result in zip(lines[first:], changed, strict=True)
    ] == [
        ("inventory", 0),
        ("lock", 0),
        ("diff", 1),
    ]
    assert told in changed[-1].stdout


def test_getting_started_has_the_same_steps_after_a_change() -> None:
    page = (ROOT / "docs" / "getting-started.md").read_text()
    steps = [line.partition("  #")[0].strip() for line in page.splitlines() if line.startswith("    ")]
    lines = commands(section(FIVE_MINUTES))
    after = lines[lines.index("git add clusters/a") + 2 :]

    assert steps[-len(after) - 1 : -1] == after


def test_files_do_without_a_cluster(tmp_path: Path) -> None:
    shown = re.search(r"`(gitops-doca init [^`]* -p [^`]*)`", section(FIVE_MINUTES))
    assert shown is not None
    with FakeApiServer() as api:
        desk = Desk(tmp_path, api)
        (desk.folder / "policy.yaml").write_text(yaml.safe_dump(policy()))
        listed = {"apiVersion": "v1", "kind": "Node", **node("node-1", kernel=POOL.kernel)}
        (desk.folder / "nodes.json").write_text(yaml.safe_dump(listed))
        result = desk.run(shown[1])

        assert (result.exit_code, api.asked) == (0, [])


def test_all_commands_that_it_names_exist() -> None:
    named = set(re.findall(r"gitops-doca ([a-z]+)", README))

    assert named - {"decides", "goes", "is", "krm"} <= set(COMMANDS)


def test_the_systems_that_it_names_are_those_of_the_program() -> None:
    (row,) = [line for line in README.splitlines() if line.startswith("| operating systems")]
    names = {"ubuntu": "Ubuntu", "rhel": "RHEL", "rhcos": "RHCOS", "rocky": "Rocky Linux", "sles": "SLES"}

    assert names.keys() == DISTRIBUTIONS.keys()
    assert all(name in row for name in names.values())


@pytest.mark.parametrize(
    ("row", "source", "pattern"),
    [
        ("registries", "Makefile", r"/(?:docker-registry|distribution)-(\d+\.\d+)"),
        ("Argo CD", "Makefile", r"/argocd-(\d+\.\d+)"),
        ("kustomize", "Makefile", r"/kustomize-(\d+\.\d+)"),
        ("Kubernetes", "Makefile", r"/kube-apiserver-(\d+\.\d+)"),
        ("Kubernetes", "requirements-dev.txt", r"^kubernetes-validate==(\d+\.\d+)"),
        ("Python", "pyproject.toml", r"^requires-python = \">=(\d+\.\d+)"),
    ],
)
def test_the_releases_that_it_names_are_those_that_tests_run(row: str, source: str, pattern: str) -> None:
    (line,) = [line for line in README.splitlines() if line.startswith(f"| {row} |")]
    used = re.findall(pattern, (ROOT / source).read_text(), re.MULTILINE)

    assert used
    assert set(used) <= set(re.findall(r"\d+\.\d+", line))


def test_no_line_is_longer_than_a_screen() -> None:
    assert [line for line in README.splitlines() if len(line) > 100] == []


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_every_page_is_found_from_it(page: Path) -> None:
    assert f"](docs/{page.name}" in README
