"""Write documents: stdout once and whole, files in one step."""

import errno
import fcntl
import io
import os
import re
import stat
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

from gitops_doca.cli.output.console import silence
from gitops_doca.core.diagnostics import Category, Diagnostic, GenerationError, Place, Problems

if TYPE_CHECKING:
    from pathlib import Path

_ESCAPED = "backslashreplace"
"""For names of files that are no UTF-8: the escape is JSON's too."""
_MAX_OLD = 16 << 20
_READER_GONE = 141
_PART = re.compile(r"\.gitops-doca\.[0-9a-f]{8}")
"""Name of a file that is not whole yet; its writer keeps it locked."""
_TRIES = 10


def write_stdout(text: str) -> None:
    """Write the document to stdout.

    Raises `GenerationError` of class `io` when that fails. When its reader is gone the run ends quietly,
    with the code that a shell reports for a process that SIGPIPE killed.
    """
    try:
        if sys.stdout is not None:
            sys.stdout.buffer.write(text.encode(errors=_ESCAPED))
    except OSError as error:
        _give_up(error)
    check_stdout()


def buffer_stdout() -> None:
    """Give stdout a buffer where Python was told to have none (`PYTHONUNBUFFERED`, `-u`).

    What cannot be written then stays in it, so that `check_stdout` finds it, also text of click.
    """
    stream = sys.stdout
    if isinstance(stream, io.TextIOWrapper) and isinstance(stream.buffer, io.FileIO):
        # The descriptor stays the old stream's, which closes it.
        sys.stdout = open(  # noqa: SIM115 (a descriptor, open as long as the process runs)
            stream.fileno(), "w", encoding=stream.encoding, errors=stream.errors, closefd=False
        )


def check_stdout() -> None:
    """Flush stdout, also text that click printed; raises and exits as `write_stdout` does."""
    if sys.stdout is None:
        raise _failed("standard output", OSError(errno.EBADF, ""))
    try:
        sys.stdout.flush()
    except OSError as error:
        _give_up(error)


def _give_up(error: OSError) -> NoReturn:
    silence(sys.stdout)
    if isinstance(error, BrokenPipeError):
        sys.exit(_READER_GONE)
    raise _failed("standard output", error) from None


def write_file(path: "Path", text: str) -> None:
    """Replace a file by this text in one step.

    Raises `GenerationError` of class `io`, and then leaves the old file as it was.
    """
    refuse_way_out(path)
    try:
        mode = path.stat().st_mode if path.exists() else None
        if mode is not None and not stat.S_ISREG(mode):
            # A device or a pipe: there is nothing to replace.
            path.write_text(text, encoding="utf-8", errors=_ESCAPED)
        else:
            target = type(path)(os.path.realpath(path))
            remove_leftovers(target.parent)
            _replace(target, text, mode)
    except ValueError:
        raise _failed(repr(str(path)), OSError(errno.EINVAL, "")) from None
    except OSError as error:
        raise _failed(str(path), error) from None


def refuse_way_out(path: "Path") -> None:
    """Raise `GenerationError` of class `io` for a path in a repository that links lead out of it.

    The repository may have brought the link, and the path was meant to be inside it.
    """
    # Where no file is written it costs nothing.
    from gitops_doca.sources.git.repository import leads_out

    if "\0" in str(path) or not leads_out(os.path.abspath(path)):  # noqa: PTH100 (links stay)
        return
    message = "is not written to: it leads out of its repository through a symbolic link"
    help = "remove the link, or name the place that it leads to"
    raise GenerationError(
        (Diagnostic(category=Category.IO, message=message, place=Place(str(path)), help=help),)
    )


def replaceable_text(
    file: str, kind: str, problems: Problems, *, called: str, category: Category, help: str
) -> str:
    """Return what stands now in a file of ours; reports one that is no document of this kind.

    `called` is what messages call the right one. Nothing else is overwritten: the repository may have chosen
    the path, a link could lead anywhere, and a device may never end. Empty when there is no file.
    """
    if not os.path.lexists(file):
        return ""
    # Neither --version nor --help writes a file: start-up counts.
    from pathlib import Path

    path = Path(file)
    text = ""
    if path.is_file() and not path.is_symlink():
        try:
            with path.open(encoding="utf-8", errors="replace") as stream:
                text = stream.read(_MAX_OLD)
        except OSError as error:
            message = f"cannot be read, so it is not overwritten: {_why(error)}"
            problems.error(message, Place(file), category=category, help=help)
            return ""
        if not text.strip() or f"\nkind: {kind}\n" in text:
            return text
    message = f"here is something else than {called}, which is not overwritten"
    problems.error(message, Place(file), category=category, help=help)
    return text


def remove_leftovers(folder: "Path") -> None:
    """Remove what runs that were killed left in a folder, as far as that can be told and done."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if _PART.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                _remove_leftover(folder / entry.name)


def _remove_leftover(part: "Path") -> None:
    with suppress(OSError):
        descriptor = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            if os.fstat(descriptor).st_uid == os.geteuid():
                # Another run that writes it has it locked.
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                part.unlink()
        finally:
            os.close(descriptor)


def _replace(target: "Path", text: str, mode: int | None) -> None:
    for _ in range(_TRIES):
        part = target.with_name(f".gitops-doca.{os.urandom(4).hex()}")
        try:
            with part.open("x", encoding="utf-8", errors=_ESCAPED) as stream:
                if not _claim(stream.fileno()):
                    continue
                if mode is not None:
                    os.fchmod(stream.fileno(), stat.S_IMODE(mode))
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
                part.replace(target)
        except FileExistsError:
            continue
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        return
    raise OSError(errno.EBUSY, "")


def _claim(descriptor: int) -> bool:
    """Lock a new file; False when another run took it for a leftover, before it was locked."""
    return lock_alone(descriptor) and os.fstat(descriptor).st_nlink > 0


def lock_alone(descriptor: int) -> bool:
    """Lock an open file or folder, unless another run has; True also where the file system has no locks.

    The system removes the lock when the descriptor is closed, or this process ends.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # No leftover is removed there, and of runs for one folder each looks at the end what is in it.
        return True
    return True


def _failed(what: str, error: OSError) -> GenerationError:
    message = f"{what} could not be written: {_why(error)}"
    return GenerationError((Diagnostic(category=Category.IO, message=message),))


def _why(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else "I/O error"
