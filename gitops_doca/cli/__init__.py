"""The command line: flags to settings, results to streams and exit codes."""

import sys
import traceback
from typing import Any, NoReturn

import click

from gitops_doca import __version__
from gitops_doca.cli.console import print_diagnostics, tell
from gitops_doca.cli.lock import compare_lock, write_lock
from gitops_doca.cli.options import input_options, lock_options, registry_options
from gitops_doca.cli.output import write_stdout
from gitops_doca.cli.run import run
from gitops_doca.core.diagnostics import Category, Diagnostic, GenerationError
from gitops_doca.emit.table import json_table, markdown_table, text_table
from gitops_doca.emit.yaml import dump_json, dump_stream
from gitops_doca.sources.schema import SCHEMAS, schema_text

_BUG = 70
_INTERRUPTED = 130
_DUMPS = {"yaml": dump_stream, "json": dump_json}
_TABLES = {"text": text_table, "json": json_table, "markdown": markdown_table}


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run a command and exit: 0, or the code of what went wrong, told on stderr."""
    sys.exit(_exit_code(arguments))


def _exit_code(arguments: list[str] | None) -> int:
    try:
        code = cli.main(args=arguments, prog_name="gitops-doca", standalone_mode=False)
    except GenerationError as error:
        print_diagnostics(error.diagnostics)
        return error.exit_code
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "gitops-doca"
        print_diagnostics(
            [
                Diagnostic(
                    category=Category.USAGE, message=error.format_message(), remedy=f"see {command} --help"
                )
            ]
        )
        return Category.USAGE.exit_code
    except (KeyboardInterrupt, click.Abort):
        tell("interrupted")
        return _INTERRUPTED
    except Exception:  # noqa: BLE001 (the last resort: whatever gets here is a bug)
        tell("error[bug]: gitops-doca failed in a way that it should not; please report it")
        tell(traceback.format_exc(), end="")
        return _BUG
    return code or 0


@click.group(
    no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """Per-pool DOCA driver DaemonSets from a policy, a node inventory and a registry, ahead of time."""


@cli.command()
@input_options
@lock_options
@registry_options
@click.option(
    "-o", "--output", type=click.Choice(list(_DUMPS)), default="yaml", show_default=True, help="Format."
)
def generate(output: str, **flags: Any) -> None:  # noqa: ANN401 (click's parameters)
    """Print the manifests of all pools.

    Reads gitops-doca.yaml in DIR (default: the working directory), or FILE;
    it is not needed when -p and -i are given.
    """
    run(flags, lambda generation: _DUMPS[output](generation.resources))


@cli.command()
@input_options
@lock_options
@registry_options
@click.option(
    "-o", "--output", type=click.Choice(list(_TABLES)), default="text", show_default=True, help="Format."
)
def check(output: str, **flags: Any) -> None:  # noqa: ANN401 (click's parameters)
    """Print a table of all pools and the image of each, and no manifests.

    Exit codes are those of generate; the table also shows pools without an image.
    """
    run(
        flags,
        lambda generation: _TABLES[output](generation.decisions, generation.inputs.grouping.left_out),
        with_errors=True,
    )


@cli.command()
@input_options
@registry_options
@click.option("--check", is_flag=True, help="Compare lock and registry, and write nothing.")
def lock(*, check: bool, **flags: Any) -> int:  # noqa: ANN401 (click's parameters)
    """Write gitops-doca.lock.yaml: what the registry has for each tag that the pools need.

    With a lock, generate asks no registry. Missing tags are recorded as missing.
    """
    return compare_lock(flags) if check else write_lock(flags)


@cli.command()
@click.argument("name", type=click.Choice(SCHEMAS), metavar="NAME")
def schema(name: str) -> None:
    """Print the JSON schema of a file."""
    write_stdout(schema_text(name))
