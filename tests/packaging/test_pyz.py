"""The one file that runs by itself, as a stranger without a home and under a bare interpreter."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cli import ROOT, Result, run_cli
from support.krm import config, resource_list
from support.upgrade import FALLBACK

pytestmark = pytest.mark.xdist_group("pyz")  # the file is built once, not by each worker

NOBODY = 65534


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that everybody can read, with the file, the function's name for it, and the demo."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        subprocess.run([sys.executable, ROOT / "tools" / "pyz.py", folder / "gitops-doca.pyz"], check=True)
        (folder / "gitops-doca-krm").symlink_to("gitops-doca.pyz")
        shutil.copytree(ROOT / "fixtures" / "demo", folder / "demo")
        subprocess.run(["chmod", "-R", "a+rX", folder], check=True)
        (folder / "tmp").mkdir()
        (folder / "tmp").chmod(0o1777)
        yield folder


def run(folder: Path, name: str, *arguments: str, stdin: bytes = b"", **environment: str) -> Result:
    """Run the file with no packages, no home and no variables, as nobody where the test may become that."""
    stranger = NOBODY if os.getuid() == 0 else None
    found = subprocess.run(
        [_interpreter(), "-S", folder / name, *arguments],
        cwd=folder / "demo",
        env={"TMPDIR": str(folder / "tmp")} | environment,
        input=stdin,
        user=stranger,
        group=stranger,
        extra_groups=None if stranger is None else [],
        capture_output=True,
        check=False,
        timeout=120,
    )
    return Result(exit_code=found.returncode, stdout=found.stdout, stderr=found.stderr.decode())


def names(folder: Path) -> list[str]:
    with zipfile.ZipFile(folder / "gitops-doca.pyz") as archive:
        return archive.namelist()


def _interpreter() -> str:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    # The one of this process may stand in somebody's home.
    return shutil.which(version, path=f"/usr/local/bin:{os.defpath}") or os.path.realpath(sys.executable)


def test_it_prints_what_the_package_prints(folder: Path) -> None:
    first = run(folder, "gitops-doca.pyz", "generate")
    again = run(folder, "gitops-doca.pyz", "generate")

    assert (first.exit_code, first.stderr) == (0, "")
    assert first == again == run_cli("generate", folder / "demo", cwd=ROOT)


def test_under_the_functions_name_it_is_the_function(folder: Path) -> None:
    call = config(policies=["policy.yaml"], inventory=["nodes.yaml"], fallbackVersions=[FALLBACK])

    result = run(folder, "gitops-doca-krm", stdin=resource_list([], call))

    assert (result.exit_code, result.stderr, result.stdout.count(b"kind: DaemonSet")) == (0, "", 3)


def test_its_errors_and_exit_codes_are_those_of_the_package(folder: Path) -> None:
    result = run(folder, "gitops-doca.pyz", "generate", "absent")

    assert (result.exit_code, result.stdout, result.stderr) == (
        3,
        b"",
        "error[input]: absent: cannot be read: No such file or directory\n",
    )


def test_all_that_going_online_needs_is_in_it(folder: Path) -> None:
    result = run(folder, "gitops-doca.pyz", "generate", "--online", HTTPS_PROXY="http://127.0.0.1:1")

    assert (result.exit_code, result.stdout) == (5, b"")
    assert result.stderr.startswith("error[unknown]: policy.yaml:6: spec.ofedDriver: cannot tell whether ")


def test_the_client_of_a_cluster_is_whole_without_its_other_half(folder: Path) -> None:
    code = "import kubernetes.client, kubernetes.config.incluster_config as c; print(c.__name__)"

    result = run(folder, "gitops-doca.pyz", "-c", code, SHIV_INTERPRETER="1")

    assert (result.exit_code, result.stdout, result.stderr) == (
        0,
        b"kubernetes.config.incluster_config\n",
        "",
    )
    assert [name for name in names(folder) if "/kubernetes/aio/" in name] == []


def test_it_brings_its_bytecode_so_that_the_first_run_is_quick(folder: Path) -> None:
    ours = [name for name in names(folder) if name.startswith("site-packages/gitops_doca/")]
    modules = {name for name in ours if name.endswith(".py")}
    compiled = {
        re.sub(r"__pycache__/(.*)\.cpython-\d+\.pyc", r"\1.py", name) for name in ours if name.endswith("c")
    }

    assert len(modules) > 100
    assert compiled == modules


def test_the_files_that_the_program_reads_are_in_it(folder: Path) -> None:
    schemas = [f"schemas/{file.name}" for file in (ROOT / "schemas").iterdir()]
    files = {f"site-packages/gitops_doca/{name}" for name in (*schemas, "emit/matrix/page.css")}

    assert files - set(names(folder)) == set()


def test_the_same_checkout_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    again = tmp_path / "again" / "gitops-doca.pyz"
    subprocess.run([sys.executable, ROOT / "tools" / "pyz.py", again], umask=0o077, check=True)

    assert again.read_bytes() == (folder / "gitops-doca.pyz").read_bytes()
    assert os.access(again, os.X_OK)


def test_it_names_the_python_that_it_is_for(folder: Path) -> None:
    with (folder / "gitops-doca.pyz").open("rb") as stream:
        line = stream.readline().decode()

    assert line == f"#!/usr/bin/env python{sys.version_info.major}.{sys.version_info.minor}\n"


def test_it_runs_nothing_from_a_folder_that_others_can_write(folder: Path) -> None:
    uid = NOBODY if os.getuid() == 0 else os.getuid()
    taken = folder / "taken" / f"gitops-doca-{uid}"
    taken.mkdir(parents=True)
    taken.chmod(0o777)

    result = run(folder, "gitops-doca.pyz", "--version", TMPDIR=str(taken.parent))

    assert (result.exit_code, result.stdout, result.stderr.splitlines()) == (
        74,
        b"",
        [
            f"error[io]: {taken}: is not a folder that only its owner, who runs this, can write",
            "  help: set SHIV_ROOT, or TMPDIR, to a folder of your own",
        ],
    )


def test_without_a_writable_folder_it_says_so(folder: Path) -> None:
    result = run(folder, "gitops-doca.pyz", "--version", TMPDIR="/proc")

    assert (result.exit_code, result.stderr.partition(": ")[0]) == (74, "error[io]")
