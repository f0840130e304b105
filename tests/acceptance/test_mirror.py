"""`check -o mirror`, `mirror-skopeo` and `build` through the command line."""

from pathlib import Path

import yaml

from fakes.cluster import DIGEST
from fakes.resolver import FakeResolver
from support.cli import Result
from support.golden import cases
from support.in_process import run_here
from support.inputs import VERSION, Pool, write_inputs

THERE, GONE = Pool(kernel="5.15.0-91-generic"), Pool(kernel="5.15.0-105-generic")
REPOSITORY = "nvcr.io/nvidia/mellanox/doca-driver"


def run(*args: str | Path, cwd: Path) -> Result:
    """Run a command; the registry has the image of one pool, and one that compiles on arm64."""
    return run_here(*args, cwd=cwd, connect=FakeResolver([THERE.tag, f"{VERSION}-ubuntu22.04-arm64"]))


def inputs(folder: Path, *pools: Pool, forced: bool = True) -> tuple[str, ...]:
    return write_inputs(folder, repository="nvcr.io/nvidia/mellanox", pools=pools, forced=forced)


def test_the_list_has_what_the_pods_pull_and_nothing_else(tmp_path: Path) -> None:
    compiles = Pool(kernel="5.15.0-105-generic", arch="arm64")
    flags = ("--init-container-image", "ghcr.io/mellanox/init:v1")

    result = run(
        "check", *inputs(tmp_path, THERE, compiles, forced=False), *flags, "-o", "mirror", cwd=tmp_path
    )

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.decode().splitlines() == [
        "ghcr.io/mellanox/init:v1",
        f"{REPOSITORY}:{THERE.tag}",
        f"{REPOSITORY}:{VERSION}-ubuntu22.04-arm64",
    ]


def test_pinned_images_are_listed_as_the_pods_name_them(tmp_path: Path) -> None:
    result = run("check", *inputs(tmp_path, THERE), "--pin-digests", "-o", "mirror", cwd=tmp_path)

    assert result.stdout.decode() == f"{REPOSITORY}:{THERE.tag}@{DIGEST}\n"


def test_where_the_operator_makes_the_pods_the_drivers_alone_are_listed(tmp_path: Path) -> None:
    inputs(tmp_path, THERE)
    (tmp_path / "gitops-doca.yaml").write_text(
        "apiVersion: gitops-doca.dev/v1alpha1\nkind: DriverGenerator\nspec:\n  policies: [policy.yaml]\n"
        "  inventory: nodes.json\n  emit: policies\n  initContainerImage: ghcr.io/mellanox/init:v1\n"
    )

    result = run("check", "-o", "mirror", cwd=tmp_path)

    assert (result.exit_code, result.stdout.decode()) == (0, f"{REPOSITORY}:{THERE.tag}\n")


def test_the_list_is_written_also_when_some_pools_have_no_image(tmp_path: Path) -> None:
    result = run("check", *inputs(tmp_path, THERE, GONE), "-o", "mirror", cwd=tmp_path)

    assert (result.exit_code, result.stdout.decode()) == (4, f"{REPOSITORY}:{THERE.tag}\n")
    assert f"precompiled tag was not found: {GONE.tag}" in result.stderr


def test_the_list_for_skopeo_names_missing_images_in_comments(tmp_path: Path) -> None:
    result = run("check", *inputs(tmp_path, THERE, GONE), "-o", "mirror-skopeo", cwd=tmp_path)

    assert result.exit_code == 4
    assert f"# missing: {REPOSITORY}:{GONE.tag}\n" in result.stdout.decode()
    assert yaml.safe_load(result.stdout) == {
        "nvcr.io": {"images": {"nvidia/mellanox/doca-driver": [THERE.tag]}}
    }


def test_the_script_builds_the_missing_image_under_the_tag_that_is_looked_up(tmp_path: Path) -> None:
    result = run("check", *inputs(tmp_path, THERE, GONE), "-o", "build", cwd=tmp_path)

    assert result.exit_code == 4
    assert f"    --tag {REPOSITORY}:{GONE.tag} \\\n" in result.stdout.decode()
    assert THERE.tag not in result.stdout.decode()


def test_the_image_of_openshifts_driver_toolkit_is_listed(tmp_path: Path) -> None:
    (case,) = (case for case in cases() if case.name == "openshift-dtk")
    folder = case.folder

    result = run_here(
        "check",
        *("-p", folder / "policy.yaml", "-i", folder / "nodes.yaml", "-i", folder / "objects.yaml"),
        *("-o", "mirror", "--openshift"),
        cwd=tmp_path,
        connect=FakeResolver(case.tags),
    )

    pods = [o["spec"]["template"]["spec"] for o in case.expected if o["kind"] == "DaemonSet"]
    wanted = {c["image"] for pod in pods for c in pod["containers"]}
    assert (result.exit_code, result.stderr) == (0, "")
    assert len(wanted) > 1
    assert result.stdout.decode().splitlines() == sorted(wanted)
