"""The command `init`: write a first config, policies and inventory."""

import os
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from gitops_doca.cli.first_folder import FirstFolder
from gitops_doca.cli.help import CLUSTER, Command, folders, option
from gitops_doca.cli.output.console import print_diagnostics, print_message
from gitops_doca.cli.output.report import print_skipped
from gitops_doca.cli.settings.flags import (
    Flags,
    InputFlags,
    cluster_options,
    deadline_option,
    input_file_options,
    operator_namespace_option,
    verbose_option,
    with_flags,
)
from gitops_doca.cli.settings.inputs import given_settings, live_inventory
from gitops_doca.core.compact_inventory import has_login
from gitops_doca.core.diagnostics import Category, Problems
from gitops_doca.core.documentation import page
from gitops_doca.core.missing_labels import help_with_nics, list_similar
from gitops_doca.core.model import NIC_LABEL, Inventory, Policy, Resource
from gitops_doca.core.paths import value_at
from gitops_doca.core.resolve.operator import report_global_repositories, report_waiting_drivers
from gitops_doca.emit.escape import printable
from gitops_doca.sources.config import POLICIES, Settings, merge
from gitops_doca.sources.files import STDIN, find_top
from gitops_doca.sources.inventory import read_inventory
from gitops_doca.sources.policy import read_policies, read_policy_documents, report_no_policy
from gitops_doca.sources.reading.document import Document, Path
from gitops_doca.sources.without_server_fields import without_server_fields
from gitops_doca.usecases.load import EmptyHelp, Inputs, KnownInventory, load, query_of, report_empty

if TYPE_CHECKING:
    from gitops_doca.cluster.live import LiveCluster

_NAME_IT = "and name it with -p FILE"
_LOGIN = re.compile(r"://[^/\s]*@")
"""A URL with a user or password (RFC 3986, 3.2.1)."""
_PROXY = re.compile("proxy", re.IGNORECASE)
_SECRET = re.compile("passw|token|secret|credential|api_?key", re.IGNORECASE)
"""The names of variables for the address of a proxy, which needs no scheme, and for secrets."""


@click.command(
    "init",
    cls=Command,
    examples=(
        "gitops-doca init clusters/a",
        "gitops-doca init clusters/b --context b",
        "gitops-doca init -p policy.yaml -i nodes.json",
    ),
    page="getting-started",
)
@click.argument("target", metavar="[DIR]", required=False, shell_complete=folders)
@input_file_options
@operator_namespace_option
@option(
    CLUSTER,
    "--openshift/--no-openshift",
    default=None,
    help="Whether the cluster is OpenShift (default: as its nodes and API groups show).",
)
@cluster_options
@deadline_option("Time for all requests to the cluster.", CLUSTER)
@verbose_option
@with_flags
def command(flags: Flags, *, target: str | None) -> None:
    """Write a first config, with policies and inventory.

    Policies come from the live cluster, or from the files of -p; nodes from the cluster, or from
    the files of -i. The config in DIR (default: the working directory) names files that are there
    already; other policies and nodes are written into policy.yaml and inventory.yaml beside it.

    It asks no questions and overwrites nothing, and the cluster is only read.
    """
    folder = target.rstrip("/") or "/" if target else "."
    # The next steps name it, where it must not be a flag.
    folder = f"./{folder}" if folder.startswith("-") else folder
    if os.path.lexists(folder) and not os.path.isdir(folder):  # noqa: PTH112 (the path as its author wrote it)
        raise click.UsageError(f"{folder} is not a folder")
    first = FirstFolder(folder=folder, policies=flags.inputs.policies, inventory=flags.inputs.inventory)
    cluster = _cluster(flags)
    first.refuse_overwriting()
    problems = Problems()
    settings = merge([given_settings(replace(flags.inputs, policies=(), inventory=()))])
    inputs, copied = _read(first, cluster, settings, problems)
    for path, what in first.write(inputs, copied, settings).items():
        print_message(printable(f"wrote {path}: {what}"))
    if flags.output.verbose:
        print_skipped(inputs.grouping)
    if inputs.emits_policies:
        print_message(
            "the Network Operator makes the drivers of this cluster, so the config has emit: policies; how "
            f"gitops-doca takes them over: {page('beside-the-operator')}"
        )
    print_message(_next_steps(folder))
    print_diagnostics(problems.warnings)


def _cluster(flags: Flags) -> "LiveCluster | None":
    """Return the cluster that is read; None when files have all."""
    inputs: InputFlags = flags.inputs
    if [*inputs.policies, *inputs.inventory].count(STDIN) > 1:
        raise click.UsageError("stdin can be read only once: use - for one input")
    if not (inputs.policies and inputs.inventory):
        return live_inventory(flags).connect()
    if inputs.kubeconfig or inputs.context:
        raise click.UsageError("-p and -i leave nothing to read from a cluster: remove one of them")
    return None


def _read(
    first: FirstFolder, cluster: "LiveCluster | None", settings: Settings, problems: Problems
) -> tuple[Inputs, tuple[Resource, ...]]:
    """Read policies and nodes, and check them as later commands will.

    Returns them, and the policies that no file of the folder holds. Raises `GenerationError` for
    what is not usable, and for nodes without any NIC.
    """
    named = read_policy_documents(first.named_policies, problems)
    copied = _policies(first, cluster, problems)
    if not named and not copied and not problems.errors:
        another = "another file" if first.policies else "the policy's file"
        report_no_policy(first.policies, problems, help=f"name {another} with -p")
    problems.raise_errors()
    _report_secrets(copied, problems)
    policies = read_policies([*named, *copied], problems)
    problems.raise_errors()
    query = replace(query_of(policies, settings), owners=True)
    if first.inventory:
        inventory = read_inventory(first.inventory, query.labels, problems)
    else:
        assert cluster is not None  # noqa: S101 (without inventory files there is one)
        inventory = cluster.inventory(query, problems)
    problems.raise_errors()
    _check_nodes(inventory, problems, what="inventory" if first.inventory else "cluster")
    has_operator = (
        bool(inventory.operator_evidence)
        or any(policy.from_cluster for policy in policies.policies)
        or (cluster is not None and cluster.has_operator_drivers(settings.namespace, problems))
    )
    if has_operator:
        _check_for_operator(policies.policies, problems, from_files=bool(first.policies))
    settings = replace(settings, policies=(*named, *copied), emit=POLICIES if has_operator else settings.emit)
    # Without a pool there would be no point in a config, whatever it allows later.
    inputs = load(replace(settings, allow_empty=True), problems, nodes=KnownInventory(inventory))
    if not inputs.grouping.pools:
        help = EmptyHelp(
            without_driver="name a file with a policy that has ofedDriver: -p FILE",
            then="update the inventory" if first.inventory else "run init again",
        )
        report_empty(policies, inventory, inputs.grouping, problems, help)
        problems.raise_errors()
    return inputs, read_policies(copied, Problems()).documents if copied else ()


def _policies(first: FirstFolder, cluster: "LiveCluster | None", problems: Problems) -> list[Document]:
    """Return the policies that no file of the folder holds."""
    if first.policies or cluster is None:
        return read_policy_documents(first.copied_policies, problems)
    documents = cluster.policies(problems)
    if not documents:
        problems.error(
            "the cluster has no NicClusterPolicy and no NicNodePolicy",
            help="name a file with the policy, -p FILE, or check that the context is the right one",
        )
    return documents


def _check_for_operator(policies: Sequence[Policy], problems: Problems, *, from_files: bool) -> None:
    """Raise `GenerationError` for policies of which the operator would make no driver.

    A first config cannot leave the DaemonSets to gitops-doca instead: two owners would fight over them.
    """

    def help(change: str) -> str:
        return f"{change} in that file" if from_files else f"save the policy to a file, {change}, {_NAME_IT}"

    report_global_repositories(
        policies, problems, help=help("write the repository under spec.ofedDriver too")
    )
    report_waiting_drivers(policies, problems, help=help("remove the requirement"))
    problems.raise_errors()


def _report_secrets(documents: Iterable[Document], problems: Problems) -> None:
    """Report values that would be written and hold a secret, without quoting them."""
    for document in documents:
        for path, value in _leaves(without_server_fields(document)):
            variable = value_at(document.value, *path[:-1], "name") if path[-1] == "value" else None
            name = variable if isinstance(variable, str) else ""
            if _LOGIN.search(value) or (_PROXY.search(name) and has_login(value)):
                problems.error(
                    "the URL holds a user or password, and nothing secret goes into Git",
                    document.place(path),
                    help="use a server without a login, or configure it outside the policy",
                )
            elif _SECRET.search(name) and value:
                problems.error(
                    "the variable's name says that its value is a secret, and nothing secret goes into Git",
                    document.place(path),
                    help="let valueFrom read it from a Secret",
                )


def _leaves(value: object, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield the strings in a document, each with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(item, (*path, key))


def _check_nodes(inventory: Inventory, problems: Problems, *, what: str) -> None:
    """Raise `GenerationError` of class `empty` if no node has a NIC."""
    if any(node.has_nic for node in inventory.nodes):
        return
    context = "; check that the context is the right one" if what == "cluster" else ""
    problems.error(
        f"the {what} has no node with the label {NIC_LABEL}=true, so nothing is written",
        category=Category.EMPTY,
        details=list_similar(inventory.others),
        help=f"{help_with_nics(inventory.others)}{context}",
    )
    problems.raise_errors()


def _next_steps(folder: str) -> str:
    argument = "" if folder == "." else f" {shlex.quote(folder)}"
    steps = {
        f"gitops-doca check{argument}": "which image each pool gets",
        f"gitops-doca lock{argument}": "record what the registry has",
    }
    top = find_top(os.path.realpath(folder))
    if top:
        is_here = top == find_top(os.path.realpath("."))
        add = f"git add {shlex.quote(folder)}" if is_here else f"git -C{argument} add ."
        steps[add] = f"then commit, and later: gitops-doca diff{argument}"
    width = max(map(len, steps))
    lines = [f"  {step:{width}}  {why}" for step, why in steps.items()]
    if not top:
        where = "this folder" if folder == "." else folder
        lines.append(f"  then commit {where} to a Git repository, where gitops-doca diff shows what changes")
    return "\n".join(["next:", *map(printable, lines)])
