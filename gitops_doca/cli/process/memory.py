"""Report that a run is out of memory."""

import errno
import traceback

from gitops_doca.core.diagnostics import AnswersTooLargeError, Category, Diagnostic

_NO_ROOM = (
    "failed to map segment",
    "cannot allocate memory",
    "can't start new thread",
    "error return without exception set",
)
"""Messages of the dynamic loader and of Python for a lack of memory without a MemoryError."""


def out_of_memory(error: Exception, limit: str) -> Diagnostic | None:
    """Return the diagnostic for a lack of memory; None for any other error.

    `limit` says how much there is, as the end of a sentence. Frees what the failed run still holds.
    """
    if not _is_lack_of_memory(error):
        return None
    traceback.clear_frames(error.__traceback__)
    if isinstance(error, AnswersTooLargeError):
        return Diagnostic(
            category=Category.UNKNOWN,
            message=f"the answers of the {error.source} need more memory than {limit}",
            help=error.help,
        )
    return Diagnostic(
        category=Category.INPUT,
        message=f"the inputs need more memory than {limit}",
        help="split the inventory, or commit what gitops-doca inventory --write makes of it",
    )


def _is_lack_of_memory(error: Exception) -> bool:
    match error:
        case MemoryError():
            return True
        case OSError(errno=errno.ENOMEM):
            return True
        case ImportError() | RuntimeError() | SystemError():
            return any(words in str(error).lower() for words in _NO_ROOM)
        case _:
            return False
