"""Before and after: when the first node boots a planned kernel, not a byte of the output moves."""

from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.cluster import choices, make_node, make_plan, make_policy
from gitops_doca.core.compare.lock import locked_pools
from gitops_doca.core.diagnostics import Problems
from gitops_doca.core.model import (
    ARCH_LABEL,
    KERNEL_LABEL,
    OS_ID_LABEL,
    OS_VERSION_LABEL,
    OSTREE_LABEL,
    PLATFORM_LABELS,
    Inventory,
    Node,
    PlannedPool,
    RenderOptions,
)
from gitops_doca.core.render import render
from gitops_doca.core.resolve.pools import Grouping, group_nodes
from gitops_doca.emit.yaml import dump_stream

KERNELS = st.sampled_from(["5.15.0-91-generic", "5.15.0-92-generic", "6.8.0-1-64k"])
SYSTEMS = st.sampled_from(["ubuntu 22.04", "rhel 9.4", "rhcos 4.17", "sles 15.6"])
RUNTIMES = st.sampled_from(["containerd", "cri-o", "docker"])
RELEASES = st.sampled_from(["417.94", "418.94"])
POLICIES = [make_policy("blue", selector={"pool": "blue"}), make_policy("red", selector={"pool": "red"})]
IMAGES = {"417.94": "quay.io/dtk:1", "418.94": "quay.io/dtk:2"}


def _rendered(nodes: list[Node], plans: list[PlannedPool], *, compiled: bool) -> tuple[Grouping, str]:
    """Return grouping and stream, with one way to get an image for all pools."""
    problems = Problems()
    grouping = group_nodes(POLICIES, nodes, problems, plans=plans)
    decisions = [choices(pool)[compiled] for pool in grouping.pools]
    inventory = Inventory(nodes=tuple(nodes), dtk_images=IMAGES)
    resources = render(decisions, inventory, RenderOptions(openshift=True), problems)
    assert list(problems) == []
    return grouping, dump_stream(resources)


@st.composite
def _first_node(draw: st.DrawFn) -> Node:
    pool = draw(st.sampled_from(["blue", "red"]))
    return make_node(
        f"new-{draw(st.uuids())}",
        kernel=draw(KERNELS),
        os=draw(SYSTEMS),
        arch=draw(st.sampled_from(["amd64", "arm64"])),
        runtime=draw(RUNTIMES),
        ostree=draw(RELEASES),
        labels={"pool": pool},
    )


def _plan_for(node: Node) -> PlannedPool:
    labels = node.labels
    return make_plan(
        kernel=labels[KERNEL_LABEL],
        os=f"{labels[OS_ID_LABEL]} {labels[OS_VERSION_LABEL]}",
        arch=labels[ARCH_LABEL],
        runtime=node.container_runtime,
        ostree=labels[OSTREE_LABEL],
        policies=[labels["pool"]],
    )


def _pool_of(node: Node) -> tuple[str, ...]:
    return tuple(node.labels[label] for label in (*PLATFORM_LABELS, "pool"))


@settings(max_examples=150, deadline=None)
@given(
    others=st.lists(
        st.builds(make_node, st.just("old"), os=st.just("ubuntu 24.04"), kernel=KERNELS), max_size=1
    ),
    firsts=st.lists(_first_node(), min_size=1, max_size=4, unique_by=_pool_of),
    compiled=st.booleans(),
    data=st.data(),
)
def test_the_first_node_of_a_planned_platform_changes_no_byte_and_no_lock(
    others: list[Node], firsts: list[Node], *, compiled: bool, data: st.DataObject
) -> None:
    plans = [_plan_for(node) for node in firsts]
    arrived = data.draw(st.lists(st.sampled_from(firsts), unique_by=lambda node: node.name))

    before = _rendered(others, plans, compiled=compiled)
    during = _rendered([*others, *arrived], plans, compiled=compiled)
    after = _rendered([*others, *firsts], [], compiled=compiled)

    assert during[1] == before[1]
    assert after[1] == before[1]
    assert locked_pools(during[0].pools) == locked_pools(after[0].pools) == locked_pools(before[0].pools)
    assert len(during[0].obsolete_plans) == len(arrived)
