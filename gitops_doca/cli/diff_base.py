"""The base of `diff`: a Git revision, which is rendered, or a folder of manifests."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import assert_never

import click

from gitops_doca.cli.output.console import print_message
from gitops_doca.cli.settings.run_config import (
    Resolve,
    RunConfig,
    asks_registries,
    find_source,
    load_for,
)
from gitops_doca.core.compare.lock import RENDERING
from gitops_doca.core.compare.rendered import Rendering, listed, rendering
from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.diagnostics import Category, Diagnostic, GenerationError, Place, Problems
from gitops_doca.core.resolve.lookup import Inspector, TagSource
from gitops_doca.emit.diff.phrases import Base
from gitops_doca.emit.escape import printable
from gitops_doca.sources.file_root import FileRoot
from gitops_doca.sources.git.repository import Commit, Repository, find_repository
from gitops_doca.sources.git.revision import Absence, extract
from gitops_doca.sources.rendered_folder import read_rendered_folder
from gitops_doca.usecases.generate import Generation, resolve_and_render
from gitops_doca.usecases.load import Inputs

Read = Callable[[str, FileRoot, Problems], RunConfig]
"""Reads the config of this name from a revision."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of rendered manifests."""

    path: str


def find_base(base: str | None, config: str) -> Commit | Folder:
    """Return what BASE names; by default, the commit at which HEAD left the default branch.

    `config` is the config's path, whose repository is searched. Raises `GenerationError`, and
    `click.UsageError` for a name that is both a revision and a folder.
    """
    is_folder = base is not None and os.path.isdir(base)  # noqa: PTH112 (the path as its author wrote it)
    if base is not None and is_folder and base.startswith((".", "/")):
        return Folder(base)
    folder = os.path.dirname(config)  # noqa: PTH120 (the same)
    repository = find_repository(folder)
    if repository is None:
        if base is not None and is_folder:
            return Folder(base)
        raise _error(
            f"{folder or 'this folder'} is not in a Git repository, so there is nothing to compare with",
            "name a folder of rendered manifests: gitops-doca diff FOLDER",
        )
    if base is None:
        return repository.branch_point()
    commit = repository.find(base)
    if commit and is_folder:
        raise click.UsageError(f"{base!r} is both a revision and a folder: write ./{base} for the folder")
    if commit is None and not is_folder:
        raise _unknown(base, repository)
    return commit or Folder(base)


def describe(base: Commit | Folder) -> Base:
    """Return the base's name in a comparison."""
    match base:
        case Folder():
            return Base(name=base.path)
        case Commit():
            return Base(name=base.label, commit=base.oid, notes=tuple(filter(None, [base.clarified])))
        case never:
            assert_never(never)


def render_folder(folder: Folder, problems: Problems) -> Rendering:
    """Read a folder of manifests; raises `GenerationError` for what cannot be read."""
    resources = read_rendered_folder(folder.path, problems)
    problems.raise_errors()
    return rendering(resources)


@dataclass(frozen=True, kw_only=True)
class LoadedCommit:
    """The inputs of a commit, and the source of their tags."""

    commit: Commit
    inputs: Inputs
    source: TagSource
    notes: tuple[str, ...]
    """Notes for the reader about them."""

    def render(self) -> Rendering:
        """Render the inputs of the commit; raises `GenerationError`."""
        with _placed(self.commit):
            problems = Problems()
            generation = resolve_and_render(self.inputs, self.source, problems)
            problems.raise_errors()
            return with_nodes(generation)


def load_commit(commit: Commit, config: str, read: Read, registries: Inspector) -> LoadedCommit | None:
    """Read the inputs of a commit; None when it has no config of this name.

    The files that the config names are read from the commit, into a folder that is removed
    afterwards. Raises `GenerationError`, its places as `revision:path`.
    """
    with _temporary_folder() as root, _placed(commit):
        name = os.path.basename(config)  # noqa: PTH119
        path = commit.prefix + name
        absence = extract(commit, [path], root).get(path)
        if absence is Absence.MISSING:
            return None
        files = FileRoot(str(root), tuple(commit.prefix.split("/")), revision=commit.label)
        problems = Problems()
        if absence:
            problems.error(absence.value, Place(files.shown(name)))
        problems.raise_errors()
        run_config = _named(commit, read(name, files, problems))
        problems.raise_errors()
        _fetch(commit, root, files.shown(name), run_config, problems)
        problems.raise_errors()
        _print_online(commit, run_config)
        source = find_source(run_config, problems, registries)
        return LoadedCommit(
            commit=commit,
            inputs=load_for(run_config, problems),
            source=source,
            notes=tuple(_rendering_notes(commit, run_config, source)),
        )


def with_nodes(generation: Generation) -> Rendering:
    """Return the rendering, with the nodes of its inventory."""
    inputs = generation.inputs
    known = listed(inputs.inventory.nodes, inputs.labels, inputs.grouping.skipped)
    return rendering(generation.resources, generation.decisions, known)


def _rendering_notes(commit: Commit, run_config: RunConfig, source: TagSource) -> Iterator[str]:
    """Yield a note about a lock of another rendering; an error would hide its update."""
    if run_config.renders and source.rendering != RENDERING:
        yield (
            f"the lock of {commit.label} was written for rendering {source.rendering}; here both sides "
            f"are rendered by this gitops-doca (rendering {RENDERING}), so what differs between the two "
            "renderings is not shown"
        )


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    try:
        folder = tempfile.TemporaryDirectory(prefix="gitops-doca.")
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else "I/O error"
        message = f"there is no folder for temporary files: {why}"
        help = "name one that can be written to in TMPDIR"
        raise GenerationError((Diagnostic(category=Category.IO, message=message, help=help),)) from None
    with folder as name:
        yield Path(os.path.realpath(name))


def _named(commit: Commit, run_config: RunConfig) -> RunConfig:
    """Return the command that updates the lock of a past commit, as a user can run it."""
    folder = commit.prefix.rstrip("/")
    command = f"gitops-doca lock {folder}" if folder else "gitops-doca lock"
    return replace(run_config, fix_command=f"{command} (with {commit.label} checked out), or give --online")


def _fetch(commit: Commit, root: Path, config: str, run_config: RunConfig, problems: Problems) -> None:
    """Read the files that a config names; reports those that a commit cannot hold."""
    paths = []
    for name in _files(run_config):
        path = os.path.normpath(commit.prefix + name)
        if not name.startswith("/") and path.partition("/")[0] not in {".", ".."}:
            paths.append(path)
            continue
        problems.error(
            f"{name!r} is not a file of the repository, so the revision does not have it",
            Place(config),
            help="name files of its repository in the config",
        )
    for path, absence in extract(commit, paths, root).items():
        # A missing file is reported where it is read; a lock may be absent.
        if absence is not Absence.MISSING:
            problems.error(absence.value, Place(f"{commit.label}:{path}"))


def _files(run_config: RunConfig) -> Iterator[str]:
    settings = run_config.settings
    for source in (*settings.policies, *settings.inventory):
        if isinstance(source, str):
            yield source
    yield run_config.lock_file


def _print_online(commit: Commit, run_config: RunConfig) -> None:
    if run_config.resolve is Resolve.AUTO and asks_registries(run_config):
        print_message(printable(f"{commit.label} has no lock: its images are looked up in the registry"))


@contextmanager
def _placed(commit: Commit) -> Iterator[None]:
    """Name the revision in problems that have no place of their own."""
    try:
        yield
    except GenerationError as error:
        raise GenerationError(
            tuple(
                problem if problem.place.file else replace(problem, place=Place(commit.label))
                for problem in error.diagnostics
            )
        ) from None


def _unknown(base: str, repository: Repository) -> GenerationError:
    return _error(
        f"{base!r} is neither a revision of this repository nor a folder",
        repository.shallow_help() or "name a branch, tag or commit that git knows here, or a folder",
    )


def _error(message: str, help: str) -> GenerationError:
    return GenerationError((Diagnostic(category=Category.INPUT, message=message, help=help),))
