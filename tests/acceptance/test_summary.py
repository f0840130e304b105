"""The summary of a step on GitHub: appended beside what is printed, and never a reason to fail."""

from pathlib import Path

import pytest

from fakes.registry import FakeRegistry
from support.cli import Result
from support.in_process import run_here
from support.inputs import Pool, write_inputs

POOL = Pool(kernel="5.15.0-91-generic")
REPOSITORY = "nvidia/mellanox/doca-driver"


def run(folder: Path, file: Path | str, command: str = "check", *flags: str, tags: bool = True) -> Result:
    with FakeRegistry(tags={REPOSITORY: [POOL.tag] if tags else ["other"]}) as registry:
        inputs = write_inputs(
            folder, repository=f"{registry.host}/nvidia/mellanox", pools=[POOL], forced=True
        )
        return run_here(command, *inputs, *flags, cwd=folder, env={"GITHUB_STEP_SUMMARY": str(file)})


@pytest.mark.parametrize("command", ["check", "matrix"])
def test_markdown_is_appended_whatever_is_printed(tmp_path: Path, command: str) -> None:
    file = tmp_path / "summary.md"
    file.write_text("before\n")
    text = run(tmp_path, file, command)
    shown = run(tmp_path, "", command, "-o", "markdown").stdout.decode()

    assert (text.exit_code, text.stderr) == (0, "")
    assert text.stdout.decode() != shown
    # The port of the registry is another one each time.
    assert file.read_text().splitlines()[:2] == ["before", ""]
    assert [line.partition("127.0.0.1")[0] for line in file.read_text().splitlines()[2:]] == [
        line.partition("127.0.0.1")[0] for line in shown.splitlines()
    ]


def test_a_table_with_missing_images_is_in_it_too(tmp_path: Path) -> None:
    result = run(tmp_path, tmp_path / "summary.md", tags=False)

    assert result.exit_code == 4
    assert f"| {POOL.name} | nic-cluster-policy | 1 | missing |" in (tmp_path / "summary.md").read_text()


@pytest.mark.parametrize(
    ("name", "why"), [("no/such/folder", "No such file or directory"), (".", "Is a directory")]
)
def test_one_that_cannot_be_written_is_a_warning(tmp_path: Path, name: str, why: str) -> None:
    result = run(tmp_path, tmp_path / name)

    assert (result.exit_code, result.stdout[:4]) == (0, b"POOL")
    assert result.stderr == f"warning: the summary in $GITHUB_STEP_SUMMARY could not be written: {why}\n"


def test_a_full_disk_is_a_warning(tmp_path: Path) -> None:
    result = run(tmp_path, "/dev/full")

    assert (result.exit_code, result.stderr) == (
        0,
        "warning: the summary in $GITHUB_STEP_SUMMARY could not be written: No space left on device\n",
    )


def test_it_is_cut_at_a_line(tmp_path: Path) -> None:
    before = "x" * ((1 << 20) - 131)
    file = tmp_path / "summary.md"
    file.write_text(before)
    run(tmp_path, file)
    first = file.read_text()
    run(tmp_path, file)

    assert first.removeprefix(before) == (
        "\n"
        "| Pool | Policy | Nodes | State | Tag or digest |\n"
        "| --- | --- | ---: | --- | --- |\n"
        "\n... cut: a summary holds 1 MiB\n"
    )
    assert file.read_text() == first


def test_generate_writes_none(tmp_path: Path) -> None:
    run(tmp_path, tmp_path / "summary.md", "generate")

    assert not (tmp_path / "summary.md").exists()


def test_a_fleet_has_one_table(tmp_path: Path) -> None:
    file = tmp_path / "summary.md"
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "gitops-doca.yaml").write_text("no: config\n")
    env = {"GITHUB_STEP_SUMMARY": str(file)}
    result = run_here("check", "a", "b", "-o", "markdown", cwd=tmp_path, env=env)

    assert result.exit_code == 3
    assert file.read_bytes() == result.stdout != b""
