"""Write documents: stdout once and whole, files so that nobody sees half of one."""

import errno
import os
import stat
import sys
from pathlib import Path

from gitops_doca.cli.console import silence
from gitops_doca.core.diagnostics import Category, Diagnostic, GenerationError, Place, Problems

_ESCAPED = "backslashreplace"
"""For names of files that are no UTF-8: the escape is JSON's too."""
_MAX_OLD = 16 << 20


def write_stdout(text: str) -> None:
    """Write the document to stdout; raises `GenerationError` of class `io` when it cannot be."""
    if sys.stdout is None:
        raise _failed("standard output", OSError(errno.EBADF, ""))
    try:
        sys.stdout.buffer.write(text.encode(errors=_ESCAPED))
        sys.stdout.buffer.flush()
    except OSError as error:
        silence(sys.stdout)
        raise _failed("standard output", error) from None


def write_file(path: Path, text: str) -> None:
    """Replace a file by this text in one step.

    Raises `GenerationError` of class `io`, and then leaves the old file as it was.
    """
    try:
        mode = path.stat().st_mode if path.exists() else None
        if mode is not None and not stat.S_ISREG(mode):
            # A device or a pipe: there is nothing to replace.
            path.write_text(text, encoding="utf-8", errors=_ESCAPED)
        else:
            _replace(Path(os.path.realpath(path)), text, mode)
    except ValueError:
        raise _failed(repr(str(path)), OSError(errno.EINVAL, "")) from None
    except OSError as error:
        raise _failed(str(path), error) from None


def replaceable_text(
    file: str, kind: str, problems: Problems, *, called: str, category: Category, remedy: str
) -> str:
    """Return what stands now in a file of ours; reports one that is no document of this kind.

    `called` is what messages call the right one. Nothing else is overwritten: the repository may have chosen
    the path, a link could lead anywhere, and a device may never end. Empty when there is no file.
    """
    if not os.path.lexists(file):
        return ""
    path = Path(file)
    text = ""
    if path.is_file() and not path.is_symlink():
        try:
            with path.open(encoding="utf-8", errors="replace") as stream:
                text = stream.read(_MAX_OLD)
        except OSError as error:
            message = f"cannot be read, so it is not overwritten: {_why(error)}"
            problems.error(message, Place(file), category=category, remedy=remedy)
            return ""
        if not text.strip() or f"\nkind: {kind}\n" in text:
            return text
    message = f"here is something else than {called}, which is not overwritten"
    problems.error(message, Place(file), category=category, remedy=remedy)
    return text


def _replace(target: Path, text: str, mode: int | None) -> None:
    part = target.with_name(f".gitops-doca.{os.urandom(4).hex()}")
    try:
        with part.open("x", encoding="utf-8", errors=_ESCAPED) as stream:
            if mode is not None:
                os.fchmod(stream.fileno(), stat.S_IMODE(mode))
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _failed(what: str, error: OSError) -> GenerationError:
    message = f"{what} could not be written: {_why(error)}"
    return GenerationError((Diagnostic(category=Category.IO, message=message),))


def _why(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else "I/O error"
