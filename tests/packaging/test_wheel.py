import configparser
import json
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from support.cli import ROOT, run_cli


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--no-index",
            "--no-deps",
            "--no-build-isolation",
            "-w",
            folder,
            ROOT,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert build.returncode == 0, build.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_every_module_is_in_the_wheel_and_nothing_else(unpacked: Path) -> None:
    package = ROOT / "gitops_doca"
    modules = {path.relative_to(ROOT) for path in package.rglob("*.py")}
    schemas = {Path("gitops_doca/schemas") / path.name for path in (ROOT / "schemas").iterdir()}
    files = {path.relative_to(unpacked) for path in unpacked.rglob("*") if path.is_file()}

    assert {path for path in files if ".dist-info" not in path.parts[0]} == {
        *modules,
        *schemas,
        Path("gitops_doca/emit/matrix/page.css"),
        Path("gitops_doca/py.typed"),
    }


def test_schemas_are_real_files_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        entries = [entry for entry in archive.infolist() if entry.filename.endswith(".schema.json")]
        packed = {Path(entry.filename).name: archive.read(entry) for entry in entries}

    assert [entry.filename for entry in entries if stat.S_ISLNK(entry.external_attr >> 16)] == []
    assert packed == {path.name: path.read_bytes() for path in (ROOT / "schemas").iterdir()}


def test_the_licence_and_the_command_are_in_the_wheel(unpacked: Path) -> None:
    (metadata,) = unpacked.glob("*.dist-info")
    scripts = configparser.ConfigParser()
    scripts.read(metadata / "entry_points.txt")

    assert (metadata / "licenses" / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert dict(scripts["console_scripts"]) == {
        "gitops-doca": "gitops_doca.cli:main",
        "gitops-doca-krm": "gitops_doca.cli:main",
    }


@pytest.mark.parametrize("name", ["config", "policy", "report"])
def test_a_schema_is_printed_from_the_wheel_alone(unpacked: Path, tmp_path: Path, name: str) -> None:
    result = run_cli("schema", name, cwd=tmp_path, env={"PYTHONPATH": str(unpacked)})

    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout) == json.loads((ROOT / "schemas" / f"{name}.schema.json").read_text())
