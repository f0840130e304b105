"""What the commands share: settings in, a generation out, the report, everything told on stderr."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from gitops_doca.cli.console import print_diagnostics, print_info, printable
from gitops_doca.cli.inputs import Invocation, RegistryFlags, choose_answers, read_invocation
from gitops_doca.cli.output import write_file, write_stdout
from gitops_doca.core.diagnostics import Diagnostic, GenerationError, Problems
from gitops_doca.emit.report import dump_report, pool_entry
from gitops_doca.locking import Locking
from gitops_doca.pipeline import Generation, generate
from gitops_doca.sources.located import Document

Dump = Callable[[Generation], str]


def run(flags: dict[str, Any], dump: Dump, *, with_errors: bool = False) -> None:
    """Run all stages and write the document; raises `GenerationError` after everything was told.

    `with_errors`: the document is written also when pools have no image.
    """
    problems = Problems()
    try:
        invocation = read_invocation(flags, problems)
        problems.raise_errors()
        if flags["explain_config"]:
            write_stdout(explain(invocation))
            return
        answers = choose_answers(invocation, problems, locked=flags["locked"], online=flags["online"])
        generation = generate(invocation.settings, answers, problems)
    except GenerationError as error:
        write_report(flags["report"], None, error.diagnostics)
        raise
    if flags["verbose"]:
        _tell(generation)
    write_report(flags["report"], generation, tuple(problems))
    if with_errors or not problems.errors:
        write_stdout(dump(generation))
    problems.raise_errors()
    print_diagnostics(problems.warnings)


def write_report(
    file: Path | None, found: Generation | Locking | None, diagnostics: Sequence[Diagnostic]
) -> None:
    """Write the report, if one is wanted; also of a run that failed before anything was decided.

    When that fails, everything else that was found is told too.
    """
    if file is None:
        return
    decisions = found.decisions if found else ()
    left_out = found.inputs.grouping.left_out if found else ()
    try:
        write_file(file, dump_report(decisions, left_out, diagnostics))
    except GenerationError as error:
        raise GenerationError((*diagnostics, *error.diagnostics)) from None


def _tell(generation: Generation) -> None:
    for left in generation.inputs.grouping.left_out:
        print_info(f"node {left.node} left out of policy {left.policy or 'any'}: {left.reason}")
    for decision in generation.decisions:
        entry = pool_entry(decision)
        print_info(f"pool {entry['pool']}: {entry['state']}, {decision.image}, nodes {len(entry['nodes'])}")


def explain(invocation: Invocation) -> str:
    """Return each setting with its value and who set it."""
    merged, registry = invocation.settings, invocation.registry
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
            return (
                " ".join("(inline)" if isinstance(one, Document) else printable(one) for one in value)
                or "none"
            )
        case dict():
            return printable(", ".join(f"{key}={one}" for key, one in value.items())) or "none"
        case None | "":
            return "none"
        case _:
            return printable(str(value))
