from collections.abc import Mapping

import pytest

from fakes.cluster import (
    DIGEST,
    POLICY_PLACE,
    REPOSITORY,
    VERSION,
    choices,
    make_node,
    make_policy,
    make_pool,
    make_pools,
)
from gitops_doca.core.diagnostics import Category, Diagnostic, Problems, spell
from gitops_doca.core.reference import ImageReference, parse_repository
from gitops_doca.core.resolve.decide import (
    CompileOnNode,
    Decision,
    NoImage,
    UseDigest,
    UsePrecompiled,
    compile_image,
    decide,
    pinned,
    precompiled_image,
    report,
    required_images,
)
from gitops_doca.core.resolve.lookup import Cause, TagExists, TagList, TagLookup, TagMissing, TagUnknown

EXISTS, MISSING = TagExists(DIGEST), TagMissing()
UNKNOWN = TagUnknown(Cause.TRANSIENT, "503 Service Unavailable")
FORCED = make_policy(force_precompiled=True)
PRECOMPILED = "25.04-0.6.1.0-2-5.15.0-91-generic-ubuntu22.04-amd64"
COMPILED = "25.04-0.6.1.0-2-ubuntu22.04-amd64"
COMPILE_ANSWERS = [EXISTS, MISSING, UNKNOWN]


def _decide(precompiled: TagLookup, compiled: TagLookup | None, *, forced: bool = False) -> Decision:
    pool = make_pool(FORCED if forced else make_policy())
    lookups: dict[ImageReference, TagLookup] = {precompiled_image(pool): precompiled}
    if compiled is not None:
        lookups[compile_image(pool)] = compiled
    return decide(pool, lookups)


def test_the_images_of_a_pool_are_two_tags_of_the_policys_repository() -> None:
    pool = make_pool()

    assert precompiled_image(pool) == REPOSITORY.tag(PRECOMPILED)
    assert compile_image(pool) == REPOSITORY.tag(COMPILED)


@pytest.mark.parametrize("forced", [False, True])
@pytest.mark.parametrize("compiled", [None, *COMPILE_ANSWERS])
def test_a_precompiled_image_that_exists_is_used(compiled: TagLookup | None, *, forced: bool) -> None:
    pool = make_pool(FORCED if forced else make_policy())

    assert _decide(EXISTS, compiled, forced=forced) == UsePrecompiled(
        pool=pool, image=REPOSITORY.tag(PRECOMPILED), digest=DIGEST
    )


@pytest.mark.parametrize("forced", [False, True])
@pytest.mark.parametrize("compiled", [None, *COMPILE_ANSWERS])
def test_an_unknown_precompiled_image_chooses_nothing(compiled: TagLookup | None, *, forced: bool) -> None:
    pool = make_pool(FORCED if forced else make_policy())

    assert _decide(UNKNOWN, compiled, forced=forced) == NoImage(
        pool=pool, image=REPOSITORY.tag(PRECOMPILED), lookup=UNKNOWN
    )


@pytest.mark.parametrize("compiled", [None, *COMPILE_ANSWERS])
def test_a_forced_miss_never_compiles(compiled: TagLookup | None) -> None:
    assert _decide(MISSING, compiled, forced=True) == NoImage(
        pool=make_pool(FORCED), image=REPOSITORY.tag(PRECOMPILED), lookup=MISSING
    )


def test_a_miss_compiles_with_an_image_that_exists() -> None:
    decision = _decide(MISSING, EXISTS)

    assert decision == CompileOnNode(pool=make_pool(), image=REPOSITORY.tag(COMPILED), digest=DIGEST)
    assert isinstance(decision, CompileOnNode)
    assert decision.version == VERSION


@pytest.mark.parametrize("compiled", [MISSING, UNKNOWN])
def test_a_miss_without_an_image_that_compiles_chooses_nothing(compiled: TagMissing | TagUnknown) -> None:
    assert _decide(MISSING, compiled) == NoImage(
        pool=make_pool(), image=REPOSITORY.tag(COMPILED), lookup=compiled
    )


@pytest.mark.parametrize("forced", [False, True])
def test_a_digest_needs_no_look_up(*, forced: bool) -> None:
    pool = make_pool(make_policy(digest=DIGEST, force_precompiled=forced))

    assert decide(pool, {}) == UseDigest(pool=pool, image=REPOSITORY.digest(DIGEST))
    assert str(REPOSITORY.digest(DIGEST)) == f"nvcr.io/nvidia/mellanox/doca-driver@{DIGEST}"
    assert required_images([pool], {}) == ()


def test_a_pinned_image_has_the_digest_behind_its_tag_or_alone() -> None:
    policies = (make_policy(), make_policy(digest=DIGEST))
    decisions = [decision for policy in policies for decision in choices(make_pool(policy))]

    assert [str(pinned(decision)) for decision in decisions] == [
        f"{REPOSITORY}:{PRECOMPILED}@{DIGEST}",
        f"{REPOSITORY}:{COMPILED}@{DIGEST}",
        f"{REPOSITORY}@{DIGEST}",
    ]


def test_each_precompiled_tag_is_wanted_once_and_sorted() -> None:
    blue = make_policy("blue", selector={"pool": "blue"})
    nodes = [make_node("b", kernel="6.8.0-2"), make_node("a", kernel="6.8.0-1")]
    pools = (*make_pools(make_policy(), *nodes), *make_pools(blue, make_node("c", kernel="6.8.0-1")))
    pools = (*pools, make_pool(blue, make_node("c", kernel="6.8.0-1", labels={"pool": "blue"})))

    assert [image.tag for image in required_images(list(reversed(pools)), {})] == [
        "25.04-0.6.1.0-2-6.8.0-1-ubuntu22.04-amd64",
        "25.04-0.6.1.0-2-6.8.0-2-ubuntu22.04-amd64",
    ]


def test_an_image_that_compiles_is_wanted_once_for_misses_that_may_compile() -> None:
    nodes = [make_node(str(n), kernel=f"6.8.0-{n}") for n in range(4)]
    pools = make_pools(make_policy(), *nodes)
    forced = make_pool(FORCED, make_node("f", os="ubuntu 24.04"))
    answers: list[TagLookup] = [MISSING, MISSING, EXISTS, UNKNOWN]
    lookups = {precompiled_image(p): found for p, found in zip(pools, answers, strict=True)}
    lookups[precompiled_image(forced)] = MISSING

    assert required_images((*pools, forced), lookups) == (REPOSITORY.tag(COMPILED),)
    assert required_images(pools[2:], lookups) == ()


FALLBACKS = ("25.01-0.6.0.0-0", "24.10-0.7.0.0-0")


def _fallback_image(version: str) -> ImageReference:
    return REPOSITORY.tag(f"{version}-5.15.0-91-generic-ubuntu22.04-amd64")


def test_fallbacks_are_asked_for_one_round_after_the_other_and_for_misses_alone() -> None:
    policy = make_policy(fallbacks=FALLBACKS)
    pool, other = make_pools(policy, make_node("a"), make_node("b", kernel="6.8.0-1"))
    lookups: dict[ImageReference, TagLookup] = {}
    rounds = []
    while wanted := required_images([pool, other], lookups):
        rounds.append([image.tag for image in wanted])
        lookups |= {image: EXISTS if "6.8.0-1" in image.tag else MISSING for image in wanted}

    assert rounds == [
        [PRECOMPILED, "25.04-0.6.1.0-2-6.8.0-1-ubuntu22.04-amd64"],
        [_fallback_image(FALLBACKS[0]).tag],
        [_fallback_image(FALLBACKS[1]).tag],
        [COMPILED],
    ]


def test_the_first_fallback_that_exists_is_used() -> None:
    pool = make_pool(make_policy(fallbacks=FALLBACKS))
    images = [precompiled_image(pool), *map(_fallback_image, FALLBACKS)]

    cases: list[tuple[list[TagLookup], int]] = [
        ([MISSING, EXISTS, EXISTS], 0),
        ([MISSING, MISSING, EXISTS], 1),
    ]
    for answers, chosen in cases:
        decision = decide(pool, dict(zip(images, answers, strict=True)))

        assert decision == UsePrecompiled(
            pool=pool, image=images[chosen + 1], digest=DIGEST, fallback=FALLBACKS[chosen]
        )
        assert isinstance(decision, UsePrecompiled)
        assert decision.version == FALLBACKS[chosen]


def test_an_unknown_fallback_ends_the_search() -> None:
    pool = make_pool(make_policy(fallbacks=FALLBACKS))
    first, second = map(_fallback_image, FALLBACKS)
    lookups: dict[ImageReference, TagLookup] = {
        precompiled_image(pool): MISSING,
        first: UNKNOWN,
        second: EXISTS,
        compile_image(pool): EXISTS,
    }

    assert decide(pool, lookups) == NoImage(pool=pool, image=first, lookup=UNKNOWN)
    assert required_images([pool], {precompiled_image(pool): MISSING, first: UNKNOWN}) == ()


def test_without_any_fallback_the_own_version_compiles_or_is_missing() -> None:
    for forced in (False, True):
        pool = make_pool(make_policy(fallbacks=FALLBACKS, force_precompiled=forced))
        images = [precompiled_image(pool), *map(_fallback_image, FALLBACKS)]
        decision = decide(pool, {**dict.fromkeys(images, MISSING), compile_image(pool): EXISTS})

        if forced:
            assert decision == NoImage(pool=pool, image=images[0], lookup=MISSING)
        else:
            assert decision == CompileOnNode(pool=pool, image=compile_image(pool), digest=DIGEST)


def test_a_miss_names_the_fallback_versions_that_were_tried() -> None:
    pool = make_pool(make_policy(fallbacks=FALLBACKS, force_precompiled=True))

    (problem,) = _report([NoImage(pool=pool, image=precompiled_image(pool), lookup=MISSING)])

    assert problem.message == (
        f"ForcePrecompiled is enabled and precompiled tag was not found: {PRECOMPILED} in {REPOSITORY}, "
        "nor one of the fallback versions 25.01-0.6.0.0-0, 24.10-0.7.0.0-0"
    )


def _report(decisions: list[Decision], tags: tuple[str, ...] = (), *, recorded: str = "") -> list[Diagnostic]:
    problems = Problems()
    report(decisions, {REPOSITORY: TagList(frozenset(tags))}, problems, recorded=recorded)
    return list(problems)


def _withheld(
    lookup: TagMissing | TagUnknown, *names: str, forced: bool = True, kernel: str = "5.15.0-91-generic"
) -> NoImage:
    pool = make_pool(FORCED if forced else make_policy(), *(make_node(name, kernel=kernel) for name in names))
    image = precompiled_image(pool) if forced else compile_image(pool)
    return NoImage(pool=pool, image=image, lookup=lookup)


def test_a_chosen_image_is_no_problem() -> None:
    pool = make_pool()
    image = REPOSITORY.tag(PRECOMPILED)

    assert _report([UsePrecompiled(pool=pool, image=image, digest=DIGEST)]) == []


def test_a_forced_miss_tells_tag_nodes_and_what_is_near() -> None:
    near = "25.04-0.6.1.0-2-5.15.0-92-generic-ubuntu22.04-amd64"

    assert _report([_withheld(MISSING, "a", "b")], (near,)) == [
        Diagnostic(
            category=Category.MISSING,
            message="ForcePrecompiled is enabled and precompiled tag was not found: "
            f"{PRECOMPILED} in nvcr.io/nvidia/mellanox/doca-driver",
            place=POLICY_PLACE,
            details=(
                "pool ubuntu22.04/5.15.0-91-generic/amd64, 2 nodes: a, b",
                f"published near it: {near} (closest kernel of the flavour)",
            ),
            help="publish or mirror this tag, keep the nodes on a kernel that has one, "
            "choose a driver version that has it, or set forcePrecompiled: false",
        )
    ]


@pytest.mark.parametrize(
    ("tags", "more"),
    [
        ((), ("the repository's tag list gave nothing to compare with",)),
        (("latest", "25.01-0.6.0.0-0-rhel9.4-amd64"), ()),
    ],
)
def test_a_miss_with_nothing_near_it_says_so_when_there_was_no_list(
    tags: tuple[str, ...], more: tuple[str, ...]
) -> None:
    (problem,) = _report([_withheld(MISSING, "a")], tags)

    assert problem.details == ("pool ubuntu22.04/5.15.0-91-generic/amd64, 1 node: a", *more)


def test_a_recorded_miss_tells_where_it_is_recorded_and_nothing_near_it() -> None:
    near = "25.04-0.6.1.0-2-5.15.0-92-generic-ubuntu22.04-amd64"

    (problem,) = _report([_withheld(MISSING, "a")], (near,), recorded="recorded in the lock")

    assert problem.details == (
        "pool ubuntu22.04/5.15.0-91-generic/amd64, 1 node: a",
        "recorded in the lock",
    )


def test_the_first_20_misses_have_hints() -> None:
    kernels = [f"5.15.0-{number}-generic" for number in range(100, 122)]

    problems = _report([_withheld(MISSING, "a", kernel=kernel) for kernel in kernels])

    assert [len(problem.details) for problem in problems] == [2] * 20 + [1] * 2


def test_a_miss_of_both_images_tells_all_pools_that_would_compile_with_one() -> None:
    near = "25.01-0.6.0.0-0-ubuntu22.04-amd64"
    pools = [
        _withheld(MISSING, "c", forced=False, kernel="5.15.0-92-generic"),
        _withheld(MISSING, *"bagfde", forced=False),
    ]

    assert _report([*pools], (near,)) == [
        Diagnostic(
            category=Category.MISSING,
            message="neither the precompiled tag nor the image that compiles on the node was found: "
            f"{COMPILED} in nvcr.io/nvidia/mellanox/doca-driver",
            place=POLICY_PLACE,
            details=(
                "pool ubuntu22.04/5.15.0-91-generic/amd64, 6 nodes: a, b, d, e, f and 1 more",
                "precompiled tag: 25.04-0.6.1.0-2-5.15.0-91-generic-ubuntu22.04-amd64",
                "pool ubuntu22.04/5.15.0-92-generic/amd64, 1 node: c",
                "precompiled tag: 25.04-0.6.1.0-2-5.15.0-92-generic-ubuntu22.04-amd64",
                f"published near it: {near} (the same platform under another driver version)",
            ),
            help="publish or mirror one of them, or correct repository, image and version in the policy",
        )
    ]


def test_pools_of_two_policies_that_miss_one_tag_are_told_together() -> None:
    blue = make_policy("blue", force_precompiled=True)
    pools = [make_pool(FORCED, make_node("a")), make_pool(blue, make_node("b"))]
    found = _report([NoImage(pool=p, image=precompiled_image(p), lookup=MISSING) for p in pools])

    assert [problem.details[0] for problem in found] == [
        "pool ubuntu22.04/5.15.0-91-generic/amd64, 2 nodes: a, b"
    ]


def test_an_unknown_tag_tells_tag_registry_and_why() -> None:
    assert _report([_withheld(UNKNOWN, "a")]) == [
        Diagnostic(
            category=Category.UNKNOWN,
            message=f"cannot tell whether {PRECOMPILED} exists in nvcr.io/nvidia/mellanox/doca-driver"
            ": 503 Service Unavailable",
            place=POLICY_PLACE,
            details=(f"{PRECOMPILED}: pool ubuntu22.04/5.15.0-91-generic/amd64, 1 node: a",),
            help=("wait until the registry answers", ", then run again; no image is chosen on a guess"),
        )
    ]


@pytest.mark.parametrize(("count", "more"), [(2, "1 more tag"), (3, "2 more tags")])
def test_tags_that_are_unknown_for_one_reason_are_told_together(count: int, more: str) -> None:
    kernels = [f"5.15.0-{91 + n}-generic" for n in range(count)]
    (problem,) = _report([_withheld(UNKNOWN, f"n{k}", kernel=k) for k in reversed(kernels)])

    assert problem.message == (
        f"cannot tell whether {PRECOMPILED} and {more} exist in nvcr.io/nvidia/mellanox/doca-driver"
        ": 503 Service Unavailable"
    )
    assert problem.details == tuple(
        f"25.04-0.6.1.0-2-{k}-ubuntu22.04-amd64: pool ubuntu22.04/{k}/amd64, 1 node: n{k}" for k in kernels
    )


def test_an_unknown_image_that_compiles_is_told_for_each_of_its_pools() -> None:
    kernels = ("5.15.0-91-generic", "5.15.0-92-generic")
    (problem,) = _report([_withheld(UNKNOWN, f"n{k}", forced=False, kernel=k) for k in kernels])

    assert problem.message.startswith(f"cannot tell whether {COMPILED} exists in ")
    assert problem.details == tuple(f"{COMPILED}: pool ubuntu22.04/{k}/amd64, 1 node: n{k}" for k in kernels)


def test_other_reasons_and_other_repositories_are_told_apart() -> None:
    elsewhere = make_pool(
        make_policy(repository=parse_repository("mirror:5000/doca"), force_precompiled=True)
    )
    refused = TagUnknown(Cause.AUTH, "401 Unauthorized")
    found = _report(
        [
            _withheld(UNKNOWN, "a"),
            _withheld(refused, "b", kernel="6.8.0-1"),
            NoImage(pool=elsewhere, image=precompiled_image(elsewhere), lookup=UNKNOWN),
        ]
    )

    assert [problem.message.partition(" in ")[2] for problem in found] == [
        "mirror:5000/doca: 503 Service Unavailable",
        "nvcr.io/nvidia/mellanox/doca-driver: 503 Service Unavailable",
        "nvcr.io/nvidia/mellanox/doca-driver: 401 Unauthorized",
    ]


def test_the_registry_is_named_where_the_repository_does_not_name_it() -> None:
    pool = make_pool(make_policy(repository=parse_repository("team/doca"), force_precompiled=True))

    (found,) = _report([NoImage(pool=pool, image=precompiled_image(pool), lookup=UNKNOWN)])

    assert found.message.partition(" in ")[2] == (
        "team/doca (registry index.docker.io): 503 Service Unavailable"
    )


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_has_a_help_of_its_own(cause: Cause) -> None:
    helps = {}
    for each in Cause:
        (found,) = _report([_withheld(TagUnknown(each, "x"), "a")])
        helps[each] = spell(found.help)

    assert list(helps.values()).count(helps[cause]) == 1
    assert helps[cause].endswith(", then run again; no image is chosen on a guess")


def test_misses_and_unknowns_are_all_told_misses_first() -> None:
    decisions: list[Decision] = [
        _withheld(UNKNOWN, "a"),
        _withheld(MISSING, "b", kernel="6.8.0-1"),
        _withheld(MISSING, "c", kernel="6.8.0-2"),
    ]

    assert [problem.category for problem in _report(decisions)] == [
        Category.MISSING,
        Category.MISSING,
        Category.UNKNOWN,
    ]


def test_a_look_up_that_the_resolver_owes_is_a_bug_and_no_decision() -> None:
    nothing: Mapping[ImageReference, TagLookup] = {}

    with pytest.raises(KeyError):
        decide(make_pool(), nothing)
