"""Read and check policies and inventory, and group the nodes into pools."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Protocol

from gitops_doca.core.cluster_query import ClusterQuery
from gitops_doca.core.compact_inventory import check_labels
from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.diagnostics import Category, Problems
from gitops_doca.core.distributions import is_openshift
from gitops_doca.core.documentation import page
from gitops_doca.core.missing_labels import help_with_nics, help_with_platform, list_similar
from gitops_doca.core.model import NIC_LABEL, PLATFORM_LABELS, Inventory, PlannedPool, RenderOptions
from gitops_doca.core.render import check_mounts
from gitops_doca.core.resolve.companions import RequiredCompanion, required_companions, unused_companions
from gitops_doca.core.resolve.fallbacks import with_fallbacks
from gitops_doca.core.resolve.operator import (
    report_global_repositories,
    report_waiting_drivers,
    warn_lost_init_container,
    warn_shared_daemon_sets,
    warn_two_owners,
)
from gitops_doca.core.resolve.pools import Grouping, check_overlap, group_nodes
from gitops_doca.sources.config import CONFIG_FILE, FIELDS, Settings
from gitops_doca.sources.file_root import FileRoot
from gitops_doca.sources.inventory import read_inventory
from gitops_doca.sources.planned_pools import check_policies
from gitops_doca.sources.policy import PolicySet, read_policies

MAX_POOLS = 500
"""The most pools of a cluster; more means a mistake in the inventory."""

SPLIT = "split the inventory, or correct labels that make a pool of every node"
"""The help for too many pools."""

_PRUNE = "if Argo CD is meant to prune every driver, set allowEmpty: true"
_SHOWN = 10
_RENDERING = (
    "initContainerImage",
    "openshift",
    "pinDigests",
    "updateStrategy",
    "annotations",
    "operatorNames",
    "driverLabel",
)
"""Settings that only affect rendering."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The inputs of a run, before the first look-up."""

    policies: PolicySet
    inventory: Inventory
    grouping: Grouping
    options: RenderOptions
    labels: frozenset[str] = frozenset()
    """Node labels that a nodeSelector names."""
    companions: tuple[RequiredCompanion, ...] = ()
    unused_companions: tuple[str, ...] = ()
    """The names of companions that no pool needs."""
    fallback_versions: tuple[str, ...] = ()
    emits_policies: bool = False
    """Whether the operator makes the DaemonSets and nothing is rendered."""
    strict: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EmptyHelp:
    """What a command can do about inputs without any pool."""

    without_driver: str = "add ofedDriver to a policy"
    then: str = "update the inventory"
    """The step after the labels of the nodes are right."""
    also: str = ""
    """Another way, whatever the reason."""


class InventorySource(Protocol):
    """Where the nodes come from: files, or a live cluster."""

    def read(self, query: ClusterQuery, problems: Problems) -> Inventory:
        """Return the inventory; raises `GenerationError` when it cannot be read."""


@dataclass(frozen=True, kw_only=True)
class InventoryFiles:
    """The inventory files."""

    files: tuple[str, ...]
    file_root: FileRoot | None = None

    def read(self, query: ClusterQuery, problems: Problems) -> Inventory:
        """Read all files, and report their problems."""
        return read_inventory(
            self.files, query.labels, problems, self.file_root, ignored_taints=query.ignored_taints
        )


@dataclass(frozen=True, slots=True)
class KnownInventory:
    """An inventory that was read before: stdin, for one, cannot be read twice."""

    inventory: Inventory

    def read(self, query: ClusterQuery, problems: Problems) -> Inventory:  # noqa: ARG002 (of a protocol)
        """Return it."""
        return self.inventory


def load(
    settings: Settings,
    problems: Problems,
    *,
    nodes: InventorySource | None = None,
    file_root: FileRoot | None = None,
    openshift: bool | None = None,
) -> Inputs:
    """Read and check all inputs, and group the nodes; raises `GenerationError` with all problems.

    `nodes` replaces the inventory files of the settings. `file_root`, if any, must contain all
    files. `openshift` is whether the target cluster is OpenShift, if known: an inventory that shows
    the opposite is an error, unless the settings decide.
    """
    strict, plans, emits_policies = settings.strict, settings.planned, settings.emits_policies
    policies = read_policies(settings.policies, problems, file_root)
    policies = replace(policies, policies=with_fallbacks(policies.policies, settings.fallback_versions))
    source = nodes or InventoryFiles(files=settings.inventory, file_root=file_root)
    query = replace(query_of(policies, settings), owners=not emits_policies)
    inventory = source.read(query, problems)
    check_labels(_selectors(policies, settings), inventory, problems)
    check_overlap(policies.selectors, inventory.nodes, problems)
    check_policies(plans, [policy.name for policy in policies.policies], problems)
    grouping = group_nodes(
        policies.policies,
        inventory.nodes,
        problems,
        plans=plans,
        # If the operator makes the DaemonSets, it chooses their names.
        operator_names=settings.operator_names and not emits_policies,
        strict=strict,
    )
    _report_digests(grouping, problems, strict=strict)
    # More pools are an error below.
    companions = required_companions(settings.companions, grouping.pools[:MAX_POOLS], plans, problems)
    options = _options(settings, inventory)
    if emits_policies:
        _report_fallbacks(settings, problems)
        report_global_repositories(policies.policies, problems)
        report_waiting_drivers(policies.policies, problems)
        warn_shared_daemon_sets(grouping.pools, problems)
        _warn_unused(settings, problems)
    else:
        if settings.openshift == "auto" and openshift not in (None, options.openshift):
            _report_openshift(problems, shown=options.openshift)
        if options.openshift and options.driver_label:
            _report_driver_label(settings.origin("driver_label"), problems)
        warn_two_owners(policies.policies, inventory.operator_evidence, problems)
        warn_lost_init_container(inventory.operator_evidence, options, problems)
        check_mounts(grouping.pools, inventory, options, problems)
    problems.raise_errors()
    origin = "inventory and plans" if any(pool.plan for pool in grouping.pools) else "inventory"
    if (count := len(grouping.pools)) > MAX_POOLS:
        message = f"{count} pools are in the {origin}, and a run renders at most {MAX_POOLS}"
        problems.error(message, help=SPLIT)
    if not grouping.pools and not settings.allow_empty:
        report_empty(policies, inventory, grouping, problems, EmptyHelp(also=_PRUNE))
    problems.raise_errors()
    return Inputs(
        policies=policies,
        inventory=inventory,
        grouping=grouping,
        options=options,
        labels=node_labels(policies, settings),
        companions=companions,
        unused_companions=unused_companions(settings.companions, companions),
        fallback_versions=settings.fallback_versions,
        emits_policies=emits_policies,
        strict=strict,
    )


def group_live(inputs: Inputs, settings: Settings, live: Inventory, problems: Problems) -> Grouping:
    """Group the current nodes of a cluster like those of the inputs; raises as `load`."""
    check_overlap(inputs.policies.selectors, live.nodes, problems)
    grouping = group_nodes(
        inputs.policies.policies,
        live.nodes,
        problems,
        operator_names=settings.operator_names and not inputs.emits_policies,
        strict=settings.strict,
    )
    problems.raise_errors()
    return grouping


def node_labels(policies: PolicySet, settings: Settings) -> frozenset[str]:
    """Return the node labels that the nodeSelector of a policy or a companion names."""
    return policies.labels.union(*(companion.node_selector for companion in settings.companions))


def _selectors(policies: PolicySet, settings: Settings) -> dict[str, Mapping[str, str]]:
    """Return each nodeSelector by its owner."""
    return {
        **{f"NicNodePolicy {name}": selector for name, selector in policies.selectors.items()},
        **{f"companion {companion.name}": companion.node_selector for companion in settings.companions},
    }


def _report_fallbacks(settings: Settings, problems: Problems) -> None:
    if settings.fallback_versions:
        problems.error(
            f"the operator has no fallbackVersions ({settings.origin('fallback_versions')}): it would run "
            "only the policy's version",
            help="remove fallbackVersions, or let gitops-doca make the DaemonSets (emit: daemonsets)",
        )


def _warn_unused(settings: Settings, problems: Problems) -> None:
    origins = {name: settings.origins.get(FIELDS[name]) for name in _RENDERING}
    given = [f"{name} ({origin})" for name, origin in origins.items() if origin]
    if given:
        problems.warn(
            f"emit: policies renders nothing, so these settings do nothing: {', '.join(given)}",
            help="write into the policies what the operator should do",
        )


def node_query(policies: PolicySet, settings: Settings) -> ClusterQuery:
    """Return the query for only the nodes of a live cluster."""
    return ClusterQuery(
        namespace=settings.namespace,
        labels=node_labels(policies, settings),
        ignored_taints=frozenset(settings.ignored_taints),
        openshift=False,
    )


def query_of(policies: PolicySet, settings: Settings) -> ClusterQuery:
    """Return the query for everything that these policies and settings need of a live cluster."""
    drivers = [policy.driver for policy in policies.policies]
    return replace(
        node_query(policies, settings),
        config_maps=tuple(sorted({name for d in drivers for name in (d.cert_config, d.repo_config) if name})),
        pull_secrets=tuple(dict.fromkeys(name for d in drivers for name in d.image_pull_secrets)),
        openshift=settings.openshift is not False,
    )


def _options(settings: Settings, inventory: Inventory) -> RenderOptions:
    return RenderOptions(
        namespace=settings.namespace,
        init_container_image=settings.init_container_image,
        openshift=_is_openshift(settings.openshift, inventory, settings.planned),
        pin_digests=settings.pin_digests,
        max_unavailable=settings.update_strategy.max_unavailable,
        annotations=settings.annotations,
        driver_label=settings.driver_label,
    )


def _is_openshift(
    setting: str | bool,  # noqa: FBT001 (auto, true or false)
    inventory: Inventory,
    plans: Iterable[PlannedPool],
) -> bool:
    if isinstance(setting, bool):
        return setting
    # Plans too, or their output would change when the first node joins.
    return inventory.shows_openshift or any(is_openshift(plan.platform.os_id) for plan in plans)


def _report_openshift(problems: Problems, *, shown: bool) -> None:
    if shown:
        message = "the inventory is from OpenShift, but the cluster's API has no groups of OpenShift"
    else:
        message = "the cluster's API has OpenShift's groups, but the inventory has no sign of OpenShift"
    problems.error(
        f"{message} (*.openshift.io)",
        help=f"take the inventory from that cluster, or set spec.openshift: {str(not shown).lower()} "
        f"(or {str(shown).lower()}, to trust the inventory) in {CONFIG_FILE}",
    )


def _report_driver_label(origin: str, problems: Problems) -> None:
    problems.error(
        f"driverLabel ({origin}) does not work on OpenShift: node-feature-discovery reads other rules there, "
        "in the namespace of its operator",
        help=f"remove driverLabel, and apply by hand the rule for OpenShift of {page('beside-the-operator')}",
    )


def _report_digests(grouping: Grouping, problems: Problems, *, strict: bool) -> None:
    """Report a digest as version: every pool gets the same image, despite kernel and architecture."""
    policies = {pool.policy.name: pool.policy for pool in grouping.pools}
    for name, count in Counter(pool.policy.name for pool in grouping.pools).items():
        policy = policies[name]
        if policy.driver.digest is None:
            continue
        place = policy.driver.places.get("version", policy.place.at("version"))
        message = f"version is a digest, so one image goes to every pool of {policy.kind} {name} ({count})"
        help = "write the driver's version, and each pool gets the image for its kernel"
        if strict and count > 1:
            problems.error(message, place, help=help)
        else:
            problems.warn(message, place, help=help)


def report_empty(
    policies: PolicySet,
    inventory: Inventory,
    grouping: Grouping,
    problems: Problems,
    help: EmptyHelp,
) -> None:
    """Report why there is no pool."""
    why, details, remedy = _why_empty(policies, inventory, grouping, help)
    problems.error(
        f"nothing to render: {why}",
        category=Category.EMPTY,
        details=details,
        help=f"{remedy}; {help.also}" if help.also else remedy,
    )


def _why_empty(
    policies: PolicySet, inventory: Inventory, grouping: Grouping, help: EmptyHelp
) -> tuple[str, tuple[str, ...], str]:
    """Return why there is no pool, with details and what to do about it."""
    nics, others = [node for node in inventory.nodes if node.has_nic], inventory.others
    skipped = tuple(f"node {one.node}: {one.reason}" for one in grouping.skipped[:_SHOWN])
    if not policies.policies:
        return "no policy has ofedDriver", skipped, help.without_driver
    if not nics and not others.count:
        return "the inventory has no node", (), help.then
    if not nics:
        return (
            f"none of the nodes ({others.count}) has the label {NIC_LABEL}=true",
            list_similar(others),
            f"{help_with_nics(others)}, then {help.then}",
        )
    absent = [label for label in PLATFORM_LABELS if not any(node.labels.get(label) for node in nics)]
    if absent:
        plural = "s" if len(absent) > 1 else ""
        return (
            f"none of the nodes with a NIC ({len(nics)}) has the label{plural} {', '.join(absent)}",
            skipped,
            f"{help_with_platform(absent)}, then {help.then}",
        )
    return (
        f"of {len(nics) + others.count} nodes {len(nics)} have a NIC, and none of them is in a pool",
        skipped,
        "let a policy select nodes with a NIC and tolerate their taints",
    )
