"""Read files of a commit without changing its repository."""

import os
import shlex
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from itertools import chain
from pathlib import Path
from typing import IO

from gitops_doca.core.diagnostics import Category, Diagnostic, GenerationError
from gitops_doca.sources.files import MAX_SIZE
from gitops_doca.sources.git.commands import git_error, reading, reason, run
from gitops_doca.sources.git.repository import Commit
from gitops_doca.sources.reading.unfinished import LFS_POINTER

_CHUNK = 1 << 20
_MAX_WORDS = 64 << 10
"""Characters of the paths for one git process; Linux allows 2 MiB on a command line."""


class Absence(Enum):
    """Why a file of a revision could not be read; the value ends a sentence."""

    MISSING = "is not there"
    OUTSIDE = "is a symbolic link that leads out of the repository"
    LINK = "is a broken symbolic link"
    LFS = "is a pointer of Git LFS: the repository itself does not hold its content"
    SUBMODULE = "is in a submodule, which is another repository"
    NAME = "has a line break in its name, which git cannot look up here"
    TOO_LARGE = "is larger than 1 GiB"
    OBJECT = "is in the commit, but its content is missing in the repository"


def extract(commit: Commit, paths: Iterable[str], target: Path) -> dict[str, Absence]:
    """Write files of a commit below a folder, each under its path in the repository.

    Symbolic links are followed within the commit, and never written. Returns why files are absent.
    Raises `GenerationError` of class `io` when the folder cannot be written.
    """
    absent: dict[str, Absence] = {}
    with reading(commit.top) as git:
        for path in paths:
            if "\n" in path:
                absent[path] = Absence.NAME
                continue
            try:
                git.questions.write(os.fsencode(f"{commit.oid}:{path}") + b"\n")
                git.questions.flush()
                answer = _answer(git.answers, target / path)
            except (EOFError, BrokenPipeError):
                # Without an answer a file is unknown, not missing.
                raise _not_here(commit, path, git.complaints()) from None
            except OSError as error:
                why = os.strerror(error.errno or 0)
                message = f"{path!r} could not be written into a temporary folder: {why}"
                raise GenerationError((Diagnostic(category=Category.IO, message=message),)) from None
            if answer is not None:
                absent[path] = answer
    missing = [path for path, why in absent.items() if why is Absence.MISSING]
    return absent | dict(chain.from_iterable(_explain(commit, some) for some in _batches(missing)))


def _answer(answers: IO[bytes], file: Path) -> Absence | None:
    """Read one answer of `cat-file --batch` (git-cat-file(1), BATCH OUTPUT), or raise EOFError."""
    line = answers.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    words = line.split()
    # The request followed by a word such as "missing"; other answers end in a size.
    if not words[-1].isdigit():
        return Absence.MISSING
    size = int(words[-1])
    if len(words) == 2:  # noqa: PLR2004 (a word about links, and the size of the text that explains it)
        answers.read(size + 1)
        return {b"symlink": Absence.OUTSIDE, b"notdir": Absence.MISSING}.get(words[0], Absence.LINK)
    if size > MAX_SIZE:
        _copy(answers, None, size + 1)
        return Absence.TOO_LARGE
    is_file = words[1] == b"blob"
    head = answers.read(min(size, len(LFS_POINTER)))
    if is_file and head == LFS_POINTER:
        _copy(answers, None, size - len(head))
        answers.read(1)
        return Absence.LFS
    file.parent.mkdir(parents=True, exist_ok=True)
    if is_file:
        with file.open("wb") as stream:
            stream.write(head)
            _copy(answers, stream, size - len(head))
    else:
        # A folder, so that reading it fails as in a work tree.
        file.mkdir(exist_ok=True)
        _copy(answers, None, size - len(head))
    answers.read(1)
    return None


def _copy(source: IO[bytes], target: IO[bytes] | None, size: int) -> None:
    while size > 0:
        chunk = source.read(min(size, _CHUNK))
        if not chunk:
            raise EOFError
        size -= len(chunk)
        if target:
            target.write(chunk)


def _batches(paths: Iterable[str]) -> Iterator[dict[str, list[str]]]:
    """Yield the paths, each with its parents, in batches that fit on a command line."""
    batch: dict[str, list[str]] = {}
    words: set[str] = set()
    size = 0
    for path in paths:
        parts = path.split("/")
        above = ["/".join(parts[:number]) for number in range(1, len(parts) + 1)]
        size += sum(len(word) + 1 for word in {*above} - words)
        if batch and size > _MAX_WORDS:
            yield batch
            batch, words, size = {}, set(), sum(len(word) + 1 for word in above)
        batch[path] = above
        words.update(above)
    if batch:
        yield batch


def _explain(commit: Commit, paths: Mapping[str, list[str]]) -> Iterator[tuple[str, Absence]]:
    """Return why git has no object for each path: only one that no tree lists is missing."""
    words = dict.fromkeys(chain.from_iterable(paths.values()))
    listed = run("ls-tree", "-z", "--full-tree", commit.oid, "--", *words, top=commit.top)
    if listed.returncode:
        if len(paths) == 1:
            raise _not_here(commit, next(iter(paths)), listed.stderr)
        # To name the path that it is about.
        for path, above in paths.items():
            yield from _explain(commit, {path: above})
        return
    entries = [entry.partition(b"\t") for entry in listed.stdout.split(b"\0")]
    modes = {os.fsdecode(name): facts.partition(b" ")[0] for facts, _, name in entries}
    for path, above in paths.items():
        if any(modes.get(name) == b"160000" for name in above):
            yield path, Absence.SUBMODULE
        else:
            yield path, Absence.OBJECT if path in modes else Absence.MISSING


def _not_here(commit: Commit, path: str, stderr: bytes) -> GenerationError:
    """Return the error of a git that ended at a path: in a partial clone it may not fetch it."""
    # By the configuration: a refused fetch ends git with various messages, or by a signal.
    promised = run(
        "config", "--get-regexp", r"^(extensions\.partialclone|remote\..*\.promisor)$", top=commit.top
    )
    if promised.returncode:
        return git_error(f"git ended in the middle of reading the commit: {reason(stderr)}")
    question = shlex.quote(f"{commit.oid}:{path}")
    return git_error(
        f"this clone is partial and does not hold {path!r}",
        f"fetch it: echo {question} | git cat-file --batch-check --follow-symlinks",
    )
