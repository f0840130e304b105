"""What a lock lacks is one error, whatever it is and however much."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from fakes.cluster import DIGEST, REPOSITORY, make_planned, make_policy, make_pool
from gitops_doca.core.compare.lock import ImageLock, LockedImage, LockedMiss, locked_pool, locked_pools
from gitops_doca.core.compare.stale_lock import check_lock
from gitops_doca.core.diagnostics import Category, Diagnostic, Place, Problems
from gitops_doca.core.model import Pool
from gitops_doca.core.reference import parse_repository
from gitops_doca.core.resolve.decide import compile_image, precompiled_image

PLACE = Place("gitops-doca.lock.yaml")
POOL = make_pool()
OTHER = make_planned(kernel="5.15.0-105-generic")
THERE = LockedImage(DIGEST, "linux/amd64")
LOCK = ImageLock(pools=locked_pools([POOL]), entries={precompiled_image(POOL): THERE})


def found(lock: ImageLock, pools: Sequence[Pool], *, lists_wanted: bool = False) -> tuple[Diagnostic, ...]:
    problems = Problems()
    check_lock(lock, pools, PLACE, "gitops-doca lock", problems, lists_wanted=lists_wanted)
    return problems.errors


def stale(message: str, *details: str, help: str = "run: gitops-doca lock") -> Diagnostic:
    return Diagnostic(category=Category.LOCK, message=message, place=PLACE, details=details, help=help)


def test_a_lock_that_has_all_is_no_problem() -> None:
    assert found(LOCK, [POOL]) == ()


def test_a_policy_with_a_digest_needs_no_tag() -> None:
    pool = make_pool(make_policy(digest=DIGEST))

    assert found(replace(LOCK, entries={}), [pool]) == ()


def test_a_new_pool_is_told_with_the_tag_that_it_needs() -> None:
    assert found(LOCK, [POOL, OTHER]) == (
        stale(
            "the lock is out of date: 1 pool is new, 1 tag is not locked",
            f"pool {locked_pool(OTHER)} is not locked",
            f"tag {precompiled_image(OTHER).tag} of {REPOSITORY} is not locked",
        ),
    )


def test_pools_that_are_gone_ask_for_a_second_look() -> None:
    lock = replace(LOCK, pools=locked_pools([POOL, OTHER]))

    assert found(lock, []) == (
        stale(
            "the lock is out of date: 2 pools have no node any more",
            f"pool {locked_pool(OTHER)} is locked, but no node is in it any more",
            f"pool {locked_pool(POOL)} is locked, but no node is in it any more",
            help="check that these pools are meant to be removed, then run: gitops-doca lock",
        ),
    )


def test_the_image_that_compiles_is_needed_where_the_lock_records_a_miss() -> None:
    lock = replace(LOCK, entries={precompiled_image(POOL): LockedMiss()})

    assert found(lock, [POOL]) == (stale(f"tag {compile_image(POOL).tag} of {REPOSITORY} is not locked"),)


def test_a_lock_for_another_repository_says_which() -> None:
    elsewhere = parse_repository("harbor.example/nvidia/doca-driver")
    pool = make_pool(make_policy(repository=elsewhere))

    assert found(LOCK, [pool]) == (
        stale(
            "the lock is out of date: 1 tag is not locked",
            f"tag {precompiled_image(pool).tag} of {elsewhere} is not locked",
            f"the lock is for {REPOSITORY}, and has no tag of {elsewhere}",
        ),
    )


def test_of_more_than_20_repositories_the_others_are_counted() -> None:
    names = [f"r{number:02}.example/driver" for number in range(25)]
    pools = [make_pool(make_policy("a", repository=parse_repository(name))) for name in names]

    (problem,) = found(LOCK, pools)

    assert problem.details[-1] == (
        f"the lock is for {REPOSITORY}, and has no tag of {', '.join(names[:20])}, "
        "... and 5 more repositories"
    )


@pytest.mark.parametrize("listed", [True, False])
def test_what_the_tag_list_had_is_needed_only_for_the_operator(listed: bool) -> None:  # noqa: FBT001
    recorded = replace(LOCK, entries={precompiled_image(POOL): replace(THERE, listed=listed)})

    assert found(recorded, [POOL], lists_wanted=True) == ()
    assert found(LOCK, [POOL], lists_wanted=True) == (
        stale(
            "the lock does not say whether the operator would find "
            f"{precompiled_image(POOL).tag} of {REPOSITORY}, which emit: policies needs"
        ),
    )


def test_all_that_the_operator_would_look_for_is_told_with_the_rest() -> None:
    assert found(LOCK, [POOL, OTHER], lists_wanted=True)[0].message == (
        "the lock is out of date: 1 pool is new, 1 tag is not locked, 1 tag was not looked up in the tag list"
    )


def test_a_long_list_is_cut_and_counted() -> None:
    pools = [make_planned(kernel=f"5.15.0-{number}-generic") for number in range(100, 130)]

    (problem,) = found(replace(LOCK, pools=(), entries={}), pools)

    assert problem.message == "the lock is out of date: 30 pools are new, 30 tags are not locked"
    assert problem.details[19:22] == (
        f"pool {locked_pool(pools[19])} is not locked",
        "... and 10 more new pools",
        f"tag {precompiled_image(pools[0]).tag} of {REPOSITORY} is not locked",
    )
    assert problem.details[-1] == "... and 10 more tags"
