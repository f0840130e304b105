"""The clusters of a fleet on a command line: each is read by itself, all are told together."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from gitops_doca.cli.output.console import print_diagnostics
from gitops_doca.cli.output.streams import write_stdout
from gitops_doca.cli.run import write_report_text
from gitops_doca.cli.settings.explain import explain
from gitops_doca.cli.settings.inputs import cluster_name, config_file, read_run_config
from gitops_doca.cli.settings.registries import make_resolver
from gitops_doca.cli.settings.run_config import RunConfig
from gitops_doca.core.diagnostics import Category, Diagnostic, GenerationError, Problems
from gitops_doca.core.fleet import ClusterResult, with_cluster
from gitops_doca.emit.escape import printable
from gitops_doca.emit.report import json_report
from gitops_doca.sources.files import STDIN
from gitops_doca.usecases.fleet import CachingResolver, prefetch
from gitops_doca.usecases.load import Inputs, load

# Flags that would say the same of every cluster, and be wrong of all but one.
_ABOUT_ONE = {"policies": "-p", "inventory": "-i", "lock": "--lock", "live": "--live"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One cluster of a fleet whose config could be read."""

    target: str
    """Its folder as it was named."""
    cluster: str
    """What documents and messages call it."""
    config: str
    """Where a problem stands that has no place of its own."""
    run_config: RunConfig | None
    """None when its config is not usable; then `problems` says why."""
    problems: Problems

    @property
    def failure(self) -> Category | None:
        """The class of its errors that names the exit code."""
        return next((error.category for error in self.problems.errors), None)

    @property
    def diagnostics(self) -> list[Diagnostic]:
        """All that was found, each with a place that tells the cluster."""
        return [
            d if d.place.file else replace(d, place=d.place._replace(file=self.config)) for d in self.problems
        ]


def one_or_fleet(targets: Sequence[str], flags: Mapping[str, Any]) -> dict[str, Any] | tuple[str, ...]:
    """Return the flags of a run about one cluster, or the clusters of a fleet, each once.

    Raises `click.UsageError` for flags that no fleet can have.
    """
    match tuple({cluster_name(target): target for target in targets}.values()):
        case ():
            return {**flags, "target": None}
        case (target,):
            return {**flags, "target": target}
        case fleet:
            given = [flag for name, flag in _ABOUT_ONE.items() if flags.get(name)]
            if given:
                raise click.UsageError(f"{', '.join(given)} with several folders: name one, or leave it out")
            if STDIN in fleet:
                raise click.UsageError("standard input cannot be one of several configs")
            return fleet


def start_fleet(fleet: Iterable[str], flags: Mapping[str, Any]) -> list[Member]:
    """Read the invocation of each cluster; empty when they were only to be explained.

    Raises `GenerationError` when there is something that cannot be explained.
    """
    members = [_open(target, flags) for target in fleet]
    if not flags["explain_config"]:
        return members
    parts = [f"{printable(m.cluster)}:\n{explain(m.run_config)}" for m in members if m.run_config]
    write_stdout("\n".join(parts))
    print_all([d for m in members for d in m.diagnostics])
    return []


def _open(target: str, flags: Mapping[str, Any]) -> Member:
    problems = Problems()
    run_config = None
    with collecting(problems):
        found = read_run_config({**flags, "target": target}, problems)
        problems.raise_errors()
        run_config = found
    return Member(
        target=target,
        cluster=cluster_name(target),
        config=config_file(target) or target,
        run_config=run_config,
        problems=problems,
    )


@contextmanager
def collecting(problems: Problems) -> Iterator[None]:
    """Keep what ends the work on one cluster, so that the others go on."""
    try:
        yield
    except GenerationError as error:
        for diagnostic in error.diagnostics:
            problems.add(diagnostic)


def load_member(member: Member, run_config: RunConfig) -> Inputs:
    """Read the inputs of a cluster; raises as `load` does."""
    inputs = load(run_config.settings, member.problems)
    return replace(inputs, grouping=with_cluster(inputs.grouping, member.cluster))


def share(
    members: Iterable[Member], fleet: Sequence[Inputs], problems: Problems, *, inspect: bool = False
) -> CachingResolver:
    """Ask the registries for all that these clusters need; what keeps everybody from asking is a problem.

    Digests are verified for all as soon as one cluster pins them, so that a tag is asked for once.
    """
    invocations = [member.run_config for member in members if member.run_config]

    def resolver() -> Any:  # noqa: ANN401 (the type would import requests)
        return make_resolver(
            invocations[0].registry,
            problems,
            verify_digests=any(found.settings["pinDigests"].value for found in invocations),
        )

    answers = CachingResolver(resolver)
    with collecting(problems):
        if fleet:
            prefetch(fleet, answers, problems, inspect=inspect)
    return answers


def report_fleet(
    file: Path | None, results: Sequence[ClusterResult], diagnostics: Iterable[Diagnostic]
) -> None:
    """Write one report of all clusters, if one is wanted; raises as `write_report` does."""
    told = tuple(dict.fromkeys(diagnostics))
    write_report_text(file, lambda: json_report(results, told), told)


def print_all(diagnostics: Iterable[Diagnostic]) -> None:
    """End a run with everything that was found of any cluster: raises `GenerationError` for an error."""
    found = tuple(dict.fromkeys(diagnostics))
    if any(diagnostic.category for diagnostic in found):
        raise GenerationError(found)
    print_diagnostics(found)
