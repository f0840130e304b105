"""Diagnostics: what is wrong, where, and what to do about it."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import NamedTuple

from gitops_doca.core.dataclass import dataclass


class Category(Enum):
    """Class of a failure; the value is the word in `error[word]`.

    Several classes in one run: the first of them here names the exit code.
    """

    USAGE = "usage"
    INPUT = "input"
    LOCK = "lock"
    MISSING = "missing"
    UNKNOWN = "unknown"
    EMPTY = "empty"
    IO = "io"

    @property
    def exit_code(self) -> int:
        """Exit status of a run that ends with this class."""
        return _EXIT_CODES[self]


_EXIT_CODES = {
    Category.USAGE: 2,
    Category.INPUT: 3,
    Category.MISSING: 4,
    Category.UNKNOWN: 5,
    Category.LOCK: 6,
    Category.EMPTY: 7,
    Category.IO: 74,
}

_PRECEDENCE = tuple(Category)

BUG = 70
"""Exit status after a mistake of ours, which is of no class."""

SAME, DIFFERENT = 0, 1
"""Exit statuses of a comparison; 0 is that of any run that succeeds, too."""


class Place(NamedTuple):
    """The place of a value in the inputs; prints as `file:line: field`."""

    file: str = ""
    line: int = 0
    """Counted from 1; 0 means unknown."""
    field: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(part for part in (where, self.field) if part)

    def at(self, field: str, line: int = 0) -> "Place":
        """Return the place of a field below this one, on its own line if that is known."""
        joined = f"{self.field}.{field}" if self.field and not field.startswith("[") else self.field + field
        return Place(self.file, line or self.line, joined)


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag about registries in a help text; printed as its variable where there are no flags."""

    name: str
    """With the dashes."""


Help = str | tuple[str | Flag, ...]
"""What to do about a problem: text, or parts of which some are flags."""


def spell(help_: Help, name: Callable[[str], str] = str) -> str:
    """Return a help text; `name` gives the name of a flag where the text is printed."""
    parts = (help_,) if isinstance(help_, str) else help_
    return "".join(part if isinstance(part, str) else name(part.name) for part in parts)


NOWHERE = Place()
"""The place of problems that are not in an input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One problem: a complete sentence, then details, then what to do about it."""

    category: Category | None
    """Class of an error; None: a warning, which never ends a run."""
    message: str
    place: Place = NOWHERE
    details: tuple[str, ...] = ()
    help: Help = ""
    more: int = 0
    """The number of dropped problems that this one stands for."""

    @property
    def sort_key(self) -> tuple[int, Place, str]:
        """Errors by precedence of their class, then warnings; each by file, line and field."""
        rank = len(_PRECEDENCE) if self.category is None else _PRECEDENCE.index(self.category)
        return (rank, self.place, self.message)


class GenerationError(Exception):
    """The run cannot go on; `diagnostics` has all reasons."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...], *, decisive: Category | None = None) -> None:
        super().__init__("; ".join(d.message for d in diagnostics))
        self.diagnostics = diagnostics
        self.decisive = decisive
        """The class that decides the exit status if it is among them."""

    @property
    def category(self) -> Category:
        """The class that decides the exit status, by precedence."""
        categories = {d.category for d in self.diagnostics}
        return next(c for c in (self.decisive, *_PRECEDENCE) if c and c in categories)

    @property
    def exit_code(self) -> int:
        """Exit status of the run."""
        return self.category.exit_code


class PassingError(GenerationError):
    """A server did not answer, and may answer later."""


class AnswersTooLargeError(MemoryError):
    """Memory ran out while answers of a registry or an API server were read."""

    def __init__(self, source: str, help: str) -> None:
        super().__init__()
        self.source = source
        """The server, as it follows `the`."""
        self.help = help


MOST_OF_A_FILE = 1000
"""The most problems of one class that are kept for a file: more have one cause."""
MOST = 10_000
"""The most problems of one class that are kept for all files."""
_EARLY = 20
_ALL_FILES = "\0"
"""Not the name of any file; a problem without a file has an empty one."""


class Problems:
    """Collects diagnostics while a stage goes on, so that all problems are shown at once.

    For each class, `MOST_OF_A_FILE` are kept for a file and `MOST` for all files; the others are
    counted.
    """

    def __init__(self, known: Iterable[Diagnostic] = ()) -> None:
        """Start with the diagnostics of another collection."""
        self._diagnostics: dict[tuple[int, Place, str], Diagnostic] = {}
        self._kept: Counter[tuple[Category | None, str]] = Counter()
        """By class and file."""
        self._skipped: dict[tuple[Category | None, str], tuple[Place, int]] = {}
        """The place of the first, and how many."""
        for diagnostic in known:
            self.add(diagnostic)

    def __iter__(self) -> Iterator[Diagnostic]:
        rest = (_rest(category, *skipped) for (category, _), skipped in self._skipped.items())
        return iter(sorted((*self._diagnostics.values(), *rest), key=lambda d: d.sort_key))

    def add(self, diagnostic: Diagnostic) -> None:
        """Keep a diagnostic if there is room and it is not here already."""
        category, place = diagnostic.category, diagnostic.place
        if diagnostic.more:
            # From another collection: added again, it is the same number.
            first, count = self._skipped.get((category, place.file), (place, 0))
            self._skipped[category, place.file] = first, max(count, diagnostic.more)
            return
        key = diagnostic.sort_key
        if key in self._diagnostics:
            return
        if not self.room(place.file, category):
            self.skip(place, 1, category)
            return
        self._diagnostics[key] = diagnostic
        self._kept[category, place.file] += 1
        self._kept[category, _ALL_FILES] += 1

    def room(self, file: str, category: Category | None = Category.INPUT) -> int:
        """Return how many more problems of a class are kept for a file."""
        left = MOST - self._kept[category, _ALL_FILES]
        return min(MOST_OF_A_FILE - self._kept[category, file], left)

    def is_early(self, file: str) -> bool:
        """Say whether the next problem of a file is one of the first few, which get a suggestion."""
        return self.room(file) > MOST_OF_A_FILE - _EARLY

    def skip(self, place: Place, count: int, category: Category | None = Category.INPUT) -> None:
        """Count problems that are not kept; the first is at this place."""
        if self._kept[category, _ALL_FILES] >= MOST:
            place = Place()
        first, before = self._skipped.get((category, place.file), (place, 0))
        self._skipped[category, place.file] = first, before + count

    def error(
        self,
        message: str,
        place: Place = NOWHERE,
        *,
        category: Category = Category.INPUT,
        details: tuple[str, ...] = (),
        help: Help = "",
    ) -> None:
        """Add an error, of class `input` unless another is given."""
        self.add(Diagnostic(category=category, message=message, place=place, details=details, help=help))

    def warn(
        self,
        message: str,
        place: Place = NOWHERE,
        *,
        details: tuple[str, ...] = (),
        help: Help = "",
    ) -> None:
        """Add a warning."""
        self.add(Diagnostic(category=None, message=message, place=place, details=details, help=help))

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The errors so far, sorted."""
        return tuple(d for d in self if d.category is not None)

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """The warnings so far, sorted."""
        return tuple(d for d in self if d.category is None)

    def raise_errors(self) -> None:
        """Raise `GenerationError` with all diagnostics so far when one of them is an error."""
        if self.errors:
            raise GenerationError(tuple(self))


def _rest(category: Category | None, place: Place, count: int) -> Diagnostic:
    where = "of this file " if place.file else ""
    what = (
        f"{count:,} more problem{'' if count == 1 else 's'} {where}{'is' if count == 1 else 'are'} not shown"
    )
    return Diagnostic(category=category, message=what, place=Place(place.file, place.line), more=count)
