"""What `lock` says and asks of a lock file, be it of one cluster or of many."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gitops_doca.cli.output.console import print_info, print_message, table
from gitops_doca.cli.output.streams import remove_leftovers, replaceable_text, write_file
from gitops_doca.cli.settings.run_config import RunConfig
from gitops_doca.core.compare.lock import KIND, ImageLock, LockedImage, LockedMiss
from gitops_doca.core.compare.lock_changes import Change, ChangeKind, compare
from gitops_doca.core.compare.lock_compiling import describe_compiling, newly_compiling
from gitops_doca.core.diagnostics import Category, Diagnostic, GenerationError, Place, Problems
from gitops_doca.core.resolve.decide import CompileOnNode, NoImage, UseDigest
from gitops_doca.emit.escape import printable
from gitops_doca.emit.lock import dump_lock
from gitops_doca.sources.config import NAME
from gitops_doca.sources.lock import read_lock
from gitops_doca.usecases.lock import Locking

_SHOWN = 20
"""Changes that are told of one lock."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """The lock that stands where one is to be written."""

    text: str
    """Empty when there is none."""
    lock: ImageLock | None
    """None when there is none, or nobody can read it."""


@contextmanager
def unknown_first() -> Iterator[None]:
    """End with the exit code of class `unknown` when an answer is unknown, whatever else is wrong.

    Without that answer the lock of its cluster is not written; 4 says that it may have been.
    """
    try:
        yield
    except GenerationError as error:
        raise GenerationError(error.diagnostics, decisive=Category.UNKNOWN) from None


def failure_class(problems: Iterable[Diagnostic]) -> Category | None:
    """Return the class of error that a run about one lock ends with, as `unknown_first` has it."""
    classes = [problem.category for problem in problems if problem.category]
    return Category.UNKNOWN if Category.UNKNOWN in classes else next(iter(classes), None)


def read_replaced(run_config: RunConfig, problems: Problems) -> Replaced:
    """Read the lock that would be replaced; raises `GenerationError` for anything else in its place.

    One that cannot be read is replaced all the same, with a warning: that is how it is fixed.
    """
    file = run_config.lock_file
    text = replaceable_text(
        file,
        KIND,
        problems,
        called="a lock",
        category=Category.LOCK,
        remedy="remove it, or name another file with --lock or spec.lock",
    )
    problems.raise_errors()
    lock = read_lock(file, run_config.fix_command, Problems()) if text.strip() else None
    if text.strip() and lock is None:
        problems.warn(
            "the lock that is here cannot be read, so it is not known what changes",
            Place(file),
            remedy="compare the new lock with the last good one before you commit it",
        )
    return Replaced(text, lock)


def find_compiling(
    run_config: RunConfig, old: ImageLock | None, locking: Locking, *, strict: bool
) -> Diagnostic | None:
    """Return what there is to say of pools that compile now and did not by the lock that is there."""
    found = newly_compiling(old, locking.decisions) if old else ()
    return describe_compiling(found, Place(run_config.lock_file), strict=strict)


def is_strict(run_config: RunConfig) -> bool:
    """Say whether a lock with more pools that compile is not to be written."""
    return bool(run_config.settings["strict"].value)


def update_lock(run_config: RunConfig, locking: Locking, old: Replaced, *, cluster: str = "") -> None:
    """Write a lock unless its text stands there already; tell what changed, then what the lock holds."""
    file = run_config.lock_file
    text = dump_lock(locking.lock, run_config.settings[NAME].value)
    if old.text == text:
        remove_leftovers(Path(file).parent)
    else:
        write_file(Path(file), text)
    if old.lock:
        changes = compare(old.lock, locking.lock, renders=not locking.inputs.emits_policies)
        _tell_changes(changes, f"{cluster}  " if cluster else "")
    print_message(printable(f"{file}: {_summary(locking)}"))


def _tell_changes(changes: Sequence[Change], whose: str) -> None:
    """Tell the first changes, and how many more there are; tags that only come and go are counted."""
    counts = Counter(change.kind for change in changes)
    counted = [kind for kind in (ChangeKind.NEEDED, ChangeKind.UNNEEDED) if counts[kind]]
    told = [change for change in changes if change.kind not in counted]
    told += [Change(kind, _number(counts[kind], "tag")) for kind in counted]
    rows = [(f"{whose}{change.kind.value}", str(change.subject), change.detail) for change in told]
    print_message(table(rows[:_SHOWN]), end="")
    if len(rows) > _SHOWN:
        print_message(printable(f"{whose}... and {_number(len(rows) - _SHOWN, 'more change')}"))


def tell_entries(lock: ImageLock, cluster: str = "") -> None:
    """Tell on stderr what a lock has for each tag."""
    whose = f"{cluster}: " if cluster else ""
    for image, entry in lock.entries.items():
        print_info(f"{whose}{image}: {'missing' if isinstance(entry, LockedMiss) else entry.digest}")


def _summary(locking: Locking) -> str:
    """Say in one line what a lock holds, and how many pools have no precompiled image."""
    images = sum(isinstance(entry, LockedImage) for entry in locking.lock.entries.values())
    outcomes = Counter(map(type, locking.decisions))
    parts = [f"{_number(images, 'image')} locked"]
    if count := outcomes[NoImage]:
        parts.append(f"{_number(count, 'pool')} {'has' if count == 1 else 'have'} no image")
    if count := outcomes[CompileOnNode]:
        words = (
            "has no precompiled image and compiles" if count == 1 else "have no precompiled image and compile"
        )
        parts.append(f"{_number(count, 'pool')} {words} on the node")
    if count := outcomes[UseDigest]:
        words = "runs the digest of its policy" if count == 1 else "run the digest of their policy"
        parts.append(f"{_number(count, 'pool')} {words}")
    return "; ".join(parts)


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
