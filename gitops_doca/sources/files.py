"""Open inputs as bytes, limit their size, and refuse what is not text."""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from gitops_doca.sources.file_root import FileRoot
from gitops_doca.sources.reading.syntax import Readable, SyntaxProblem, UnreadableError
from gitops_doca.sources.reading.unfinished import LFS_POINTER, lfs_problem

STDIN = "-"
MAX_SIZE = 1 << 30
"""Bytes of one input: 40,000 nodes as kubectl prints them."""
SMALL = 4 << 20
"""Bytes of a config or a lock, which may take a hundred times as many bytes in memory."""
_MAX_LINE = 16 << 20
_PEEK = 64 << 10
_MADE_UP = ("/proc/", "/sys/")
_OWN = ("/dev/", "/proc/")
"""The folders of the system's own links, such as `/dev/stdin`."""
_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_TOO_LARGE = (
    f"is larger than {MAX_SIZE >> 30} GiB; take only the NIC nodes: "
    "kubectl get nodes -l feature.node.kubernetes.io/pci-15b3.present=true -o json"
)


def display_name(name: str, file_root: FileRoot | None = None) -> str:
    """Return an input's name in messages."""
    shown = file_root.shown(name) if file_root else name
    return "stdin" if shown == STDIN else shown


def has_file(name: str, file_root: FileRoot | None = None) -> bool:
    """Say whether there is something of that name, even a broken link."""
    return file_root.has(name) if file_root else os.path.lexists(name)


def is_special(name: str) -> bool:
    """Say whether a name leads to what may never end: a device, a pipe, a virtual file."""
    real = os.path.realpath(name)
    special = os.path.exists(real) and not (os.path.isfile(real) or os.path.isdir(real))  # noqa: PTH110, PTH112, PTH113 (start-up counts)
    return special or real.startswith(_MADE_UP)


def find_top(folder: str) -> str | None:
    """Return the nearest folder above, or this one, with a `.git` entry; None when there is none.

    It is the top of the Git work tree, since Git tracks no file of that name. As in Git, the search
    ends below the folders of GIT_CEILING_DIRECTORIES. `folder` is absolute.
    """
    listed = os.environ.get("GIT_CEILING_DIRECTORIES", "").split(os.pathsep)
    ceilings = {os.path.realpath(path) for path in listed if path}
    top = folder
    while not os.path.lexists(os.path.join(top, ".git")):  # noqa: PTH118 (start-up counts)
        above = os.path.dirname(top)  # noqa: PTH120 (the same)
        if above == top or above in ceilings:
            return None
        top = above
    return top


def is_below(file: str, folder: str) -> bool:
    """Say whether a file, with links resolved, is in a folder, whose name must have no links."""
    return os.path.commonpath([os.path.realpath(file), folder]) == folder


def is_gits(file: str, top: str) -> bool:
    """Say whether a file below a folder, links resolved, is `.git` or in it, in any case."""
    return ".git" in Path(os.path.relpath(os.path.realpath(file), top).lower()).parts


@contextmanager
def open_input(
    name: str, file_root: FileRoot | None = None, *, limit: int | None = None
) -> Iterator["TextBytes"]:
    """Open a file, or stdin for `-`; anything but a folder, so that `<(kubectl ...)` works.

    A link to anything but a file is not followed: a repository may hold one under the name of any
    input. With `file_root` only its regular files, and no stdin. `limit`: bytes, if fewer than
    `MAX_SIZE`. Raises `UnreadableError` when it cannot be opened or read, `SyntaxProblem` when it
    is too large or no text.
    """
    try:
        if name == STDIN and file_root is None:
            if sys.stdin is None:
                raise UnreadableError("cannot be read: it is closed")
            yield TextBytes(sys.stdin.buffer, limit)
            return
        if "\0" in name:
            raise UnreadableError("cannot be read: this cannot be the name of a file")
        if file_root is None and _is_link_to_special(name):
            raise UnreadableError("is a link to something that is not a regular file, so it is not read")
        with file_root.open(name) if file_root else Path(name).open("rb") as stream:
            status = os.fstat(stream.fileno())
            if stat.S_ISREG(status.st_mode):
                _check_size(status.st_size, limit)
            yield TextBytes(stream, limit)
    except UnicodeEncodeError:
        raise UnreadableError("cannot be read: the locale has no such name") from None
    except OSError as error:
        raise UnreadableError(
            f"cannot be read: {os.strerror(error.errno) if error.errno else 'I/O error'}"
        ) from None


def _is_link_to_special(name: str) -> bool:
    own = os.path.abspath(name).startswith(_OWN)  # noqa: PTH100 (start-up counts)
    return not own and os.path.islink(name) and is_special(name)  # noqa: PTH114 (the same)


def _check_size(size: int, limit: int | None) -> None:
    if limit is not None and size > limit:
        raise SyntaxProblem(0, f"is larger than {limit >> 20} MiB, which no file of its kind needs to be")
    if size > MAX_SIZE:
        raise SyntaxProblem(0, _TOO_LARGE)


class TextBytes:
    """The UTF-8 bytes of a stream; refuses what is not text or too long."""

    def __init__(self, stream: BinaryIO, limit: int | None = None) -> None:
        self._stream = stream
        self._limit = limit
        self._head = stream.read(_PEEK)
        self._size = 0
        self._head = self._head.removeprefix(_UTF8_MARK)
        if self._head.startswith(_UTF16_MARKS):
            raise SyntaxProblem(1, "is UTF-16 text; write it as UTF-8")
        if self._head.startswith(LFS_POINTER):
            raise lfs_problem()
        if b"\0" in self._head:
            raise SyntaxProblem(1, "is a binary file, not YAML or JSON text")
        self._start = self._head.lstrip()[:1]
        self._replay: list[bytes] | None = []

    @property
    def looks_like_json(self) -> bool:
        """Say whether the first character opens an object or an array."""
        return self._start in {b"{", b"["}

    @property
    def is_empty(self) -> bool:
        """Say whether the bytes read so far are only white space."""
        return not self._start and len(self._head) < _PEEK

    def read(self, size: int = -1) -> bytes:
        """Read up to `size` bytes; raises `SyntaxProblem` past the limit."""
        chunk = self._head or self._stream.read(size)
        self._head = b""
        self._size += len(chunk)
        _check_size(self._size, self._limit)
        if self._replay is not None:
            self._replay = [*self._replay, chunk] if self._size <= _MAX_LINE else None
        return chunk

    @property
    def seen(self) -> bytes:
        """Return what was read so far; empty for a text that is too long to keep."""
        return b"".join(self._replay or ())

    def rewind(self) -> bool:
        """Go back to the start, if that is still possible."""
        if self._replay is None:
            return False
        self._head, self._replay, self._size = b"".join(self._replay), [], 0
        return True

    def short_lines(self) -> Readable:
        """Return the same bytes for a reader that keeps whole lines: one above 16 MiB is refused."""
        return _ShortLines(self)


class _ShortLines:
    def __init__(self, source: TextBytes) -> None:
        self._source = source
        self._open = 0
        self._lines = 1

    def read(self, size: int = -1) -> bytes:
        chunk = self._source.read(size)
        newline = chunk.rfind(b"\n")
        self._open = self._open + len(chunk) if newline < 0 else len(chunk) - newline
        self._lines += chunk.count(b"\n")
        if self._open > _MAX_LINE:
            raise SyntaxProblem(self._lines, f"has a line longer than {_MAX_LINE >> 20} MiB")
        return chunk
