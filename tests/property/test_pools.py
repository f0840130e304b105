"""However nodes come, each with a NIC is told where it is, and each pool has a name of its own."""

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fakes.cluster import make_node, make_policy
from gitops_doca.core.diagnostics import Problems
from gitops_doca.core.model import NIC_LABEL, PLATFORM_LABELS, Node, Policy, Taint, Toleration
from gitops_doca.core.names import is_label_value, is_subdomain
from gitops_doca.core.reference import is_tag
from gitops_doca.core.resolve.pools import check_overlap, group_nodes
from gitops_doca.core.tags import precompiled_tag

TAINTS = [Taint("a", "", "NoSchedule"), Taint("b", "x", "NoExecute"), Taint("c", "", "PreferNoSchedule")]
KERNELS = ["5.15.0-91-generic", "5.15.0-92-generic", "6.8.0-1-64k", "5.4.51-v8+", "5" * 70, "a_b"]
LABEL_TEXT = st.text(alphabet="aZ09-_. +/", min_size=1, max_size=70)
POLICIES = st.sampled_from(["blue", "red", "green"])


@st.composite
def _nodes(draw: st.DrawFn) -> list[Node]:
    names = draw(st.lists(st.text(alphabet="abc", min_size=1, max_size=3), max_size=6, unique=True))
    return [
        make_node(
            name,
            kernel=draw(st.sampled_from(KERNELS) | LABEL_TEXT),
            os=draw(st.sampled_from(["ubuntu 22.04", "rhel 9.4", "openEuler 22.03", "ubuntu2 2.04"])),
            arch=draw(st.sampled_from(["amd64", "arm64", "ARM"])),
            taints=draw(st.lists(st.sampled_from(TAINTS), max_size=2, unique=True)),
            labels={"pool": draw(POLICIES), **draw(st.sampled_from([{}, {}, {NIC_LABEL: "false"}]))},
            without=draw(st.lists(st.sampled_from(PLATFORM_LABELS), max_size=1)),
        )
        for name in names
    ]


@st.composite
def _policies(draw: st.DrawFn) -> list[Policy]:
    if draw(st.booleans()):
        return [make_policy()]
    names = draw(st.lists(POLICIES, max_size=3, unique=True))
    tolerations = [Toleration(key="a", operator="Exists")]
    return [
        make_policy(name, selector={"pool": name}, tolerations=draw(st.sampled_from([(), tolerations])))
        for name in names
    ]


@settings(max_examples=150, deadline=None)
@given(nodes=_nodes(), policies=_policies(), operator_names=st.booleans())
def test_every_nic_node_is_in_one_pool_or_skipped_unless_an_error_says_why(
    nodes: list[Node], policies: list[Policy], *, operator_names: bool
) -> None:
    problems = Problems()
    grouping = group_nodes(policies, nodes, problems, operator_names=operator_names)

    placed = [name for pool in grouping.pools for name in pool.node_names]
    told = placed + [left.node for left in grouping.skipped]
    nics = {node.name for node in nodes if node.labels[NIC_LABEL] == "true"}
    assert len(told) == len(set(told))
    assert set(told) <= nics
    for name in nics - set(told):
        assert any(name in problem.message for problem in problems.errors)
    if not problems.errors:
        assert set(told) == nics


@settings(max_examples=150, deadline=None)
@given(nodes=_nodes(), policies=_policies(), data=st.data())
def test_the_order_of_nodes_and_policies_changes_nothing(
    nodes: list[Node], policies: list[Policy], data: st.DataObject
) -> None:
    first, second = Problems(), Problems()
    grouping = group_nodes(policies, nodes, first)
    other_policies = data.draw(st.permutations(policies))

    assert group_nodes(other_policies, data.draw(st.permutations(nodes)), second) == grouping
    assert list(first) == list(second)


@settings(max_examples=150, deadline=None)
@given(nodes=_nodes(), policies=_policies(), operator_names=st.booleans())
def test_pools_without_an_error_have_names_labels_and_tags_that_fit(
    nodes: list[Node], policies: list[Policy], *, operator_names: bool
) -> None:
    problems = Problems()
    grouping = group_nodes(policies, nodes, problems, operator_names=operator_names)
    assume(not problems.errors)

    assert len({pool.daemon_set for pool in grouping.pools}) == len(grouping.pools)
    for pool in grouping.pools:
        assert is_subdomain(pool.daemon_set)
        assert is_label_value(pool.app)
        assert is_label_value(pool.platform.kernel)
        assert is_tag(precompiled_tag(pool.policy.driver.version, pool.platform))
        assert list(pool.node_names) == sorted(pool.node_names)
        assert {node.labels[NIC_LABEL] for node in pool.nodes} == {"true"}


@settings(max_examples=80, deadline=None)
@given(nodes=_nodes(), data=st.data())
def test_conflicts_are_told_alike_in_any_order(nodes: list[Node], data: st.DataObject) -> None:
    selectors = {"blue": {"pool": "blue"}, "also-blue": {"pool": "blue"}, "all": {}}
    first, second = Problems(), Problems()
    check_overlap(selectors, nodes, first)
    check_overlap(dict(reversed(selectors.items())), data.draw(st.permutations(nodes)), second)

    assert list(first) == list(second)
