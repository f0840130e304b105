"""Look-ups go in rounds, and a run asks registries for so many references at most."""

import pytest

from fakes.cluster import DIGEST, make_node, make_policy, make_pool
from fakes.resolver import FakeResolver
from gitops_doca.core.compare.lock import (
    ImageLock,
    LockedCompanion,
    LockedImage,
    LockedMiss,
    LockEntry,
    locked_pools,
)
from gitops_doca.core.compare.locked_tags import LockedTags
from gitops_doca.core.diagnostics import Category, GenerationError, Place, Problems
from gitops_doca.core.model import Pool
from gitops_doca.core.reference import ImageReference, parse_repository
from gitops_doca.core.resolve.decide import compile_image, precompiled_image
from gitops_doca.core.resolve.lookup import ImagePlatforms, TagExists, TagList, TagMissing, TagUnknown
from gitops_doca.usecases.look_up import MAX_LOOKUPS, Answers, RegistryTags, look_up


def make_pools(count: int) -> list[Pool]:
    return [make_pool(make_policy(), make_node(f"n{n}", kernel=f"6.8.0-{n}")) for n in range(count)]


def test_a_run_may_ask_for_as_many_references_as_the_bound() -> None:
    pools = make_pools(MAX_LOOKUPS)
    resolver = FakeResolver({precompiled_image(pool).tag for pool in pools})

    answers = look_up(pools, RegistryTags(resolver), Problems())

    assert (len(answers.lookups), answers.lists) == (2000, {})
    assert [len(asked) for asked in resolver.asked] == [2000]


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
    assert (error.category, error.message, error.help) == (Category.INPUT, message, "split it")
    assert len(resolver.asked) == rounds


def test_no_registry_client_is_made_for_nothing() -> None:
    def refuse() -> FakeResolver:
        pytest.fail("no registry may be asked")

    assert look_up([], RegistryTags(refuse), Problems()) == Answers(lookups={}, companions={}, lists={})


def test_a_lock_answers_each_round() -> None:
    (pool,) = make_pools(1)
    compiled = compile_image(pool)
    entries: dict[ImageReference, LockEntry] = {
        precompiled_image(pool): LockedMiss(),
        compiled: LockedImage(DIGEST, "linux/amd64"),
    }
    lock = ImageLock(pools=locked_pools([pool]), entries=entries)
    source = LockedTags(lock=lock, place=Place("x.lock.yaml"), fix_command="gitops-doca lock")

    assert look_up([pool], source, Problems()).lookups[compiled] == TagExists(DIGEST)


GPU = parse_repository("nvcr.io/nvidia/driver")


def test_companions_are_asked_for_after_the_drivers_and_their_lists_and_looked_into() -> None:
    (pool,) = make_pools(1)
    there, missing = GPU.tag("580-amd64"), GPU.tag("580-missing")
    resolver = FakeResolver({compile_image(pool).tag, there.tag})

    answers = look_up([pool], RegistryTags(resolver), Problems(), companions=[missing, there])

    # So a registry of companions that does not answer takes no time from the drivers.
    assert resolver.asked == [
        (precompiled_image(pool).tag,),
        (compile_image(pool).tag,),
        (there.tag, missing.tag),
    ]
    assert resolver.listed == [(precompiled_image(pool).repository,), (GPU,)]
    assert answers.companions == {
        missing: TagMissing(),
        there: ImagePlatforms(DIGEST, frozenset({"linux/amd64"})),
    }
    assert set(answers.lookups) == {precompiled_image(pool), compile_image(pool)}


def test_a_companion_that_is_listed_but_said_to_be_missing_is_unknown() -> None:
    missing = GPU.tag("580-missing")
    resolver = FakeResolver(lists=TagList(frozenset({missing.tag}), complete=True))

    answers = look_up([], RegistryTags(resolver), Problems(), companions=[missing])

    assert isinstance(answers.companions[missing], TagUnknown)


def test_companions_count_among_the_references_of_a_run() -> None:
    companions = [GPU.tag(f"580-{number}") for number in range(MAX_LOOKUPS)]

    with pytest.raises(GenerationError, match="2,001 tags are needed"):
        look_up(make_pools(1), RegistryTags(FakeResolver()), Problems(), companions=companions)


def test_a_lock_answers_for_companions_and_is_stale_without_one() -> None:
    (pool,) = make_pools(1)
    there, missing = GPU.tag("580-amd64"), GPU.tag("580-missing")
    lock = ImageLock(
        pools=locked_pools([pool]),
        entries={precompiled_image(pool): LockedImage(DIGEST, "linux/amd64")},
        companions={there: LockedCompanion(DIGEST, ("linux/amd64",)), missing: LockedMiss()},
    )
    source = LockedTags(lock=lock, place=Place("x.lock.yaml"), fix_command="gitops-doca lock")

    answers = look_up([pool], source, Problems(), companions=[there, missing])
    with pytest.raises(GenerationError) as stale:
        look_up([pool], source, Problems(), companions=[GPU.tag("580-new")])

    assert answers.companions == {
        there: ImagePlatforms(DIGEST, frozenset({"linux/amd64"})),
        missing: TagMissing(),
    }
    (error,) = stale.value.diagnostics
    assert (error.category, error.message) == (
        Category.LOCK,
        "companion nvcr.io/nvidia/driver:580-new is not locked",
    )
