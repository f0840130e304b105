"""A lock names its rendering, and one of another rendering is told wherever it is used."""

import shutil
from pathlib import Path

import pytest
import yaml

from fakes.registry import FakeRegistry, image
from gitops_doca.core.compare.lock import RENDERING
from gitops_doca.core.documentation import page
from support.application import make_application
from support.cli import ROOT, Result
from support.in_process import run_here
from support.inputs import Pool, write_inputs
from support.krm import call, config, resource_list
from support.repository import commit, edit, git, start_demo
from support.upgrade import FALLBACK, finish

LOCK = "gitops-doca.lock.yaml"
OURS = f"rendering: {RENDERING}\n"
# What a lock has in the place of that line: release 0.1.0 wrote none.
OLDER, NEWER = "", f"rendering: {RENDERING + 1}\n"
OLD = (
    f"{LOCK}: rendering: the lock was written for rendering 1, and this gitops-doca renders {RENDERING}: "
    "the same inputs now give other manifests\n"
    f"  help: read what changed in the manifests ({page('reference')}#another-release-rendering), then run: "
    "gitops-doca lock\n"
)
NEW = (
    f"{LOCK}: rendering: the lock was written for rendering {RENDERING + 1}, and this gitops-doca renders "
    f"{RENDERING}: "
    "it is older than the one that wrote the lock, and gives other manifests\n"
    "  help: use the gitops-doca that wrote the lock, or a newer one\n"
)
POOL = Pool(kernel="5.15.0-91-generic")
MANIFEST, CONFIG = image()


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    folder = tmp_path / "demo"
    shutil.copytree(ROOT / "fixtures" / "demo", folder)
    return folder


def written_for(folder: Path, rendering: str) -> None:
    """Have the folder's lock look as if another release had written it."""
    edit(folder / LOCK, (OURS, rendering))


def strictly(folder: Path) -> None:
    edit(folder / "gitops-doca.yaml", ("spec:\n", "spec:\n  strict: true\n"))


@pytest.mark.parametrize("command", [("generate",), ("generate", "--locked"), ("check",)])
@pytest.mark.parametrize(("rendering", "told"), [(OLDER, OLD), (NEWER, NEW)])
def test_a_lock_of_another_rendering_is_a_warning(
    command: tuple[str, ...], rendering: str, told: str, demo: Path
) -> None:
    current = run_here(*command, cwd=demo)
    written_for(demo, rendering)

    result = run_here(*command, cwd=demo)

    assert (current.exit_code, current.stderr) == (0, "")
    assert (result.exit_code, result.stderr) == (0, f"warning: {told}")
    assert result.stdout == current.stdout


@pytest.mark.parametrize("command", ["generate", "check"])
@pytest.mark.parametrize(("rendering", "told"), [(OLDER, OLD), (NEWER, NEW)])
def test_under_strict_it_is_an_error(command: str, rendering: str, told: str, demo: Path) -> None:
    strictly(demo)
    assert run_here(command, cwd=demo).exit_code == 0
    written_for(demo, rendering)

    result = run_here(command, cwd=demo)

    assert (result.exit_code, result.stdout, result.stderr) == (6, b"", f"error[lock]: {told}")


def test_argo_cd_is_told(tmp_path: Path) -> None:
    application = make_application(tmp_path)
    written_for(application.folder, OLDER)

    warned = application.generate()
    strictly(application.folder)
    refused = application.generate()

    assert (warned.exit_code, warned.stdout != b"") == (0, True)
    assert warned.stderr.count("the lock was written for rendering 1") == 1
    assert (refused.exit_code, refused.stdout) == (6, b"")
    assert "then run: gitops-doca lock apps/drivers\n" in refused.stderr


def test_kustomize_is_told(demo: Path) -> None:
    written_for(demo, OLDER)
    spec = {"policies": ["policy.yaml"], "inventory": ["nodes.yaml"], "fallbackVersions": [FALLBACK]}

    warned = call(demo, resource_list([], config(**spec)))
    refused = call(demo, resource_list([], config(**spec, strict=True)))

    assert (warned.exit_code, [result["severity"] for result in warned.results]) == (0, ["warning"])
    assert "the lock was written for rendering 1" in warned.results[0]["message"]
    assert warned.run.stderr.count("the lock was written for rendering 1") == 1
    assert (refused.exit_code, refused.items) == (6, [])


def test_a_fleet_is_told_of_each_cluster_once(tmp_path: Path) -> None:
    for name, rendering in (("a", OLDER), ("b", OURS), ("c", NEWER)):
        shutil.copytree(ROOT / "fixtures" / "demo", tmp_path / name)
        written_for(tmp_path / name, rendering)

    result = run_here("check", "a", "b", "c", cwd=tmp_path)

    assert result.exit_code == 0
    assert [line for line in result.stderr.splitlines() if "for rendering" in line] == [
        f"warning: a/{OLD.splitlines()[0]}",
        f"warning: c/{NEW.splitlines()[0]}",
    ]


def test_where_the_operator_renders_it_does_not_matter(demo: Path) -> None:
    finish(demo)
    written_for(demo, OLDER)
    edit(demo / LOCK, ("platform: linux/amd64", "platform: linux/amd64\n    listed: true"))
    edit(demo / LOCK, ("platform: linux/arm64", "platform: linux/arm64\n    listed: true"))
    (demo / "gitops-doca.yaml").write_text(
        "apiVersion: gitops-doca.dev/v1alpha1\nkind: DriverGenerator\n"
        "spec: {policies: [policy.yaml], inventory: nodes.yaml, emit: policies, strict: true}\n"
    )

    result = run_here("generate", cwd=demo)

    assert (result.exit_code, result.stderr) == (0, "")
    assert [policy["kind"] for policy in yaml.safe_load_all(result.stdout)] == ["NicClusterPolicy"]


def test_verify_compares_no_manifests_and_says_nothing(demo: Path) -> None:
    built = run_here("generate", cwd=demo).stdout
    written_for(demo, OLDER)

    result = run_here("verify", cwd=demo, stdin=built)

    assert (result.exit_code, result.stderr) == (0, "stdin: as expected, DaemonSets of pools: 3\n")


@pytest.mark.parametrize("number", ["0", "-1", "1.5", '"2"', "true", "[2]"])
def test_a_rendering_that_is_no_whole_number_is_refused(number: str, demo: Path) -> None:
    written_for(demo, f"rendering: {number}\n")

    result = run_here("generate", cwd=demo)

    assert (result.exit_code, result.stdout) == (6, b"")
    assert result.stderr.startswith(f"error[lock]: {LOCK}:8: rendering: ")


# `lock` and `lock --check`


def cluster(folder: Path, host: str, more: str = "") -> None:
    folder.mkdir()
    write_inputs(folder, repository=f"{host}/nv", pools=[POOL], forced=True)
    (folder / "gitops-doca.yaml").write_text(
        "apiVersion: gitops-doca.dev/v1alpha1\nkind: DriverGenerator\n"
        f"spec: {{policies: [policy.yaml], inventory: nodes.json{more}}}\n"
    )


def serving() -> FakeRegistry:
    return FakeRegistry(tags={"nv/doca-driver": {POOL.tag: MANIFEST}}, blobs=[CONFIG])


@pytest.mark.parametrize("more", ["", ", strict: true"])
@pytest.mark.parametrize(("rendering", "number"), [(OLDER, 1), (NEWER, RENDERING + 1)])
def test_lock_writes_its_own_rendering_and_its_check_tells_another(
    rendering: str, number: int, more: str, tmp_path: Path
) -> None:
    with serving() as registry:
        cluster(tmp_path / "a", registry.host, more)
        run_here("lock", cwd=tmp_path / "a")
        current = (tmp_path / "a" / LOCK).read_bytes()
        written_for(tmp_path / "a", rendering)

        checked = run_here("lock", "--check", cwd=tmp_path / "a")
        online = run_here("generate", "--online", cwd=tmp_path / "a")
        locked = run_here("lock", cwd=tmp_path / "a")

    assert (checked.exit_code, checked.stdout.decode()) == (1, f"rendering  {number} -> {RENDERING}\n")
    assert (online.exit_code, online.stderr) == (0, "")
    assert (locked.exit_code, locked.stderr) == (
        0,
        f"rendering  {number} -> {RENDERING}\n{LOCK}: 1 image locked\n",
    )
    assert (tmp_path / "a" / LOCK).read_bytes() == current


def test_lock_check_of_a_fleet_tells_it_with_its_cluster(tmp_path: Path) -> None:
    with serving() as registry:
        for name in ("a", "b"):
            cluster(tmp_path / name, registry.host)
        run_here("lock", "a", "b", cwd=tmp_path)
        written_for(tmp_path / "b", OLDER)

        result = run_here("lock", "--check", "a", "b", cwd=tmp_path)

    assert (result.exit_code, result.stdout.decode()) == (1, f"b  rendering  1 -> {RENDERING}\n")
    assert result.stderr == "1 lock differs; to update: gitops-doca lock b\n"


def test_lock_check_ignores_it_where_the_operator_renders(tmp_path: Path) -> None:
    with serving() as registry:
        cluster(tmp_path / "a", registry.host, ", emit: policies")
        run_here("lock", cwd=tmp_path / "a")
        written_for(tmp_path / "a", OLDER)

        result = run_here("lock", "--check", cwd=tmp_path / "a")

    assert (result.exit_code, result.stdout, result.stderr) == (0, b"", "")


# `diff`


def note(rendering: int) -> str:
    return (
        f"note: the lock of main was written for rendering {rendering}; here both sides are rendered by this "
        f"gitops-doca (rendering {RENDERING}), so what differs between the two renderings is not shown"
    )


def base_of(cluster: Path, rendering: str, *changes: tuple[str, str]) -> None:
    """Have `main` hold a lock of another rendering, and other changes of the config."""
    written_for(cluster, rendering)
    edit(cluster / "gitops-doca.yaml", *changes)
    commit(cluster)


def diff(cluster: Path) -> Result:
    return run_here("diff", "main", cwd=cluster)


@pytest.mark.parametrize(("rendering", "number"), [(OLDER, 1), (NEWER, RENDERING + 1)])
def test_a_lock_that_is_written_anew_can_be_reviewed_under_strict(
    rendering: str, number: int, tmp_path: Path
) -> None:
    cluster = start_demo(tmp_path / "repository")
    base_of(cluster, rendering, ("spec:\n", "spec:\n  strict: true\n"))
    git(cluster, "checkout", "--quiet", "-b", "update", "HEAD~1")
    git(cluster, "checkout", "--quiet", "main", "--", "gitops-doca.yaml")

    result = diff(cluster)

    assert (result.exit_code, result.stderr) == (0, "")
    assert note(number) in result.stdout.decode().splitlines()


def test_a_lock_of_the_work_tree_is_told_as_anywhere(tmp_path: Path) -> None:
    cluster = start_demo(tmp_path / "repository")
    written_for(cluster, OLDER)

    warned = diff(cluster)
    strictly(cluster)
    refused = diff(cluster)

    assert (warned.exit_code, warned.stderr) == (0, f"warning: {OLD}")
    assert "note: " not in warned.stdout.decode()
    assert (refused.exit_code, refused.stderr) == (6, f"error[lock]: {OLD}")


def test_the_base_of_a_cluster_with_the_operator_has_no_note(tmp_path: Path) -> None:
    cluster = start_demo(tmp_path / "repository")
    finish(cluster)
    for architecture in ("amd64", "arm64"):
        platform = f"platform: linux/{architecture}"
        edit(cluster / LOCK, (platform, f"{platform}\n    listed: true"))
    base_of(cluster, OLDER, ("spec:\n", "spec:\n  emit: policies\n"))

    result = diff(cluster)

    assert result.exit_code == 0
    assert "rendering" not in result.stdout.decode() + result.stderr
