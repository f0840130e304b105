"""Look-ups go in rounds, and a run asks registries for so many references at most."""

import pytest

from fakes.cluster import DIGEST, make_node, make_policy, make_pool
from fakes.resolver import FakeResolver
from gitops_doca.core.compare.lock import ImageLock, LockedImage, LockedMiss, LockEntry, locked_pools
from gitops_doca.core.compare.locked_tags import LockedTags
from gitops_doca.core.diagnostics import Category, GenerationError, Place, Problems
from gitops_doca.core.model import Pool
from gitops_doca.core.reference import ImageReference
from gitops_doca.core.resolve.decide import compile_image, precompiled_image
from gitops_doca.core.resolve.lookup import TagExists
from gitops_doca.usecases.look_up import MAX_LOOKUPS, RegistryTags, look_up


def make_pools(count: int) -> list[Pool]:
    return [make_pool(make_policy(), make_node(f"n{n}", kernel=f"6.8.0-{n}")) for n in range(count)]


def test_a_run_may_ask_for_as_many_references_as_the_bound() -> None:
    pools = make_pools(MAX_LOOKUPS)
    resolver = FakeResolver({precompiled_image(pool).tag for pool in pools})

    lookups, lists = look_up(pools, RegistryTags(resolver), Problems())

    assert (len(lookups), [len(asked) for asked in resolver.asked], lists) == (2000, [2000], {})


@pytest.mark.parametrize(
    ("pools", "message", "rounds"),
    [
        (2001, "2,001 tags are needed, and a run looks up 2,000 at most", 0),
        (2000, "2,001 tags are needed, and a run looks up 2,000 at most", 1),
    ],
)
def test_more_references_are_an_error_before_the_round_that_needs_them(
    pools: int, message: str, rounds: int
) -> None:
    resolver = FakeResolver()
    with pytest.raises(GenerationError) as refused:
        look_up(make_pools(pools), RegistryTags(resolver, split="split it"), Problems())

    (error,) = refused.value.diagnostics
    assert (error.category, error.message, error.remedy) == (Category.INPUT, message, "split it")
    assert len(resolver.asked) == rounds


def test_no_registry_client_is_made_for_nothing() -> None:
    def refuse() -> FakeResolver:
        pytest.fail("no registry may be asked")

    assert look_up([], RegistryTags(refuse), Problems()) == ({}, {})


def test_a_lock_answers_each_round() -> None:
    (pool,) = make_pools(1)
    compiled = compile_image(pool)
    entries: dict[ImageReference, LockEntry] = {
        precompiled_image(pool): LockedMiss(),
        compiled: LockedImage(DIGEST, "linux/amd64"),
    }
    lock = ImageLock(pools=locked_pools([pool]), entries=entries)
    source = LockedTags(lock=lock, place=Place("x.lock.yaml"), fix_command="gitops-doca lock")

    lookups, _ = look_up([pool], source, Problems())

    assert lookups[compiled] == TagExists(DIGEST)
