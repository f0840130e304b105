import os
import threading
from pathlib import Path

import pytest

from gitops_doca.cli.output.streams import write_file, write_stdout
from gitops_doca.core.diagnostics import Category, Diagnostic, GenerationError


def failure(path: Path | None = None) -> Diagnostic:
    with pytest.raises(GenerationError) as caught:
        write_stdout("new") if path is None else write_file(path, "new")
    (found,) = caught.value.diagnostics
    return found


def test_a_file_is_written_whole_with_nothing_beside_it(tmp_path: Path) -> None:
    write_file(tmp_path / "report", "text ü\n")

    assert [path.name for path in tmp_path.iterdir()] == ["report"]
    assert (tmp_path / "report").read_text(encoding="utf-8") == "text ü\n"


def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "report"
    path.write_text("old")
    path.chmod(0o640)

    write_file(path, "new")

    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", 0o640)


def test_a_link_stays_a_link_and_its_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "report").write_text("old")
    (tmp_path / "report").symlink_to("real/report")

    write_file(tmp_path / "report", "new")

    assert (tmp_path / "report").is_symlink()
    assert (tmp_path / "real" / "report").read_text() == "new"


def test_a_link_to_nothing_makes_the_file_it_names(tmp_path: Path) -> None:
    (tmp_path / "report").symlink_to("other")

    write_file(tmp_path / "report", "new")

    assert (tmp_path / "other").read_text() == "new"


def test_the_old_file_stays_when_the_new_one_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report"
    path.write_text("old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    assert failure(path) == Diagnostic(
        category=Category.IO, message=f"{path} could not be written: No space left on device"
    )
    assert [one.read_text() for one in tmp_path.iterdir()] == ["old"]


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    path = tmp_path / "absent" / "report"

    assert failure(path).message == f"{path} could not be written: No such file or directory"


def test_a_device_is_written_to_and_not_replaced() -> None:
    write_file(Path("/dev/null"), "new")

    assert Path("/dev/null").is_char_device()


def test_a_full_device_is_told() -> None:
    assert failure(Path("/dev/full")).message == "/dev/full could not be written: No space left on device"


def test_a_pipe_is_written_to_by_its_number(tmp_path: Path) -> None:
    del tmp_path
    reader, writer = os.pipe()

    write_file(Path(f"/dev/fd/{writer}"), "new")

    assert os.read(reader, 100) == b"new"
    os.close(reader)
    os.close(writer)


def test_a_named_pipe_stays_one(tmp_path: Path) -> None:
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()

    write_file(pipe, "new")

    reader.join()
    assert (read, pipe.is_fifo()) == (["new"], True)


def test_half_of_a_surrogate_pair_is_written_as_its_escape(tmp_path: Path) -> None:
    write_file(tmp_path / "report", "\udcff")

    assert (tmp_path / "report").read_bytes() == b"\\udcff"


def test_a_program_without_stdout_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", None)

    assert failure() == Diagnostic(
        category=Category.IO, message="stdout could not be written: Bad file descriptor"
    )
