"""Pools that will compile the driver: what two renderings say of them, and what a lock says."""

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.cluster import (
    DIGEST,
    compile_on_node,
    make_node,
    make_planned,
    make_policy,
    make_pool,
    use_digest,
    use_precompiled,
)
from gitops_doca.core.compare.changes import newly_compiling
from gitops_doca.core.compare.compiling import Compiling, Why
from gitops_doca.core.compare.lock import ImageLock, LockedImage, LockedPool, locked_pool, locked_pools
from gitops_doca.core.compare.lock_compiling import describe_compiling
from gitops_doca.core.compare.lock_compiling import newly_compiling as newly_compiling_by_lock
from gitops_doca.core.compare.rendered import RenderedPool
from gitops_doca.core.diagnostics import Place
from gitops_doca.core.model import Pool
from gitops_doca.core.resolve.decide import Chosen, UseDigest


@dataclass(frozen=True, slots=True)
class State:
    """What a pool of a test has on one side."""

    image: str
    nodes: str = ""
    """A letter a node; empty: the pool is planned."""


Cluster = Mapping[tuple[str, str], State]
"""Policy and kernel to what their pool has."""


def make(policy: str, kernel: str, state: State) -> Pool:
    owner = make_policy(policy, digest=DIGEST if state.image == "digest" else None)
    if not state.nodes:
        return make_planned(owner, kernel=f"6.8.0-{kernel}-generic")
    return make_pool(owner, *(make_node(name, kernel=f"6.8.0-{kernel}-generic") for name in state.nodes))


def decided(cluster: Cluster) -> list[Chosen]:
    return [_choose(state.image, make(*key, state)) for key, state in cluster.items()]


def _choose(image: str, pool: Pool) -> Chosen:
    match image:
        case "precompiled":
            return use_precompiled(pool)
        case "compiled":
            return compile_on_node(pool)
        case _:
            return use_digest(pool)


def by_lock(before: Cluster, after: Cluster) -> tuple[Compiling[LockedPool], ...]:
    old = [decision for decision in decided(before) if not isinstance(decision, UseDigest)]
    lock = ImageLock(
        pools=locked_pools(decision.pool for decision in decided(before)),
        entries={decision.image: LockedImage(DIGEST, "linux/amd64") for decision in old},
        chosen={locked_pool(decision.pool): decision.image for decision in old},
    )
    return newly_compiling_by_lock(lock, decided(after))


def by_rendering(before: Cluster, after: Cluster) -> list[Compiling[RenderedPool]]:
    sides = [{key: rendered(*key, state) for key, state in cluster.items()} for cluster in (before, after)]
    return list(newly_compiling([(sides[0].get(key), sides[1].get(key)) for key in {**before, **after}]))


def rendered(policy: str, kernel: str, state: State) -> RenderedPool:
    pool = locked_pool(make(policy, kernel, state))
    return RenderedPool(
        pool=pool.pool,
        manifest={},
        image="",
        source=state.image,
        policy=pool.policy,
        nodes=tuple(state.nodes),
    )


def verdicts(compiling: Iterable[Compiling[Any]]) -> list[tuple[str, str, str]]:
    return [(str(one.pool), "".join(one.nodes), one.why.value) for one in compiling]


A1, A2, B1 = (
    f"ubuntu22.04/6.8.0-{kernel}-generic/amd64 of NicNodePolicy/{policy}"
    for policy, kernel in ("a1", "a2", "b1")
)
PRECOMPILED, COMPILED, DIGESTED = (
    functools.partial(State, image) for image in ("precompiled", "compiled", "digest")
)

CASES: dict[str, tuple[Cluster, Cluster, list[tuple[str, str, str]]]] = {
    "an image is gone": (
        {("a", "1"): PRECOMPILED("xy")},
        {("a", "1"): COMPILED("xy")},
        [(A1, "xy", "lost")],
    ),
    "it compiled before": ({("a", "1"): COMPILED("x")}, {("a", "1"): COMPILED("x")}, []),
    "a digest, and nothing else is precompiled": (
        {("a", "1"): DIGESTED("x")},
        {("a", "1"): COMPILED("x")},
        [],
    ),
    "a digest, and another kernel is precompiled": (
        {("a", "1"): DIGESTED("x"), ("a", "2"): DIGESTED("y")},
        {("a", "1"): COMPILED("x"), ("a", "2"): PRECOMPILED("y")},
        [(A1, "x", "untagged")],
    ),
    "a digest, and another policy's kernel is precompiled": (
        {("a", "1"): DIGESTED("x"), ("b", "2"): PRECOMPILED("y")},
        {("a", "1"): COMPILED("x"), ("b", "2"): PRECOMPILED("y")},
        [],
    ),
    "a new kernel, and another one is precompiled": (
        {("a", "1"): PRECOMPILED("x")},
        {("a", "1"): PRECOMPILED("x"), ("a", "2"): COMPILED("y")},
        [(A2, "y", "new")],
    ),
    "a new kernel, and another one was precompiled": (
        {("a", "1"): PRECOMPILED("x")},
        {("a", "2"): COMPILED("x")},
        [(A2, "x", "new")],
    ),
    "a planned kernel": (
        {("a", "1"): PRECOMPILED("x")},
        {("a", "1"): PRECOMPILED("x"), ("a", "2"): COMPILED()},
        [(A2, "", "new")],
    ),
    "all nodes of a platform move to another policy": (
        {("a", "1"): PRECOMPILED("xy")},
        {("b", "1"): COMPILED("xy")},
        [(B1, "xy", "moved")],
    ),
    "some nodes of a platform move to another policy": (
        {("a", "1"): PRECOMPILED("xy")},
        {("a", "1"): PRECOMPILED("x"), ("b", "1"): COMPILED("y")},
        [(B1, "y", "moved")],
    ),
    "the platform is precompiled from now on, for another policy": (
        {("a", "1"): COMPILED("x")},
        {("a", "1"): PRECOMPILED("x"), ("b", "1"): COMPILED("y")},
        [],
    ),
    "another policy plans the platform": (
        {("a", "1"): PRECOMPILED("x")},
        {("a", "1"): PRECOMPILED("x"), ("b", "1"): COMPILED()},
        [(B1, "", "moved")],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_lock_and_a_rendering_say_the_same_of_a_pool_that_compiles(case: str) -> None:
    before, after, expected = CASES[case]

    assert verdicts(by_rendering(before, after)) == expected
    assert verdicts(by_lock(before, after)) == expected


def test_only_a_rendering_knows_that_nodes_joined_a_pool_that_compiled() -> None:
    before = {("a", "1"): COMPILED("x"), ("a", "2"): PRECOMPILED("yz")}
    after = {("a", "1"): COMPILED("xy"), ("a", "2"): PRECOMPILED("z")}

    assert verdicts(by_rendering(before, after)) == [(A1, "y", "joined")]
    assert verdicts(by_lock(before, after)) == []


def test_only_a_rendering_knows_that_the_nodes_of_a_new_pool_are_new() -> None:
    before = {("a", "1"): PRECOMPILED("x")}
    after = {("a", "1"): PRECOMPILED("x"), ("b", "1"): COMPILED("y")}

    assert verdicts(by_rendering(before, after)) == []
    assert verdicts(by_lock(before, after)) == [(B1, "y", "moved")]


def test_of_a_folder_of_manifests_no_node_is_known_as_of_a_lock() -> None:
    old = replace(rendered("a", "1", PRECOMPILED("x")), policy="", nodes=None)
    new = rendered("b", "1", COMPILED("y"))

    assert verdicts(newly_compiling([(old, old), (None, new)])) == [(B1, "y", "moved")]


@pytest.mark.parametrize(("os", "reported"), [("ubuntu24.04", True), ("rhel9.4", False)])
def test_a_precompiled_image_is_expected_for_other_versions_of_its_os(os: str, *, reported: bool) -> None:
    old = rendered("a", "1", PRECOMPILED("x"))
    new = replace(rendered("a", "2", COMPILED("y")), pool=f"{os}/6.8.0-2-generic/amd64")

    compiling = verdicts(newly_compiling([(old, old), (None, new)]))

    assert compiling == ([(str(new), "y", "new")] if reported else [])


CLUSTERS = st.dictionaries(
    st.tuples(st.sampled_from("ab"), st.sampled_from("12")),
    st.builds(State, st.sampled_from(["precompiled", "compiled", "digest"])),
)


@st.composite
def clusters(draw: st.DrawFn) -> Cluster:
    """Return pools with nodes: each node is in one of them."""
    pools = draw(CLUSTERS)
    keys = sorted(pools)
    owners = {node: draw(st.sampled_from(keys)) for node in "uvwxyz"} if keys else {}
    return {
        key: replace(state, nodes="".join(node for node, owner in owners.items() if owner == key))
        for key, state in pools.items()
    }


@given(before=clusters(), after=clusters())
def test_what_a_rendering_refuses_a_lock_refuses_too(before: Cluster, after: Cluster) -> None:
    others = {str(one.pool): one.why for one in by_lock(before, after)}

    for one in by_rendering(before, after):
        if one.is_refused:
            # A lock does not know that the other policy's pool had none of these nodes.
            assert others.pop(str(one.pool)) in {one.why, Why.MOVED}
    assert set(others.values()) <= {Why.MOVED}


@pytest.mark.parametrize("why", Why)
def test_strict_refuses_pools_and_no_nodes(why: Why) -> None:
    one = Compiling(pool=rendered("a", "1", COMPILED("x")), nodes=("x",), why=why)

    assert one.is_refused is (why is not Why.JOINED)


def test_nodes_and_planned_pools_are_both_counted() -> None:
    pools = by_lock({("a", "1"): PRECOMPILED("xy")}, {("a", "1"): COMPILED("xy"), ("a", "2"): COMPILED()})
    problem = describe_compiling(pools, Place("l.yaml"), strict=False)

    assert problem is not None
    assert (problem.message, problem.details) == (
        (
            "2 nodes and the nodes of 1 planned pool will compile the driver: 1 pool no longer has a "
            "precompiled image, and 1 pool has none, unlike others of the same policy and OS"
        ),
        (
            f"pool {A1} had a precompiled image; 2 nodes: x, y",
            f"pool {A2} is new; planned, no node runs it yet",
        ),
    )
