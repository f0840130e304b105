"""The command `verify`: compare the output of another tool with the lock."""

import os
from collections.abc import Sequence
from functools import partial

import click

from gitops_doca.cli.help import INPUTS, OUTPUT, Command, files, option
from gitops_doca.cli.output.console import print_diagnostics, print_info, print_message, table
from gitops_doca.cli.output.documents import documented
from gitops_doca.cli.output.streams import write_stdout
from gitops_doca.cli.settings.inputs import check_lock_place, cluster_name
from gitops_doca.cli.settings.run_config import lock_command
from gitops_doca.core.compare.lock import ImageLock
from gitops_doca.core.compare.verify import Built, Difference, Expected, compare_built, compare_count
from gitops_doca.core.diagnostics import DIFFERENT, SAME, Category, Place, Problems
from gitops_doca.emit.checks import STREAM_KIND, json_verification
from gitops_doca.emit.escape import printable
from gitops_doca.emit.json_document import document_text
from gitops_doca.sources.config import CONFIG_FILE, Settings, read_config
from gitops_doca.sources.files import STDIN, display_name
from gitops_doca.sources.kustomize_output import read_kustomize_output
from gitops_doca.sources.lock import LOCK_FILE, read_lock

_TRAP = (
    "without --enable-exec kustomize prints nothing and succeeds; kubectl kustomize never can run functions"
)


@click.command(
    "verify",
    cls=Command,
    examples=(
        "kustomize build --enable-alpha-plugins --enable-exec . | gitops-doca verify",
        "gitops-doca verify clusters/a drivers.yaml",
    ),
    page="kustomize",
)
@click.argument("names", metavar="[DIR|FILE] [STREAM]", nargs=-1, shell_complete=files)
@option(
    INPUTS,
    "--lock",
    metavar="FILE",
    shell_complete=files,
    help="Lock file (default: gitops-doca.lock.yaml beside the config).",
)
@option(
    INPUTS,
    "--expect-pools",
    type=click.IntRange(min=0),
    metavar="N",
    help="The number of DaemonSets of pools to expect; needs no lock.",
)
@option(
    OUTPUT,
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Format.",
)
@option(OUTPUT, "-v", "--verbose", is_flag=True, help="Say more on stderr.")
def command(
    names: Sequence[str], *, lock: str | None, expect_pools: int | None, output: str, verbose: bool
) -> int:
    """Check a built stream for the DaemonSets of the lock.

    STREAM (default: -, stdin) is what kustomize or another tool built. The lock is the one of DIR
    (default: the working directory), or of the config FILE. Prints the differences and exits with
    1: pools without a DaemonSet or with two, and names, namespaces and images that another tool
    changed.
    """
    target, stream = _arguments(names)
    problems = Problems()
    with documented(partial(document_text, STREAM_KIND) if output == "json" else None):
        expected, locked = _lock(target, lock, problems, optional=expect_pools is not None)
        built = read_kustomize_output(stream, problems)
        problems.raise_errors()
    differences: list[Difference] = []
    if expect_pools is not None:
        differences += compare_count(built, expect_pools)
    if locked is not None:
        differences += compare_built(locked, built, expected)
    if verbose:
        for one in built.daemon_sets:
            print_info(f"DaemonSet {one.namespace}/{one.name}: {one.pool or 'no pool'}, {one.image}")
    name = display_name(stream)
    if output == "json":
        write_stdout(json_verification(name, differences, cluster_name(target), problems))
    else:
        write_stdout(table((one.kind.value, str(one.subject), one.detail) for one in differences))
    print_diagnostics(problems.warnings)
    compared = "--expect-pools" if locked is None else "the lock"
    print_message(printable(_verdict(name, built, expected, differences, compared)))
    return DIFFERENT if differences else SAME


def _arguments(names: Sequence[str]) -> tuple[str | None, str]:
    """Return the config's place and the stream; a single name is the stream unless it is a folder."""
    match list(names):
        case []:
            return None, STDIN
        case [name]:
            return (name, STDIN) if os.path.isdir(name) else (None, name)  # noqa: PTH112 (start-up counts)
        case [target, stream]:
            return target, stream
        case _:
            raise click.UsageError("too many arguments: a folder or config, and a stream")


def _lock(
    target: str | None, lock: str | None, problems: Problems, *, optional: bool
) -> tuple[Expected, ImageLock | None]:
    """Read the lock and the output settings of its config; `optional`: the lock may be absent."""
    folder = target or ""
    file = target if target and not os.path.isdir(target) else os.path.join(folder, CONFIG_FILE)  # noqa: PTH112, PTH118
    known = target == file or os.path.lexists(file)
    settings = read_config(file, problems) if known else Settings()
    if not lock:
        check_lock_place(settings, os.path.dirname(file), problems)  # noqa: PTH120 (as written)
        if problems.errors:
            return Expected(), None
    named = lock or settings.lock
    path = named or os.path.join(os.path.dirname(file), LOCK_FILE)  # noqa: PTH118, PTH120
    if not named and not os.path.lexists(path):
        if not optional:
            help = "name the folder that has it, or a lock with --lock; --expect-pools N needs none"
            place = Place(path)
            problems.error("there is no lock file here", place, category=Category.LOCK, help=help)
        return Expected(), None
    namespace = settings.namespace if known else ""
    expected = Expected(
        namespace=namespace,
        pinned=settings.pin_digests,
        policies=settings.emits_policies,
    )
    locked = read_lock(path, lock_command(target, [], [], lock), problems)
    if locked is not None and not locked.pools:
        problems.error(
            "the lock lists no pool, so there is nothing to compare", Place(path), category=Category.LOCK
        )
    return expected, locked


def _verdict(
    stream: str, built: Built, expected: Expected, differences: Sequence[Difference], compared: str
) -> str:
    """Return the result in one sentence; `compared` is what the stream was compared with."""
    count = len(built.drivers) if expected.policies else len(built.ours)
    what = "policies with ofedDriver" if expected.policies else "DaemonSets of pools"
    if not differences:
        return f"{stream}: as expected, {what}: {count}"
    if not built.objects:
        return f"{stream} is EMPTY, nothing was built: {_TRAP}"
    if not count:
        return f"{stream} has no {what}, objects: {built.objects}; {_TRAP}"
    plural = "" if len(differences) == 1 else "s"
    return f"{stream} does not match {compared}: {len(differences)} difference{plural}"
