from collections.abc import Mapping
from itertools import permutations

import pytest

from fakes.cluster import DIGEST, grouped, make_node, make_policy
from gitops_doca.core.diagnostics import Category, Diagnostic, Place, Problems
from gitops_doca.core.missing_labels import help_with_platform
from gitops_doca.core.model import (
    ARCH_LABEL,
    KERNEL_LABEL,
    NIC_LABEL,
    OS_ID_LABEL,
    OS_VERSION_LABEL,
    Node,
    Platform,
    Policy,
    Pool,
    SkippedNode,
    Taint,
    Toleration,
)
from gitops_doca.core.names import MAX_LABEL
from gitops_doca.core.resolve.pools import Grouping, check_overlap, group_nodes

KERNEL = "5.15.0-91-generic"
UBUNTU = Platform("ubuntu", "22.04", KERNEL, "amd64")
BLUE, RED = {"pool": "blue"}, {"pool": "red"}


def _problems(
    nodes: list[Node], *policies: Policy, operator_names: bool = False, strict: bool = False
) -> tuple[Grouping, list[Diagnostic]]:
    problems = Problems()
    grouping = group_nodes(
        policies or (make_policy(),), nodes, problems, operator_names=operator_names, strict=strict
    )
    return grouping, list(problems)


def _label_place(node: str, label: str) -> Place:
    return Place("nodes.yaml", 1, f"{node}.metadata.labels[{label}]")


def test_like_nodes_share_a_pool_and_its_daemon_set() -> None:
    a, b = make_node("a"), make_node("b")
    policy = make_policy()

    assert grouped([policy], [b, a]) == Grouping(
        pools=(Pool(policy=policy, platform=UBUNTU, nodes=(a, b), app="mofed-ubuntu22.04-6d568d699f"),),
        skipped=(),
    )


@pytest.mark.parametrize(
    "other",
    [
        make_node("b", kernel="5.15.0-92-generic"),
        make_node("b", arch="arm64"),
        make_node("b", os="ubuntu 24.04"),
        make_node("b", os="debian 22.04"),
    ],
)
def test_what_differs_in_the_platform_makes_two_pools(other: Node) -> None:
    pools = grouped([make_policy()], [make_node("a"), other]).pools

    assert [pool.node_names for pool in sorted(pools, key=lambda p: p.node_names)] == [("a",), ("b",)]
    assert len({pool.daemon_set for pool in pools}) == 2


def test_what_differs_elsewhere_makes_one_pool() -> None:
    nodes = [make_node("a", runtime="cri-o"), make_node("b", ostree="1", labels={"x": "y"})]

    assert [pool.node_names for pool in grouped([make_policy()], nodes).pools] == [("a", "b")]


def test_names_hold_os_kernel_node_policy_and_every_architecture_but_amd64() -> None:
    nodes = [make_node("a"), make_node("b", arch="arm64")]
    policy = make_policy("storage")

    assert [pool.daemon_set for pool in grouped([make_policy()], nodes).pools] == [
        "mofed-ubuntu22.04-6d568d699f-ds",
        "mofed-ubuntu22.04-6d568d699f-arm64-ds",
    ]
    assert [pool.daemon_set for pool in grouped([policy], nodes).pools] == [
        "mofed-ubuntu22.04-6d568d699f-74499458-ds",
        "mofed-ubuntu22.04-6d568d699f-74499458-arm64-ds",
    ]


def test_the_operators_names_leave_out_the_architecture() -> None:
    nodes = [make_node("b", arch="arm64")]

    assert [pool.daemon_set for pool in grouped([make_policy()], nodes, operator_names=True).pools] == [
        "mofed-ubuntu22.04-6d568d699f-ds"
    ]


def test_the_operators_names_refuse_two_architectures_of_one_kernel() -> None:
    _, problems = _problems([make_node("a"), make_node("b", arch="arm64")], operator_names=True)

    assert problems == [
        Diagnostic(
            category=Category.INPUT,
            message=f"operatorNames gives ubuntu22.04/{KERNEL}/amd64 and ubuntu22.04/{KERNEL}/arm64 "
            "the same DaemonSet name mofed-ubuntu22.04-6d568d699f-ds",
            place=Place("nodes.yaml", 1, "b"),
            help="the operator's names allow one architecture for each kernel; set operatorNames: false",
        )
    ]


@pytest.mark.parametrize("operator_names", [False, True])
def test_kernels_whose_hashes_meet_are_refused(*, operator_names: bool) -> None:
    # FNV-1a of 32 bits is the same number for both words.
    nodes = [make_node("a", kernel="costarring"), make_node("b", kernel="liquid")]
    _, problems = _problems(nodes, operator_names=operator_names)

    assert problems == [
        Diagnostic(
            category=Category.INPUT,
            message="ubuntu22.04/costarring/amd64 of nic-cluster-policy and ubuntu22.04/liquid/amd64 "
            "of nic-cluster-policy get the same DaemonSet name mofed-ubuntu22.04-59d658d697-ds",
            place=Place("nodes.yaml", 1, "b"),
            help="give the nodes of one of them a NicNodePolicy of another name",
        )
    ]


def test_node_policies_whose_hashes_meet_are_refused() -> None:
    policies = [make_policy("costarring", selector=BLUE), make_policy("liquid", selector=RED)]
    nodes = [make_node("a", labels=BLUE), make_node("b", labels=RED)]
    _, problems = _problems(nodes, *policies)

    assert [problem.message for problem in problems] == [
        (
            f"ubuntu22.04/{KERNEL}/amd64 of costarring and ubuntu22.04/{KERNEL}/amd64 of liquid "
            "get the same DaemonSet name mofed-ubuntu22.04-6d568d699f-59d658d697-ds"
        )
    ]


def test_ids_and_versions_that_read_alike_are_refused() -> None:
    nodes = [make_node("a", os="ubuntu 22.04"), make_node("b", os="ubuntu2 2.04")]
    _, problems = _problems(nodes)

    assert [problem.message for problem in problems] == [
        (
            f"ubuntu22.04/{KERNEL}/amd64 of nic-cluster-policy and ubuntu22.04/{KERNEL}/amd64 "
            "of nic-cluster-policy get the same DaemonSet name mofed-ubuntu22.04-6d568d699f-ds"
        )
    ]


def test_a_node_without_nic_is_nobodys_business() -> None:
    nodes = [make_node("a", without=[NIC_LABEL]), make_node("b", labels={NIC_LABEL: "false"})]

    assert grouped([make_policy()], nodes) == Grouping(pools=(), skipped=())


def test_an_untolerated_taint_leaves_a_node_out_without_a_warning() -> None:
    taints = [Taint("a", "", "NoSchedule"), Taint("b", "x", "NoExecute")]
    grouping, problems = _problems([make_node("a", taints=taints)])

    assert grouping.skipped == (
        SkippedNode(
            node="a",
            policy="nic-cluster-policy",
            policy_kind="NicClusterPolicy",
            reason="taint a:NoSchedule, b:NoExecute",
        ),
    )
    assert problems == []


def test_each_policys_own_tolerations_count() -> None:
    nodes = [
        make_node(name, labels=labels, taints=[Taint("a", "", "NoSchedule")])
        for name, labels in (("blue-1", BLUE), ("red-1", RED))
    ]
    policies = [
        make_policy("blue", selector=BLUE, tolerations=[Toleration(operator="Exists")]),
        make_policy("red", selector=RED),
    ]
    grouping = grouped(policies, nodes)

    assert [pool.node_names for pool in grouping.pools] == [("blue-1",)]
    assert grouping.skipped == (
        SkippedNode(node="red-1", policy="red", policy_kind="NicNodePolicy", reason="taint a:NoSchedule"),
    )


def test_a_node_that_no_policy_selects_is_skipped() -> None:
    nodes = [make_node("a", labels=BLUE), make_node("b")]
    grouping = grouped([make_policy("blue", selector=BLUE)], nodes)

    assert [pool.node_names for pool in grouping.pools] == [("a",)]
    assert grouping.skipped == (
        SkippedNode(node="b", policy="", reason="no policy with ofedDriver selects it"),
    )


def test_without_a_policy_every_nic_node_is_skipped() -> None:
    assert grouped([], [make_node("a")]) == Grouping(
        pools=(), skipped=(SkippedNode(node="a", policy="", reason="no policy with ofedDriver selects it"),)
    )


@pytest.mark.parametrize("label", [OS_ID_LABEL, OS_VERSION_LABEL, KERNEL_LABEL, ARCH_LABEL])
@pytest.mark.parametrize("strict", [False, True])
def test_a_node_without_a_needed_label_is_skipped_with_a_warning_or_under_strict_an_error(
    label: str, *, strict: bool
) -> None:
    nodes = [make_node("a", without=[label]), make_node("b"), make_node("c", labels={label: ""})]
    grouping, problems = _problems(nodes, strict=strict)

    assert [pool.node_names for pool in grouping.pools] == [("b",)]
    assert grouping.skipped == tuple(
        SkippedNode(
            node=name, policy="nic-cluster-policy", policy_kind="NicClusterPolicy", reason=f"no label {label}"
        )
        for name in ("a", "c")
    )
    assert problems == [
        Diagnostic(
            category=Category.INPUT if strict else None,
            message=f"NIC nodes a, c skipped: no label {label}, so the driver image for the nodes is unknown",
            place=Place("nodes.yaml", 1, "a"),
            help=f"{help_with_platform([label])}, then update the inventory",
        )
    ]


def test_nodes_are_told_by_the_labels_that_they_lack() -> None:
    nodes = [
        make_node("a", without=[KERNEL_LABEL, OS_ID_LABEL]),
        make_node("b", without=[KERNEL_LABEL]),
    ]
    _, problems = _problems(nodes)

    assert [problem.message for problem in problems] == [
        (
            f"NIC node a skipped: no label {OS_ID_LABEL}, {KERNEL_LABEL}, "
            "so the driver image for the node is unknown"
        ),
        f"NIC node b skipped: no label {KERNEL_LABEL}, so the driver image for the node is unknown",
    ]


def test_a_tainted_node_needs_no_labels() -> None:
    grouping, problems = _problems(
        [make_node("a", taints=[Taint("a", "", "NoExecute")], without=[KERNEL_LABEL])], strict=True
    )

    assert grouping.skipped == (
        SkippedNode(
            node="a", policy="nic-cluster-policy", policy_kind="NicClusterPolicy", reason="taint a:NoExecute"
        ),
    )
    assert problems == []


@pytest.mark.parametrize(
    ("kernel", "shown"),
    [
        ("5.4.51-v8+", "'5.4.51-v8+'"),
        ("5.14.0+rt", "'5.14.0+rt'"),
        ("5.14/0", "'5.14/0'"),
        ("5.14 0", "'5.14 0'"),
        ("5.14\n0", r"'5.14\n0'"),
        ("-5.14", "'-5.14'"),
        ("5" * 70, f"'{'5' * 70}' (70 characters)"),
        ("5" * 130, f"'{'5' * 126}...' (130 characters)"),
    ],
)
@pytest.mark.parametrize("policy", [make_policy(), make_policy(digest=DIGEST)])
def test_a_kernel_that_fits_no_label_is_an_error_that_names_its_nodes(
    kernel: str, shown: str, policy: Policy
) -> None:
    nodes = [make_node("a", kernel=kernel), make_node("b", kernel=kernel), make_node("c")]
    grouping, problems = _problems(nodes, policy)

    assert [pool.node_names for pool in grouping.pools] == [("c",)]
    assert problems == [
        Diagnostic(
            category=Category.INPUT,
            message=f"nodes a, b: {shown} cannot be the value of a label "
            "(letters, digits and - _ . between them, at most 63 characters)",
            place=_label_place("a", KERNEL_LABEL),
            help="take the labels as node-feature-discovery writes them: others become _ there"
            if len(kernel) <= MAX_LABEL
            else "no cluster holds such a label: update the inventory",
        )
    ]


@pytest.mark.parametrize(
    ("node", "what", "label"),
    [
        (make_node(os="openEuler 22.03"), "OS 'openEuler22.03'", OS_ID_LABEL),
        (make_node(os="ubuntu 22_04"), "OS 'ubuntu22_04'", OS_ID_LABEL),
        (make_node(os="ubuntu 22..04"), "OS 'ubuntu22..04'", OS_ID_LABEL),
        (make_node(os=f"{'u' * 30} {'2' * 30}"), f"OS '{'u' * 30}{'2' * 30}'", OS_ID_LABEL),
        (make_node(os=f"{'u' * 40} 24", arch="arm64"), f"OS '{'u' * 40}24'", OS_ID_LABEL),
        (make_node(arch="AMD64"), "architecture 'AMD64'", ARCH_LABEL),
    ],
)
@pytest.mark.parametrize("operator_names", [False, True])
def test_what_fits_no_name_is_an_error_that_names_the_node(
    node: Node, what: str, label: str, *, operator_names: bool
) -> None:
    grouping, (problem,) = _problems([node], operator_names=operator_names)

    assert grouping.pools == ()
    assert (problem.category, problem.place) == (Category.INPUT, _label_place("node-1", label))
    assert problem.message.startswith(f"node node-1: {what} cannot be part of the DaemonSet name 'mofed-")


def test_a_tag_of_more_than_128_characters_is_an_error_that_names_the_node() -> None:
    version, kernel = "v" * 80, "5" * 50
    _, problems = _problems([make_node(kernel=kernel)], make_policy(version=version))

    assert problems == [
        Diagnostic(
            category=Category.INPUT,
            message=f"node node-1: '{version}-{kernel}-ubuntu22.04-amd64' cannot be a tag: "
            "at most 128 letters, digits, _ . and -",
            place=_label_place("node-1", KERNEL_LABEL),
        )
    ]


def test_a_digest_needs_no_tag() -> None:
    kernel = "5" * 63

    assert len(grouped([make_policy(digest=DIGEST)], [make_node(kernel=kernel)]).pools) == 1


def test_pools_are_sorted_by_policy_then_platform_whatever_comes_first() -> None:
    nodes = [
        make_node("a", labels=BLUE, kernel="6.8.0-2"),
        make_node("b", labels=BLUE, kernel="6.8.0-1"),
        make_node("c", labels=RED),
        make_node("d"),
    ]
    policies = [make_policy("blue", selector=BLUE), make_policy("red", selector=RED)]
    found = [
        grouped(some_policies, some_nodes)
        for some_policies in permutations(policies)
        for some_nodes in permutations(nodes)
    ]

    assert [(pool.policy.name, pool.node_names) for pool in found[0].pools] == [
        ("blue", ("b",)),
        ("blue", ("a",)),
        ("red", ("c",)),
    ]
    assert all(grouping == found[0] for grouping in found)


def _overlap(selectors: Mapping[str, Mapping[str, str]], *nodes: Node) -> list[Diagnostic]:
    problems = Problems()
    check_overlap(selectors, nodes, problems)
    return list(problems)


def test_node_policies_that_select_one_node_conflict_whether_it_has_a_nic_or_not() -> None:
    nodes = [make_node("a", labels=BLUE, without=[NIC_LABEL]), make_node("b", labels=BLUE), make_node("c")]

    assert _overlap({"two": {}, "one": BLUE}, *reversed(nodes)) == [
        Diagnostic(
            category=Category.INPUT,
            message="the NicNodePolicies one and two select the same nodes a, b",
            place=Place("nodes.yaml", 1, "a"),
            help="give them nodeSelectors that no node matches together; the operator refuses them too",
        )
    ]


def test_selectors_that_no_node_matches_together_do_not_conflict() -> None:
    assert _overlap({"one": BLUE, "two": RED}, make_node("a", labels=BLUE), make_node("b", labels=RED)) == []


def test_each_combination_of_conflicting_policies_is_told() -> None:
    problems = _overlap(
        {"one": BLUE, "two": {}, "three": RED}, make_node("a", labels=BLUE), make_node("b", labels=RED)
    )

    assert [problem.message for problem in problems] == [
        "the NicNodePolicies one and two select the same node a",
        "the NicNodePolicies three and two select the same node b",
    ]
