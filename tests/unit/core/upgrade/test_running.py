from typing import Any

import pytest

from fakes.cluster import REPOSITORY, make_node, make_planned, make_policy, make_pools
from gitops_doca.core.compare.lock import locked_pool
from gitops_doca.core.model import Pool
from gitops_doca.core.resolve.lookup import TagList
from gitops_doca.core.upgrade.published import published
from gitops_doca.core.upgrade.running import Driver, Running, movable_pools, running
from support.published import published_tags

OLD, NEW, NEWEST = "doca3.3.0-26.01-1.0.0.0-0", "doca3.4.0-26.04-0.8.0.0-0", "doca3.6.0-26.10-043000-0"
PUBLISHED = published(REPOSITORY, TagList(frozenset(published_tags()), complete=True))
KERNEL = "6.8.0-100-generic"


def a_pool(*, version: str = NEW, kernel: str = KERNEL, forced: bool = True, **fields: Any) -> Pool:
    (pool,) = make_pools(
        make_policy(version=version, force_precompiled=forced, **fields),
        make_node(kernel=kernel, os="ubuntu 24.04"),
    )
    return pool


@pytest.mark.parametrize(
    ("tag", "driver"),
    [
        (f"{OLD}-{KERNEL}-ubuntu24.04-amd64", Driver.PRECOMPILED),
        (f"{OLD}-ubuntu24.04-amd64", Driver.COMPILED),
    ],
)
def test_a_pool_runs_the_version_of_its_locked_image(tag: str, driver: Driver) -> None:
    pool = a_pool()

    assert running(pool, {locked_pool(pool): REPOSITORY.tag(tag)}, PUBLISHED) == Running(
        pool=pool, driver=driver, version=OLD
    )


@pytest.mark.parametrize(
    ("pool", "driver", "version"),
    [
        pytest.param(a_pool(version=NEW), Driver.PRECOMPILED, OLD, id="bumped to a newer version"),
        pytest.param(
            a_pool(version="25.01-0.6.0.0-0"), Driver.PRECOMPILED, OLD, id="bumped to an older version"
        ),
        pytest.param(
            a_pool(version=NEW, kernel="6.8.0-999-generic", forced=False),
            Driver.COMPILED,
            NEW,
            id="a kernel that no version has",
        ),
        pytest.param(a_pool(kernel="6.8.0-999-generic"), Driver.NONE, "", id="the same, forced"),
    ],
)
def test_without_a_locked_image_it_is_inferred_from_the_kernel(
    pool: Pool, driver: Driver, version: str
) -> None:
    assert running(pool, {}, PUBLISHED) == Running(
        pool=pool, driver=driver, version=version, inferred=driver is not Driver.NONE
    )


def test_of_two_versions_with_the_kernel_the_one_in_the_inputs_is_inferred() -> None:
    both = ("doca3.2.0-25.10-1.2.8.0-0", "doca3.2.0-25.10-1.2.8.0-2")
    kernel = "6.14.0-1014-azure"

    own = running(a_pool(version=both[0], kernel=kernel), {}, PUBLISHED)
    fallback = running(a_pool(version=NEW, kernel=kernel, fallbacks=(both[0],)), {}, PUBLISHED)
    neither = running(a_pool(version=NEW, kernel=kernel), {}, PUBLISHED)

    assert [one.version for one in (own, fallback, neither)] == [both[0], both[0], both[1]]


def test_a_plan_is_looked_at_only_where_no_node_runs_its_family() -> None:
    pool = a_pool()
    beside = make_planned(pool.policy, os="ubuntu 24.04", kernel="6.8.0-117-generic")
    older, newer = (
        make_planned(pool.policy, os="ubuntu 22.04", kernel=f"5.15.0-{number}-generic")
        for number in (99, 170)
    )
    digest = make_planned(make_policy("pinned", digest=f"sha256:{'a' * 64}"), os="ubuntu 20.04")

    assert movable_pools([pool, beside, older, newer, digest]) == (pool, newer)
