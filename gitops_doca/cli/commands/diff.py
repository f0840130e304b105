"""The command `diff`: what a change of the inputs does to pools, nodes and manifests."""

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace

import click

from gitops_doca.cli.clusters import (
    Cluster,
    Fleet,
    connect_shared,
    last_parts,
    load_cluster,
    make_fleet,
    prefetch_for,
)
from gitops_doca.cli.diff_base import (
    Folder,
    LoadedCommit,
    describe,
    find_base,
    load_commit,
    render_folder,
    with_nodes,
)
from gitops_doca.cli.help import OUTPUT, Command, files, option
from gitops_doca.cli.output.console import coloured
from gitops_doca.cli.output.report import print_result
from gitops_doca.cli.output.streams import write_stdout
from gitops_doca.cli.output.summary import LIMIT, summarize
from gitops_doca.cli.settings.flags import (
    Flags,
    registry_options,
    resolve_options,
    verbose_option,
    with_flags,
)
from gitops_doca.cli.settings.inputs import cluster_name, read_run_config
from gitops_doca.cli.settings.run_config import RunConfig, choose_source
from gitops_doca.core.compare.changes import Comparison, compare_renderings
from gitops_doca.core.compare.rendered import Rendering
from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.diagnostics import (
    DIFFERENT,
    SAME,
    Category,
    Diagnostic,
    GenerationError,
    Place,
    Problems,
)
from gitops_doca.core.resolve.lookup import TagSource
from gitops_doca.emit.diff.cluster import ClusterDiff
from gitops_doca.emit.diff.document import json_diff
from gitops_doca.emit.diff.fleet import failing_first, markdown_fleet, text_lines
from gitops_doca.emit.diff.phrases import Base, compiling, falling_back
from gitops_doca.sources.config import CONFIG_FILE
from gitops_doca.sources.file_root import FileRoot
from gitops_doca.sources.git.repository import Commit
from gitops_doca.usecases.fleet import cluster_result
from gitops_doca.usecases.generate import resolve_and_render
from gitops_doca.usecases.load import Inputs

_MAX_BYTES = 60_000
_NAMED = 5
"""Nodes that a message names. The result names all of them; a long message would be cut."""
_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


@click.command(
    "diff",
    cls=Command,
    examples=(
        "gitops-doca diff main",
        "gitops-doca diff main clusters/*/ -o markdown --stat",
    ),
)
@click.argument("names", metavar="[BASE] [DIR|FILE]...", nargs=-1, shell_complete=files)
@resolve_options
@registry_options
@verbose_option
@option(
    OUTPUT,
    "-o",
    "--output",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    show_default=True,
    help="Format.",
)
@option(OUTPUT, "--stat", is_flag=True, help="Print no manifests.")
@option(
    OUTPUT,
    "--max-bytes",
    type=click.IntRange(min=1000),
    metavar="BYTES",
    help=f"Limit of -o markdown; cut between pools (default: {_MAX_BYTES}).",
)
@with_flags
def command(flags: Flags, *, names: tuple[str, ...], output: str, max_bytes: int | None, stat: bool) -> int:
    """Print what changes against another revision or folder.

    That is: nodes that will compile the driver, pools, nodes, when drivers are reloaded, and the
    manifests.

    BASE is a Git revision, or a folder of rendered manifests; without it the work tree is compared
    with where HEAD left the default branch. A first argument that names a folder with a
    gitops-doca.yaml, or such a file, is DIR. With several DIRs all clusters are in one document,
    and a BASE that is a folder of manifests has a folder for each: the last part of its path.

    Exit code 0: no difference, 1: differences, 4: with strict in the config, a pool that had a
    precompiled image compiles, or goes back to a fallback version.
    """
    if max_bytes is not None and output != "markdown":
        raise click.UsageError("--max-bytes is about -o markdown")
    base, targets = _arguments(names)
    fleet = make_fleet(targets, _cluster)
    reader = _Reader(flags, fleet)
    pairs = [reader.read(cluster, base) for cluster in fleet.clusters]
    prefetch_for(fleet, [inputs for pair in pairs for inputs in pair.online], reader.registries)
    diffs = failing_first([_compare(pair, fleet, flags) for pair in pairs])
    manifests = not stat
    if output == "json":
        write_stdout(json_diff(diffs, fleet.diagnostics, manifests=manifests))
    if any(diff.comparison for diff in diffs) or not fleet.is_one:
        if output == "markdown":
            write_stdout(markdown_fleet(diffs, max_bytes or _MAX_BYTES, manifests=manifests))
        elif output == "text":
            write_stdout(_text(diffs, manifests=manifests))
        summarize(lambda: markdown_fleet(diffs, LIMIT, manifests=manifests), fleet.shared)
    fleet.end()
    return DIFFERENT if any(diff.exit_code for diff in diffs) else SAME


def _arguments(names: Sequence[str]) -> tuple[str | None, Sequence[str]]:
    """Return BASE, None when it is not given, and the folders or configs."""
    if not names or _names_config(names[0]):
        return None, names
    return names[0], names[1:]


def _names_config(path: str) -> bool:
    file = os.path.join(path, CONFIG_FILE)  # noqa: PTH118 (the path as its author wrote it)
    return path != "" and (os.path.isfile(path) or os.path.lexists(file))  # noqa: PTH113


def _cluster(target: str | None, name: str) -> Cluster:
    return Cluster(
        label=cluster_name(target),
        name=name,
        config=_config(target),
        run_config=None,
        problems=Problems(),
    )


def _config(target: str | None) -> str:
    """Return the config's path, which may not exist."""
    if target is None:
        return CONFIG_FILE
    is_file = os.path.isfile(target) or (not os.path.isdir(target) and target.endswith((".yaml", ".yml")))  # noqa: PTH112, PTH113
    return target if is_file else os.path.join(target, CONFIG_FILE)  # noqa: PTH118


@dataclass(frozen=True, kw_only=True)
class _WorkTree:
    """The inputs of the work tree, and the source of their tags."""

    run_config: RunConfig
    inputs: Inputs
    source: TagSource
    problems: Problems


@dataclass(kw_only=True)
class _Pair:
    """Both sides of one cluster; None where a side has no config or could not be read."""

    cluster: Cluster
    start: Commit | Folder | None = None
    before: LoadedCommit | Rendering | None = None
    after: _WorkTree | None = None

    @property
    def online(self) -> Iterator[Inputs]:
        """The inputs whose tags are looked up in the registries."""
        if isinstance(self.before, LoadedCommit) and self.before.source.is_online:
            yield self.before.inputs
        if self.after and self.after.source.is_online:
            yield self.after.inputs


class _Reader:
    """Reads both sides of each cluster; all of them share one client of the registries."""

    def __init__(self, flags: Flags, fleet: Fleet) -> None:
        self._flags = flags
        self._fleet = fleet
        self._run_configs: list[RunConfig] = []
        self.registries = connect_shared(self._run_configs, fleet.shared)

    def read(self, cluster: Cluster, base: str | None) -> _Pair:
        """Read both sides of a cluster; what is wrong with either is in its problems."""
        pair = _Pair(cluster=cluster)
        with cluster.collecting():
            pair.start = self._start(base, cluster)
            with cluster.collecting():
                pair.before = self._before(pair.start, cluster)
            pair.after = self._after(cluster)
        return pair

    def _start(self, base: str | None, cluster: Cluster) -> Commit | Folder:
        start = find_base(base, cluster.config)
        if isinstance(start, Commit) or self._fleet.is_one:
            return start
        names = [cluster.name for cluster in self._fleet.clusters]
        folders = dict(zip(names, last_parts(names, start.path), strict=True))
        return Folder(os.path.join(start.path, folders[cluster.name]))  # noqa: PTH118 (as written)

    def _before(self, start: Commit | Folder, cluster: Cluster) -> LoadedCommit | Rendering | None:
        if isinstance(start, Commit):
            return load_commit(
                start,
                cluster.config,
                lambda path, files, problems: self._run_config(path, problems, revision=files),
                self.registries,
            )
        if not self._fleet.is_one and not os.path.lexists(start.path):
            return Rendering()
        return render_folder(start, cluster.problems)

    def _after(self, cluster: Cluster) -> _WorkTree | None:
        """Read the work tree; None when it has no config."""
        if not os.path.lexists(cluster.config):
            return None
        problems = Problems()
        run_config = self._run_config(_target(cluster.config), problems)
        problems.raise_errors()
        return _WorkTree(
            run_config=run_config,
            source=choose_source(run_config, problems, self.registries),
            inputs=load_cluster(cluster.name, run_config, problems),
            problems=problems,
        )

    def _run_config(
        self, target: str | None, problems: Problems, *, revision: FileRoot | None = None
    ) -> RunConfig:
        run_config = read_run_config(target, self._flags, problems, revision=revision)
        self._run_configs.append(run_config)
        return run_config


def _target(config: str) -> str | None:
    """Return the argument of `lock` for this config, for messages."""
    folder, file = os.path.split(config)
    return folder or None if file == CONFIG_FILE else config


def _compare(pair: _Pair, fleet: Fleet, flags: Flags) -> ClusterDiff:
    """Render both sides and compare them; what is wrong is in the problems of the cluster."""
    cluster, diff = pair.cluster, ClusterDiff(cluster=pair.cluster.label)
    # The problems of a single cluster say nothing about the registries.
    if fleet.is_one or not fleet.shared.errors or not any(pair.online):
        before, after = pair.before, None
        with cluster.collecting():
            if isinstance(before, LoadedCommit):
                before = before.render()
        with cluster.collecting():
            after = _render(pair.after, cluster, flags) if pair.after else None
        with cluster.collecting():
            cluster.problems.raise_errors()
            diff = _compare_sides(pair, before, after)
    errors = cluster.problems.errors or (() if diff.comparison else fleet.shared.errors)
    return replace(diff, failure=GenerationError(errors).category if errors else None)


def _render(work_tree: _WorkTree, cluster: Cluster, flags: Flags) -> Rendering:
    problems = work_tree.problems
    generation = resolve_and_render(work_tree.inputs, work_tree.source, problems)
    if flags.output.verbose:
        print_result(cluster_result(generation, cluster.label), cluster=cluster.name)
    problems.raise_errors()
    for warning in problems:
        cluster.problems.add(warning)
    return with_nodes(generation)


def _compare_sides(pair: _Pair, before: Rendering | None, after: Rendering | None) -> ClusterDiff:
    assert pair.start is not None  # noqa: S101 (without it there is an error)
    base = _base(pair, before, after)
    if isinstance(pair.start, Folder) and after and any(pool.is_operators for pool in after.pools):
        # Policies in a folder do not say which pools the operator makes of them.
        after = replace(after, pools=())
    comparison = compare_renderings(before or Rendering(), after or Rendering())
    strict = pair.after is not None and pair.after.run_config.settings.strict
    _report_compiling(comparison, pair.cluster.problems, strict=strict)
    _report_falling_back(comparison, pair.cluster.problems, strict=strict)
    return ClusterDiff(cluster=pair.cluster.label, base=base, comparison=comparison)


def _base(pair: _Pair, before: Rendering | None, after: Rendering | None) -> Base:
    """Return the base's name; raises `GenerationError` when neither side has a config."""
    assert pair.start is not None  # noqa: S101 (without it there is an error)
    base, config = describe(pair.start), pair.cluster.config
    notes = [*base.notes, *(pair.before.notes if isinstance(pair.before, LoadedCommit) else ())]
    if before is None and after is None:
        raise _no_config(config, base.name)
    if before is None:
        notes.append(f"{base.name} has no {config}: all of it is new")
    elif not before.resources:
        notes.append(f"{base.name} holds no object of gitops-doca: all of it is new")
    if after is None:
        notes.append(f"{config} is removed, and everything that it rendered with it")
    return replace(base, notes=tuple(notes))


def _report_compiling(comparison: Comparison, problems: Problems, *, strict: bool) -> None:
    """Report pools that had a precompiled image and compile now."""
    for one in comparison.compiling:
        message, place = compiling(one, _NAMED), one.pool.place
        if strict and one.is_refused:
            problems.error(
                f"{message}, and the config is strict",
                place,
                category=Category.MISSING,
                help="publish or mirror the precompiled image, keep a version or a kernel that has one, "
                "or remove strict",
            )
        else:
            problems.warn(
                message,
                place,
                help="with forcePrecompiled: true in the policy a missing image is an error",
            )


def _report_falling_back(comparison: Comparison, problems: Problems, *, strict: bool) -> None:
    """Report pools that go back to a fallback version."""
    for change in comparison.falling_back:
        message, place = falling_back(change, _NAMED), change.current.place
        help = "publish or mirror the precompiled image of the policy's version"
        if strict:
            message = f"{message}, and the config is strict"
            problems.error(message, place, category=Category.MISSING, help=f"{help}, or remove strict")
        else:
            problems.warn(message, place, help=help)


def _no_config(config: str, base: str) -> GenerationError:
    message = f"there is no such config, neither here nor in {base}"
    help = f"name a folder that has a {CONFIG_FILE}"
    return GenerationError(
        (Diagnostic(category=Category.INPUT, message=message, place=Place(config), help=help),)
    )


def _text(diffs: Sequence[ClusterDiff], *, manifests: bool) -> str:
    lines = text_lines(diffs, manifests=manifests)
    if coloured(sys.stdout):
        return "".join(
            f"{click.style(line, fg=_COLOURS.get(line[:1])) if is_diff else line}\n"
            for line, is_diff in lines
        )
    return "".join(f"{line}\n" for line, _ in lines)
