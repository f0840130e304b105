"""A cluster compared with what is rendered."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from fakes.cluster import DIGEST, grouped, make_node, make_policy
from gitops_doca.core.compare.rendered import RenderedPool
from gitops_doca.core.compare.status import (
    Absence,
    AbsentNode,
    Applied,
    AppliedDaemonSet,
    Cluster,
    DriverPod,
    Drivers,
    Leftover,
    State,
    Status,
    compare_status,
    explain_absent,
    find_absent,
)
from gitops_doca.core.model import NIC_LABEL, Inventory, Node, OtherNodes, Policy
from gitops_doca.core.resolve.progress import Progress

RED, BLUE = (make_policy(name, selector={"rack": name}) for name in ("red", "blue"))


def inventory(nodes: Iterable[Node]) -> Inventory:
    return Inventory(nodes=tuple(nodes))


def rendered(policies: Iterable[Policy], nodes: Iterable[Node]) -> list[RenderedPool]:
    """Return the pools of these nodes, each with a DaemonSet whose `spec` is empty."""
    return [
        RenderedPool(
            pool=str(pool.platform),
            manifest={"kind": "DaemonSet", "metadata": {"name": pool.daemon_set}, "spec": {}},
            image="r.example/doca-driver:1",
            source="precompiled",
            nodes=pool.node_names,
        )
        for pool in grouped(policies, nodes).pools
    ]


def drivers(pools: Iterable[RenderedPool], nodes: Iterable[str], *left: str) -> Drivers:
    """Apply pools, each of them with a ready pod on its nodes as far as they are there, and leftovers."""
    pools, there = list(pools), set(nodes)
    ours = AppliedDaemonSet(spec={}, revision="", generation="1", is_ours=True)
    return Drivers(
        daemon_sets=dict.fromkeys([*(pool.daemon_set for pool in pools), *left], ours),
        pods=tuple(
            DriverPod(
                name=f"{pool.daemon_set}-{name}",
                node=name,
                daemon_set=pool.daemon_set,
                image=pool.image,
                revision="",
                generation="1",
                ready=True,
                terminating=False,
            )
            for pool in pools
            for name in pool.nodes or ()
            if name in there
        ),
    )


def compare(policies: Iterable[Policy], listed: list[Node], live: list[Node], *left: str) -> Status:
    """Compare a cluster that has nothing to restart, and knows no node besides those with a NIC."""
    policies = list(policies)
    pools = rendered(policies, listed)
    cluster = Cluster(
        inventory=inventory(live),
        grouping=grouped(policies, live),
        drivers=drivers(pools, (node.name for node in live), *left),
        absent=explain_absent(find_absent(inventory(listed), inventory(live)), ()),
    )
    return compare_status(pools, inventory(listed), cluster)


def nodes_of(policy: Policy, *names: str) -> list[Node]:
    return [make_node(name, labels=policy.node_selector) for name in names]


NEW_IMAGE, OLD_IMAGE = (
    f"r.example/doca-driver:{version}-5.15.0-91-generic-ubuntu22.04-amd64"
    for version in ("25.04-0.6.1.0-2", "25.01-0.6.0.0-0")
)
DIGEST_IMAGE = f"r.example/doca-driver@{DIGEST}"
REVISION_IMAGE = NEW_IMAGE.replace("0-2-5.15", "0-1-5.15")


@pytest.mark.parametrize(
    ("images", "moved"),
    [
        ([NEW_IMAGE, OLD_IMAGE, NEW_IMAGE], 2),
        ([REVISION_IMAGE, f"{NEW_IMAGE}@{DIGEST}", OLD_IMAGE], 2),
        ([OLD_IMAGE] * 3, 0),
        ([NEW_IMAGE] * 3, None),
        ([NEW_IMAGE, DIGEST_IMAGE, REVISION_IMAGE], None),
        ([NEW_IMAGE, OLD_IMAGE], 1),
    ],
)
def test_a_move_counts_the_nodes_that_run_the_policys_version(images: list[str], moved: int | None) -> None:
    policy = make_policy()
    nodes = nodes_of(policy, "a", "b", "c")
    found = move_of(policy, nodes, images)

    expected = () if moved is None else (Progress(policy=policy, nodes=3, moved=moved),)
    assert (found.progress, found.policies) == (expected, 1)


@pytest.mark.parametrize("fields", [{"ready": False}, {"terminating": True}])
def test_a_pod_of_the_new_version_that_is_not_ready_has_not_moved(fields: dict[str, Any]) -> None:
    policy = make_policy()

    found = move_of(policy, nodes_of(policy, "a", "b"), [NEW_IMAGE, OLD_IMAGE], **fields)

    assert found.progress == (Progress(policy=policy, nodes=2, moved=0),)


def test_a_policy_with_a_digest_has_no_move() -> None:
    policy = make_policy(digest=DIGEST)

    assert move_of(policy, nodes_of(policy, "a", "b"), [NEW_IMAGE, OLD_IMAGE]).progress == ()


def move_of(policy: Policy, nodes: list[Node], images: list[str], **fields: Any) -> Status:
    """Compare a cluster whose nodes, as far as there are images, have pods with them."""
    pools = rendered([policy], nodes)
    applied = drivers(pools, [node.name for node in nodes])
    pods = tuple(
        replace(pod, image=image, **fields) for pod, image in zip(applied.pods, images, strict=False)
    )
    cluster = Cluster(
        inventory=inventory(nodes),
        grouping=grouped([policy], nodes),
        drivers=replace(applied, pods=pods),
    )
    return compare_status(pools, inventory(nodes), cluster)


def test_a_node_of_one_of_two_policies_is_gone() -> None:
    red, blue = nodes_of(RED, "a", "b"), nodes_of(BLUE, "c", "d")

    status = compare([RED, BLUE], [*red, *blue], [*red, *blue[:1]])

    assert status.absent == (AbsentNode(node="d", why=Absence.NOT_IN_CLUSTER),)
    assert [node.state for node in status.nodes] == [State.CURRENT] * 3
    assert not status.is_current


def test_all_nodes_of_one_of_two_policies_went_to_the_other() -> None:
    red, blue = nodes_of(RED, "a", "b"), nodes_of(BLUE, "c")

    status = compare([RED, BLUE], [*red, *blue], [*red, *nodes_of(RED, "c")])

    assert [(pool.applied, pool.moved) for pool in status.pools] == [
        (Applied.YES, ("c",)),
        (Applied.YES, ()),
    ]
    assert (status.absent, status.is_current) == ((), False)


def test_the_policy_of_a_pool_is_gone_and_its_daemon_set_is_not() -> None:
    red, blue = nodes_of(RED, "a"), nodes_of(BLUE, "b")
    (old,) = rendered([BLUE], blue)

    status = compare([RED], [*red, *blue], [*red, *blue], old.daemon_set)

    assert status.leftovers == (Leftover(daemon_set=old.daemon_set, pool="", nodes=()),)
    assert [left.node for left in status.skipped] == ["b"]
    assert not status.is_current


def test_a_node_that_two_policies_select_is_one_nic_node() -> None:
    every = make_policy()
    red = nodes_of(RED, "a", "b")

    status = compare([every, RED], red, red)

    assert (len(status.nodes), status.nic_nodes) == (4, 2)


def test_a_node_of_the_cluster_that_no_policy_selects_does_not_make_it_empty() -> None:
    status = compare([RED], nodes_of(RED, "a"), nodes_of(BLUE, "b"))

    assert (status.nic_nodes, status.without_nics) == (1, None)


def test_a_cluster_of_nodes_without_nics_says_what_is_known_of_them() -> None:
    others = OtherNodes(count=3, labelled=3, similar={"pci-0207_15b3.present": 3})
    empty = Cluster(
        inventory=Inventory(nodes=(make_node("a", labels={NIC_LABEL: "false"}),), others=others),
        grouping=grouped([], []),
        drivers=Drivers(daemon_sets={}, pods=()),
    )

    assert compare_status([], inventory([]), empty).without_nics == others
    assert compare_status([], inventory([]), empty, may_be_empty=True).is_current
    assert compare_status([], inventory([make_node()]), empty, may_be_empty=True).without_nics == others


def test_those_that_were_not_asked_for_are_not_taken_for_gone() -> None:
    names = [f"node-{number:02}" for number in range(52)]

    found = explain_absent(names, {"node-01", "node-51"})

    assert [one.why for one in found] == [
        Absence.NOT_IN_CLUSTER,
        Absence.NO_NIC_LABEL,
        *[Absence.NOT_IN_CLUSTER] * 48,
        *[Absence.NOT_ASKED] * 2,
    ]


POD = DriverPod(
    name="a",
    node="a",
    daemon_set="",
    image="r.example/doca-driver:1",
    revision="",
    generation="1",
    ready=True,
    terminating=False,
)
OTHER_POD = replace(POD, name="0", daemon_set="other")


def status_of(*pods: DriverPod, **applied: Any) -> Status:
    """Compare one node that has these pods; a pod without a DaemonSet is of the node's own."""
    nodes = nodes_of(RED, "a")
    (pool,) = rendered([RED], nodes)
    given: dict[str, Any] = {"spec": {}, "revision": "", "generation": "1", "is_ours": True, **applied}
    daemon_set = AppliedDaemonSet(**given)
    cluster = Cluster(
        inventory=inventory(nodes),
        grouping=grouped([RED], nodes),
        drivers=Drivers(
            daemon_sets={pool.daemon_set: daemon_set},
            pods=tuple(replace(pod, daemon_set=pod.daemon_set or pool.daemon_set) for pod in pods),
        ),
    )
    return compare_status([pool], inventory(nodes), cluster)


@pytest.mark.parametrize(
    ("pods", "state"),
    [
        ((POD,), State.CURRENT),
        ((), State.NO_POD),
        ((OTHER_POD,), State.OTHER),
        ((OTHER_POD, POD), State.CURRENT),
        ((replace(POD, name="0", terminating=True), POD), State.CURRENT),
        ((replace(POD, name="0", ready=False), POD), State.NOT_READY),
        ((replace(POD, ready=False),), State.NOT_READY),
        ((replace(POD, terminating=True),), State.NOT_READY),
        ((replace(POD, generation="0"),), State.RESTART),
    ],
)
def test_the_pods_of_a_node_are_its_state(pods: tuple[DriverPod, ...], state: State) -> None:
    status = status_of(*pods)

    assert [node.state for node in status.nodes] == [state]
    assert [node.state for node in status.pools[0].waiting] == ([] if state is State.CURRENT else [state])
    assert (status.pools[0].is_current, status.is_current) == ((state is State.CURRENT,) * 2)


@pytest.mark.parametrize(
    ("pod", "daemon_set", "state"),
    [
        ({"generation": "0", "revision": "x"}, {"revision": "x"}, State.CURRENT),
        ({"generation": "0", "revision": "y"}, {"revision": "x"}, State.RESTART),
        ({"generation": "1", "revision": "y"}, {"revision": "x"}, State.CURRENT),
        ({"image": "rewritten:1"}, {}, State.CURRENT),
        ({"generation": ""}, {}, State.CURRENT),
        ({"generation": "", "image": "old:1"}, {}, State.RESTART),
        ({"image": "old:1"}, {"generation": ""}, State.RESTART),
    ],
)
def test_revision_or_generation_decides_and_else_the_image(
    pod: dict[str, Any], daemon_set: dict[str, Any], state: State
) -> None:
    assert [node.state for node in status_of(replace(POD, **pod), **daemon_set).nodes] == [state]


def test_a_daemon_set_that_differs_is_not_applied_to_its_nodes() -> None:
    status = status_of(POD, spec={"template": {"spec": {"hostIPC": True}}})

    assert [(pool.applied, pool.is_current) for pool in status.pools] == [(Applied.DIFFERENT, False)]
    assert [node.state for node in status.nodes] == [State.NOT_APPLIED]


def test_what_is_left_or_absent_is_sorted() -> None:
    names = "fbdcea"
    nodes = nodes_of(RED, *names)

    status = compare([RED], nodes, nodes[:1], *names)

    assert [one.node for one in status.absent] == ["a", "b", "c", "d", "e"]
    assert [one.daemon_set for one in status.leftovers] == ["a", "b", "c", "d", "e", "f"]
