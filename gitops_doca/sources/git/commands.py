"""Run git safely: nothing in a repository may start a program.

All calls of git are here. Nothing in a work tree or a revision can start a program, open a
connection or replace an object. Other configuration of the user and the clone applies, such as
`safe.directory`.
"""

import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, cast

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.diagnostics import Category, Diagnostic, GenerationError

_SECONDS = 120
"""Seconds for one command, and for reading the files of one commit."""
_MAX_COMPLAINTS = 1 << 16
_OPTIONS = (
    "--no-pager",
    "--no-replace-objects",
    *("-c", "safe.bareRepository=explicit"),
    *("-c", "core.fsmonitor=false"),
    *("-c", f"core.hooksPath={os.devnull}"),
    *("-c", "protocol.allow=never"),
)
"""Options of every call; deploy/refresh/common.sh has the same."""
_VARIABLES = {
    # No object is fetched: git 2.39.4 and later know the first, the second stops the fetch of all
    # others.
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    # Messages are compared with English text.
    "LC_ALL": "C",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A git process that returns objects by name."""

    questions: IO[bytes]
    answers: IO[bytes]
    _complaints: IO[bytes]

    def complaints(self) -> bytes:
        """Return its stderr, up to 64 KiB."""
        self._complaints.seek(0)
        return self._complaints.read(_MAX_COMPLAINTS)


def run(*arguments: str, top: str) -> subprocess.CompletedProcess[bytes]:
    """Run git for the work tree with this top; raises `GenerationError` without an answer."""
    return _run(*_at(top), *arguments)


def run_in(folder: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run git in a folder with `.git`, letting it find the repository; raises like `run`."""
    # It looks no further up.
    return _run("-C", folder, *arguments, ceiling=os.path.dirname(folder))  # noqa: PTH120


@contextmanager
def reading(top: str) -> Iterator[Reader]:
    """Start `git cat-file --batch --follow-symlinks`; it is stopped after two minutes."""
    with (
        tempfile.TemporaryFile() as complaints,
        subprocess.Popen(  # noqa: S603 (no shell, and no argument is a user's)
            _command(*_at(top), "cat-file", "--batch", "--follow-symlinks"),
            env=_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
        ) as process,
    ):
        limit = threading.Timer(_SECONDS, process.kill)
        limit.start()
        questions, answers = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
        try:
            yield Reader(questions=questions, answers=answers, _complaints=complaints)
        except BaseException:
            process.kill()
            raise
        finally:
            limit.cancel()
            # Git ended before it read this line.
            with suppress(BrokenPipeError):
                questions.close()


def reason(stderr: bytes) -> str:
    """Return the first line of git's stderr."""
    lines = [line for line in stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[0].removeprefix("fatal: ") if lines else "git does not say why"


def git_error(message: str, help: str = "") -> GenerationError:
    """Return the error of class `input` about a repository."""
    return GenerationError((Diagnostic(category=Category.INPUT, message=message, help=help),))


def _run(*arguments: str, ceiling: str = "") -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(  # noqa: S603 (no shell, and no argument that begins with a dash is a user's)
            _command(*arguments),
            env=_environment() | {"GIT_CEILING_DIRECTORIES": ceiling},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except OSError as error:
        why = "is not installed" if isinstance(error, FileNotFoundError) else "cannot be run"
        raise git_error(f"git {why}, and it is needed to read another revision", "install git") from None
    except subprocess.TimeoutExpired:
        raise git_error(f"git gave no answer within {_SECONDS} seconds") from None


def _command(*arguments: str) -> tuple[str, ...]:
    return ("git", *_OPTIONS, *arguments)


def _at(top: str) -> tuple[str, str]:
    return (f"--git-dir={top}/.git", f"--work-tree={top}")


def _environment() -> dict[str, str]:
    """Return git's environment; of its own variables only those of the user's configuration."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name.startswith("GIT_CONFIG_")
    }
    return kept | _VARIABLES
