"""The changes of a YAML file, what they became, and why one cannot be made."""

from collections.abc import Mapping, Sequence

from gitops_doca.core.dataclass import dataclass
from gitops_doca.sources.reading.document import Path

Value = str | Sequence["Value"] | Mapping[str, "Value"]
"""What can be written: texts, lists and mappings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetValue:
    """Give the scalar at a path another text."""

    line: int
    """Any line of the YAML document that is meant, as in each change."""
    path: Path
    """Leads from the root of that document, as it is before any change."""
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddKey:
    """Add a key at the end of the mapping at a path, which lacks it or has it without a value."""

    line: int
    path: Path
    key: str
    value: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class InsertItem:
    """Add an item to the list at a path, before the item of that index; at the end if there is none."""

    line: int
    path: Path
    index: int
    value: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveItem:
    """Remove an item of the list at a path; without any item the key of the list goes too."""

    line: int
    path: Path
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveKey:
    """Remove the key that a path ends with, and its value."""

    line: int
    path: Path


Change = SetValue | AddKey | InsertItem | RemoveItem | RemoveKey


@dataclass(frozen=True, slots=True, kw_only=True)
class TextEdit:
    """What changed, as a person would say it: the old and the new value, or lines that came or went."""

    line: int
    """The line of the old text; of added text, the line that it is put before."""
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """The file after all changes."""

    data: bytes
    edits: tuple[TextEdit, ...]
    """In the order of the text."""


class CannotEditError(Exception):
    """The changes cannot be made exactly; `reason` is a clause, `line` where it is true."""

    def __init__(self, reason: str, line: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line
