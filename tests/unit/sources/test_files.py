import os
import threading
from io import BytesIO
from pathlib import Path

import pytest

from gitops_doca.core.diagnostics import Problems
from gitops_doca.sources.files import MAX_SIZE, TextBytes
from gitops_doca.sources.reading.reader import read_documents
from gitops_doca.sources.reading.selection import ALL
from gitops_doca.sources.reading.syntax import Readable, SyntaxProblem
from support.reading import lines

BIG = (
    "is larger than 1 GiB; take only the NIC nodes: "
    "kubectl get nodes -l feature.node.kubernetes.io/pci-15b3.present=true -o json"
)


def read(path: Path | str) -> tuple[list[object], list[str]]:
    """Return the values in a file, and what is wrong with it, without the file's name."""
    problems = Problems()
    values = [document.value for document in read_documents(str(path), ALL, problems)]
    return values, [line.replace(f"{path}:", "", 1).lstrip() for line in lines(problems)]


def read_bytes(folder: Path, data: bytes) -> tuple[list[object], list[str]]:
    (folder / "in").write_bytes(data)
    return read(folder / "in")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b" \n\n\t", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"\x7fELF\x02\x00\x00", "1: is a binary file, not YAML or JSON text"),
        ("a: 1".encode("utf-16"), "1: is UTF-16 text; write it as UTF-8"),
        (b"\xfe\xff\x00a", "1: is UTF-16 text; write it as UTF-8"),
        (b"\x1f\x8b\x08\x08", "is not YAML text: it has bytes that are not UTF-8"),
    ],
)
def test_what_is_no_text_is_refused(data: bytes, message: str, tmp_path: Path) -> None:
    assert read_bytes(tmp_path, data) == ([], [message])


def test_a_nul_byte_far_into_json_is_refused(tmp_path: Path) -> None:
    data = b'{"a": "' + b"x" * 70_000 + b'\0"}'

    assert read_bytes(tmp_path, data) == ([], ["1: is not valid JSON: invalid control character at"])


def test_json_with_a_byte_order_mark_is_json(tmp_path: Path) -> None:
    assert read_bytes(tmp_path, b'\xef\xbb\xbf {"a": 1}') == ([{"a": 1}], [])


@pytest.mark.parametrize("text", ["{a: b}", "# yes\n{a: b}", '{"a": b,}', "{a: b # c\n}"])
def test_flow_style_is_read_as_yaml(text: str, tmp_path: Path) -> None:
    assert read_bytes(tmp_path, text.encode()) == ([{"a": "b"}], [])


def test_broken_json_that_is_no_yaml_either_is_told_as_json(tmp_path: Path) -> None:
    assert read_bytes(tmp_path, b'{"a": 1,\n"b": [}') == ([], ["2: is not valid JSON: expecting value"])


def test_json_that_breaks_after_an_item_is_not_tried_as_yaml(tmp_path: Path) -> None:
    assert read_bytes(tmp_path, b'{"items": [{"kind": "a"},\n {b: c}]}') == (
        [{"kind": "a"}],
        ["2: is not valid JSON: expecting property name enclosed in double quotes"],
    )


def test_a_sparse_file_of_3_gb_is_refused_by_its_size(tmp_path: Path) -> None:
    with (tmp_path / "in").open("wb") as stream:
        stream.truncate(3 << 30)

    assert read(tmp_path / "in") == ([], [BIG])


class Endless(BytesIO):
    """A stream that repeats itself, and counts what was read of it."""

    def __init__(self, line: bytes) -> None:
        super().__init__()
        self._lines = line * ((1 << 20) // len(line))
        self.count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        del size
        self.count += len(self._lines)
        return self._lines


def read_to_the_end(stream: Readable) -> None:
    while stream.read(1 << 20):
        pass


def test_a_stream_without_end_is_read_up_to_1_gib() -> None:
    stream = Endless(b"a: 1\n")

    with pytest.raises(SyntaxProblem) as caught:
        read_to_the_end(TextBytes(stream).short_lines())

    assert caught.value.message == BIG
    assert MAX_SIZE < stream.count <= MAX_SIZE + (1 << 20)


@pytest.mark.parametrize("start", [b'{"a": "', b"a: '"])
def test_a_stream_over_the_limit_is_not_read_to_its_end(
    start: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = BytesIO(start + b"x\n" * (4 << 20))
    monkeypatch.setattr("sys.stdin", type("Stdin", (), {"buffer": stream})())
    problems = Problems()

    assert list(read_documents("-", ALL, problems, limit=1 << 20)) == []
    assert lines(problems) == [
        "stdin: is larger than 1 MiB, which no file of its kind needs to be",
    ]
    assert stream.tell() < 4 << 20


def test_an_endless_line_is_refused_with_its_number() -> None:
    text = b"a: 1\n# " + b"x" * (17 << 20)

    with pytest.raises(SyntaxProblem) as caught:
        read_to_the_end(TextBytes(BytesIO(text)).short_lines())

    assert (caught.value.line, caught.value.message) == (2, "has a line longer than 16 MiB")


def test_many_lines_are_no_long_line() -> None:
    text = b"- aaaaaaa\n" * (2 << 20)

    read_to_the_end(TextBytes(BytesIO(text)).short_lines())


def test_a_named_pipe_is_an_input(tmp_path: Path) -> None:
    pipe = tmp_path / "in"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"a: 1\n",))
    writer.start()

    assert read(pipe) == ([{"a": 1}], [])
    writer.join()


def test_what_cannot_be_opened_is_told_with_the_reason(tmp_path: Path) -> None:
    assert read(tmp_path) == ([], ["cannot be read: Is a directory"])
    assert read(tmp_path / "absent") == ([], ["cannot be read: No such file or directory"])
    assert read(tmp_path / ("x" * 300)) == ([], ["cannot be read: File name too long"])
    assert read(f"{tmp_path}/a\0b") == ([], ["cannot be read: this cannot be the name of a file"])


def test_a_file_without_permission_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)

    assert read(tmp_path / "in") == ([], ["cannot be read: Permission denied"])


def test_a_standard_input_that_is_closed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)

    assert read("-") == ([], ["stdin: cannot be read: it is closed"])


def test_a_file_may_be_held_to_less_than_others(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"a: 1\n" * (1 << 18))
    problems = Problems()

    assert list(read_documents(str(tmp_path / "in"), ALL, problems, limit=1 << 20)) == []
    assert lines(problems) == [
        f"{tmp_path}/in: is larger than 1 MiB, which no file of its kind needs to be",
    ]
