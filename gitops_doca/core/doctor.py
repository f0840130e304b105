"""The results of `doctor`: one for each thing that is checked."""

from collections.abc import Sequence
from enum import Enum

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.diagnostics import Diagnostic, Help


class State(Enum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of one check."""

    check: str
    """What was checked, in a word."""
    state: State
    message: str
    help: Help = ""
    """What to do about it."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """All that was found; the message is the first of them."""


def fine(check: str, message: str) -> Finding:
    """Return the result of a check that found nothing wrong."""
    return Finding(check=check, state=State.OK, message=message)


def judge(check: str, diagnostics: Sequence[Diagnostic], good: str) -> Finding:
    """Return a failure if there are errors, a warning if there are warnings, else the good message."""
    errors = [one for one in diagnostics if one.category is not None]
    found = errors or diagnostics
    if not found:
        return fine(check, good)
    first, *others = found
    place = f"{first.place}: " if first.place.file else ""
    more = f" (and {len(others)} more)" if others else ""
    return Finding(
        check=check,
        state=State.FAILURE if errors else State.WARNING,
        message=f"{place}{first.message}{more}",
        help=first.help,
        diagnostics=tuple(diagnostics),
    )
