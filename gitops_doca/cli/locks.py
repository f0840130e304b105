"""What `lock` says and asks of a lock file, be it of one cluster or of many."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gitops_doca.cli.console import print_info, tell
from gitops_doca.cli.invocation import Invocation
from gitops_doca.cli.output import remove_leftovers, replaceable_text, write_file
from gitops_doca.core.diagnostics import Category, GenerationError, Problems
from gitops_doca.core.lock import KIND, ImageLock, LockedMiss
from gitops_doca.emit.escape import printable
from gitops_doca.emit.lock import dump_lock
from gitops_doca.sources.config import NAME


@contextmanager
def unknown_first() -> Iterator[None]:
    """End with the exit code of class `unknown` when an answer is unknown, whatever else is wrong.

    Without that answer the lock of its cluster is not written; 4 says that it may have been.
    """
    try:
        yield
    except GenerationError as error:
        raise GenerationError(error.diagnostics, decisive=Category.UNKNOWN) from None


def replaceable_lock(file: str, problems: Problems) -> str:
    """Return the text of the lock that would be replaced; reports something else in its place."""
    return replaceable_text(
        file,
        KIND,
        problems,
        called="a lock",
        category=Category.LOCK,
        remedy="remove it, or name another file with --lock or spec.lock",
    )


def update_lock(invocation: Invocation, lock: ImageLock, old: str) -> None:
    """Write a lock unless it is the text `old` that stands there, and tell in one line what it holds."""
    file = invocation.lock_file
    text = dump_lock(lock, invocation.settings[NAME].value)
    if old == text:
        remove_leftovers(Path(file).parent)
    else:
        write_file(Path(file), text)
    tell(printable(_lock_line(file, lock)))


def tell_entries(lock: ImageLock, cluster: str = "") -> None:
    """Tell on stderr what a lock has for each tag."""
    whose = f"{cluster}: " if cluster else ""
    for image, entry in lock.entries.items():
        print_info(f"{whose}{image}: {'missing' if isinstance(entry, LockedMiss) else entry.digest}")


def _lock_line(file: str, lock: ImageLock) -> str:
    """Say in one line what a lock holds."""
    missing = sum(isinstance(entry, LockedMiss) for entry in lock.entries.values())
    pools, tags = len(lock.pools), len(lock.entries)
    aside = f", {missing} of them missing" if missing else ""
    return f"{file}: {pools} pool{'' if pools == 1 else 's'}, {tags} tag{'' if tags == 1 else 's'}{aside}"
