"""Read the objects of a YAML or JSON input, and report unreadable ones."""

from collections.abc import Iterator
from io import BytesIO

from gitops_doca.core.diagnostics import Place, Problems
from gitops_doca.sources.file_root import FileRoot
from gitops_doca.sources.files import TextBytes, display_name, open_input
from gitops_doca.sources.reading.document import Document
from gitops_doca.sources.reading.selection import Selection
from gitops_doca.sources.reading.syntax import SyntaxProblem, UnreadableError
from gitops_doca.sources.reading.unfinished import recognise
from gitops_doca.sources.reading.yaml_reader import read_yaml


def read_documents(
    name: str,
    selection: Selection,
    problems: Problems,
    file_root: FileRoot | None = None,
    *,
    whole: bool = False,
    may_be_empty: bool = False,
    limit: int | None = None,
) -> Iterator[Document]:
    """Yield the selected parts of each object of a file (`-`: stdin).

    A list gives its items, except with `whole`: then each document is one, with the line of each
    value. A file that cannot be read, is empty or no YAML or JSON is reported, with the line where
    that is known, and so is one outside of `file_root`, if there is one. `may_be_empty`: an empty
    file is no problem. `limit`: bytes of the file, when it may have fewer than others.
    """
    file = display_name(name, file_root)
    try:
        with open_input(name, file_root, limit=limit) as source:
            if source.is_empty:
                if not may_be_empty:
                    problems.error("is empty", Place(file))
                return
            try:
                yield from _documents(source, file, selection, whole=whole)
            except SyntaxProblem as problem:
                raise recognise(problem, source.seen) from None
    except UnreadableError as error:
        problems.error(str(error), Place(file), help=error.help)
    except SyntaxProblem as problem:
        problems.error(problem.message, Place(file, problem.line), help=problem.help)


def read_text(data: bytes, file: str, selection: Selection, problems: Problems) -> Iterator[Document]:
    """Yield the selected parts of each object of a text, as `read_documents` does for a file."""
    try:
        yield from _documents(TextBytes(BytesIO(data)), file, selection, whole=False)
    except SyntaxProblem as problem:
        problems.error(problem.message, Place(file, problem.line), help=problem.help)


def _documents(source: TextBytes, file: str, selection: Selection, *, whole: bool) -> Iterator[Document]:
    if whole:
        # JSON is YAML: one reader for both, since only the YAML reader knows lines.
        yield from read_yaml(source.short_lines(), file, selection, whole=True)
    else:
        yield from _objects(source, file, selection)


def _objects(source: TextBytes, file: str, selection: Selection) -> Iterator[Document]:
    if not source.looks_like_json:
        yield from read_yaml(source.short_lines(), file, selection)
        return
    # Policies and most compact inventories are YAML; importing the JSON reader takes time.
    from gitops_doca.sources.reading.json_reader import read_json

    yielded = False
    try:
        for document in read_json(source, file, selection):
            yielded = True
            yield document
    except SyntaxProblem as problem:
        # `{a: b}` is YAML too; the JSON reader's error counts only if YAML's reader fails too.
        if yielded or problem.final or not source.rewind():
            raise
        try:
            documents = list(read_yaml(source.short_lines(), file, selection))
        except SyntaxProblem:
            documents = []
        if not documents:
            raise
        yield from documents
