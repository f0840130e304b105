"""Whatever the look-ups say, unknown chooses no image and never reads as missing."""

from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.cluster import DIGEST, REPOSITORY, make_node, make_policy, make_pools
from gitops_doca.core.diagnostics import Category, Problems
from gitops_doca.core.model import Pool
from gitops_doca.core.reference import ImageReference
from gitops_doca.core.resolve.decide import (
    CompileOnNode,
    Decision,
    NoImage,
    UsePrecompiled,
    compile_image,
    decide,
    precompiled_image,
    report,
    required_images,
)
from gitops_doca.core.resolve.lookup import (
    Cause,
    TagExists,
    TagList,
    TagLookup,
    TagMissing,
    TagUnknown,
    cross_check,
)

UNKNOWNS = st.builds(TagUnknown, st.sampled_from(Cause), st.sampled_from(["503", "no route"]), st.booleans())
LOOKUPS = st.one_of(st.just(TagExists(DIGEST)), st.just(TagMissing()), UNKNOWNS)
LABELS = [("blue", "1-a"), ("blue", "2-a"), ("red", "1-a"), ("red", "3-a")]


def _pools(*, blue_forced: bool, red_forced: bool) -> tuple[Pool, ...]:
    pools: list[Pool] = []
    for name, forced in (("blue", blue_forced), ("red", red_forced)):
        policy = make_policy(name, selector={"pool": name}, force_precompiled=forced)
        nodes = [
            make_node(kernel, kernel=kernel, labels={"pool": pool}) for pool, kernel in LABELS if pool == name
        ]
        pools += make_pools(policy, *nodes)
    return tuple(pools)


POOLS = st.builds(_pools, blue_forced=st.booleans(), red_forced=st.booleans())
IMAGES = sorted(
    {
        image(pool)
        for pool in _pools(blue_forced=True, red_forced=True)
        for image in (precompiled_image, compile_image)
    }
)
ANSWERS = st.fixed_dictionaries(dict.fromkeys(IMAGES, LOOKUPS))
LISTS = st.builds(
    TagList, st.frozensets(st.sampled_from([image.tag for image in IMAGES])), st.booleans(), st.booleans()
)


@settings(max_examples=300, deadline=None)
@given(pools=POOLS, answers=ANSWERS)
def test_an_image_is_chosen_only_when_it_exists_and_missing_is_said_only_of_a_miss(
    pools: tuple[Pool, ...], answers: Mapping[ImageReference, TagLookup]
) -> None:
    decisions = [decide(pool, answers) for pool in pools]
    for pool, decision in zip(pools, decisions, strict=True):
        precompiled, compiled = answers[precompiled_image(pool)], answers[compile_image(pool)]
        match decision:
            case UsePrecompiled():
                assert precompiled == TagExists(decision.digest)
            case CompileOnNode():
                assert (precompiled, compiled) == (TagMissing(), TagExists(decision.digest))
                assert not pool.policy.driver.force_precompiled
            case NoImage():
                assert answers[decision.image] == decision.lookup
                assert not isinstance(precompiled, TagExists)
            case _:
                raise AssertionError(decision)
        if isinstance(precompiled, TagUnknown):
            assert decision == NoImage(pool=pool, image=precompiled_image(pool), lookup=precompiled)
    _check_report(decisions)


def _check_report(decisions: list[Decision]) -> None:
    problems = Problems()
    report(decisions, {}, problems)
    withheld = [decision for decision in decisions if isinstance(decision, NoImage)]
    kinds = {Category.MISSING: TagMissing, Category.UNKNOWN: TagUnknown}

    assert bool(problems.errors) is bool(withheld)
    assert not problems.warnings
    for category, kind in kinds.items():
        told = "\n".join(
            "\n".join((problem.message, *problem.details))
            for problem in problems
            if problem.category is category
        )
        tags = {decision.image.tag for decision in withheld if isinstance(decision.lookup, kind)}
        assert all(tag in told for tag in tags)
        assert bool(told) is bool(tags)


@settings(max_examples=300, deadline=None)
@given(answers=ANSWERS, lists=st.fixed_dictionaries({IMAGES[0].repository: LISTS}))
def test_weighing_makes_no_image_exist_and_no_unknown_missing_but_a_hidden_one_of_a_seen_repository(
    answers: dict[ImageReference, TagLookup], lists: dict[object, TagList]
) -> None:
    (listed,) = lists.values()
    seen = any(isinstance(found, TagExists) for found in answers.values())
    for image, weighed in cross_check(answers, {IMAGES[0].repository: listed}).items():
        found = answers[image]
        if isinstance(found, TagExists) or isinstance(weighed, TagExists):
            assert weighed == found
        if isinstance(weighed, TagMissing):
            hidden = isinstance(found, TagUnknown) and found.repository_hidden and seen
            assert isinstance(found, TagMissing) or hidden
            assert image.tag not in listed.tags


@settings(max_examples=300, deadline=None)
@given(pools=POOLS, answers=ANSWERS, listed=LISTS)
def test_the_rounds_ask_for_all_that_the_decisions_need_and_once(
    pools: tuple[Pool, ...], answers: dict[ImageReference, TagLookup], listed: TagList
) -> None:
    lists = {IMAGES[0].repository: listed}
    lookups: dict[ImageReference, TagLookup] = {}
    while wanted := required_images(pools, lookups):
        assert not set(wanted) & set(lookups)
        lookups |= cross_check({image: answers[image] for image in wanted}, lists)

    for pool in pools:
        decide(pool, lookups)


VERSIONS = ("25.01-0.6.0.0-0", "25.04-0.6.1.0-2", "doca3.1.0-25.07-0.9.7.0-0", "doca3.2.0-25.10-1.2.8.0-0")


@settings(max_examples=500)
@given(
    versions=st.permutations(VERSIONS).flatmap(lambda order: st.integers(1, 4).map(lambda n: order[:n])),
    forced=st.booleans(),
    answers=st.fixed_dictionaries(dict.fromkeys((*VERSIONS, "compile"), LOOKUPS)),
)
def test_a_decision_is_the_first_version_with_an_image_as_a_plain_walk_finds_it(
    versions: list[str], *, forced: bool, answers: dict[str, TagLookup]
) -> None:
    own, *fallbacks = versions
    policy = make_policy(version=own, fallbacks=tuple(fallbacks), force_precompiled=forced)
    (pool,) = make_pools(policy, make_node("node-1", kernel="6.8.0-31-generic"))
    ending = "6.8.0-31-generic-ubuntu22.04-amd64"
    images = {version: REPOSITORY.tag(f"{version}-{ending}") for version in VERSIONS}
    compiled = REPOSITORY.tag(f"{own}-ubuntu22.04-amd64")
    lookups: dict[ImageReference, TagLookup] = {}
    asked = []
    while wanted := required_images([pool], lookups):
        (image,) = wanted
        asked.append(image)
        lookups[image] = answers[next((v for v, i in images.items() if i == image), "compile")]

    decision = decide(pool, lookups)

    tried = []
    expected: Decision | None = None
    for version in versions:
        tried.append(images[version])
        match answers[version]:
            case TagExists(digest):
                fallback = "" if version == own else version
                expected = UsePrecompiled(pool=pool, image=images[version], digest=digest, fallback=fallback)
            case TagUnknown() as unknown:
                expected = NoImage(pool=pool, image=images[version], lookup=unknown)
            case TagMissing():
                continue
        break
    if expected is None and forced:
        expected = NoImage(pool=pool, image=images[own], lookup=TagMissing())
    if expected is None:
        tried.append(compiled)
        match answers["compile"]:
            case TagExists(digest):
                expected = CompileOnNode(pool=pool, image=compiled, digest=digest)
            case lookup:
                expected = NoImage(pool=pool, image=compiled, lookup=lookup)
    assert (decision, asked) == (expected, tried)
