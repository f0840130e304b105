"""Write the lock file of one cluster, and print what changed."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from gitops_doca.cli.output.console import print_info, print_message, table
from gitops_doca.cli.output.streams import remove_leftovers, replaceable_text, write_file
from gitops_doca.cli.settings.run_config import RunConfig
from gitops_doca.core.compare.lock import KIND, ImageLock, LockedCompanion, LockedImage, LockedMiss
from gitops_doca.core.compare.lock_changes import Change, ChangeKind, compare
from gitops_doca.core.compare.lock_compiling import describe_compiling, newly_compiling
from gitops_doca.core.compare.lock_fallbacks import describe_fallbacks, newly_on_fallback
from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.diagnostics import Category, Diagnostic, Place, Problems
from gitops_doca.core.resolve.decide import CompileOnNode, NoImage, UseDigest, UsePrecompiled
from gitops_doca.emit.escape import printable
from gitops_doca.emit.lock import dump_lock
from gitops_doca.sources.lock import read_lock
from gitops_doca.usecases.lock import Locking

_SHOWN = 20
"""The number of changes that are printed for one lock."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """The old lock, which the new one replaces."""

    text: str
    """Empty when there is none."""
    lock: ImageLock | None
    """None when there is none, or it cannot be read."""


def read_replaced(run_config: RunConfig, problems: Problems) -> Replaced:
    """Read the lock to replace; raises `GenerationError` for another kind of file.

    An unreadable lock is replaced too, with a warning: that is how it is fixed.
    """
    file = run_config.lock_file
    text = replaceable_text(
        file,
        KIND,
        problems,
        called="a lock",
        category=Category.LOCK,
        help="remove it, or name another file with --lock or spec.lock",
    )
    problems.raise_errors()
    lock = read_lock(file, run_config.fix_command, Problems()) if text.strip() else None
    if text.strip() and lock is None:
        problems.warn(
            "the old lock cannot be read, so its changes are unknown",
            Place(file),
            help="compare the new lock with the last good one before you commit it",
        )
    return Replaced(text, lock)


def describe_setbacks(
    run_config: RunConfig, old: ImageLock | None, locking: Locking, *, strict: bool
) -> list[Diagnostic]:
    """Return what there is to say of pools that by the old lock had a better image.

    First those that compile now, then those that go back to a fallback version.
    """
    if old is None:
        return []
    place = Place(run_config.lock_file)
    compiling = describe_compiling(newly_compiling(old, locking.decisions), place, strict=strict)
    falling_back = newly_on_fallback(old, locking.decisions)
    fallbacks = describe_fallbacks(old, falling_back, place, strict=strict)
    return [diagnostic for diagnostic in (compiling, fallbacks) if diagnostic]


def update_lock(run_config: RunConfig, locking: Locking, old: Replaced, *, cluster: str = "") -> None:
    """Write a lock unless the file is up to date; print the changes, then a summary."""
    file = run_config.lock_file
    text = dump_lock(locking.lock, run_config.settings.name)
    if old.text == text:
        remove_leftovers(Path(file).parent)
    else:
        write_file(Path(file), text)
    if old.lock:
        changes = compare(old.lock, locking.lock, renders=not locking.inputs.emits_policies)
        _print_changes(changes, f"{cluster}  " if cluster else "")
    print_message(printable(f"{file}: {_summary(locking)}"))


def _print_changes(changes: Sequence[Change], prefix: str) -> None:
    """Print the first changes and the number of others; new and unused tags are only counted."""
    counts = Counter(change.kind for change in changes)
    counted = [kind for kind in (ChangeKind.NEEDED, ChangeKind.UNNEEDED) if counts[kind]]
    shown = [change for change in changes if change.kind not in counted]
    shown += [Change(kind, _number(counts[kind], "tag")) for kind in counted]
    rows = [(f"{prefix}{change.kind.value}", str(change.subject), change.detail) for change in shown]
    print_message(table(rows[:_SHOWN]), end="")
    if len(rows) > _SHOWN:
        print_message(printable(f"{prefix}... and {_number(len(rows) - _SHOWN, 'more change')}"))


def print_entries(lock: ImageLock, cluster: str = "") -> None:
    """Print what a lock has for each tag, on stderr."""
    prefix = f"{cluster}: " if cluster else ""
    for image, entry in lock.entries.items():
        print_info(f"{prefix}{image}: {'missing' if isinstance(entry, LockedMiss) else entry.digest}")
    for image, companion in lock.companions.items():
        state = "missing" if isinstance(companion, LockedMiss) else companion.digest
        print_info(f"{prefix}companion {image}: {state}")


def _summary(locking: Locking) -> str:
    """Return in one line what a lock holds, and how many pools have no precompiled image."""
    images = sum(isinstance(entry, LockedImage) for entry in locking.lock.entries.values())
    images += sum(isinstance(entry, LockedCompanion) for entry in locking.lock.companions.values())
    outcomes = Counter(map(type, locking.decisions))
    parts = [f"{_number(images, 'image')} locked"]
    if count := outcomes[NoImage]:
        parts.append(f"{_number(count, 'pool')} {'has' if count == 1 else 'have'} no image")
    if count := sum(isinstance(one, UsePrecompiled) and bool(one.fallback) for one in locking.decisions):
        parts.append(f"{_number(count, 'pool')} {'runs' if count == 1 else 'run'} a fallback version")
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
