"""`matrix` through the command line: what tag lists and manifests say, and what they leave open."""

import json
from pathlib import Path
from typing import Any

import pytest

from fakes.registry import HTML, FakeRegistry, Fault, Wire, errors
from support.cli import Result
from support.in_process import run_here
from support.inputs import VERSION, Pool, write_inputs
from support.page import Page

OLDER, NEWER = "25.01-0.6.0.0-0", "doca3.1.0-25.07-0.9.7.0-0"
A, B = Pool(kernel="5.15.0-91-generic"), Pool(kernel="5.15.0-105-generic", arch="arm64")
PATH = "nvidia/mellanox"
REPOSITORY = f"{PATH}/doca-driver"


def tag(version: str, pool: Pool) -> str:
    return pool.tag.replace(VERSION, version)


ALL = [tag(version, pool) for version in (OLDER, VERSION) for pool in (A, B)] + [tag(NEWER, A)]


def matrix(registry: FakeRegistry, folder: Path, *flags: str, forced: bool = True) -> Result:
    inputs = write_inputs(folder, repository=f"{registry.host}/{PATH}", pools=[A, B], forced=forced)
    return run_here("matrix", *inputs, *flags, cwd=folder)


def repository(result: Result) -> dict[str, Any]:
    (found,) = json.loads(result.stdout)["repositories"]
    return dict(found)


def images(result: Result) -> dict[str, list[str]]:
    """Return what each version has, in the order of the pools."""
    pools = repository(result)["pools"]
    return {version: [pool["images"][version] for pool in pools] for version in pools[0]["images"]}


def test_the_newest_version_for_all_pools_is_confirmed_by_its_manifests(tmp_path: Path) -> None:
    with FakeRegistry(tags={REPOSITORY: ALL}) as registry:
        result = matrix(registry, tmp_path)
        asked = [request.path.rpartition("/")[2] for request in registry.requests if request.kind == "head"]

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.decode().splitlines()[0] == f"newest version for every pool: {VERSION} (current)"
    assert sorted(asked) == sorted([A.tag, B.tag])
    assert registry.count("list") == 1


COMPILED = [B.compile_tag, B.compile_tag.replace(VERSION, NEWER)]
BOTH = [A.tag, tag(NEWER, A), *COMPILED]


def test_what_pools_run_today_and_the_newest_version_are_looked_up(tmp_path: Path) -> None:
    with FakeRegistry(tags={REPOSITORY: BOTH}) as registry:
        result = matrix(registry, tmp_path, "-o", "json", forced=False)
        asked = [request.path.rpartition("/")[2] for request in registry.requests if request.kind == "head"]

    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout)["newest"] == repository(result)["newest"] == NEWER
    assert [pool.get("compiles") for pool in repository(result)["pools"]] == [True, None]
    assert sorted(asked) == sorted([*BOTH, B.tag])


def test_while_it_is_unknown_what_a_pool_runs_no_version_is_named(tmp_path: Path) -> None:
    with FakeRegistry(tags={REPOSITORY: BOTH}) as registry:
        for kind in ("head", "get"):
            registry.fail_always(kind, errors(403, "DENIED"))
        result = matrix(registry, tmp_path, "-o", "json", forced=False)

    assert result.exit_code == 5
    assert repository(result)["newest"] is None
    assert repository(result)["doubtful"]["version"] == NEWER
    assert f"cannot confirm that {NEWER} has an image for every pool in" in result.stderr


def test_a_listed_version_whose_manifest_is_missing_is_not_the_newest(tmp_path: Path) -> None:
    with FakeRegistry(tags={REPOSITORY: [*ALL, tag(NEWER, B)]}) as registry:
        registry.repositories[REPOSITORY].pop(tag(NEWER, B))
        listed = json.dumps({"name": REPOSITORY, "tags": [*ALL, tag(NEWER, B)]}).encode()
        registry.fail_always("list", Fault(body=listed))
        result = matrix(registry, tmp_path, "-o", "json")

    assert (result.exit_code, result.stderr) == (0, "")
    assert repository(result)["newest"] == VERSION
    assert images(result)[NEWER] == ["unknown", "precompiled"]


def test_a_list_that_breaks_off_shows_no_image_as_missing(tmp_path: Path) -> None:
    with FakeRegistry(tags={REPOSITORY: sorted(ALL)}, page_size=3) as registry:
        registry.fail("list", Fault(), errors(403, "DENIED"))
        result = matrix(registry, tmp_path, "-o", "json")

    assert result.exit_code == 0
    assert repository(result)["tagList"] == "incomplete"
    assert "missing" not in {state for states in images(result).values() for state in states}
    assert result.stderr.startswith(f"warning: {tmp_path}/policy.yaml")
    assert (
        f"the tag list of {registry.host}/{REPOSITORY} is incomplete (403 Forbidden (DENIED)): tags that "
        "it does not have are unknown, not missing\n"
    ) in result.stderr


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (errors(403, "DENIED"), "403 Forbidden (DENIED)"),
        (HTML, "200 OK with a body that is not a tag list"),
        (errors(404, "NAME_UNKNOWN"), "the registry says that it has no such repository"),
        (errors(404, "UNSUPPORTED"), "404 Not Found (UNSUPPORTED)"),
        (Fault(wire=Wire.SILENT), "no answer within 0.4 seconds"),
    ],
)
@pytest.mark.parametrize("form", ["text", "markdown", "html", "json"])
def test_a_list_that_says_nothing_ends_with_5_and_shows_question_marks(
    fault: Fault, reason: str, form: str, tmp_path: Path
) -> None:
    with FakeRegistry(tags={REPOSITORY: ALL}) as registry:
        registry.fail_always("list", fault)
        deadline = "0.8" if fault.wire is Wire.SILENT else "60"
        result = matrix(registry, tmp_path, "-o", form, "--deadline", deadline)
        asked = registry.count("head")

    assert result.exit_code == 5
    assert f"cannot list the tags of {registry.host}/{REPOSITORY}: {reason}\n" in result.stderr
    assert result.stderr.startswith("error[unknown]: ")
    assert asked == 0
    if form == "json":
        assert images(result) == {VERSION: ["unknown", "unknown"]}
    elif form == "html":
        assert [row[-1] for row in Page(result.stdout.decode()).tables[1][1:]] == ["?", "?"]
    else:
        assert "yes" not in result.stdout.decode()


def test_a_registry_that_breaks_down_after_its_list_names_no_version(tmp_path: Path) -> None:
    with FakeRegistry(tags={REPOSITORY: ALL}) as registry:
        for kind in ("head", "get"):
            registry.fail_always(kind, errors(403, "DENIED"))
        result = matrix(registry, tmp_path, "-o", "json")

    assert result.exit_code == 5
    assert repository(result)["newest"] is None
    assert repository(result)["doubtful"]["version"] == VERSION
    assert f"cannot confirm that {VERSION} has an image for every pool in" in result.stderr


def test_a_lock_is_not_asked(tmp_path: Path) -> None:
    with FakeRegistry(tags={REPOSITORY: ALL}) as registry:
        (tmp_path / "gitops-doca.lock.yaml").write_text("no lock\n")
        result = matrix(registry, tmp_path)

    assert (result.exit_code, registry.count("list")) == (0, 1)


def test_input_that_is_not_usable_asks_nobody_and_prints_nothing(tmp_path: Path) -> None:
    with FakeRegistry(tags={REPOSITORY: ALL}) as registry:
        write_inputs(tmp_path, repository=f"{registry.host}/{PATH}", pools=[A], forced=True)
        (tmp_path / "nodes.json").write_text("{")
        result = run_here("matrix", "-p", "policy.yaml", "-i", "nodes.json", cwd=tmp_path)

    assert (result.exit_code, result.stdout) == (3, b"")
    assert registry.requests == []


@pytest.mark.parametrize("number", ["0", "-1", "many"])
def test_versions_are_counted_from_one(number: str, tmp_path: Path) -> None:
    result = run_here("matrix", "--versions", number, cwd=tmp_path)

    assert (result.exit_code, result.stdout) == (2, b"")
    assert "--versions" in result.stderr


def test_older_versions_are_left_out_and_counted(tmp_path: Path) -> None:
    with FakeRegistry(tags={REPOSITORY: ALL}) as registry:
        result = matrix(registry, tmp_path, "--versions", "1", "-o", "json")

    assert [version["version"] for version in repository(result)["versions"]] == [NEWER, VERSION]
    assert repository(result)["versionsNotShown"] == 1


def test_a_planned_pool_stands_in_the_way_like_any_other(tmp_path: Path) -> None:
    with FakeRegistry(tags={REPOSITORY: ALL}) as registry:
        write_inputs(tmp_path, repository=f"{registry.host}/{PATH}", pools=[A], forced=True)
        (tmp_path / "gitops-doca.yaml").write_text(
            "apiVersion: gitops-doca.dev/v1alpha1\nkind: DriverGenerator\nspec:\n"
            "  policies: [policy.yaml]\n  inventory: nodes.json\n"
            "  planned: [{os: ubuntu, osVersion: '22.04', kernel: 6.8.0-71-generic, arch: amd64}]\n"
        )
        result = run_here("matrix", cwd=tmp_path)

    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.decode().splitlines()
    assert lines[0] == "newest version for every pool: none"
    assert "ubuntu22.04/6.8.0-71-generic/amd64   planned  no   no   no" in lines
