"""The stream that readers use, their limits, and their errors."""

from typing import Protocol

MAX_DEPTH = 100
"""Levels of nesting that the readers build; more would exhaust the stack of code that walks the
values.
"""
MAX_VALUE = 8 << 20
"""Bytes of one item of a list, or of a document that is not a list: all of it is in memory at once.
"""
TOO_LARGE = f"has one value of more than {MAX_VALUE >> 20} MiB"
"""The message for a value above `MAX_VALUE`."""


class Readable(Protocol):
    """A stream of bytes."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes; none at the end."""


class UnreadableError(Exception):
    """The input cannot be opened or read; the message says why, without quoting it."""

    def __init__(self, message: str, *, help: str = "") -> None:
        super().__init__(message)
        self.help = help


class SyntaxProblem(Exception):  # noqa: N818 (a problem of the input, not of the program)
    """The text cannot be read; says what is wrong on which line, without quoting it.

    `final`: it is wrong in any syntax.
    """

    def __init__(self, line: int, message: str, *, help: str = "", final: bool = False) -> None:
        super().__init__(message)
        self.line = line
        self.message = message
        self.help = help
        self.final = final
