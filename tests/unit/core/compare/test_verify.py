from dataclasses import replace

import pytest

from gitops_doca.core.compare.lock import ImageLock, LockedImage, LockedMiss, LockedPool
from gitops_doca.core.compare.verify import (
    Built,
    BuiltDaemonSet,
    Difference,
    DifferenceKind,
    Expected,
    compare_built,
    compare_count,
)
from gitops_doca.core.reference import Digest, parse_image, parse_repository

REPOSITORY = parse_repository("nvcr.io/nvidia/mellanox/doca-driver")
ONE, TWO, THREE = (Digest("sha256:" + digit * 64) for digit in "123")
CLUSTER = "NicClusterPolicy/nic-cluster-policy"
READY = LockedPool(CLUSTER, "ubuntu22.04/5.15.0-91-generic/amd64")
COMPILED = LockedPool(CLUSTER, "ubuntu24.04/6.8.0-87-generic/arm64")
LOCK = ImageLock(
    pools=(READY, COMPILED),
    entries={
        REPOSITORY.tag("25.04-1-5.15.0-91-generic-ubuntu22.04-amd64"): LockedImage(ONE, "linux/amd64"),
        REPOSITORY.tag("25.04-1-6.8.0-87-generic-ubuntu24.04-arm64"): LockedMiss(),
        REPOSITORY.tag("25.04-1-ubuntu24.04-arm64"): LockedImage(TWO, "linux/arm64"),
    },
)
FIRST = BuiltDaemonSet(
    name="mofed-ubuntu22.04-6d568d699f-ds",
    namespace="drivers",
    pool=READY.pool,
    source="precompiled",
    selector="app=mofed-ubuntu22.04-6d568d699f",
    image=f"{REPOSITORY}:25.04-1-5.15.0-91-generic-ubuntu22.04-amd64",
)
SECOND = BuiltDaemonSet(
    name="mofed-ubuntu24.04-84cb6b9485-arm64-ds",
    namespace="drivers",
    pool=COMPILED.pool,
    source="compiled",
    selector="app=mofed-ubuntu24.04-84cb6b9485-arm64",
    image=f"{REPOSITORY}:25.04-1-ubuntu24.04-arm64@{TWO}",
)
OTHERS = BuiltDaemonSet(
    name="kube-proxy", namespace="kube-system", pool="", source="", selector="k8s-app=kube-proxy", image=""
)
DRIVERS = Expected(namespace="drivers")


def found(
    *built: BuiltDaemonSet, lock: ImageLock = LOCK, expected: Expected = DRIVERS
) -> list[tuple[str, str, str]]:
    return words(compare_built(lock, stream(*built), expected))


def stream(*built: BuiltDaemonSet, drivers: tuple[str, ...] = ()) -> Built:
    return Built(objects=len(built) + len(drivers), daemon_sets=built, drivers=drivers)


def words(differences: tuple[Difference, ...]) -> list[tuple[str, str, str]]:
    return [(one.kind.value, str(one.subject), one.detail) for one in differences]


def test_what_was_locked_is_as_expected_in_any_order() -> None:
    assert found(FIRST, SECOND, OTHERS) == found(OTHERS, SECOND, FIRST) == []


def test_the_names_of_the_operator_are_known() -> None:
    name = "mofed-ubuntu24.04-84cb6b9485"

    assert found(FIRST, replace(SECOND, name=f"{name}-ds", selector=f"app={name}")) == []


@pytest.mark.parametrize(
    ("selector", "shown"),
    [
        (f"{FIRST.selector},team=net", f"{FIRST.selector},team=net"),
        (f"{FIRST.selector},matchExpressions", f"{FIRST.selector},matchExpressions"),
        (SECOND.selector, SECOND.selector),
        ("", "none"),
    ],
)
def test_a_selector_that_is_not_the_rendered_one_is_told(selector: str, shown: str) -> None:
    assert found(replace(FIRST, selector=selector), SECOND) == [
        ("selector", str(READY), f"{FIRST.selector} -> {shown}")
    ]


def test_a_prefix_leaves_the_selector_alone() -> None:
    renamed = replace(FIRST, name=f"a-{FIRST.name}")

    assert found(renamed, SECOND) == [("renamed", str(READY), f"{FIRST.name} -> {renamed.name}")]


def test_nothing_built_lacks_every_pool() -> None:
    assert found() == found(OTHERS) == [("missing", str(READY), ""), ("missing", str(COMPILED), "")]


def test_a_pool_with_two_has_two_drivers_a_node() -> None:
    old = replace(FIRST, name="old-driver-ds")
    moved = replace(FIRST, namespace="elsewhere")

    assert found(FIRST, old, SECOND) == [("twice", READY.pool, "DaemonSet drivers/old-driver-ds")]
    assert found(moved, FIRST, SECOND) == [
        ("twice", READY.pool, f"DaemonSet elsewhere/{FIRST.name}"),
        ("namespace", "elsewhere", "expected drivers"),
    ]


def test_a_prefix_is_a_new_name() -> None:
    assert found(replace(FIRST, name=f"a-{FIRST.name}"), SECOND) == [
        ("renamed", str(READY), f"{FIRST.name} -> a-{FIRST.name}")
    ]


def test_two_policies_on_one_platform_are_told_apart_by_name() -> None:
    pools = tuple(LockedPool(f"NicNodePolicy/{name}", READY.pool) for name in ("east", "west"))
    lock = replace(LOCK, pools=pools)
    east, west = (
        replace(FIRST, name=f"{name}-ds", selector=f"app={name}")
        for name in ("mofed-ubuntu22.04-6d568d699f-98bdc76", "mofed-ubuntu22.04-6d568d699f-7f8559c6f8")
    )

    assert found(west, east, lock=lock) == []
    assert found(replace(west, name="x"), lock=lock) == [
        ("missing", str(pools[0]), ""),
        ("renamed", str(pools[1]), f"{west.name} -> x"),
    ]
    more = f"{west.selector},team=net"
    assert found(replace(west, name=f"x-{west.name}", selector=more), lock=lock) == [
        ("missing", str(pools[0]), ""),
        ("renamed", str(pools[1]), f"{west.name} -> x-{west.name}"),
        ("selector", str(pools[1]), f"{west.selector} -> {more}"),
    ]
    assert found(replace(west, name="x", selector=more), lock=lock) == [
        ("renamed", str(pools[0]), f"{east.name} -> x"),
        ("selector", str(pools[0]), f"{east.selector} -> {more}"),
        ("missing", str(pools[1]), ""),
    ]


def test_two_policies_on_one_platform_of_arm64_are_told_apart_by_a_part_of_the_name() -> None:
    pools = tuple(LockedPool(f"NicNodePolicy/{name}", COMPILED.pool) for name in ("east", "west"))
    west = "mofed-ubuntu24.04-84cb6b9485-7f8559c6f8-arm64"
    renamed = replace(SECOND, name=f"a-{west}-ds", selector="app=other")

    assert found(renamed, lock=replace(LOCK, pools=pools)) == [
        ("missing", str(pools[0]), ""),
        ("renamed", str(pools[1]), f"{west}-ds -> a-{west}-ds"),
        ("selector", str(pools[1]), f"app={west} -> app=other"),
    ]


def test_a_name_with_the_annotation_of_another_pool_is_not_enough() -> None:
    assert found(replace(FIRST, pool=COMPILED.pool), SECOND) == [
        ("missing", str(READY), ""),
        ("twice", COMPILED.pool, f"DaemonSet drivers/{FIRST.name}"),
    ]


def test_of_two_tags_for_a_pool_the_chosen_one_passes() -> None:
    newer = REPOSITORY.tag(f"25.07-0.9.7.0-0{READY.ending}")
    lock = replace(LOCK, entries={**LOCK.entries, newer: LockedImage(THREE, "linux/amd64")})
    chosen = replace(lock, chosen={READY: newer})

    assert found(FIRST, SECOND, lock=lock) == []
    assert found(replace(FIRST, image=str(newer)), SECOND, lock=chosen) == []
    assert found(FIRST, SECOND, lock=chosen) == [("image", str(READY), f"{FIRST.image}: another pool's")]


def test_a_pool_that_the_lock_does_not_list_is_told() -> None:
    new = replace(FIRST, name="mofed-new-ds", pool="ubuntu22.04/9.9/amd64")

    assert found(FIRST, SECOND, new) == [
        ("unlocked", "ubuntu22.04/9.9/amd64", "DaemonSet drivers/mofed-new-ds")
    ]


def test_a_name_is_enough_where_annotations_were_dropped() -> None:
    assert found(replace(FIRST, pool="", source=""), replace(SECOND, pool="", source="")) == []


def test_without_a_config_the_namespaces_need_only_agree() -> None:
    assert found(FIRST, SECOND, expected=Expected()) == []
    assert found(FIRST, replace(SECOND, namespace=""), expected=Expected()) == [
        ("namespace", ", drivers", "expected one for all DaemonSets")
    ]


def test_namespaces_are_told_in_order() -> None:
    names = "fbdcea"
    built = [replace(FIRST, namespace=name) for name in names]

    assert found(*built, SECOND, expected=Expected())[-1] == (
        "namespace",
        "a, b, c, d, drivers, e, f",
        "expected one for all DaemonSets",
    )


@pytest.mark.parametrize(
    ("image", "problem"),
    [
        (f"{REPOSITORY}:v9", "not in the lock"),
        (f"mirror.example/doca-driver:{FIRST.image.rpartition(':')[2]}", "not in the lock"),
        (f"{REPOSITORY}", "not in the lock"),
        (f"{REPOSITORY}@{ONE}", "not in the lock"),
        (f"{REPOSITORY}:25.04-1-6.8.0-87-generic-ubuntu24.04-arm64", "missing according to the lock"),
        (f"{REPOSITORY}:25.04-1-ubuntu24.04-arm64", "another pool's"),
        (f"{FIRST.image}@{TWO}", f"the lock has {ONE}"),
        ("::", "no image reference"),
    ],
)
def test_an_image_that_the_lock_does_not_have_for_the_pool_is_told(image: str, problem: str) -> None:
    assert found(replace(FIRST, image=image), SECOND) == [("image", str(READY), f"{image}: {problem}")]


def test_a_daemon_set_without_the_drivers_container_is_told() -> None:
    assert found(replace(FIRST, image=""), SECOND) == [("image", str(READY), "no image: no image reference")]


def test_a_pin_that_was_lost_is_told_where_pins_are_wanted() -> None:
    expected = Expected(namespace="drivers", pinned=True)

    assert found(replace(FIRST, image=f"{FIRST.image}@{ONE}"), SECOND, expected=expected) == []
    assert found(FIRST, SECOND, expected=expected) == [
        ("image", str(READY), f"{FIRST.image}: its digest is gone")
    ]


@pytest.mark.parametrize(("daemon_set", "pool"), [(FIRST, READY), (SECOND, COMPILED)])
def test_an_annotation_does_not_make_a_digest_the_policys(
    daemon_set: BuiltDaemonSet, pool: LockedPool
) -> None:
    forged = replace(daemon_set, source="digest", image=f"registry.example.com/driver@{THREE}")

    others = [one for one in (FIRST, SECOND) if one is not daemon_set]
    assert found(*others, forged) == [("image", str(pool), f"{forged.image}: not in the lock")]


def test_a_digest_may_be_that_of_another_policy_with_nodes_alike() -> None:
    other = LockedPool("NicNodePolicy/blue", READY.pool)
    name = "mofed-ubuntu22.04-6d568d699f-blue"
    lock = replace(LOCK, pools=(READY, other))
    by_digest = replace(
        FIRST,
        name=f"{name}-ds",
        selector=f"app={name}",
        source="digest",
        image=f"{REPOSITORY}@{THREE}",
    )

    assert [one for one in found(FIRST, by_digest, lock=lock) if one[0] == "image"] == []


def test_a_pool_whose_image_the_lock_names_runs_no_digest_of_another_policy() -> None:
    other = LockedPool("NicNodePolicy/blue", READY.pool)
    lock = replace(LOCK, pools=(*LOCK.pools, other), chosen={READY: parse_image(FIRST.image)})
    forged = replace(FIRST, source="digest", image=f"{REPOSITORY}@{THREE}")

    assert [one for one in found(forged, SECOND, lock=lock) if one[0] == "image"] == [
        ("image", str(READY), f"{forged.image}: not in the lock")
    ]


def test_a_digest_of_the_policy_must_still_be_one() -> None:
    lock = ImageLock(pools=(READY,))
    by_digest = replace(FIRST, source="digest", image=f"{REPOSITORY}@{THREE}")

    assert found(by_digest, lock=lock) == []
    for image, problem in (
        (f"{REPOSITORY}:v9", "not in the lock"),
        (f"{REPOSITORY}", "the policy's digest is gone"),
    ):
        assert found(replace(by_digest, image=image), lock=lock) == [
            ("image", str(READY), f"{image}: {problem}")
        ]


def test_only_the_annotation_tells_of_a_digest_of_the_policy() -> None:
    image = f"{REPOSITORY}@{THREE}"

    assert found(replace(FIRST, image=image), lock=ImageLock(pools=(READY,))) == [
        ("image", str(READY), f"{image}: not in the lock")
    ]


def test_the_count_is_of_daemon_sets_with_a_pool() -> None:
    built = stream(FIRST, SECOND, OTHERS)

    assert list(compare_count(built, 2)) == []
    assert list(compare_count(built, 3)) == [
        Difference(DifferenceKind.COUNT, "2 DaemonSets of pools", "expected 3")
    ]


def test_a_policy_with_its_driver_is_a_second_owner() -> None:
    built = stream(FIRST, SECOND, drivers=(CLUSTER,))

    assert words(compare_built(LOCK, built, DRIVERS)) == [
        ("owners", CLUSTER, "ofedDriver has the operator make DaemonSets too")
    ]


def test_where_policies_are_emitted_they_are_wanted_and_nothing_else() -> None:
    expected = Expected(policies=True)

    assert words(compare_built(LOCK, stream(OTHERS, drivers=(CLUSTER,)), expected)) == []
    assert words(compare_built(LOCK, stream(FIRST), expected)) == [
        ("missing", CLUSTER, "with ofedDriver"),
        ("owners", FIRST.pool, f"DaemonSet drivers/{FIRST.name}"),
    ]


def test_policies_are_told_in_order() -> None:
    policies = [f"NicNodePolicy/{name}" for name in "fbdcea"]
    lock = replace(LOCK, pools=tuple(LockedPool(policy, READY.pool) for policy in policies))

    lost = words(compare_built(lock, stream(), Expected(policies=True)))
    second_owners = words(compare_built(ImageLock(), stream(drivers=tuple(policies)), DRIVERS))

    assert [policy for _, policy, _ in lost] == sorted(policies)
    assert [policy for _, policy, _ in second_owners] == sorted(policies)
