"""`gitops-doca diff` over the folders of several clusters: one document, and one exit code."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from fakes.registry import FakeRegistry, image
from gitops_doca.sources.reading.schema import schema_text
from support.cli import Result
from support.in_process import run_here
from support.inputs import Pool, write_inputs
from support.repository import commit, git, start
from support.small_cluster import host, policy, tag, write_cluster

OLD, NEW = "5.15.0-91-generic", "5.15.0-92-generic"
TAGS = (tag(OLD), tag(NEW), tag())
A, B, C = "clusters/a", "clusters/b", "clusters/c"


def use(folder: Path, kernel: str, **spec: Any) -> None:
    write_cluster(folder, [host("node-1", kernel)], [policy()], TAGS, **spec)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with three clusters that run one kernel, committed on `main`."""
    root = start(tmp_path / "repository")
    for name in (A, B, C):
        use(root / name, OLD)
    commit(root)
    return root


def diff(root: Path, *arguments: str) -> Result:
    return run_here("diff", *arguments, "--stat", cwd=root)


def commit_of(root: Path) -> str:
    return git(root, "rev-parse", "main")[:12]


def test_clusters_that_fail_come_first_then_those_that_differ(root: Path) -> None:
    use(root / B, NEW)
    (root / C / "nodes.json").write_text("{")

    result = diff(root, "main", A, B, C)

    assert (result.exit_code, result.stdout.decode().splitlines()[:6]) == (
        3,
        [
            "3 clusters (1 failing), 1 with changes",
            "",
            "clusters/c: error[input]",
            "",
            "clusters/b:",
            f"changes against main ({commit_of(root)})",
        ],
    )
    assert result.stdout.decode().splitlines()[-3:] == [
        "",
        "clusters/a:",
        f"no difference against main ({commit_of(root)})",
    ]
    assert result.stderr.startswith("error[input]: clusters/c/nodes.json:")
    assert result.stderr.count("error[") == 1


def test_what_is_said_of_a_cluster_is_what_is_said_of_it_alone(root: Path) -> None:
    use(root / A, NEW)
    use(root / B, NEW)

    alone = run_here("diff", "main", A, cwd=root).stdout.decode()
    together = run_here("diff", "main", A, B, cwd=root).stdout.decode()

    assert together.startswith(f"2 clusters, 2 with changes\n\nclusters/a:\n{alone}\nclusters/b:\n")


def test_one_cluster_that_differs_makes_the_exit_code_1(root: Path) -> None:
    same = diff(root, "main", A, B)
    use(root / B, NEW)
    different = diff(root, "main", A, B)

    assert (same.exit_code, same.stdout.decode().splitlines()[0]) == (0, "2 clusters, 0 with changes")
    assert (different.exit_code, different.stderr) == (1, "")


def test_a_strict_cluster_that_would_compile_fails_and_is_compared(root: Path) -> None:
    write_cluster(root / B, [host("node-1", NEW)], [policy()], (tag(OLD), tag()), strict=True)

    result = diff(root, "main", A, B)

    lines = result.stdout.decode().splitlines()
    assert (result.exit_code, lines[0], lines[2]) == (
        4,
        "2 clusters (1 failing), 1 with changes",
        "clusters/b: error[missing]",
    )
    assert lines[3].startswith("1 node will compile the driver: node-1;")


@pytest.mark.parametrize("arguments", [(A, B), ("main", A, B), ("main", f"{A}/gitops-doca.yaml", f"{B}/")])
def test_a_first_argument_that_is_a_config_or_has_one_is_no_base(
    arguments: tuple[str, ...], root: Path
) -> None:
    assert diff(root, *arguments).stdout.decode().splitlines()[0] == "2 clusters, 0 with changes"


def test_a_folder_of_manifests_has_one_folder_for_each_cluster(root: Path) -> None:
    assert run_here("generate", A, B, "--output-dir", "rendered", cwd=root).exit_code == 0
    same = diff(root, "./rendered", A, B)
    use(root / B, NEW)
    different = diff(root, "./rendered", A, B)

    assert (same.exit_code, same.stderr) == (0, "")
    assert "no difference against ./rendered/a\n" in same.stdout.decode()
    assert (different.exit_code, different.stderr) == (1, "")
    assert "changes against ./rendered/b\n" in different.stdout.decode()


def test_a_cluster_that_the_folder_of_manifests_lacks_is_new(root: Path) -> None:
    run_here("generate", A, "--output-dir", "rendered/a", cwd=root)

    result = diff(root, "./rendered", A, B)

    assert result.exit_code == 1
    assert (
        "clusters/b:\nchanges against ./rendered/b\n"
        "note: ./rendered/b holds no object of gitops-doca: all of it is new\n"
    ) in result.stdout.decode()


def test_two_clusters_of_one_name_have_no_folder_each_in_base(root: Path) -> None:
    use(root / "others/a", OLD)
    (root / "rendered").mkdir()

    result = diff(root, "./rendered", A, "others/a")

    assert (result.exit_code, result.stdout) == (2, b"")
    assert result.stderr.splitlines()[0] == (
        "error[usage]: clusters/a and others/a would have the same folder in ./rendered: a"
    )


def test_the_json_has_an_entry_for_each_cluster(root: Path) -> None:
    use(root / B, NEW)
    (root / C / "nodes.json").write_text("{")

    document = json.loads(diff(root, "main", A, B, C, "-o", "json").stdout)

    Draft202012Validator(json.loads(schema_text("diff"))).validate(document)
    assert [(entry["cluster"], entry["exitCode"]) for entry in document["clusters"]] == [
        ("clusters/c", 3),
        ("clusters/b", 1),
        ("clusters/a", 0),
    ]
    alone = json.loads(diff(root, "main", B, "-o", "json").stdout)
    failing, changed, _ = document.pop("clusters")
    assert (failing.keys(), [changed]) == ({"cluster", "exitCode"}, alone.pop("clusters"))
    (diagnostic,) = document.pop("diagnostics")
    assert (diagnostic["class"], alone.pop("diagnostics")) == ("input", [])
    (same,) = document.pop("stays")
    assert (same["cluster"], same["pools"], alone.pop("stays")) == ("clusters/a", 1, [])
    assert document == alone


def test_the_markdown_has_a_section_for_each_cluster(root: Path) -> None:
    use(root / B, NEW)
    (root / C / "nodes.json").write_text("{")

    result = diff(root, "main", A, B, C, "-o", "markdown")

    headings = [line for line in result.stdout.decode().splitlines() if line.startswith("##")]
    assert headings == [
        "## `clusters/c`: error[input]",
        "## `clusters/b`",
        f"### Driver changes against `main` ({commit_of(root)})",
        "## `clusters/a`",
    ]


@pytest.mark.parametrize("limit", [1000, 1500, 2000, 4000])
def test_the_clusters_share_the_bytes_of_the_markdown(limit: int, root: Path) -> None:
    for name in (A, B, C):
        use(root / name, NEW)

    result = run_here("diff", "main", A, B, C, "-o", "markdown", "--max-bytes", str(limit), cwd=root)

    assert (result.exit_code, result.stderr) == (1, "")
    assert len(result.stdout) <= limit
    assert result.stdout.startswith(b"3 clusters, 3 with changes\n")


def test_a_problem_is_at_the_config_of_its_cluster(root: Path) -> None:
    (root / "clusters/d").mkdir()

    result = diff(root, "main", A, "clusters/d")

    assert result.exit_code == 3
    assert result.stderr.splitlines()[0] == (
        "error[input]: clusters/d/gitops-doca.yaml: there is no such config, neither here nor in main"
    )


def test_a_tag_that_several_sides_need_is_looked_up_once(tmp_path: Path) -> None:
    manifest, blob = image()
    pool, other = Pool(kernel=OLD), Pool(kernel=NEW)
    tags = {"nvidia/doca-driver": {pool.tag: manifest, other.tag: manifest}}
    root = start(tmp_path / "repository")
    with FakeRegistry(tags=tags, blobs=[blob]) as registry:
        for name in (A, B):
            (root / name).mkdir(parents=True)
            (root / name / "gitops-doca.yaml").write_text(
                "apiVersion: gitops-doca.dev/v1alpha1\nkind: DriverGenerator\nspec:\n"
                "  policies: [policy.yaml]\n  inventory: nodes.json\n"
            )
            write_inputs(root / name, repository=f"{registry.host}/nvidia", pools=[pool], forced=True)
        commit(root)
        write_inputs(root / B, repository=f"{registry.host}/nvidia", pools=[pool, other], forced=True)
        result = diff(root, "main", A, B)
        asked = [request.path.rpartition("/")[2] for request in registry.requests if request.kind != "ping"]

    assert result.exit_code == 1
    assert sorted(asked) == [pool.tag, other.tag]


def test_a_registry_that_cannot_be_asked_fails_only_clusters_without_a_lock(root: Path) -> None:
    (root / B / "gitops-doca.lock.yaml").unlink()
    (root / "secret.yaml").write_text("kind: Secret\n")

    result = diff(root, "main", A, B, "--pull-secret", "secret.yaml")

    assert (result.exit_code, result.stderr.count("error[")) == (3, 1)
    assert result.stdout.decode().splitlines()[2:6] == [
        "clusters/b: error[input]",
        "",
        "clusters/a:",
        f"no difference against main ({commit_of(root)})",
    ]


def test_a_folder_name_cannot_drive_the_terminal_or_markdown(root: Path) -> None:
    name = "clusters/`x`\x1b[2J"
    use(root / name, OLD)

    text = diff(root, "main", A, name).stdout
    markdown = diff(root, "main", A, name, "-o", "markdown").stdout

    assert b"\x1b" not in text + markdown
