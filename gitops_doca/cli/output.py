"""Write documents: stdout once and whole, files so that nobody sees half of one."""

import os
import secrets
import stat
import sys
from contextlib import suppress
from pathlib import Path

from gitops_doca.core.diagnostics import Category, Diagnostic, GenerationError


def write_stdout(text: str) -> None:
    """Write the document to stdout; raises `GenerationError` of class `io` when it cannot be."""
    try:
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
    except OSError as error:
        # What is still buffered would be tried, and fail, once more when the interpreter ends.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise _failed("standard output", error) from None


def write_file(path: Path, text: str) -> None:
    """Replace a file by this text in one step.

    Raises `GenerationError` of class `io`, and then leaves the old file as it was.
    """
    target = Path(os.path.realpath(path))
    try:
        if target.exists() and not stat.S_ISREG(target.stat().st_mode):
            target.write_text(text, encoding="utf-8")
            return
        part = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        try:
            with part.open("x", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            part.replace(target)
        except OSError:
            part.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _failed(str(path), error) from None


def _failed(what: str, error: OSError) -> GenerationError:
    why = os.strerror(error.errno) if error.errno else "I/O error"
    message = f"{what} could not be written: {why}"
    return GenerationError((Diagnostic(category=Category.IO, message=message),))
