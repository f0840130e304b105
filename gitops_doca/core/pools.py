"""Group NIC nodes into pools of one policy, OS, version, kernel and architecture."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gitops_doca.core.diagnostics import Problems
from gitops_doca.core.model import (
    ARCH_LABEL,
    KERNEL_LABEL,
    NIC_LABEL,
    OS_ID_LABEL,
    OS_VERSION_LABEL,
    PLATFORM_LABELS,
    LeftOut,
    Node,
    Platform,
    Policy,
    Pool,
)
from gitops_doca.core.names import MAX_LABEL, is_label_value, is_subdomain, safe_hash
from gitops_doca.core.reference import is_tag
from gitops_doca.core.tags import precompiled_tag
from gitops_doca.core.taints import untolerated

_SHOWN = 5
_FIELDS = {
    OS_ID_LABEL: "os_id",
    OS_VERSION_LABEL: "os_version",
    KERNEL_LABEL: "kernel",
    ARCH_LABEL: "arch",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """All pools, and the NIC nodes that are in none."""

    pools: tuple[Pool, ...]
    """Sorted by policy, then platform."""
    left_out: tuple[LeftOut, ...]


def group_nodes(
    policies: Sequence[Policy],
    nodes: Sequence[Node],
    problems: Problems,
    *,
    operator_names: bool = False,
    strict: bool = False,
) -> Grouping:
    """Partition the NIC nodes that each policy selects and whose taints it tolerates.

    Reports a node without one of `PLATFORM_LABELS` (a warning; with `strict` an error), and as errors a
    platform that fits into no tag, label or name, and pools that would share a name.
    """
    nodes = sorted(nodes, key=lambda node: node.name)
    pools: list[Pool] = []
    left_out: list[LeftOut] = []
    lacking: dict[tuple[str, ...], list[Node]] = defaultdict(list)
    for policy in sorted(policies, key=lambda p: (p.kind, p.name)):
        groups: dict[Platform, list[Node]] = defaultdict(list)
        for node in nodes:
            if node.labels.get(NIC_LABEL) != "true" or not policy.selects(node):
                continue
            absent = tuple(label for label in PLATFORM_LABELS if not node.labels.get(label))
            taints = untolerated(node, policy.tolerations)
            if taints:
                reason = "taint " + ", ".join(f"{t.key}:{t.effect}" for t in taints)
            elif absent:
                reason = "no label " + ", ".join(absent)
                lacking[absent].append(node)
            else:
                groups[_platform(node)].append(node)
                continue
            left_out.append(LeftOut(node=node.name, policy=policy.name, reason=reason))
        pools += _pools(policy, groups, problems, operator_names=operator_names)
    left_out += [
        LeftOut(node=node.name, policy="", reason="no policy with ofedDriver selects it")
        for node in nodes
        if node.labels.get(NIC_LABEL) == "true" and not any(policy.selects(node) for policy in policies)
    ]
    _report_lacking(lacking, problems, strict=strict)
    _report_shared_names(pools, problems)
    return Grouping(pools=tuple(pools), left_out=tuple(left_out))


def check_overlap(
    selectors: Mapping[str, Mapping[str, str]], nodes: Iterable[Node], problems: Problems
) -> None:
    """Report nodes that two NicNodePolicies select.

    As the operator's webhook does: whether the nodes have a NIC, and the policies a driver, or not.
    """
    shared: dict[tuple[str, ...], list[Node]] = defaultdict(list)
    for node in sorted(nodes, key=lambda node: node.name):
        names = tuple(
            name
            for name, selector in sorted(selectors.items())
            if all(node.labels.get(key) == value for key, value in selector.items())
        )
        if len(names) > 1:
            shared[names].append(node)
    for names, found in sorted(shared.items()):
        problems.error(
            f"the NicNodePolicies {' and '.join(names)} select the same {_nodes(found)}",
            found[0].place,
            remedy="give them nodeSelectors that no node matches together; the operator refuses them too",
        )


def name_nodes(names: Sequence[str]) -> str:
    """Name nodes in a sentence: the first few, then how many more."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def nodes_by_value(values: Mapping[str, str]) -> str:
    """Say which nodes have which value: `containerd: a, b; cri-o: c`."""
    groups: dict[str, list[str]] = {}
    for name, value in sorted(values.items()):
        groups.setdefault(value or "unknown", []).append(name)
    return "; ".join(f"{value}: {name_nodes(names)}" for value, names in sorted(groups.items()))


def _nodes(nodes: Sequence[Node]) -> str:
    return f"node{'s' if len(nodes) > 1 else ''} {name_nodes([node.name for node in nodes])}"


def _platform(node: Node) -> Platform:
    return Platform(**{name: node.labels[label] for label, name in _FIELDS.items()})


def _pools(
    policy: Policy, groups: Mapping[Platform, list[Node]], problems: Problems, *, operator_names: bool
) -> list[Pool]:
    return [
        Pool(
            policy=policy,
            platform=platform,
            nodes=tuple(nodes),
            app=_app(policy, platform, operator_names=operator_names),
        )
        for platform, nodes in sorted(groups.items())
        if _check_platform(policy, platform, nodes, problems)
    ]


def _report_shared_names(pools: Iterable[Pool], problems: Problems) -> None:
    owners: dict[str, Pool] = {}
    for pool in pools:
        other = owners.setdefault(pool.app, pool)
        if other is pool:
            continue
        if other.policy == pool.policy and other.platform.arch != pool.platform.arch:
            message = f"operatorNames gives {other.platform} and {pool.platform} the same DaemonSet name"
            remedy = "the operator's names hold one architecture a kernel; set operatorNames: false"
        else:
            # Kernels and policy names are in it as hashes of 32 bits, OS and version run together.
            message = f"{_whose(other)} and {_whose(pool)} get the same DaemonSet name"
            remedy = "give the nodes of one of them a NicNodePolicy of another name"
        problems.error(f"{message} {pool.daemon_set}", pool.nodes[0].place, remedy=remedy)


def _whose(pool: Pool) -> str:
    return f"{pool.platform} of {pool.policy.name}"


def _app(policy: Policy, platform: Platform, *, operator_names: bool) -> str:
    parts = [f"mofed-{platform.os}", safe_hash(platform.kernel)]
    if policy.node_policy:
        parts.append(safe_hash(policy.node_policy))
    # Always, not only once amd64 joins: a name that changes hands then would kill every arm64 driver.
    if platform.arch != "amd64" and not operator_names:
        parts.append(platform.arch)
    return "-".join(parts)


def _check_platform(policy: Policy, platform: Platform, nodes: Sequence[Node], problems: Problems) -> bool:
    """Report whatever keeps a platform out of a label, a name or a tag; once for all nodes that share it."""
    for label, name in _FIELDS.items():
        value = getattr(platform, name)
        if not is_label_value(value):
            problems.error(
                f"{_nodes(nodes)}: {_what(value)} cannot be the value of a label (letters, digits and - _ . "
                f"between them, at most {MAX_LABEL} characters)",
                nodes[0].label_place(label),
                remedy="take the labels as node-feature-discovery writes them: others become _ there"
                if len(value) <= MAX_LABEL
                else "no cluster holds such a label: take the inventory again",
            )
            return False
    app = _app(policy, platform, operator_names=False)
    if not is_subdomain(app) or len(app) > MAX_LABEL:
        blame = (f"OS {platform.os!r}", OS_ID_LABEL)
        if not is_subdomain(platform.arch):
            blame = (f"architecture {platform.arch!r}", ARCH_LABEL)
        problems.error(
            f"{_nodes(nodes)}: {blame[0]} cannot be part of the DaemonSet name {app!r} "
            f"(lower-case letters, digits, - and ., as label at most {MAX_LABEL} characters)",
            nodes[0].label_place(blame[1]),
        )
        return False
    driver = policy.driver
    # The tag that compiles on the node is the same without the kernel.
    if driver.digest is None and not is_tag(tag := precompiled_tag(driver.version, platform)):
        problems.error(
            f"{_nodes(nodes)}: {tag!r} cannot be a tag: at most 128 letters, digits, _ . and -",
            nodes[0].label_place(KERNEL_LABEL),
        )
        return False
    return True


def _what(value: str) -> str:
    shown = value if len(value) <= 2 * MAX_LABEL else value[: 2 * MAX_LABEL] + "..."
    return f"{shown!r} ({len(value)} characters)" if len(value) > MAX_LABEL else repr(shown)


def _report_lacking(
    lacking: Mapping[tuple[str, ...], list[Node]], problems: Problems, *, strict: bool
) -> None:
    for labels, nodes in sorted(lacking.items()):
        plural = "s" if len(nodes) > 1 else ""
        message = (
            f"NIC {_nodes(nodes)} left out: no label {', '.join(labels)}, "
            f"so the driver image for the node{plural} is not known"
        )
        remedy = "let node-feature-discovery label every node, then take the inventory again"
        if strict:
            problems.error(message, nodes[0].place, remedy=remedy)
        else:
            problems.warn(message, nodes[0].place, remedy=remedy)
