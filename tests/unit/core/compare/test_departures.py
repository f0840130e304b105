from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.cluster import make_node
from gitops_doca.core.compare.changes import compare_renderings
from gitops_doca.core.compare.departures import (
    Departure,
    GoneFromInventory,
    InNoPool,
    InPool,
    NodesNotKnown,
    ToNoPool,
    ToOtherPool,
    Whereabouts,
)
from gitops_doca.core.compare.rendered import RenderedPool, Rendering, listed
from gitops_doca.core.model import Node, SkippedNode, Taint

NIC = "feature.node.kubernetes.io/pci-15b3.present"
KERNEL = "feature.node.kubernetes.io/kernel-version.full"
NO_NIC = f"no label {NIC}=true"


def node(name: str, kernel: str = "1", taints: Sequence[Taint] = (), **labels: str) -> Node:
    return make_node(name, kernel=kernel, taints=taints, labels=labels)


def pool(
    *nodes: str,
    kernel: str = "1",
    policy: str = "NicClusterPolicy/p",
    source: str = "precompiled",
    tolerations: object = None,
    selector: Mapping[str, str] | None = None,
) -> RenderedPool:
    """Return a pool of a DaemonSet that has these nodes."""
    spec = {"nodeSelector": {KERNEL: kernel, **(selector or {})}, "tolerations": tolerations}
    name = f"{policy}-{kernel}"
    return RenderedPool(
        pool=f"ubuntu22.04/{kernel}/amd64",
        manifest={
            "kind": "DaemonSet",
            "metadata": {"name": name, "namespace": "n"},
            "spec": {"template": {"spec": spec}},
        },
        image=f"registry.example.com/driver:{source}",
        source=source,
        policy=policy,
        nodes=nodes,
    )


def side(
    *pools: RenderedPool,
    nodes: Sequence[Node] = (),
    labels: Sequence[str] = (),
    skipped: Sequence[SkippedNode] = (),
) -> Rendering:
    return Rendering(pools=pools, listed=listed(nodes, labels, skipped))


def gone(before: Rendering, after: Rendering) -> tuple[Departure, ...]:
    (change,) = (change for change in compare_renderings(before, after).pools if change.after is None)
    return change.departures


TAINT = Taint("a", "x", "NoExecute")


@pytest.mark.parametrize(
    ("tolerations", "has_pod"),
    [
        (None, False),
        ([], False),
        ("no list", False),
        ([None, {"key": "b", "operator": "Exists"}], False),
        ([{"key": "a", "operator": "Equal", "value": "y"}], False),
        ([{"key": "a", "operator": "Exists", "effect": "NoSchedule"}], False),
        ([{"key": "a", "operator": "Equal", "value": "x"}], True),
        ([{"key": "a", "operator": "Exists", "effect": "NoExecute"}], True),
        ([{"operator": "Exists"}], True),
    ],
)
def test_a_taint_that_evicts_takes_the_pod_unless_the_pool_tolerated_it(
    tolerations: object, *, has_pod: bool
) -> None:
    before = side(pool("a", tolerations=tolerations), nodes=[node("a")])
    left = SkippedNode(node="a", policy="p", reason="taint a:NoExecute")
    after = side(nodes=[node("a", taints=[TAINT])], skipped=[left])

    assert gone(before, after) == (ToNoPool(reason="taint a:NoExecute", nodes=("a",), has_pod=has_pod),)


@pytest.mark.parametrize(
    ("labels", "read", "has_pod"),
    [
        # Nobody reads the label now, so it counts as it was.
        ({}, (), True),
        ({}, ("zone",), False),
        ({"zone": "x"}, ("zone",), True),
        ({"zone": "y"}, ("zone",), False),
        ({NIC: "false"}, (), False),
        ({KERNEL: "2"}, (), False),
        ({"kubernetes.io/arch": "arm64"}, (), False),
    ],
)
def test_a_pod_goes_with_a_label_that_the_pool_selected_by(
    labels: Mapping[str, str], read: Sequence[str], *, has_pod: bool
) -> None:
    before = side(pool("a", selector={"zone": "x"}), nodes=[node("a", zone="x")], labels=["zone"])
    changed = Node(name="a", labels={**node("a").labels, **labels})

    assert gone(before, side(nodes=[changed], labels=read)) == (
        ToNoPool(reason=NO_NIC, nodes=("a",), has_pod=has_pod),
    )


def test_a_node_that_several_policies_skip_has_all_their_reasons() -> None:
    left = [
        SkippedNode(node="a", policy=policy, reason=reason) for policy, reason in (("p", "x"), ("q", "y"))
    ]
    known = side(nodes=[node("a")], skipped=[*left, left[0]])

    assert Whereabouts(known).locate("a") == InNoPool(reason="x; y")


def test_without_an_inventory_of_its_own_a_side_has_the_nodes_of_the_other() -> None:
    before = side(pool("a", "b"), nodes=[node("a")])

    assert gone(before, Rendering()) == (
        ToNoPool(reason="nothing is rendered any more", nodes=("a",), has_pod=True),
        GoneFromInventory(nodes=("b",)),
    )


def test_nodes_that_nobody_named_are_not_known() -> None:
    unknown = RenderedPool(pool="p", manifest={"kind": "DaemonSet"}, image="", source="")

    assert gone(Rendering(pools=(unknown,)), side(nodes=[node("a")])) == (NodesNotKnown(),)


def test_nodes_of_the_operators_pools_are_told_by_the_policy() -> None:
    spec = {"nodeSelector": {"zone": "x"}, "tolerations": [{"key": "a", "operator": "Exists"}]}
    operators = RenderedPool(
        pool="ubuntu22.04/1/amd64",
        manifest={"kind": "NicNodePolicy", "metadata": {"name": "p"}, "spec": spec},
        image="",
        source="",
        policy="NicNodePolicy/p",
        nodes=("a", "b"),
    )
    nodes = [node("a", taints=[TAINT], zone="x"), node("b", zone="y")]

    assert gone(Rendering(pools=(operators,)), side(nodes=nodes, labels=["zone"])) == (
        ToNoPool(reason=NO_NIC, nodes=("a",), has_pod=True),
        ToNoPool(reason=NO_NIC, nodes=("b",), has_pod=False),
    )


KERNELS = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from("123"))


@given(KERNELS, KERNELS, st.sets(st.sampled_from("abcdefgh")))
def test_each_node_of_a_pool_that_goes_is_in_one_case(
    before: dict[str, str], after: dict[str, str], skipped: set[str]
) -> None:
    def rendered(kernels: Mapping[str, str], skipped: set[str]) -> Rendering:
        pools = [
            pool(*sorted(n for n, k in kernels.items() if k == kernel and n not in skipped), kernel=kernel)
            for kernel in sorted({k for n, k in kernels.items() if n not in skipped})
        ]
        left = [SkippedNode(node=name, policy="p", reason="r") for name in sorted(skipped & set(kernels))]
        nodes = [node(name, kernel) for name, kernel in kernels.items()]
        return side(*pools, nodes=nodes, skipped=left)

    sides = rendered(before, set()), rendered(after, skipped)
    for change in compare_renderings(*sides).pools:
        if change.after is not None or change.before is None:
            continue
        told: dict[str, ToOtherPool | ToNoPool | GoneFromInventory] = {}
        for departure in change.departures:
            assert not isinstance(departure, NodesNotKnown)
            assert not told.keys() & set(departure.nodes)
            told |= dict.fromkeys(departure.nodes, departure)
        kernel = change.before.pool.split("/")[1]
        assert set(change.before.nodes or ()) <= told.keys()
        for name, found in told.items():
            match found:
                case GoneFromInventory():
                    assert name not in after
                case ToNoPool(has_pod=has_pod):
                    assert name in skipped
                    assert has_pod == (after[name] == kernel)
                case ToOtherPool(to=to, has_pod=has_pod):
                    assert to == InPool(pool=f"ubuntu22.04/{after[name]}/amd64", policy="NicClusterPolicy/p")
                    assert has_pod is False
