"""The command `diff`: what a change of the inputs does to pools, nodes and manifests."""

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import click

from gitops_doca.cli.baseline import Folder, describe, find_base, render_commit, render_folder, with_nodes
from gitops_doca.cli.output.console import coloured, print_diagnostics
from gitops_doca.cli.output.documents import documented
from gitops_doca.cli.output.streams import write_stdout
from gitops_doca.cli.output.summary import LIMIT, summarize
from gitops_doca.cli.run import print_generation
from gitops_doca.cli.settings.flags import registry_options
from gitops_doca.cli.settings.inputs import cluster_name, read_run_config
from gitops_doca.cli.settings.run_config import RunConfig, generate_for
from gitops_doca.core.compare.changes import Comparison, compare_renderings
from gitops_doca.core.compare.rendered import Rendering
from gitops_doca.core.diagnostics import Category, Diagnostic, GenerationError, Place, Problems
from gitops_doca.emit.diff.document import KIND, json_diff
from gitops_doca.emit.diff.markdown import markdown
from gitops_doca.emit.diff.phrases import Base, compiling
from gitops_doca.emit.diff.text import diff_lines, summary_lines
from gitops_doca.emit.escape import printable
from gitops_doca.emit.json_document import document_text
from gitops_doca.sources.config import CONFIG_FILE
from gitops_doca.sources.file_root import FileRoot
from gitops_doca.sources.git.repository import Commit

_SAME, _DIFFERENT = 0, 1
_MAX_BYTES = 60_000
_NAMED = 5
"""Nodes that a message names: the result names more, and a longer message would lose its end."""
_Side = TypeVar("_Side")
_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compared:
    start: Base
    comparison: Comparison
    strict: bool
    """What the config of the work tree says."""
    warnings: tuple[Diagnostic, ...]
    """Of both sides."""


@click.command("diff")
@click.argument("base", metavar="[BASE]", required=False)
@click.argument("target", metavar="[DIR|FILE]", required=False)
@click.option("--locked", is_flag=True, help="Insist on a lock; without one this is an error.")
@click.option("--online", is_flag=True, help="Ask the registries, whatever lock there is.")
@registry_options
@click.option("-v", "--verbose", is_flag=True, help="Say more on stderr.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    show_default=True,
    help="Format.",
)
@click.option("--stat", is_flag=True, help="Leave the manifests out.")
@click.option(
    "--max-bytes",
    type=click.IntRange(min=1000),
    metavar="BYTES",
    help=f"Most that -o markdown prints; cut between pools (default: {_MAX_BYTES}).",
)
def command(
    base: str | None,
    target: str | None,
    output: str,
    max_bytes: int | None,
    stat: bool,  # noqa: FBT001 (click passes it by name)
    **flags: Any,  # noqa: ANN401 (click's parameters)
) -> int:
    """Print what changes against another revision or folder.

    That is: nodes that will compile the driver, pools, nodes, when drivers are reloaded, and the
    manifests.

    BASE is a Git revision, or a folder of rendered manifests; without it the work tree is compared
    with where HEAD left the default branch. A single argument that names a folder with a
    gitops-doca.yaml, or such a file, is DIR.

    Exit code 0: no difference, 1: differences, 4: with strict in the config, a pool compiles that
    had a precompiled image.
    """
    if max_bytes is not None and output != "markdown":
        raise click.UsageError("--max-bytes is about -o markdown")
    if target is None and base is not None and _names_config(base):
        base, target = None, base
    with documented(partial(document_text, KIND) if output == "json" else None):
        compared = _compare(base, _config(target), flags)
    start, comparison = compared.start, compared.comparison
    problems = Problems(compared.warnings)
    _report_compiling(comparison, problems, strict=compared.strict)
    match output:
        case "markdown":
            limit = max_bytes or _MAX_BYTES
            write_stdout(markdown(comparison, start, limit, manifests=not stat))
        case "json":
            cluster = cluster_name(target)
            write_stdout(json_diff(comparison, start, cluster, problems, manifests=not stat))
        case _:
            write_stdout(_text(comparison, start, manifests=not stat))
    summarize(lambda: markdown(comparison, start, LIMIT, manifests=not stat), problems)
    problems.raise_errors()
    print_diagnostics(problems.warnings)
    return _SAME if comparison.is_same else _DIFFERENT


def _report_compiling(comparison: Comparison, problems: Problems, *, strict: bool) -> None:
    """Report pools that compile where a precompiled image was there before."""
    for found in comparison.compiling:
        message = compiling(found, _NAMED)
        if strict and found.is_refused:
            problems.error(
                f"{message}, and the config is strict",
                found.pool.place,
                category=Category.MISSING,
                remedy="publish or mirror the precompiled image, keep a version or a kernel that has one, "
                "or remove strict",
            )
        else:
            problems.warn(
                message,
                found.pool.place,
                remedy="with forcePrecompiled: true in the policy a missing image is an error",
            )


def _names_config(path: str) -> bool:
    file = os.path.join(path, CONFIG_FILE)  # noqa: PTH118 (the path as its author wrote it)
    return path != "" and (os.path.isfile(path) or os.path.lexists(file))  # noqa: PTH113


def _config(target: str | None) -> str:
    """Return the config's path, though nothing may be there."""
    if target is None:
        return CONFIG_FILE
    is_file = os.path.isfile(target) or (not os.path.isdir(target) and target.endswith((".yaml", ".yml")))  # noqa: PTH112, PTH113
    return target if is_file else os.path.join(target, CONFIG_FILE)  # noqa: PTH118


def _compare(base: str | None, config: str, flags: Mapping[str, Any]) -> _Compared:
    """Render both sides and compare them; raises `GenerationError` with the problems of both."""
    start = find_base(base, config)
    problems = Problems()
    notes: list[str] = []
    before = _tried(lambda: _before(start, config, flags, notes, problems), problems)
    rendered = _tried(lambda: _after(config, flags, problems), problems)
    problems.raise_errors()
    after, strict = rendered or (None, False)
    if isinstance(start, Folder) and after and any(pool.is_operators for pool in after.pools):
        # Policies in a folder do not say which pools the operator made of them.
        after = replace(after, pools=())
    return _Compared(
        start=_start(start, config, before, after, notes),
        comparison=compare_renderings(before or Rendering(), after or Rendering()),
        strict=strict,
        warnings=problems.warnings,
    )


def _tried(run: Callable[[], _Side | None], problems: Problems) -> _Side | None:
    try:
        return run()
    except GenerationError as error:
        for problem in error.diagnostics:
            problems.add(problem)
        return None


def _start(
    found: Commit | Folder,
    config: str,
    before: Rendering | None,
    after: Rendering | None,
    more: Iterable[str],
) -> Base:
    """Say what is compared with; raises `GenerationError` when neither side has a config."""
    base = describe(found)
    notes = [*base.notes, *more]
    if before is None and after is None:
        raise _no_config(config, base.name)
    if before is None:
        notes.append(f"{base.name} has no {config}: all of it is new")
    elif not before.resources:
        notes.append(f"{base.name} holds no object of gitops-doca: all of it is new")
    if after is None:
        notes.append(f"{config} is gone: all that it rendered is removed")
    return replace(base, notes=tuple(notes))


def _before(
    start: Commit | Folder, config: str, flags: Mapping[str, Any], notes: list[str], problems: Problems
) -> Rendering | None:
    if isinstance(start, Folder):
        return render_folder(start, problems)
    return render_commit(
        start, config, lambda name, files, problems: _read(name, flags, problems, revision=files), notes
    )


def _after(config: str, flags: Mapping[str, Any], warnings: Problems) -> tuple[Rendering, bool] | None:
    """Render the work tree, and say whether its config is strict; None when it has no config."""
    if not os.path.lexists(config):
        return None
    problems = Problems()
    run_config = _read(_target(config), flags, problems)
    problems.raise_errors()
    generation = generate_for(run_config, problems)
    if flags["verbose"]:
        print_generation(generation)
    problems.raise_errors()
    for warning in problems:
        warnings.add(warning)
    return with_nodes(generation), run_config.settings["strict"].value


def _target(config: str) -> str | None:
    """Return what `lock` is given for this config: messages say so."""
    folder, file = os.path.split(config)
    return folder or None if file == CONFIG_FILE else config


def _read(
    target: str | None, flags: Mapping[str, Any], problems: Problems, *, revision: FileRoot | None = None
) -> RunConfig:
    own = {"target": target, "policies": (), "inventory": (), "lock": None}
    return read_run_config({**flags, **own}, problems, revision=revision)


def _no_config(config: str, base: str) -> GenerationError:
    message = f"there is no such config, neither here nor in {base}"
    remedy = f"name a folder that has a {CONFIG_FILE}"
    return GenerationError(
        (Diagnostic(category=Category.INPUT, message=message, place=Place(config), remedy=remedy),)
    )


def _text(comparison: Comparison, base: Base, *, manifests: bool) -> str:
    diff = list(diff_lines(comparison, base)) if manifests else []
    if coloured(sys.stdout):
        diff = [click.style(line, fg=_COLOURS.get(line[:1])) for line in diff]
    return _joined([*map(printable, summary_lines(comparison, base)), *([""] if diff else []), *diff])


def _joined(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
