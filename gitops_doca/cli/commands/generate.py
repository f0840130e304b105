"""The command `generate`: the manifests of all pools, on stdout or as files of a folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gitops_doca.cli.output.console import print_diagnostics, print_message
from gitops_doca.cli.output.streams import write_stdout
from gitops_doca.cli.run import decide, run
from gitops_doca.cli.settings.flags import input_options, live_options, lock_options, registry_options
from gitops_doca.core.diagnostics import Problems
from gitops_doca.emit.escape import printable
from gitops_doca.emit.yaml import dump_json, dump_stream

if TYPE_CHECKING:
    from gitops_doca.cli.output.folder import FolderState

_DUMPS = {"yaml": dump_stream, "json": dump_json}
_SAME, _DIFFERENT = 0, 1


@click.command("generate")
@input_options
@live_options
@lock_options
@registry_options
@click.option(
    "-o", "--output", type=click.Choice(list(_DUMPS)), default="yaml", show_default=True, help="Format."
)
@click.option(
    "--output-dir",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write one file an object and a kustomization.yaml into this folder, and print nothing.",
)
@click.option("--check", is_flag=True, help="With --output-dir: say whether it is current, write nothing.")
def command(output: str, output_dir: Path | None, *, check: bool, **flags: Any) -> int:  # noqa: ANN401 (click's parameters)
    """Print the manifests of all pools.

    Reads gitops-doca.yaml in DIR (default: the working directory), or FILE;
    it is not needed when -p and -i are given.
    """
    if output_dir is None:
        if check:
            raise click.UsageError("--check is about a folder: give --output-dir too")
        run(flags, lambda generation, _: _DUMPS[output](generation.resources))
        return _SAME
    if output == "json":
        raise click.UsageError("--output-dir writes YAML, which kustomize builds: leave -o json out")
    return _fill(output_dir, flags, check=check)


def _fill(folder: Path, flags: Mapping[str, Any], *, check: bool) -> int:
    # What goes to stdout needs none of this: start-up counts.
    from gitops_doca.cli.output.folder import inspect_folder, update_folder
    from gitops_doca.emit.files import dump_files

    # Before anyone is asked: what is wrong with the folder is so whatever the pools are.
    inspect_folder(folder, {})
    problems = Problems()
    generation = decide(flags, problems)
    problems.raise_errors()
    if generation is None:
        return _SAME
    files = dump_files(generation.resources)
    print_diagnostics(problems.warnings)
    if check:
        state = inspect_folder(folder, files)
        write_stdout(_listing(state))
    else:
        state = update_folder(folder, files)
    print_message(printable(f"{folder}: {_checked(state) if check else _written(state, len(files))}"))
    return _DIFFERENT if check and not state.is_current else _SAME


def _listing(state: "FolderState") -> str:
    names = {"missing": state.missing, "different": state.different, "surplus": state.surplus}
    return "".join(f"{word.ljust(9)}  {printable(name)}\n" for word, found in names.items() for name in found)


def _checked(state: "FolderState") -> str:
    return "current" if state.is_current else "not current; to renew it run the same without --check"


def _written(state: "FolderState", count: int) -> str:
    written, removed = len(state.missing) + len(state.different), len(state.surplus)
    return f"{count} file{'' if count == 1 else 's'}, {written} of them written; {removed} removed"
