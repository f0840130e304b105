"""Read files of another revision from a Git repository, and change nothing in it."""

import os
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import IO, cast

from gitops_doca.core.diagnostics import Category, Diagnostic, GenerationError
from gitops_doca.sources.files import MAX_SIZE

_SECONDS = 120
"""For one question; a partial clone may have to fetch for the answer."""
_CHUNK = 1 << 20
_LFS = b"version https://git-lfs.github.com/spec/"
_DEFAULTS = ("refs/remotes/origin/main", "refs/remotes/origin/master", "refs/heads/main", "refs/heads/master")
# Git sets these for its hooks; they would lead to another repository than the one that the folder is in.
_INHERITED = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR")
_ANSWERS_WITH_TEXT = ("symlink", "dangling", "loop", "notdir")


class Absence(Enum):
    """Why a file of a revision could not be given; the value ends a sentence."""

    MISSING = "is not there"
    OUTSIDE = "is a symbolic link that leads out of the repository"
    LINK = "is a symbolic link that leads nowhere"
    LFS = "is a pointer of Git LFS: the repository itself does not hold its content"
    SUBMODULE = "is in a submodule, which is a repository of its own"
    NAME = "has a line break in its name, and cannot be asked for"
    TOO_LARGE = "is larger than 1 GiB"


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit of the repository that a folder is in."""

    folder: str
    """An existing folder of the work tree."""
    prefix: str
    """Where the folder is in the repository: empty, or a path that ends in a slash."""
    oid: str
    """The commit's object name, all of it."""
    label: str
    """How messages call the commit."""
    clarified: str = ""
    """What the label leaves open, such as which branch it was found by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository, by a folder of its work tree."""

    folder: str
    prefix: str

    def find(self, revision: str) -> Commit | None:
        """Return the commit that a revision names; None when it names none."""
        # One that begins with a dash would be an option, and a range or a path is no commit.
        if not revision or revision.startswith("-") or not revision.isprintable():
            return None
        oid = _ask(self.folder, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
        return self._commit(oid, revision) if oid else None

    def branch_point(self) -> Commit:
        """Return the newest common commit of HEAD and the default branch; raises `GenerationError`."""
        if _ask(self.folder, "rev-parse", "--verify", "--quiet", "HEAD^{commit}") is None:
            raise _error("the repository has no commit yet, so there is nothing to compare with")
        branch = self._default_branch()
        oid = _ask(self.folder, "merge-base", "HEAD", branch)
        short = branch.removeprefix("refs/heads/").removeprefix("refs/remotes/")
        if not oid:
            raise _error(f"HEAD and {short} have no common commit here", self.shallow_remedy())
        found = self._commit(oid, oid[:12])
        return replace(found, clarified=f"{oid[:12]} is where HEAD left {short}")

    def shallow_remedy(self) -> str:
        """Return what to do about a commit that is not here; empty when all that can be are here."""
        if _ask(self.folder, "rev-parse", "--is-shallow-repository") != "true":
            return ""
        return "the clone is shallow; fetch the branch with its history: git fetch --unshallow origin"

    def _default_branch(self) -> str:
        head = _ask(self.folder, "symbolic-ref", "--quiet", "refs/remotes/origin/HEAD")
        for branch in (*([head] if head else []), *_DEFAULTS):
            if _ask(self.folder, "rev-parse", "--verify", "--quiet", f"{branch}^{{commit}}"):
                return branch
        raise _error(
            "there is no default branch here: no origin/HEAD, and no main or master",
            self.shallow_remedy() or "name the revision to compare with: gitops-doca diff REVISION",
        )

    def _commit(self, oid: str, label: str) -> Commit:
        return Commit(folder=self.folder, prefix=self.prefix, oid=oid, label=label)


def find_repository(folder: str) -> Repository | None:
    """Return the repository whose work tree holds a folder, which need not exist; None when there is none.

    Raises `GenerationError` when Git is not there or refuses.
    """
    existing = os.path.abspath(folder)  # noqa: PTH100 (no link may be resolved before the dots are)
    rest: list[str] = []
    while not os.path.isdir(existing):  # noqa: PTH112
        existing, name = os.path.split(existing)
        rest.insert(0, name)
    answer = _run(existing, "rev-parse", "--is-inside-work-tree", "--show-prefix")
    if answer.returncode:
        if b"not a git repository" in answer.stderr:
            return None
        raise _error(f"git cannot use the repository of {folder or 'this folder'}: {_reason(answer.stderr)}")
    inside, _, prefix = os.fsdecode(answer.stdout).removesuffix("\n").partition("\n")
    if inside != "true":
        return None
    return Repository(folder=existing, prefix=prefix + "".join(f"{name}/" for name in rest))


def extract(commit: Commit, paths: Iterable[str], target: Path) -> dict[str, Absence]:
    """Write files of a commit below a folder, each under its path in the repository.

    Symbolic links are followed within the commit, and never written. Returns why files are absent.
    Raises `GenerationError` of class `io` when the folder cannot be written.
    """
    absent: dict[str, Absence] = {}
    with _reading(commit) as (questions, answers):
        for path in paths:
            if "\n" in path:
                absent[path] = Absence.NAME
                continue
            questions.write(os.fsencode(f"{commit.oid}:{path}") + b"\n")
            questions.flush()
            try:
                found = _answer(answers, target / path)
            except OSError as error:
                message = f"{str(target / path)!r} could not be written: {os.strerror(error.errno or 0)}"
                raise GenerationError((Diagnostic(category=Category.IO, message=message),)) from None
            if found is not None:
                absent[path] = found
    return {
        path: Absence.SUBMODULE if why is Absence.MISSING and _in_submodule(commit, path) else why
        for path, why in absent.items()
    }


def _answer(answers: IO[bytes], file: Path) -> Absence | None:
    """Take one answer of `cat-file --batch` (gitformat in git-cat-file(1), BATCH OUTPUT)."""
    words = answers.readline().split()
    if len(words) != 3 and (len(words) != 2 or words[0].decode() not in _ANSWERS_WITH_TEXT):  # noqa: PLR2004
        return Absence.MISSING
    size = int(words[-1])
    if len(words) == 2:  # noqa: PLR2004
        answers.read(size + 1)
        return {b"symlink": Absence.OUTSIDE, b"notdir": Absence.MISSING}.get(words[0], Absence.LINK)
    if size > MAX_SIZE:
        return Absence.TOO_LARGE
    is_file = words[1] == b"blob"
    head = answers.read(min(size, len(_LFS)))
    if is_file and head == _LFS:
        _copy(answers, None, size - len(head))
        answers.read(1)
        return Absence.LFS
    file.parent.mkdir(parents=True, exist_ok=True)
    if is_file:
        with file.open("wb") as stream:
            stream.write(head)
            _copy(answers, stream, size - len(head))
    else:
        # A folder, so that what reads it says the same as in a work tree.
        file.mkdir(exist_ok=True)
        _copy(answers, None, size - len(head))
    answers.read(1)
    return None


def _copy(source: IO[bytes], target: IO[bytes] | None, size: int) -> None:
    while size > 0 and (chunk := source.read(min(size, _CHUNK))):
        size -= len(chunk)
        if target:
            target.write(chunk)


def _in_submodule(commit: Commit, path: str) -> bool:
    parts = path.split("/")
    above = ["/".join(parts[:number]) for number in range(1, len(parts))]
    listed = _run(commit.folder, "ls-tree", "-z", "--full-tree", commit.oid, "--", *above).stdout
    return any(entry.startswith(b"160000 ") for entry in listed.split(b"\0"))


@contextmanager
def _reading(commit: Commit) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    command = _command(commit.folder, "cat-file", "--batch", "--follow-symlinks")
    with subprocess.Popen(  # noqa: S603 (no shell, and no argument is a user's)
        command,
        env=_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
        except BrokenPipeError:
            raise _error(f"git ended in the middle of reading {commit.label}") from None
        except BaseException:
            process.kill()
            raise


def _ask(folder: str, *arguments: str) -> str | None:
    """Return the one line that git answers; None when it exits with anything but 0."""
    answer = _run(folder, *arguments)
    return None if answer.returncode else os.fsdecode(answer.stdout).removesuffix("\n")


def _run(folder: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(  # noqa: S603 (no shell, and no argument that begins with a dash is a user's)
            _command(folder, *arguments),
            env=_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except OSError as error:
        why = "is not installed" if isinstance(error, FileNotFoundError) else "cannot be run"
        raise _error(f"git {why}, and it is what reads another revision", "install git") from None
    except subprocess.TimeoutExpired:
        raise _error(f"git gave no answer within {_SECONDS} seconds") from None


def _command(folder: str, *arguments: str) -> Sequence[str]:
    return ("git", "--no-pager", "-C", folder, *arguments)


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _INHERITED}
    # Fixed language: a message is told from another one. No lock, no question to a person.
    return kept | {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}


def _reason(stderr: bytes) -> str:
    lines = [line for line in stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[0].removeprefix("fatal: ") if lines else "it does not say why"


def _error(message: str, remedy: str = "") -> GenerationError:
    return GenerationError((Diagnostic(category=Category.INPUT, message=message, remedy=remedy),))
