"""Compare and update a folder of rendered manifests.

Our files are those that begin with the first line of their own name; nothing else in the folder is
touched.
"""

import os
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from gitops_doca.cli.output.streams import lock_alone, refuse_way_out, remove_leftovers, write_file
from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.diagnostics import Category, Diagnostic, GenerationError, Place, Problems
from gitops_doca.emit.files import KUSTOMIZATION, first_line

_OTHER_KUSTOMIZATIONS = ("kustomization.yml", "Kustomization")
"""kustomize builds no folder that has one of these beside a kustomization.yaml."""
_PATIENCE = 10.0
"""Seconds that a run waits until another one is done with the folder."""
_AGAIN = "run it again when no other program writes to it"


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderState:
    """The differences between a folder and the files that it should hold; names, sorted."""

    missing: tuple[str, ...] = ()
    different: tuple[str, ...] = ()
    surplus: tuple[str, ...] = ()
    """Our files whose object is no longer rendered."""

    @property
    def is_current(self) -> bool:
        """Say whether nothing is to be done."""
        return not (self.missing or self.different or self.surplus)


def inspect_folder(folder: Path, files: Mapping[str, str]) -> FolderState:
    """Compare a folder with the files that it should hold; an absent folder lacks all of them.

    Raises `GenerationError` of class `io` for what must not be overwritten: anything but a folder,
    a link to a folder, and a link or another program's file under one of our names.
    """
    problems = Problems()
    try:
        present = _entries(folder, problems)
        _refuse_foreign(folder, present, files, problems)
        problems.raise_errors()
        texts = {name: (folder / name).read_bytes() for name in sorted(files.keys() & present.keys())}
        return FolderState(
            missing=tuple(sorted(files.keys() - texts.keys())),
            # A checkout may have other line ends, as Git's core.autocrlf makes them.
            different=tuple(
                name for name, text in texts.items() if text.replace(b"\r\n", b"\n") != files[name].encode()
            ),
            surplus=tuple(
                name
                for name, status in sorted(present.items())
                if name not in files and _is_ours(folder, name, status)
            ),
        )
    except OSError as error:
        raise _failed(error, folder, "could not be read") from None


def update_folder(folder: Path, files: Mapping[str, str], *, patience: float = _PATIENCE) -> FolderState:
    """Write missing and different files, the kustomization last, then remove our surplus files.

    Returns the differences. Runs that want the same folder take turns; one waits `patience`
    seconds. Raises `GenerationError` of class `io` as `inspect_folder` does, and when the folder
    does not hold exactly these files in the end; each file is then whole, old or new, and the next
    run goes on.
    """
    refuse_way_out(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _turn(folder, patience):
            state = inspect_folder(folder, files)
            for name in files:
                if name in {*state.missing, *state.different}:
                    write_file(folder / name, files[name])
            for name in state.surplus:
                (folder / name).unlink(missing_ok=True)
            remove_leftovers(folder)
            if not inspect_folder(folder, files).is_current:
                raise _unfit(folder, "was changed by another program while it was written")
    except OSError as error:
        raise _failed(error, folder, "could not be written") from None
    return state


@contextmanager
def _turn(folder: Path, patience: float) -> Iterator[None]:
    """Lock a folder against other runs; the system releases the lock when this process ends."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        until = time.monotonic() + patience
        while not lock_alone(descriptor):
            if time.monotonic() >= until:
                raise _unfit(folder, "is being written by another gitops-doca")
            time.sleep(0.05)
        yield
    finally:
        os.close(descriptor)


def _unfit(folder: Path, message: str) -> GenerationError:
    place = Place(str(folder))
    return GenerationError((Diagnostic(category=Category.IO, message=message, place=place, help=_AGAIN),))


def _entries(folder: Path, problems: Problems) -> dict[str, os.stat_result]:
    """Return the folder's entries by name, links not followed; reports what is not a folder."""
    try:
        status = folder.lstat()
    except FileNotFoundError:
        return {}
    if stat.S_ISLNK(status.st_mode):
        _report(problems, folder, "is a symbolic link", "name the folder that it leads to")
    elif not stat.S_ISDIR(status.st_mode):
        _report(problems, folder, "is not a folder", "name a folder, which need not exist")
    else:
        with os.scandir(folder) as entries:
            return {entry.name: entry.stat(follow_symlinks=False) for entry in entries}
    return {}


def _refuse_foreign(
    folder: Path, present: Mapping[str, os.stat_result], files: Mapping[str, str], problems: Problems
) -> None:
    for name in sorted({*files, KUSTOMIZATION} & present.keys()):
        if stat.S_ISLNK(present[name].st_mode):
            _report(problems, folder / name, "is a symbolic link", "remove it, or name another folder")
        elif not _is_ours(folder, name, present[name]):
            what = "is not a file that gitops-doca wrote, and is not overwritten"
            _report(problems, folder / name, what, "remove it, or name another folder")
    for name in sorted(present.keys() & set(_OTHER_KUSTOMIZATIONS)):
        what = f"kustomize builds no folder that has this and a {KUSTOMIZATION}"
        _report(problems, folder / name, what, "remove it, or name another folder")


def _is_ours(folder: Path, name: str, status: os.stat_result) -> bool:
    if not name.endswith(".yaml") or not stat.S_ISREG(status.st_mode):
        return False
    wanted = os.fsencode(first_line(name))
    with (folder / name).open("rb") as stream:
        return stream.readline(len(wanted) + 2).rstrip(b"\r\n") == wanted


def _report(problems: Problems, path: Path, message: str, help: str) -> None:
    problems.error(message, Place(str(path)), category=Category.IO, help=help)


def _failed(error: OSError, folder: Path, what: str) -> GenerationError:
    path = error.filename or folder
    why = f": {os.strerror(error.errno)}" if error.errno else ""
    return GenerationError((Diagnostic(category=Category.IO, message=f"{str(path)!r} {what}{why}"),))
