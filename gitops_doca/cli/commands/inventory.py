"""The command `inventory`: print, write or check the compact inventory of a live cluster."""

import shlex
from functools import partial
from pathlib import Path

import click

from gitops_doca.cli.help import CLUSTER, OUTPUT, Command, files, option
from gitops_doca.cli.output.console import print_diagnostics, print_info, print_message
from gitops_doca.cli.output.documents import documented
from gitops_doca.cli.output.streams import replaceable_text, write_file, write_stdout
from gitops_doca.cli.settings.flags import (
    Flags,
    InputFlags,
    check_output_option,
    cluster_options,
    deadline_option,
    operator_namespace_option,
    policy_options,
    target_argument,
    verbose_option,
    with_flags,
)
from gitops_doca.cli.settings.inputs import cluster_name, config_file, given_settings, live_inventory
from gitops_doca.core.cluster_query import ClusterQuery
from gitops_doca.core.compact_inventory import KIND, group_alike
from gitops_doca.core.compare.inventory_changes import compare_inventories
from gitops_doca.core.diagnostics import DIFFERENT, SAME, Category, Place, Problems
from gitops_doca.core.missing_labels import help_with_nics, list_similar
from gitops_doca.core.model import NIC_LABEL, Inventory
from gitops_doca.emit.checks import INVENTORY_KIND, json_inventory_check
from gitops_doca.emit.escape import printable, printable_lines
from gitops_doca.emit.inventory import dump_inventory
from gitops_doca.emit.json_document import document_text
from gitops_doca.sources.config import Settings, merge, read_config
from gitops_doca.sources.inventory import read_inventory
from gitops_doca.sources.policy import PolicySet, read_policies
from gitops_doca.usecases.load import query_of


@click.command(
    "inventory",
    cls=Command,
    examples=(
        "gitops-doca inventory --write inventory.yaml",
        "gitops-doca inventory --check inventory.yaml",
    ),
    page="live",
)
@target_argument
@policy_options
@operator_namespace_option
@option(
    CLUSTER,
    "--openshift/--no-openshift",
    default=None,
    help="Whether to ask for OpenShift's objects (default: where the API server has them).",
)
@cluster_options
@deadline_option("Time for all requests to the cluster.", CLUSTER)
@option(
    OUTPUT,
    "--write",
    metavar="FILE",
    shell_complete=files,
    help="Write the inventory into this file, and print nothing.",
)
@option(
    OUTPUT,
    "--check",
    metavar="FILE",
    shell_complete=files,
    help="Print how the cluster differs from this inventory.",
)
@check_output_option
@verbose_option
@with_flags
def command(
    flags: Flags, *, write: str | None, check: str | None, output: str | None, target: str | None
) -> int:
    """Print the NIC nodes of the live cluster, to be committed.

    What is printed is a NodeInventory, for -i and spec.inventory. The policies of gitops-doca.yaml,
    or those of -p, say which labels and ConfigMaps matter; it works without any. The cluster is
    only read.
    """
    if write is not None and check is not None:
        raise click.UsageError("--write and --check exclude each other")
    if write == "-":
        raise click.UsageError("--write names a file; without it the inventory is printed")
    if output and check is None:
        raise click.UsageError("-o is the format of --check: give that too")
    if check is not None:
        return _check(check, target, flags, as_json=output == "json")
    return _print(write, target, flags)


def _print(write: str | None, target: str | None, flags: Flags) -> int:
    """Print the inventory of the cluster, or write it into a file."""
    problems = Problems()
    settings, policies = _policies(target, flags.inputs, problems)
    old = _old(write, problems)
    problems.raise_errors()
    query = _query(policies, settings, flags)
    inventory = live_inventory(flags).read(query, problems)
    problems.raise_errors()
    _check_nodes(inventory, write, old, problems, allowed=settings.allow_empty)
    problems.raise_errors()
    text = dump_inventory(inventory, query.labels, settings.name)
    if write is None:
        write_stdout(text)
    elif text != old:
        write_file(Path(write), text)
    print_message(printable(f"{write or 'the cluster'}: {_summary(inventory, query.labels)}"))
    print_diagnostics(problems.warnings)
    return SAME


def _check(file: str, target: str | None, flags: Flags, *, as_json: bool) -> int:
    """Print how the cluster differs from the inventory in a file; return 1 if it does, else 0."""
    problems = Problems()
    with documented(partial(document_text, INVENTORY_KIND) if as_json else None):
        settings, policies = _policies(target, flags.inputs, problems)
        problems.raise_errors()
        query = _query(policies, settings, flags)
        committed = read_inventory([file], query.labels, problems, ignored_taints=query.ignored_taints)
        problems.raise_errors()
        inventory = live_inventory(flags).read(query, problems)
        problems.raise_errors()
    _check_nodes(inventory, None, "", problems, allowed=True)
    changes = compare_inventories(committed, inventory, query.labels)
    if as_json:
        write_stdout(json_inventory_check(file, changes, cluster_name(target), problems))
    else:
        write_stdout(printable_lines(changes))
    print_message(printable(f"{file}: {_difference(changes, _update_command(target, flags.inputs, file))}"))
    print_diagnostics(problems.warnings)
    return DIFFERENT if changes else SAME


def _query(policies: PolicySet, settings: Settings, flags: Flags) -> ClusterQuery:
    """Return what to read of the cluster; with -v it is printed."""
    query = query_of(policies, settings)
    if flags.output.verbose:
        for label in sorted(query.labels):
            print_info(f"label {label} is kept: a nodeSelector names it")
        for name in query.config_maps:
            print_info(f"the keys of ConfigMap {query.namespace}/{name} are read: a policy names it")
        for key in sorted(query.ignored_taints):
            print_info(f"taint {key} is ignored: ignoredTaints names it")
    return query


def _policies(target: str | None, inputs: InputFlags, problems: Problems) -> tuple[Settings, PolicySet]:
    """Read config and policies if they exist; a folder that is named must have a config."""
    file = config_file(target)
    if target is not None and not file:
        problems.error(
            "has no gitops-doca.yaml",
            Place(target),
            help="remove the argument, or name the folder that has it",
        )
    settings = merge([given_settings(inputs), read_config(file, problems) if file else Settings()])
    return settings, read_policies(settings.policies, problems) if settings.policies else PolicySet()


def _old(write: str | None, problems: Problems) -> str:
    help = "remove it, or name another file with --write"
    if write is None:
        return ""
    return replaceable_text(write, KIND, problems, called=f"a {KIND}", category=Category.INPUT, help=help)


def _has_nodes(file: str | None, text: str) -> bool:
    """Say whether a compact inventory may have nodes; an unreadable one may."""
    if file is None or not text.strip():
        return False
    problems = Problems()
    return bool(read_inventory([file], (), problems).nodes or problems.errors)


def _check_nodes(
    inventory: Inventory, write: str | None, old: str, problems: Problems, *, allowed: bool
) -> None:
    """Report a cluster without NIC nodes: an error where its inventory would be written.

    `allowed` lets it be written, but never over one that has nodes.
    """
    if inventory.nodes:
        return
    message = f"the cluster has no node with the label {NIC_LABEL}=true"
    details = list_similar(inventory.others)
    help = f"{help_with_nics(inventory.others)}; check that the context is the right one"
    replaces_nodes = _has_nodes(write, old)
    if write is None or (allowed and not replaces_nodes):
        problems.warn(message, details=details, help=help)
        return
    meant = f"remove {write} first, and set allowEmpty: true" if replaces_nodes else "set allowEmpty: true"
    problems.error(
        f"{message}, so {write} is not written",
        category=Category.EMPTY,
        details=details,
        help=f"{help}; if this is intended, {meant}",
    )


def _summary(inventory: Inventory, labels: frozenset[str]) -> str:
    nodes, groups = len(inventory.nodes), len(group_alike(inventory.nodes, labels))
    return f"{nodes} node{'' if nodes == 1 else 's'}, {groups} group{'' if groups == 1 else 's'}"


def _difference(changes: tuple[str, ...], command: str) -> str:
    if not changes:
        return "current"
    count = len(changes)
    return f"{count} difference{'' if count == 1 else 's'}; to update it: {command}"


def _update_command(target: str | None, inputs: InputFlags, file: str) -> str:
    """Return the command that writes the inventory again."""
    words = ["gitops-doca", "inventory", *([] if target is None else [target])]
    words += [word for policy in inputs.policies for word in ("-p", policy)]
    words += ["-n", inputs.namespace] if inputs.namespace else []
    if inputs.openshift is not None:
        words.append("--openshift" if inputs.openshift else "--no-openshift")
    words += ["--kubeconfig", inputs.kubeconfig] if inputs.kubeconfig else []
    words += ["--context", inputs.context] if inputs.context else []
    return shlex.join([*words, "--write", file])
