"""The command line: its commands, and the exit code of each outcome."""

import gc
import os
import sys
import traceback
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

import click

from gitops_doca import __version__
from gitops_doca.cli.help import COMPLETE, PROGRAM, write_address
from gitops_doca.cli.output.console import print_diagnostics, print_message
from gitops_doca.cli.output.streams import buffer_stdout, check_stdout
from gitops_doca.cli.process.memory import out_of_memory
from gitops_doca.cli.process.signals import StoppedError, stoppable
from gitops_doca.cli.settings.environment import check_environment
from gitops_doca.core.diagnostics import BUG, Category, Diagnostic, GenerationError, Problems

if TYPE_CHECKING:
    from gitops_doca.cli.settings.registries import Connect

FUNCTION = "gitops-doca-krm"
"""Under this name the program runs its command `krm`: kustomize before 5.7 passes no arguments."""
_HELP = ("-h", "--help")
_INTERRUPTED = 130
_COLLECTED = 50_000
"""New objects before a collection of garbage; Python's own number is for programs that run for long."""
COMMANDS: Mapping[str, str] = {
    "init": "Write a first config, with policies and inventory.",
    "doctor": "Print what is set up and reachable, and what to do.",
    "generate": "Print the manifests of all pools.",
    "check": "Print a table of all pools with the image of each.",
    "lock": "Write the lock: what the registries have for the pools.",
    "inventory": "Print the NIC nodes of the live cluster, to be committed.",
    "diff": "Print what changes against another revision or folder.",
    "upgrade": "Print which kernel each pool needs for another driver version.",
    "matrix": "Print which driver versions have images for which pools.",
    "status": "Print which nodes of the live cluster run the rendered driver.",
    "verify": "Check a built stream for the DaemonSets of the lock.",
    "argocd": "Entry points for Argo CD, called by plugin.yaml.",
    "krm": "Run as a KRM function, for kustomize.",
    "schema": "Print the JSON schema of a file.",
    "completion": "Print what a shell needs to complete commands.",
    "version": "Print the version of gitops-doca.",
}
"""The commands, each a module below `commands`, with its short help, in the order of `--help`."""


def main(arguments: list[str] | None = None, *, connect: "Connect | None" = None) -> NoReturn:
    """Run a command and exit with 0 or the code of the error, which is printed on stderr.

    `arguments` defaults to those of the process, with the name it was started under. `connect`
    replaces the registry client in tests.
    """
    if arguments is None:
        # Modules are no garbage; a process that imports many looks for some again and again.
        gc.disable()
        arguments = _own_arguments()
    sys.exit(_exit_code(arguments, connect))


def _own_arguments() -> list[str]:
    name = os.path.basename(sys.argv[0])  # noqa: PTH119 (start-up counts)
    return ["krm", *sys.argv[1:]] if name.removesuffix(".pyz") == FUNCTION else sys.argv[1:]


def _exit_code(arguments: list[str], connect: "Connect | None") -> int:
    try:
        with stoppable():
            return _run(arguments, connect)
    except GenerationError as error:
        print_diagnostics(error.diagnostics)
        return error.exit_code
    except click.UsageError as error:
        print_diagnostics([_misuse(error)])
        return Category.USAGE.exit_code
    except KeyboardInterrupt:
        print_message("\ninterrupted")
        return _INTERRUPTED
    except StoppedError as stopped:
        print_message(str(stopped))
        return stopped.exit_code
    except Exception as error:  # noqa: BLE001 (the last resort)
        return _print_unforeseen(error)


def _print_unforeseen(error: Exception) -> int:
    """Report an unexpected error: out of memory, which can happen anywhere, or else a bug."""
    lacking = out_of_memory(error, "this process may take (ulimit -v)")
    if lacking is not None:
        print_diagnostics([lacking])
        return GenerationError((lacking,)).exit_code
    print_message("error[bug]: gitops-doca failed in a way that it should not; please report it")
    print_message("".join(traceback.format_exception(error)), end="")
    return BUG


def _run(arguments: list[str], connect: "Connect | None") -> int:
    """Do what click's own `main` does, without reporting a closed pipe as an error."""
    buffer_stdout()
    try:
        if instruction := os.environ.get(COMPLETE):
            from click.shell_completion import shell_complete

            from gitops_doca.cli.bash import use_own_bash

            use_own_bash()
            code: int = shell_complete(cli, {}, PROGRAM, COMPLETE, instruction)
        else:
            with cli.make_context(PROGRAM, arguments, obj=connect) as context:
                return cli.invoke(context) or 0
    except click.exceptions.Exit as end:
        code = end.exit_code
    except OSError:
        # The text that click printed; without any, stdout is fine.
        check_stdout()
        raise
    check_stdout()
    return code


def _misuse(error: click.UsageError) -> Diagnostic:
    """Return what is wrong with the arguments; without any, the list of commands."""
    context = error.ctx
    help = f"see {context.command_path if context else 'gitops-doca'} --help"
    if isinstance(error, click.exceptions.NoArgsIsHelpError) and isinstance(error.ctx.command, click.Group):
        return Diagnostic(
            category=Category.USAGE,
            message="a command is needed, one of these",
            details=_summaries(error.ctx.command, error.ctx),
            help=help,
        )
    # Where click lists choices it breaks lines, which would be escaped.
    message = " ".join(line.strip() for line in error.format_message().splitlines())
    return Diagnostic(category=Category.USAGE, message=message, help=help)


def _summaries(group: click.Group, context: click.Context) -> tuple[str, ...]:
    names = group.list_commands(context)
    width = max(map(len, names))
    commands = [(name, group.get_command(context, name)) for name in names]
    return tuple(
        f"{name.ljust(width)}  {command.get_short_help_str(limit=80)}"
        for name, command in commands
        if command
    )


class _Commands(click.Group):
    """Loads the module of a command when it is called: no command imports what only another needs."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's interface)
        return list(COMMANDS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 (click's interface)
        # The help needs no command's module, and importing them is slow.
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 (click's interface)
        """Write where more is told."""
        write_address(formatter, "reference")

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        if cmd_name not in COMMANDS:
            raise click.exceptions.NoSuchCommand(cmd_name, possibilities=list(COMMANDS), ctx=ctx)
        loaded: click.Command = import_module(f"{__name__}.commands.{cmd_name}").command
        if not gc.isenabled():
            # What was imported stays, so no collection has to look at it; a run makes few cycles.
            gc.freeze()
            gc.set_threshold(_COLLECTED)
            gc.enable()
        return loaded

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        # A KRM function reports a wrong environment in its results too; help needs none.
        if name != "krm" and not {*_HELP} & {*rest} and not ctx.resilient_parsing:
            problems = Problems()
            check_environment(os.environ, problems)
            problems.raise_errors()
        return name, command, rest


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": _HELP, "max_content_width": 100},
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """Per-pool DOCA driver DaemonSets from a policy, a node inventory and a registry, ahead of time.

    To begin: gitops-doca init clusters/a
    """
