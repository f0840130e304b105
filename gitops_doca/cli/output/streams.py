"""Write documents: stdout once and whole, files atomically."""

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
"""For file names that are not UTF-8: JSON has the same escape."""
_READER_GONE = 141
_PART = re.compile(r"\.gitops-doca\.[0-9a-f]{8}")
"""The name of an unfinished file; its writer keeps it locked."""
_TRIES = 10


def write_stdout(text: str) -> None:
    """Write the document to stdout.

    Raises `GenerationError` of class `io` when that fails. When its reader is gone, the run ends
    silently with the exit code of a process killed by SIGPIPE.
    """
    try:
        if sys.stdout is not None:
            sys.stdout.buffer.write(text.encode(errors=_ESCAPED))
    except OSError as error:
        _give_up(error)
    check_stdout()


def buffer_stdout() -> None:
    """Give stdout a buffer even under `PYTHONUNBUFFERED` or `-u`.

    What cannot be written then stays in it, also text of click, and `check_stdout` finds it.
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
        raise _failed("stdout", OSError(errno.EBADF, ""))
    try:
        sys.stdout.flush()
    except OSError as error:
        _give_up(error)


def _give_up(error: OSError) -> NoReturn:
    silence(sys.stdout)
    if isinstance(error, BrokenPipeError):
        sys.exit(_READER_GONE)
    raise _failed("stdout", error) from None


def write_file(path: "Path", text: str) -> None:
    """Replace a file by this text atomically.

    Raises `GenerationError` of class `io`, and then leaves the old file unchanged.
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


def write_new_file(path: "Path", text: str) -> None:
    """Write a file whole or not at all.

    Raises `FileExistsError` if something has its name, and else as `write_file` does.
    """
    refuse_way_out(path)
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        raise
    except OSError as error:
        raise _failed(str(path), error) from None
    try:
        write_file(path, text)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def refuse_way_out(path: "Path") -> None:
    """Raise `GenerationError` of class `io` for a path whose links lead out of its repository.

    The link may be part of the repository, and the path was meant to be inside it.
    """
    # Where no file is written it costs nothing.
    from gitops_doca.sources.git.repository import leads_out

    if "\0" in str(path) or not leads_out(os.path.abspath(path)):  # noqa: PTH100 (links stay)
        return
    message = "is not written, since a symbolic link leads it out of its repository"
    help = "remove the link, or name the place that it leads to"
    raise GenerationError(
        (Diagnostic(category=Category.IO, message=message, place=Place(str(path)), help=help),)
    )


def replaceable_text(
    file: str, kind: str, problems: Problems, *, called: str, category: Category, help: str
) -> str:
    """Return the text of our file; reports a file that is not a document of this kind.

    `called` is the kind's name in messages. Nothing else is overwritten: the repository may have
    chosen the path. Empty when there is no file.
    """
    if not os.path.lexists(file):
        return ""
    # Neither --version nor --help writes a file: start-up counts.
    from gitops_doca.sources.replaceable import text_to_replace

    try:
        text = text_to_replace(file, kind)
    except OSError as error:
        message = f"cannot be read, so it is not overwritten: {_why(error)}"
        problems.error(message, Place(file), category=category, help=help)
        return ""
    if text is None:
        message = f"this file is not {called}, so it is not overwritten"
        problems.error(message, Place(file), category=category, help=help)
    return text or ""


def remove_leftovers(folder: "Path") -> None:
    """Remove the unfinished files of killed runs from a folder, where that is possible."""
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
    """Lock a new file; False when another run removed it as a leftover first."""
    return lock_alone(descriptor) and os.fstat(descriptor).st_nlink > 0


def lock_alone(descriptor: int) -> bool:
    """Lock an open file or folder; False if another run has, True on a file system without locks.

    The system releases the lock when the descriptor is closed or this process ends.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # Then no leftover is removed, and each run checks the folder at its end.
        return True
    return True


def _failed(what: str, error: OSError) -> GenerationError:
    message = f"{what} could not be written: {_why(error)}"
    return GenerationError((Diagnostic(category=Category.IO, message=message),))


def _why(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else "I/O error"
