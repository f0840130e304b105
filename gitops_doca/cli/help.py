"""Format the help of commands: flags in groups, examples, a page of the documentation."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click
from click.decorators import FC

from gitops_doca.core.documentation import page

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

PROGRAM = "gitops-doca"
COMPLETE = "_GITOPS_DOCA_COMPLETE"
"""The variable by which a shell asks for completions, as click names it."""
INPUTS, REGISTRY, CLUSTER, OUTPUT = "Inputs", "Registry", "Cluster", "Output"
_GROUPS = (INPUTS, REGISTRY, CLUSTER, OUTPUT)


class GroupedOption(click.Option):
    """A flag that stands in a group of the help."""

    def __init__(self, *args: Any, group: str, **attributes: Any) -> None:  # noqa: ANN401 (click's interface)
        super().__init__(*args, **attributes)
        self.group = group


def option(group: str, *names: str, **attributes: Any) -> Callable[[FC], FC]:  # noqa: ANN401 (click's interface)
    """Add a flag to a command, as `click.option` does, in this group of its help."""
    return click.option(*names, cls=GroupedOption, group=group, **attributes)


class NamedInErrors(click.Command):
    """A command or group that each error about its arguments names."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Add the context to the errors that click's parser raises without one."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise


class Command(NamedInErrors):
    """A command whose help has its flags in groups, examples, and a page of the documentation."""

    def __init__(
        self,
        *args: Any,  # noqa: ANN401 (click's interface)
        examples: Sequence[str] = (),
        page: str = "reference",
        **attributes: Any,  # noqa: ANN401 (click's interface)
    ) -> None:
        super().__init__(*args, **attributes)
        self.examples = examples
        self.page = page

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each group of flags, and last those that are in none."""
        groups: dict[str, list[tuple[str, str]]] = {group: [] for group in (*_GROUPS, "Options")}
        for parameter in self.get_params(ctx):
            if isinstance(parameter, click.Option) and (record := parameter.get_help_record(ctx)):
                groups[getattr(parameter, "group", "Options")].append(record)
        for group, records in groups.items():
            if records:
                with formatter.section(group):
                    formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 (click's interface)
        """Write the examples, and where more is told."""
        if self.examples:
            with formatter.section("Examples"):
                for example in self.examples:
                    formatter.write(f"{'':{formatter.current_indent}}{example}\n")
        write_address(formatter, self.page)


def write_address(formatter: click.HelpFormatter, name: str) -> None:
    """Write the address of a page of the documentation."""
    formatter.write_paragraph()
    formatter.write(f"Documentation: {page(name)}\n")


def files(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Let the shell complete a value as files and folders."""
    return _completed("file", incomplete)


def folders(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Let the shell complete a value as folders."""
    return _completed("dir", incomplete)


def _completed(kind: str, incomplete: str) -> "list[CompletionItem]":
    # Only a shell that completes needs it.
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type=kind)]
