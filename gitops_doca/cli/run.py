"""What `generate` and `check` share: settings in, a generation out, everything told on stderr."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from gitops_doca.cli.console import print_diagnostics, print_info
from gitops_doca.cli.options import RegistryFlags, registry_flags, resolver, settings
from gitops_doca.cli.output import write_file, write_stdout
from gitops_doca.core.diagnostics import Diagnostic, GenerationError, Problems
from gitops_doca.emit.report import dump_report
from gitops_doca.pipeline import Generation, generate
from gitops_doca.sources.config import Settings
from gitops_doca.sources.located import Document

Dump = Callable[[Generation], str]


def run(flags: dict[str, Any], dump: Dump, *, with_errors: bool = False) -> None:
    """Run all stages and write the document; raises `GenerationError` after everything was told.

    `with_errors`: the document is written also when pools have no image.
    """
    problems = Problems()
    registry = registry_flags(flags)
    try:
        merged = settings(flags, problems)
        problems.raise_errors()
        if flags["explain_config"]:
            write_stdout(_explain(merged, registry))
            return
        generation = generate(merged, resolver(registry), problems)
    except GenerationError as error:
        _write_report(flags["report"], dump_report((), (), error.diagnostics), error.diagnostics)
        raise
    if flags["verbose"]:
        _tell(generation)
    report = dump_report(generation.decisions, generation.inputs.grouping.left_out, problems)
    _write_report(flags["report"], report, problems)
    if with_errors or not problems.errors:
        write_stdout(dump(generation))
    problems.raise_errors()
    print_diagnostics(problems.warnings)


def _write_report(path: Path | None, report: str, found: Iterable[Diagnostic]) -> None:
    """Write the report if one is wanted; when that fails, everything else that was found is told too."""
    if path is not None:
        try:
            write_file(path, report)
        except GenerationError as error:
            raise GenerationError((*found, *error.diagnostics)) from None


def _tell(generation: Generation) -> None:
    for left in generation.inputs.grouping.left_out:
        print_info(f"node {left.node} left out of policy {left.policy or 'any'}: {left.reason}")
    for decision in generation.decisions:
        pool = decision.pool
        print_info(
            f"pool {pool.platform}: {type(decision).__name__} {decision.image} for {len(pool.nodes)} nodes"
        )


def _explain(merged: Settings, registry: RegistryFlags) -> str:
    rows = [(name, _value(setting.value), setting.origin) for name, setting in merged.items()]
    rows += [
        (f"--{name.replace('_', '-')}", _value(getattr(registry, name)), _origin(name))
        for name in RegistryFlags.__slots__
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    return "".join(f"{row[0].ljust(widths[0])}  {row[1].ljust(widths[1])}  # {row[2]}\n" for row in rows)


def _origin(name: str) -> str:
    match click.get_current_context().get_parameter_source(name):
        case click.core.ParameterSource.COMMANDLINE:
            return f"--{name.replace('_', '-')}"
        case click.core.ParameterSource.ENVIRONMENT:
            return f"GITOPS_DOCA_{name.upper()}"
        case _:
            return "default"


def _value(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case tuple() | list():
            return " ".join("(inline)" if isinstance(one, Document) else str(one) for one in value) or "none"
        case dict():
            return ", ".join(f"{key}={one}" for key, one in value.items()) or "none"
        case None | "":
            return "none"
        case _:
            return str(value)
