"""Open, read and report the clusters that a command works on."""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import click

from gitops_doca.cli.output.console import print_diagnostics
from gitops_doca.cli.output.report import print_result, write_report
from gitops_doca.cli.output.streams import write_stdout
from gitops_doca.cli.settings.flags import Flags, InputFlags
from gitops_doca.cli.settings.inputs import cluster_name, config_file, read_run_config
from gitops_doca.cli.settings.registries import make_resolver
from gitops_doca.cli.settings.run_config import RunConfig, choose_source, load_for
from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.diagnostics import Category, Diagnostic, GenerationError, Problems
from gitops_doca.core.fleet import ClusterResult, failing_first, with_cluster
from gitops_doca.core.resolve.lookup import Inspector, TagSource
from gitops_doca.emit.escape import printable
from gitops_doca.sources.files import STDIN
from gitops_doca.usecases.fleet import CachingResolver, cluster_result, prefetch
from gitops_doca.usecases.generate import Generation, resolve_and_render
from gitops_doca.usecases.load import Inputs

if TYPE_CHECKING:
    from pathlib import Path

    from gitops_doca.usecases.lock import Locking

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True, eq=False)
class Cluster:
    """One cluster, by its folder."""

    label: str
    """Its name in documents: its folder, `.` for the working directory."""
    name: str
    """Its name in messages; empty when it is the only one."""
    config: str
    """With several clusters: the place of problems that have no other place."""
    run_config: RunConfig | None
    """None when its config is unusable; `problems` says why."""
    problems: Problems

    @property
    def diagnostics(self) -> list[Diagnostic]:
        """All its problems; of several clusters each has a place, which names the cluster."""
        if not self.name:
            return list(self.problems)
        return [
            d if d.place.file else replace(d, place=d.place._replace(file=self.config)) for d in self.problems
        ]

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Keep an error that ends the work on this cluster, so that the others go on."""
        with collecting(self.problems):
            yield


@contextmanager
def collecting(problems: Problems) -> Iterator[None]:
    """Keep an error that ends a part of the work, so that the rest goes on."""
    try:
        yield
    except GenerationError as error:
        for diagnostic in error.diagnostics:
            problems.add(diagnostic)


def attempt(problems: Problems, work: Callable[[], _T]) -> _T | None:
    """Return the result of some work; None if an error ends it, which is kept."""
    try:
        return work()
    except GenerationError as error:
        for diagnostic in error.diagnostics:
            problems.add(diagnostic)
        return None


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """The clusters of one run."""

    clusters: tuple[Cluster, ...]
    shared: Problems
    """Problems of what the clusters share, such as registries; for one cluster, its own problems.
    """
    decisive: Category | None = None
    """The class of error that decides the exit code if there is one of it."""

    @property
    def is_one(self) -> bool:
        """Whether there is one cluster only."""
        return len(self.clusters) == 1

    @property
    def usable(self) -> Iterator[tuple[Cluster, RunConfig]]:
        """The clusters whose config is usable."""
        return ((cluster, cluster.run_config) for cluster in self.clusters if cluster.run_config)

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """All problems of all clusters, each once."""
        own = [diagnostic for cluster in self.clusters for diagnostic in cluster.diagnostics]
        return tuple(dict.fromkeys([*own, *self.shared]))

    @property
    def has_errors(self) -> bool:
        """Whether a problem of a cluster or a shared one is an error."""
        return any(diagnostic.category for diagnostic in self.diagnostics)

    def results(
        self,
        made: "Mapping[Cluster, Generation | Locking]",
        *,
        differing: Collection[Cluster] | None = None,
    ) -> tuple[ClusterResult, ...]:
        """Return the result of each cluster, failing ones first.

        `differing` are the clusters whose lock differs; in such a comparison a missing image is not
        a failure.
        """
        return failing_first(self._result(cluster, made.get(cluster), differing) for cluster in self.clusters)

    def _result(
        self,
        cluster: Cluster,
        made: "Generation | Locking | None",
        differing: Collection[Cluster] | None,
    ) -> ClusterResult:
        errors = cluster.problems.errors
        if made is None:
            errors += self.shared.errors
        elif differing is not None:
            errors = ()
        label = cluster.label
        return replace(
            cluster_result(made, label) if made else ClusterResult(cluster=label),
            differs=cluster in (differing or ()),
            failure=GenerationError(errors, decisive=self.decisive).category if errors else None,
        )

    def report(self, file: "Path | None", results: Sequence[ClusterResult]) -> None:
        """Write the report if `--report` asks for one; raises `GenerationError` if that fails."""
        try:
            write_report(file, results, self.diagnostics)
        except GenerationError as error:
            raise GenerationError(error.diagnostics, decisive=self.decisive) from None

    def end(self, diagnostics: Iterable[Diagnostic] | None = None) -> None:
        """Print problems, by default all; raises `GenerationError` if one is an error."""
        left = tuple(self.diagnostics if diagnostics is None else diagnostics)
        if any(diagnostic.category for diagnostic in left):
            raise GenerationError(left, decisive=self.decisive)
        print_diagnostics(left)


def open_fleet(targets: Sequence[str], flags: Flags, *, decisive: Category | None = None) -> Fleet | None:
    """Read the config of each cluster; None when the settings were only to be explained.

    A cluster that is named twice is read once. Raises `click.UsageError` for flags of one cluster
    when there are several, and `GenerationError` for settings that cannot be explained.
    """
    if len(distinct(targets)) > 1:
        _refuse_flags_of_one(targets, flags.inputs)
    fleet = make_fleet(targets, lambda target, name: _open(target, name, flags), decisive=decisive)
    if not flags.output.explain_config:
        return fleet
    write_stdout("\n".join(_explanation(cluster, run_config) for cluster, run_config in fleet.usable))
    fleet.end()
    return None


def make_fleet(
    targets: Sequence[str],
    open_cluster: Callable[[str | None, str], Cluster],
    *,
    decisive: Category | None = None,
) -> Fleet:
    """Return a fleet of these clusters; `open_cluster` gets the target of each, and its name."""
    targets = distinct(targets)
    if len(targets) > 1:
        clusters = tuple(open_cluster(target, cluster_name(target)) for target in targets)
        return Fleet(clusters=clusters, shared=Problems(), decisive=decisive)
    cluster = open_cluster(next(iter(targets), None), "")
    return Fleet(clusters=(cluster,), shared=cluster.problems, decisive=decisive)


def distinct(targets: Sequence[str]) -> tuple[str, ...]:
    """Return each folder or config once: `a`, `./a` and `a//` are the same."""
    named: dict[str, str] = {}
    for target in targets:
        named.setdefault(_plain(cluster_name(target)), target)
    return tuple(named.values())


def _plain(name: str) -> str:
    # A link before .. leads elsewhere than the text says.
    return name if ".." in name.split("/") else os.path.normpath(name)


def _refuse_flags_of_one(targets: Sequence[str], inputs: InputFlags) -> None:
    flags = {"-p": inputs.policies, "-i": inputs.inventory, "--lock": inputs.lock, "--live": inputs.live}
    given = [flag for flag, value in flags.items() if value]
    if given:
        raise click.UsageError(f"{', '.join(given)} with several folders: name one, or remove the flag")
    if STDIN in targets:
        raise click.UsageError("stdin cannot be one of several configs")


def _open(target: str | None, name: str, flags: Flags) -> Cluster:
    problems, run_config = Problems(), None
    with collecting(problems):
        read = read_run_config(target, flags, problems)
        problems.raise_errors()
        run_config = read
    return Cluster(
        label=cluster_name(target),
        name=name,
        config=config_file(target) or target or "",
        run_config=run_config,
        problems=problems,
    )


def _explanation(cluster: Cluster, run_config: RunConfig) -> str:
    from gitops_doca.cli.settings.explain import explain

    title = f"{printable(cluster.name)}:\n" if cluster.name else ""
    return f"{title}{explain(run_config)}"


def last_parts(targets: Sequence[str], what: str) -> list[str]:
    """Return the last part of each cluster's path; `what` has one folder of that name for each.

    Raises `click.UsageError` for two that are equal.
    """
    parts: dict[str, str] = {}
    for target in targets:
        part = os.path.basename(os.path.abspath(target))  # noqa: PTH100, PTH119 (links stay)
        first = parts.setdefault(part, target)
        if first != target:
            raise click.UsageError(f"{first} and {target} would have the same folder in {what}: {part}")
    return list(parts)


def load_cluster(name: str, run_config: RunConfig, problems: Problems) -> Inputs:
    """Read the inputs of the cluster of this name; raises as `load` does."""
    inputs = load_for(run_config, problems)
    return replace(inputs, grouping=with_cluster(inputs.grouping, name)) if name else inputs


def connect_shared(
    run_configs: Sequence[RunConfig], problems: Problems, *, locking: bool = False, whole_lists: bool = False
) -> CachingResolver:
    """Return the registry client that all clusters share; it is made on its first use.

    Digests are verified for all as soon as one cluster pins them, so that a tag is looked up once;
    `locking` reads the manifests themselves.
    """

    def connect() -> Inspector:
        first = run_configs[0]
        return make_resolver(
            first.connect,
            first.registry,
            problems,
            live=first.live,
            verify_digests=not locking and any(run_config.settings.pin_digests for run_config in run_configs),
            whole_lists=whole_lists,
        )

    return CachingResolver(connect)


def decide_all(fleet: Fleet, flags: Flags) -> dict[Cluster, Generation]:
    """Run all stages for each cluster, and write the report.

    A cluster with unusable inputs has no result; the problems of the fleet say why.
    """
    run_configs = [run_config for _, run_config in fleet.usable]
    registries = connect_shared(run_configs, fleet.shared)
    ready: dict[Cluster, tuple[Inputs, TagSource]] = {}
    for cluster, run_config in fleet.usable:
        with cluster.collecting():
            source = choose_source(run_config, cluster.problems, registries)
            ready[cluster] = load_cluster(cluster.name, run_config, cluster.problems), source
    prefetch_for(fleet, [inputs for inputs, source in ready.values() if source.is_online], registries)
    generations = {}
    for cluster, (inputs, source) in ready.items():
        if not (source.is_online and fleet.shared.errors):
            with cluster.collecting():
                generations[cluster] = resolve_and_render(inputs, source, cluster.problems)
    if flags.output.verbose:
        for cluster in fleet.clusters:
            if generation := generations.get(cluster):
                print_result(cluster_result(generation, cluster.label), cluster=cluster.name)
    fleet.report(flags.output.report, fleet.results(generations))
    return generations


def prefetch_for(
    fleet: Fleet, inputs: Sequence[Inputs], registries: CachingResolver, *, inspect: bool = False
) -> None:
    """Look up together what several clusters need; an error counts for all of them."""
    if inputs and not fleet.is_one:
        with collecting(fleet.shared):
            prefetch(inputs, registries, fleet.shared, inspect=inspect)
