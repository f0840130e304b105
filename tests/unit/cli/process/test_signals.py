"""Runs that a signal ends, and what they leave behind: processes that stop in the middle of a file."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gitops_doca.cli.output.streams import write_file
from support.cli import clean_environment
from support.inputs import Pool, write_inputs

# On the way to the disk it says so, and waits: a file stands half written beside the one that it replaces.
PROGRAM = """
import os, sys, time
from gitops_doca.cli import main
def wait(_descriptor):
    print("writing", flush=True)
    time.sleep(60)
os.fsync = wait
main(sys.argv[1:])
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Inputs that need no look-up."""
    write_inputs(tmp_path, repository="nvcr.io/x", pools=[Pool(kernel="5.15.0-91-generic")], forced=False)
    policy = tmp_path / "policy.yaml"
    digest = "sha256:" + "a1" * 32
    policy.write_text(policy.read_text().replace("version: 25.04-0.6.1.0-2", f"version: {digest}"))
    (tmp_path / "out").mkdir()
    return tmp_path


@contextmanager
def writing(
    folder: Path, *flags: str, ignored: signal.Signals | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Start a run that has begun to write into `out`, and end it if the test has not."""
    arguments = ["generate", "-p", "policy.yaml", "-i", "nodes.json", *flags]
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=folder,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=None if ignored is None else lambda: signal.signal(ignored, signal.SIG_IGN),  # noqa: PLW1509
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "writing\n"
            yield process
        finally:
            process.kill()


def parts(folder: Path) -> list[Path]:
    return sorted((folder / "out").glob(".gitops-doca.*"))


WARNING = (
    "warning: policy.yaml:10: spec.ofedDriver.version: version is a digest, so one image goes to every pool "
    "of NicClusterPolicy nic-cluster-policy (1)\n"
    "  help: write the driver's version, and each pool gets the image for its kernel\n"
)
REPORT = ("--report", "out/report.json")


@pytest.mark.parametrize("flags", [REPORT, ("--output-dir", "out")], ids=["report", "folder"])
@pytest.mark.parametrize(
    ("number", "code", "told"),
    [
        (signal.SIGTERM, 143, "terminated"),
        (signal.SIGHUP, 129, "hung up"),
        (signal.SIGINT, 130, "\ninterrupted"),
    ],
)
def test_a_signal_ends_a_run_with_its_code_and_no_file_half_written(
    number: signal.Signals, code: int, told: str, flags: tuple[str, ...], folder: Path
) -> None:
    with writing(folder, *flags) as process:
        assert len(parts(folder)) == 1
        process.send_signal(number)
        _, stderr = process.communicate(timeout=30)

    assert (process.returncode, stderr.removeprefix(WARNING)) == (code, f"{told}\n")
    assert parts(folder) == []


def test_a_signal_that_the_caller_ignores_stays_ignored(folder: Path) -> None:
    with writing(folder, *REPORT, ignored=signal.SIGHUP) as process:
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)

    assert process.returncode == 143


def test_what_a_killed_run_left_goes_with_the_next_one(folder: Path) -> None:
    with writing(folder, *REPORT) as process:
        process.kill()
        process.communicate(timeout=30)
    left = parts(folder)

    write_file(folder / "out" / "other", "text")

    assert len(left) == 1
    assert [path.name for path in (folder / "out").iterdir()] == ["other"]


def test_the_file_of_a_run_that_still_writes_is_no_leftover(folder: Path) -> None:
    with writing(folder, *REPORT) as process:
        write_file(folder / "out" / "report.json", "text")
        assert len(parts(folder)) == 1
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)

    assert [path.name for path in (folder / "out").iterdir()] == ["report.json"]


def test_only_files_of_that_name_are_leftovers(tmp_path: Path) -> None:
    kept = [".gitops-doca.", ".gitops-doca.0123abc", ".gitops-doca.0123ABCD", "x.gitops-doca.0123abcd"]
    for name in kept:
        (tmp_path / name).write_text("mine")
    (tmp_path / ".gitops-doca.00000000").mkdir()
    (tmp_path / ".gitops-doca.11111111").symlink_to("nowhere")
    os.mkfifo(tmp_path / ".gitops-doca.22222222")
    (tmp_path / ".gitops-doca.33333333").write_text("half")

    write_file(tmp_path / "report", "text")

    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [*kept, ".gitops-doca.00000000", ".gitops-doca.11111111", ".gitops-doca.22222222", "report"]
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_somebody_else_is_no_leftover(tmp_path: Path) -> None:
    other = tmp_path / ".gitops-doca.0123abcd"
    other.write_text("half")
    os.chown(other, 4321, 4321)

    write_file(tmp_path / "report", "text")

    assert other.exists()
