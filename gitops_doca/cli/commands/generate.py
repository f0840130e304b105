"""The command `generate`: the manifests of all pools, on stdout or as files of a folder."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gitops_doca.cli.clusters import Cluster, Fleet, decide_all, distinct, last_parts, open_fleet
from gitops_doca.cli.help import OUTPUT, Command, folders, option
from gitops_doca.cli.output.console import print_diagnostics, print_message
from gitops_doca.cli.output.streams import write_stdout
from gitops_doca.cli.settings.flags import (
    Flags,
    input_options,
    live_options,
    lock_options,
    registry_options,
    targets_argument,
    with_flags,
)
from gitops_doca.core.diagnostics import DIFFERENT, SAME
from gitops_doca.emit.escape import printable, printable_lines
from gitops_doca.emit.yaml import dump_json, dump_stream

if TYPE_CHECKING:
    from gitops_doca.cli.output.folder import FolderState

_DUMPS = {"yaml": dump_stream, "json": dump_json}


@click.command(
    "generate",
    cls=Command,
    examples=(
        "gitops-doca generate clusters/a > drivers.yaml",
        "gitops-doca generate clusters/*/ --output-dir rendered",
    ),
)
@targets_argument
@input_options
@live_options
@lock_options
@registry_options
@option(
    OUTPUT,
    "-o",
    "--output",
    type=click.Choice(list(_DUMPS)),
    default="yaml",
    show_default=True,
    help="Format.",
)
@option(
    OUTPUT,
    "--output-dir",
    type=click.Path(path_type=Path),
    metavar="OUT",
    shell_complete=folders,
    help="Write a file for each object and a kustomization.yaml into this folder; print nothing.",
)
@option(
    OUTPUT, "--check", is_flag=True, help="With --output-dir: report whether it is up to date; write nothing."
)
@with_flags
def command(
    flags: Flags, *, output: str, output_dir: Path | None, check: bool, targets: tuple[str, ...]
) -> int:
    """Print the manifests of all pools.

    Reads gitops-doca.yaml in DIR (default: the working directory), or FILE;
    it is not needed when -p and -i are given.

    With several folders and --output-dir OUT, each cluster has a folder in OUT: the last part of
    its path.
    """
    targets = distinct(targets)
    if output_dir is not None and output == "json":
        raise click.UsageError("--output-dir writes YAML for kustomize: remove -o json")
    if output_dir is None and check:
        raise click.UsageError("--check is about a folder: give --output-dir too")
    if output_dir is None and len(targets) > 1:
        raise click.UsageError("the manifests of several folders need --output-dir")
    folders = _folders(targets, output_dir) if output_dir else []
    fleet = open_fleet(targets, flags)
    if fleet is None:
        return SAME
    if not output_dir:
        return _print(fleet, flags, output)
    return _fill(fleet, dict(zip(fleet.clusters, folders, strict=True)), flags, check=check)


def _folders(targets: tuple[str, ...], output_dir: Path) -> list[Path]:
    """Return the folder of each cluster; for one cluster, the named folder itself."""
    if len(targets) < 2:  # noqa: PLR2004 (one or none)
        return [output_dir]
    return [output_dir / part for part in last_parts(targets, os.fspath(output_dir))]


def _print(fleet: Fleet, flags: Flags, output: str) -> int:
    for generation in decide_all(fleet, flags).values():
        if not fleet.shared.errors:
            write_stdout(_DUMPS[output](generation.resources))
    fleet.end()
    return SAME


def _fill(fleet: Fleet, folders: dict[Cluster, Path], flags: Flags, *, check: bool) -> int:
    """Write the folder of each cluster that has no error, or compare it.

    Raises `GenerationError` after everything was printed.
    """
    # Manifests on stdout need neither, and imports slow down the start.
    from gitops_doca.cli.output.folder import inspect_folder, update_folder
    from gitops_doca.emit.files import dump_files

    for cluster, _ in fleet.usable:
        # Before any look-up: a problem with the folder does not depend on the pools.
        with cluster.collecting():
            inspect_folder(folders[cluster], {})
    generations = decide_all(fleet, flags)
    good = {cluster: made for cluster, made in generations.items() if not cluster.problems.errors}
    warnings = [diagnostic for cluster in good for diagnostic in cluster.diagnostics]
    print_diagnostics(warnings)
    states: dict[Cluster, FolderState] = {}
    for cluster, generation in good.items():
        folder, files = folders[cluster], dump_files(generation.resources)
        with cluster.collecting():
            state = inspect_folder(folder, files) if check else update_folder(folder, files)
            print_message(printable(f"{folder}: {_checked(state) if check else _written(state, len(files))}"))
            states[cluster] = state
    if check:
        write_stdout("".join(_listing(cluster.name, state) for cluster, state in states.items()))
    fleet.end(diagnostic for diagnostic in fleet.diagnostics if diagnostic not in warnings)
    return DIFFERENT if check and not all(state.is_current for state in states.values()) else SAME


def _listing(cluster: str, state: "FolderState") -> str:
    """Return the files that differ; with several clusters, each with its cluster."""
    start = f"{cluster}  " if cluster else ""
    names = {"missing": state.missing, "different": state.different, "surplus": state.surplus}
    return printable_lines(
        f"{start}{word.ljust(9)}  {name}" for word, files in names.items() for name in files
    )


def _checked(state: "FolderState") -> str:
    return (
        "current" if state.is_current else "out of date; to update it, run the same command without --check"
    )


def _written(state: "FolderState", count: int) -> str:
    written, removed = len(state.missing) + len(state.different), len(state.surplus)
    return f"{count} file{'' if count == 1 else 's'}, {written} of them written; {removed} removed"
