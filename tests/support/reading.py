"""Short ways to read text with the product's readers, and to see problems as one line each."""

import io
from typing import Any

from gitops_doca.core.diagnostics import Problems
from gitops_doca.sources.reading.document import Document
from gitops_doca.sources.reading.json_reader import read_json
from gitops_doca.sources.reading.selection import ALL, Selection
from gitops_doca.sources.reading.yaml_reader import read_yaml


class Trickle(io.BytesIO):
    """Bytes that arrive a few at a time, as from a slow pipe."""

    def __init__(self, data: bytes, size: int) -> None:
        super().__init__(data)
        self._at_once = size

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next few bytes, however many are asked for."""
        del size
        return super().read(self._at_once)


def yaml_documents(text: str | bytes, selection: Selection = ALL) -> list[Document]:
    """Read YAML, as a file named `in.yaml`."""
    return list(read_yaml(_stream(text), "in.yaml", selection))


def json_documents(text: str | bytes, selection: Selection = ALL) -> list[Document]:
    """Read JSON, as a file named `in.json`."""
    return list(read_json(_stream(text), "in.json", selection))


def yaml_values(text: str | bytes, selection: Selection = ALL) -> list[Any]:
    """Return the values of YAML's documents."""
    return [document.value for document in yaml_documents(text, selection)]


def json_values(text: str | bytes, selection: Selection = ALL) -> list[Any]:
    """Return the values of JSON's documents."""
    return [document.value for document in json_documents(text, selection)]


def document(text: str, *, file: str = "in.yaml") -> Document:
    """Read the only document of YAML text."""
    (found,) = read_yaml(_stream(text), file, ALL)
    return found


def lines(problems: Problems) -> list[str]:
    """Spell each problem as `file:line: field: message`, with `warning` before a warning."""
    return [
        f"{'warning: ' if found.category is None else ''}{found.place}: {found.message}" for found in problems
    ]


def _stream(text: str | bytes) -> io.BytesIO:
    return io.BytesIO(text.encode() if isinstance(text, str) else text)
