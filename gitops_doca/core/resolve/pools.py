"""Group NIC nodes into pools of one policy, OS, version, kernel and architecture."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.diagnostics import Problems
from gitops_doca.core.missing_labels import help_with_platform
from gitops_doca.core.model import (
    PLATFORM_LABELS,
    Node,
    PlannedPool,
    Platform,
    Policy,
    Pool,
    SkippedNode,
)
from gitops_doca.core.names import driver_name
from gitops_doca.core.phrases import list_nodes
from gitops_doca.core.resolve.platform_rules import FIELDS, fits
from gitops_doca.core.tags import flavour_of
from gitops_doca.core.taints import untolerated


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """All pools, and the skipped nodes."""

    pools: tuple[Pool, ...]
    """Sorted by policy, then platform."""
    skipped: tuple[SkippedNode, ...]
    obsolete_plans: tuple[PlannedPool, ...] = ()
    """Plans whose pools all have nodes now; `done_plans` says which of them can go."""


def group_nodes(
    policies: Sequence[Policy],
    nodes: Sequence[Node],
    problems: Problems,
    *,
    plans: Sequence[PlannedPool] = (),
    operator_names: bool = False,
    strict: bool = False,
) -> Grouping:
    """Partition the NIC nodes that each policy selects and whose taints it tolerates.

    A plan is a pool of its own until a node runs its platform under the policy; two plans for one
    pool are an error.

    Reports a node without one of `PLATFORM_LABELS` (a warning; with `strict` an error), and as
    errors a platform that fits into no tag, label or name, and pools that would share a name.
    """
    nodes = sorted((node for node in nodes if node.has_nic), key=lambda node: node.name)
    pools: list[Pool] = []
    skipped: list[SkippedNode] = []
    lacking: dict[tuple[str, ...], list[Node]] = defaultdict(list)
    for policy in sorted(policies, key=lambda p: (p.kind, p.name)):
        groups: dict[Platform, list[Node]] = defaultdict(list)
        for node in filter(policy.selects, nodes):
            reason, absent = _skip_reason(node, policy)
            if reason:
                skipped.append(
                    SkippedNode(node=node.name, policy=policy.name, policy_kind=policy.kind, reason=reason)
                )
            else:
                groups[_platform(node)].append(node)
            if absent:
                lacking[absent].append(node)
        planned = _plans_for(policy, plans, problems)
        pools += _pools(policy, groups, planned, problems, operator_names=operator_names)
    skipped += [
        SkippedNode(node=node.name, policy="", reason="no policy with ofedDriver selects it")
        for node in nodes
        if not any(policy.selects(node) for policy in policies)
    ]
    _report_lacking(lacking, problems, strict=strict)
    _report_shared_names(pools, problems)
    return Grouping(
        pools=tuple(pools), skipped=tuple(skipped), obsolete_plans=tuple(_obsolete(policies, pools, plans))
    )


def kind_of(pool: Pool) -> tuple[tuple[str, str, str], Platform]:
    """Return the parts of a pool that a kernel upgrade does not change."""
    return pool.policy.key, flavour_of(pool.platform)


def check_overlap(
    selectors: Mapping[str, Mapping[str, str]], nodes: Iterable[Node], problems: Problems
) -> None:
    """Report nodes that two NicNodePolicies select.

    Like the operator's webhook, even without a NIC, and without a driver in the policies.
    """
    shared: dict[tuple[str, ...], list[Node]] = defaultdict(list)
    for node in sorted(nodes, key=lambda node: node.name):
        names = tuple(name for name, selector in sorted(selectors.items()) if node.matches(selector))
        if len(names) > 1:
            shared[names].append(node)
    for names, twice in sorted(shared.items()):
        problems.error(
            f"the NicNodePolicies {' and '.join(names)} select the same {list_nodes(twice)}",
            twice[0].place,
            help="give them nodeSelectors that no node matches together; the operator refuses them too",
        )


def _skip_reason(node: Node, policy: Policy) -> tuple[str, tuple[str, ...]]:
    """Return why a policy skips a node, and the labels that it lacks; empty if it does not."""
    taints = untolerated(node, policy.tolerations)
    if taints:
        return "taint " + ", ".join(f"{taint.key}:{taint.effect}" for taint in taints), ()
    absent = tuple(label for label in PLATFORM_LABELS if not node.labels.get(label))
    return ("no label " + ", ".join(absent) if absent else ""), absent


def _platform(node: Node) -> Platform:
    return Platform(**{name: node.labels[label] for label, name in FIELDS.items()})


def _plans_for(
    policy: Policy, plans: Iterable[PlannedPool], problems: Problems
) -> dict[Platform, PlannedPool]:
    planned: dict[Platform, PlannedPool] = {}
    for plan in plans:
        if not plan.is_for(policy):
            continue
        first = planned.setdefault(plan.platform, plan)
        if first is not plan:
            problems.error(
                f"{plan.platform} is planned twice for {policy.name}; the first is at {first.place}",
                plan.place,
                help="keep one of them, or name other policies in each",
            )
    return planned


def _pools(
    policy: Policy,
    groups: Mapping[Platform, list[Node]],
    planned: Mapping[Platform, PlannedPool],
    problems: Problems,
    *,
    operator_names: bool,
) -> list[Pool]:
    pools = [
        Pool(
            policy=policy,
            platform=platform,
            nodes=tuple(groups.get(platform, ())),
            app=_app(policy, platform, operator_names=operator_names),
            plan=None if platform in groups else planned[platform],
        )
        for platform in sorted({*groups, *planned})
    ]
    names = (_app(policy, pool.platform, operator_names=False) for pool in pools)
    return [
        pool
        for pool, name in zip(pools, names, strict=True)
        if fits(pool, name, list_nodes(pool.nodes) if pool.nodes else "planned pool", problems)
    ]


def _obsolete(
    policies: Iterable[Policy], pools: Iterable[Pool], plans: Iterable[PlannedPool]
) -> Iterator[PlannedPool]:
    running = {(pool.policy.name, pool.platform) for pool in pools if pool.nodes}
    for plan in plans:
        wanted = {(policy.name, plan.platform) for policy in policies if plan.is_for(policy)}
        if wanted and wanted <= running:
            yield plan


def _report_shared_names(pools: Iterable[Pool], problems: Problems) -> None:
    owners: dict[str, Pool] = {}
    for pool in pools:
        other = owners.setdefault(pool.app, pool)
        if other is pool:
            continue
        if other.policy == pool.policy and other.platform.arch != pool.platform.arch:
            message = f"operatorNames gives {other.platform} and {pool.platform} the same DaemonSet name"
            help = "the operator's names allow one architecture for each kernel; set operatorNames: false"
        else:
            # It has hashes of 32 bits for kernel and policy name, and OS and version without a
            # separator.
            message = f"{_whose(other)} and {_whose(pool)} get the same DaemonSet name"
            help = "give the nodes of one of them a NicNodePolicy of another name"
        problems.error(f"{message} {pool.daemon_set}", pool.source.place, help=help)


def _whose(pool: Pool) -> str:
    return f"{pool.platform} of {pool.policy.name}"


def _app(policy: Policy, platform: Platform, *, operator_names: bool) -> str:
    # Always, not only when amd64 joins: the name would then move, and every arm64 driver be
    # removed.
    arch = "" if platform.arch == "amd64" or operator_names else platform.arch
    return driver_name(platform.os, platform.kernel, policy.node_policy, arch)


def _report_lacking(
    lacking: Mapping[tuple[str, ...], list[Node]], problems: Problems, *, strict: bool
) -> None:
    for labels, nodes in sorted(lacking.items()):
        plural = "s" if len(nodes) > 1 else ""
        message = (
            f"NIC {list_nodes(nodes)} skipped: no label {', '.join(labels)}, "
            f"so the driver image for the node{plural} is unknown"
        )
        help = f"{help_with_platform(labels)}, then update the inventory"
        if strict:
            problems.error(message, nodes[0].place, help=help)
        else:
            problems.warn(message, nodes[0].place, help=help)
