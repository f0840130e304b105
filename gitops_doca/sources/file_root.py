"""Open files only inside of one folder, for inputs with untrusted names."""

import errno
import os
import stat
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import BinaryIO, NamedTuple

from gitops_doca.sources.reading.syntax import UnreadableError

_MAX_LINKS = 40
"""The number of links that Linux follows on the way to a file."""
_MAX_NAME = 4096
# Without waiting for a writer, if a pipe has replaced the file.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
# On Linux a folder is opened only to look names up; elsewhere it has to be readable.
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_INSIDE = "name a file of the repository, by a relative path; .. may be in it"
_BELOW = "remove it, or put a file in its place"
REPOSITORY = "the repository"


class FileRoot(NamedTuple):
    """Opens files in a folder; nothing outside is accessed, so its existence is not revealed.

    Names are resolved part by part on open folders, so the checked file is the opened one.
    """

    root: str
    """The folder, as an absolute path."""
    start: tuple[str, ...] = ()
    """The folders below it at which relative names start."""
    called: str = REPOSITORY
    """The folder's name in messages."""
    folder: str = ""
    """The start of file names in messages, if it is not their path in the repository."""
    revision: str = ""
    """The revision that the folder has the files of, if any: messages name `revision:path`."""

    def shown(self, name: str) -> str:
        """Return a file's name in messages."""
        if self.revision:
            return f"{self.revision}:{os.path.normpath(os.path.join(*self.start, name))}"  # noqa: PTH118
        return os.path.normpath(os.path.join(self.folder, name)) if self.folder else name  # noqa: PTH118

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """Open a regular file.

        Raises `UnreadableError` for a name that leads out or is not a regular file, and OSError.
        """
        with ExitStack() as stack:
            folder, last = self._find(name, stack)
            descriptor = os.open(last, _READ, dir_fd=folder)
            with os.fdopen(descriptor, "rb") as stream:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise self.no_file()
                yield stream

    def has(self, name: str) -> bool:
        """Say whether a name exists; true for one that leads out, so that opening it reports that."""
        try:
            with ExitStack() as stack:
                self._find(name, stack)
        except FileNotFoundError:
            return False
        except (OSError, ValueError, UnreadableError):
            return True
        return True

    def leads_to(self, name: str, folder: os.stat_result) -> bool:
        """Say whether a name leads to this very folder without leaving it on the way."""
        try:
            with ExitStack() as stack:
                walk = _Walk(self, (*name.split("/"), "."), stack)
                return walk.file() is None and os.path.samestat(os.fstat(walk.folder), folder)
        except (OSError, ValueError, UnreadableError):
            return False

    def _find(self, name: str, stack: ExitStack) -> tuple[int, str]:
        """Return an open folder and the name of a regular file in it; `stack` closes the folder."""
        if name.startswith("/"):
            raise UnreadableError(
                "is an absolute path, and only the repository's files are read", help=_INSIDE
            )
        if len(name) > _MAX_NAME:
            raise OSError(errno.ENAMETOOLONG, "")
        walk = _Walk(self, (*self.start, *name.split("/")), stack)
        file = walk.file()
        if file is None:
            raise self.no_file()
        return file

    def outside(self) -> UnreadableError:
        """Return the error for a name that leads out."""
        message = f"leads out of {self.called}, through .. or a link, so it is not read"
        return UnreadableError(message, help=self._help)

    def no_file(self) -> UnreadableError:
        """Return the error for a name that leads to anything but a regular file."""
        return UnreadableError("is not a regular file, so it is not read", help=self._help)

    @property
    def _help(self) -> str:
        return _BELOW if self.folder else _INSIDE


class _Walk:
    """Follows the parts of a name, never above the root."""

    def __init__(self, file_root: FileRoot, parts: tuple[str, ...], stack: ExitStack) -> None:
        self._root = file_root
        self._stack = stack
        self._parts = deque(parts)
        self._links = 0
        self._linked = False
        # The root itself may be a link: its name is trusted.
        self._folders = [self._keep(os.open(file_root.root, _FOLDER & ~os.O_NOFOLLOW))]

    @property
    def folder(self) -> int:
        """The current folder, as an open descriptor."""
        return self._folders[-1]

    def file(self) -> tuple[int, str] | None:
        """Return the folder and name of a regular file; None for anything else."""
        while self._parts:
            part = self._parts.popleft()
            if part == "..":
                self._leave()
            elif part not in {"", "."}:
                mode = self._mode(part)
                if stat.S_ISLNK(mode):
                    self._follow(os.readlink(part, dir_fd=self.folder))
                elif stat.S_ISDIR(mode):
                    self._folders.append(self._keep(os.open(part, _FOLDER, dir_fd=self.folder)))
                elif self._parts:
                    raise NotADirectoryError(errno.ENOTDIR, "")
                else:
                    return (self.folder, part) if stat.S_ISREG(mode) else None
        return None

    def _mode(self, part: str) -> int:
        # If it is replaced meanwhile, opening it fails: no link is followed there.
        try:
            return os.stat(part, dir_fd=self.folder, follow_symlinks=False).st_mode
        except FileNotFoundError:
            if self._linked:
                raise UnreadableError("is a broken link") from None
            raise

    def _leave(self) -> None:
        if len(self._folders) == 1:
            raise self._root.outside()
        self._folders.pop()

    def _follow(self, target: str) -> None:
        self._links += 1
        if self._links > _MAX_LINKS:
            raise OSError(errno.ELOOP, "")
        if target.startswith("/"):
            raise self._root.outside()
        self._linked |= not self._parts
        self._parts.extendleft(reversed(target.split("/")))

    def _keep(self, descriptor: int) -> int:
        self._stack.callback(os.close, descriptor)
        return descriptor
