from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_doca.core.compare.changes import (
    Build,
    NodeMove,
    Part,
    PoolChange,
    Reload,
    VersionMove,
    VersionStay,
    compare_renderings,
)
from gitops_doca.core.compare.departures import InPool, NotListed
from gitops_doca.core.compare.rendered import RenderedPool, Rendering, rendering

REPOSITORY = "registry.example.com/doca-driver"
VERSION = "25.04-0.6.1.0-2"


def daemon_set(
    kernel: str = "5.15",
    *,
    name: str = "",
    image: str = "",
    namespace: str = "n",
    selector: str = "",
    strategy: str | None = "OnDelete",
    zone: str = "a",
    note: str = "",
) -> dict[str, Any]:
    name = name or f"mofed-{kernel}-ds"
    return {
        "kind": "DaemonSet",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "annotations": {
                "gitops-doca.dev/pool": f"ubuntu22.04/{kernel}/amd64",
                "gitops-doca.dev/image-source": "precompiled",
                "note": note,
            },
        },
        "spec": {
            "selector": {"matchLabels": {"app": selector or name}},
            "template": {
                "spec": {
                    "nodeSelector": {"zone": zone},
                    "containers": [
                        {"name": "mofed-container", "image": image or f"{REPOSITORY}:{tag(VERSION, kernel)}"}
                    ],
                }
            },
            **({"updateStrategy": {"type": strategy}} if strategy else {}),
        },
    }


def tag(version: str, kernel: str) -> str:
    return f"{version}-{kernel}-ubuntu22.04-amd64"


def pool(manifest: dict[str, Any], *nodes: str) -> RenderedPool:
    (found,) = rendering([manifest]).pools
    return replace(found, policy="NicClusterPolicy/p", nodes=nodes)


def operators(*nodes: str, version: str = VERSION, grace: int = 300) -> RenderedPool:
    """Return a pool whose DaemonSet is left to the operator."""
    policy = {
        "kind": "NicClusterPolicy",
        "metadata": {"name": "p"},
        "spec": {"ofedDriver": {"terminationGracePeriodSeconds": grace}, "nvIpam": grace},
    }
    return RenderedPool(
        pool="ubuntu22.04/5.15/amd64",
        manifest=policy,
        image=f"{REPOSITORY}:{tag(version, '5.15')}",
        source="precompiled",
        policy="NicClusterPolicy/p",
        nodes=nodes,
    )


def in_pool(kernel: str) -> InPool:
    return InPool(pool=f"ubuntu22.04/{kernel}/amd64", policy="NicClusterPolicy/p")


def side(*pools: RenderedPool) -> Rendering:
    return Rendering(resources=tuple(found.manifest for found in pools), pools=pools)


@pytest.mark.parametrize(
    ("before", "after", "parts", "reload"),
    [
        ({}, {"note": "x"}, (Part.METADATA,), Reload.NONE),
        ({}, {"strategy": "RollingUpdate"}, (Part.STRATEGY,), Reload.NONE),
        ({}, {"image": "a:b"}, (Part.TEMPLATE,), Reload.NEXT_RESTART),
        (
            {},
            {"image": "a:b", "strategy": "RollingUpdate"},
            (Part.TEMPLATE, Part.STRATEGY),
            Reload.ROLLING,
        ),
        # Kubernetes' default.
        ({"strategy": None}, {"strategy": None, "image": "a:b"}, (Part.TEMPLATE,), Reload.ROLLING),
        ({}, {"zone": "b"}, (Part.TEMPLATE, Part.PLACEMENT), Reload.NEXT_RESTART),
        ({}, {"selector": "x"}, (Part.SELECTOR,), Reload.AT_ONCE),
        ({}, {"namespace": "m"}, (Part.NAMESPACE,), Reload.AT_ONCE),
        ({}, {"name": "x"}, (Part.NAME, Part.SELECTOR), Reload.AT_ONCE),
        (
            {},
            {"name": "x", "image": "a:b", "note": "y"},
            (Part.NAME, Part.SELECTOR, Part.TEMPLATE),
            Reload.AT_ONCE,
        ),
    ],
)
def test_what_differs_says_when_the_driver_is_reloaded(
    before: dict[str, Any], after: dict[str, Any], parts: Sequence[Part], reload: Reload
) -> None:
    comparison = compare_renderings(
        side(pool(daemon_set(**before), "a")), side(pool(daemon_set(**after), "a"))
    )

    (change,) = comparison.pools
    assert (change.kind, change.parts, change.reload) == ("changed", parts, reload)
    assert comparison.moves == ()


@pytest.mark.parametrize(
    ("before", "after", "parts", "reload"),
    [
        (operators("a"), operators("a", version="26.01"), (Part.TEMPLATE,), Reload.OPERATOR),
        (operators("a"), operators("a", grace=60), (Part.TEMPLATE,), Reload.OPERATOR),
        (operators("a"), operators(), (), Reload.WAIT),
        (pool(daemon_set(), "a"), operators("a"), (Part.OWNER,), Reload.AT_ONCE),
        (operators("a"), pool(daemon_set(), "a"), (Part.OWNER,), Reload.AT_ONCE),
    ],
)
def test_what_the_operator_makes_is_left_to_it(
    before: RenderedPool, after: RenderedPool, parts: Sequence[Part], reload: Reload
) -> None:
    changes = compare_renderings(side(before), side(after)).pools

    assert [(change.parts, change.reload) for change in changes] == ([(parts, reload)] if parts else [])


def test_a_pool_of_the_operators_that_comes_or_goes_is_left_to_it() -> None:
    other = side(pool(daemon_set("9"), "b"))

    for sides in ((other, side(operators("a"))), (side(operators("a")), other)):
        changes = {change.current.pool: change.reload for change in compare_renderings(*sides).pools}
        assert changes["ubuntu22.04/5.15/amd64"] is Reload.OPERATOR


def test_pools_that_come_start_and_pools_whose_nodes_left_stop_nothing() -> None:
    comparison = compare_renderings(side(pool(daemon_set("1"), "a")), side(pool(daemon_set("2"), "a")))

    assert [(change.current.pool, change.kind, change.reload) for change in comparison.pools] == [
        ("ubuntu22.04/1/amd64", "removed", Reload.NONE),
        ("ubuntu22.04/2/amd64", "added", Reload.START),
    ]
    assert comparison.moves == (NodeMove(source=in_pool("1"), target=in_pool("2"), nodes=("a",)),)
    assert [(change.kind, change.key) for change in comparison.objects] == [
        ("added", ("DaemonSet", "n", "mofed-2-ds")),
        ("removed", ("DaemonSet", "n", "mofed-1-ds")),
    ]


def test_a_planned_pool_waits_whatever_differs() -> None:
    comparison = compare_renderings(
        side(pool(daemon_set())), side(pool(daemon_set(image="a:b")), pool(daemon_set("2")))
    )

    assert [change.reload for change in comparison.pools] == [Reload.WAIT, Reload.WAIT]


def test_pools_of_one_platform_are_not_taken_for_each_other() -> None:
    before = side(*(pool(daemon_set(name=name), name) for name in ("a", "b")))
    after = side(*(pool(daemon_set(name=name), name) for name in ("b", "c", "d")))

    comparison = compare_renderings(before, after)

    assert sorted((change.current.daemon_set, change.kind) for change in comparison.pools) == [
        ("a", "removed"),
        ("c", "added"),
        ("d", "added"),
    ]


PRECOMPILED = pool(daemon_set(), "a")
FALLBACK = replace(pool(daemon_set(image=f"{REPOSITORY}:{tag('24.10', '5.15')}"), "a"), is_fallback=True)
COMPILED = replace(
    pool(daemon_set(image=f"{REPOSITORY}:{VERSION}-ubuntu22.04-amd64"), "a"), source="compiled"
)
NEWER = replace(pool(daemon_set(image=f"{REPOSITORY}:26.01-ubuntu22.04-amd64"), "a"), source="compiled")


@pytest.mark.parametrize(
    ("before", "after", "build"),
    [
        (None, PRECOMPILED, Build.NONE),
        (COMPILED, PRECOMPILED, Build.NONE),
        (COMPILED, None, Build.NONE),
        (None, COMPILED, Build.FIRST),
        (PRECOMPILED, COMPILED, Build.FIRST),
        (COMPILED, COMPILED, Build.NONE),
        (COMPILED, NEWER, Build.AGAIN),
    ],
)
def test_nodes_compile_what_they_have_not_built(
    before: RenderedPool | None, after: RenderedPool | None, build: Build
) -> None:
    assert PoolChange(before=before, after=after).build is build


@pytest.mark.parametrize(
    ("before", "after", "falls_back"),
    [
        (PRECOMPILED, FALLBACK, True),
        (FALLBACK, PRECOMPILED, False),
        (None, FALLBACK, False),
        (FALLBACK, None, False),
        (COMPILED, FALLBACK, False),
        (replace(FALLBACK, is_fallback=False), FALLBACK, False),
        (PRECOMPILED, replace(FALLBACK, is_fallback=False), False),
    ],
)
def test_a_pool_falls_back_from_a_precompiled_image_of_another_version(
    before: RenderedPool | None, after: RenderedPool | None, *, falls_back: bool
) -> None:
    assert PoolChange(before=before, after=after).falls_back is falls_back


def test_the_pools_that_fall_back_are_listed() -> None:
    same = pool(daemon_set("1"), "b")
    comparison = compare_renderings(
        side(PRECOMPILED, same), side(FALLBACK, pool(daemon_set("1", note="x"), "b"))
    )

    assert [change.after for change in comparison.falling_back] == [FALLBACK]


@pytest.mark.parametrize(
    ("before", "after", "renamed"),
    [
        (("a",), ("a",), True),
        (("a",), ("a", "b"), True),
        ((), (), True),
        (None, ("a",), True),
        (("a",), None, True),
        (("a", "b"), ("a",), False),
        (("a",), ("b",), False),
        ((), ("a",), False),
    ],
)
def test_a_pool_of_another_policy_that_has_the_nodes_is_the_same_renamed(
    before: tuple[str, ...] | None, after: tuple[str, ...] | None, *, renamed: bool
) -> None:
    old = replace(pool(daemon_set(name="old")), nodes=before)
    new = replace(pool(daemon_set(name="new")), nodes=after, policy="NicNodePolicy/new")

    kinds = [change.kind for change in compare_renderings(side(old), side(new)).pools]

    assert kinds == (["changed"] if renamed else ["removed", "added"])


def test_a_pool_of_the_same_policy_is_renamed_whatever_its_nodes() -> None:
    old, new = pool(daemon_set(name="old"), "a"), pool(daemon_set(name="new"), "b")

    assert [change.kind for change in compare_renderings(side(old), side(new)).pools] == ["changed"]


def test_pools_and_versions_are_sorted() -> None:
    kernels = "314"
    old = [pool(daemon_set(kernel, image=f"{REPOSITORY}:{tag(kernel, kernel)}")) for kernel in kernels]
    new = [pool(daemon_set(kernel, image=f"{REPOSITORY}:{tag('9', kernel)}")) for kernel in kernels]

    changed, same = compare_renderings(side(*old), side(*new)), compare_renderings(side(*old), side(*old))

    assert [change.current.pool for change in changed.pools] == [
        f"ubuntu22.04/{kernel}/amd64" for kernel in "134"
    ]
    assert [(move.before, move.after) for move in changed.versions] == [("1", "9"), ("3", "9"), ("4", "9")]
    assert same.stays == tuple(VersionStay(version=version, pools=1) for version in "134")
    assert (changed.stays, same.pools) == ((), ())


def test_versions_are_grouped_and_count_their_nodes() -> None:
    before = [daemon_set(kernel) for kernel in "123"]
    after = [daemon_set(kernel, image=f"{REPOSITORY}:{tag('26.01', kernel)}") for kernel in "12"]

    comparison = compare_renderings(
        side(*map(pool, before, "abc")), side(*map(pool, [*after, before[2]], "abc"))
    )

    assert comparison.versions == (VersionMove(before=VERSION, after="26.01", pools=2, nodes=2),)


@pytest.mark.parametrize(
    ("image", "version"),
    [
        (f"{REPOSITORY}:{tag(VERSION, '5.15')}", VERSION),
        (f"{REPOSITORY}:{VERSION}-ubuntu22.04-amd64", VERSION),
        (f"localhost:5000/d:{tag(VERSION, '5.15')}@sha256:{'0' * 64}", VERSION),
        (f"localhost:5000/d@sha256:{'0' * 64}", f"sha256:{'0' * 64}"),
        ("localhost:5000/d:other", "other"),
    ],
)
def test_the_version_is_what_stands_before_the_platform(image: str, version: str) -> None:
    assert pool(daemon_set(image=image)).version == version


def test_nodes_that_are_not_known_move_nowhere() -> None:
    old = rendering([daemon_set("1")])
    new = side(pool(daemon_set("1", image="a:b"), "x"), pool(daemon_set("2"), "y"))

    comparison = compare_renderings(old, new)

    assert comparison.moves == ()
    assert [change.reload for change in comparison.pools] == [Reload.NEXT_RESTART, Reload.START]


@pytest.mark.parametrize(
    "spec",
    [None, [], {}, {"template": []}, {"template": {"spec": {"containers": [None, {"name": 1}]}}}],
)
def test_manifests_of_any_shape_are_compared(spec: object) -> None:
    strange = {**daemon_set(), "spec": spec}

    (change,) = compare_renderings(rendering([strange]), rendering([daemon_set()])).pools

    assert (change.kind, change.before.image if change.before else None) == ("changed", "")


SIDES = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("123")).map(
    lambda nodes: side(
        *(
            pool(daemon_set(kernel), *sorted(node for node, of in nodes.items() if of == kernel))
            for kernel in sorted(set(nodes.values()))
        )
    )
)


@given(SIDES, SIDES)
def test_each_node_that_has_another_pool_moves_once(before: Rendering, after: Rendering) -> None:
    old, new = (
        {
            node: InPool(pool=found.pool, policy=found.policy)
            for found in one.pools
            for node in found.nodes or ()
        }
        for one in (before, after)
    )
    moves = compare_renderings(before, after).moves

    moved = [(node, move.source, move.target) for move in moves for node in move.nodes]
    if old and new:
        assert sorted(moved, key=lambda move: move[0]) == [
            (node, old.get(node, NotListed()), new.get(node, NotListed()))
            for node in sorted({*old, *new})
            if old.get(node) != new.get(node)
        ]
    else:
        assert moved == []


@given(SIDES, SIDES)
def test_only_equal_sides_are_the_same(before: Rendering, after: Rendering) -> None:
    assert compare_renderings(before, after).is_same == (before == after)
