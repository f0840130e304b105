import pytest

from fakes.cluster import DIGEST, REPOSITORY, VERSION, make_node, make_policy, make_pools
from gitops_doca.core.diagnostics import Category, Problems
from gitops_doca.core.model import Policy, Pool
from gitops_doca.core.resolve.decide import (
    CompileOnNode,
    Decision,
    NoImage,
    UseDigest,
    UsePrecompiled,
    compile_image,
    precompiled_image,
)
from gitops_doca.core.resolve.fallbacks import (
    report_own_versions,
    unused_fallbacks,
    warn_unlisted_misses,
    with_fallbacks,
)
from gitops_doca.core.resolve.lookup import Cause, TagList, TagMissing, TagUnknown

OLD, OLDER, OTHER_REVISION = "25.01-0.6.0.0-0", "24.10-0.7.0.0-0", "25.04-0.6.1.0-0"
UNKNOWN = TagUnknown(Cause.TRANSIENT, "503 Service Unavailable")
WARNING = (
    "no pool of NicClusterPolicy nic-cluster-policy runs its version 25.04-0.6.1.0-2: {} a fallback version"
)


def _pools(policy: Policy | None = None) -> tuple[Pool, ...]:
    nodes = [make_node(name, kernel=f"6.8.0-{name}-generic") for name in ("1", "2")]
    return make_pools(policy or make_policy(fallbacks=(OLD, OLDER, OTHER_REVISION)), *nodes)


def _precompiled(pool: Pool, fallback: str = "") -> UsePrecompiled:
    version = fallback or pool.policy.driver.version
    tag = precompiled_image(pool).tag.replace(pool.policy.driver.version, version)
    return UsePrecompiled(pool=pool, image=REPOSITORY.tag(tag), digest=DIGEST, fallback=fallback)


def _compiled(pool: Pool) -> CompileOnNode:
    return CompileOnNode(pool=pool, image=compile_image(pool), digest=DIGEST)


def _withheld(pool: Pool, lookup: TagMissing | TagUnknown) -> NoImage:
    return NoImage(pool=pool, image=precompiled_image(pool), lookup=lookup)


def test_a_policy_gets_the_fallbacks_without_its_own_version_and_none_beside_a_digest() -> None:
    policies = [make_policy(), make_policy("rack", version=OLD), make_policy("pinned", digest=DIGEST)]

    assert [p.driver.fallbacks for p in with_fallbacks(policies, [OLD, OLDER])] == [
        (OLD, OLDER),
        (OLDER,),
        (),
    ]


def test_fallbacks_that_no_pool_runs_are_unused() -> None:
    one, two = _pools()

    assert unused_fallbacks([_precompiled(one), _precompiled(two, OLD)], [OLD, OLDER]) == (OLDER,)
    assert unused_fallbacks([_precompiled(one), _compiled(two)], [OLD]) == (OLD,)
    assert unused_fallbacks([_precompiled(one), _withheld(two, TagMissing())], [OLD]) == (OLD,)


def test_while_an_answer_is_unknown_no_fallback_is_called_unused() -> None:
    one, two = _pools()

    assert unused_fallbacks([_precompiled(one), _withheld(two, UNKNOWN)], [OLD]) == ()


def _own_versions(*decisions: Decision, strict: bool = False) -> list[tuple[Category | None, str]]:
    problems = Problems()
    report_own_versions(decisions, problems, strict=strict)
    return [(problem.category, problem.message) for problem in problems]


@pytest.mark.parametrize(("strict", "category"), [(False, None), (True, Category.MISSING)])
def test_a_policy_whose_pools_all_run_a_fallback_is_told(category: Category | None, *, strict: bool) -> None:
    one, two = _pools()

    assert _own_versions(_precompiled(one, OLD), _precompiled(two, OLDER), strict=strict) == [
        (category, WARNING.format("all 2 run"))
    ]
    assert _own_versions(_precompiled(one, OLD), strict=strict) == [
        (category, WARNING.format("its only pool runs"))
    ]


def test_each_policy_is_told_by_itself() -> None:
    one, two = _pools()
    other = make_pools(make_policy("rack", fallbacks=(OLD,)), make_node("3"))[0]

    assert _own_versions(_precompiled(one), _precompiled(two, OLD), _precompiled(other, OLD)) == [
        (
            None,
            (
                "no pool of NicNodePolicy rack runs its version 25.04-0.6.1.0-2: "
                "its only pool runs a fallback version"
            ),
        )
    ]


def test_another_container_revision_an_image_that_compiles_and_a_digest_count_as_the_own_version() -> None:
    one, two = _pools()
    digest = UseDigest(pool=two, image=REPOSITORY.digest(DIGEST))

    assert VERSION.rpartition("-")[0] == OTHER_REVISION.rpartition("-")[0]
    for own in (_precompiled(two, OTHER_REVISION), _compiled(two), digest, _withheld(two, UNKNOWN)):
        assert _own_versions(_precompiled(one, OLD), own) == []


def _unlisted(*decisions: Decision, lists: TagList | None) -> list[tuple[str, tuple[str, ...]]]:
    problems = Problems()
    warn_unlisted_misses(decisions, {REPOSITORY: lists} if lists else {}, problems)
    assert problems.errors == ()
    return [(problem.message, problem.details) for problem in problems]


def test_a_miss_that_the_list_could_not_confirm_is_told_where_a_fallback_serves_it() -> None:
    one, two = _pools()
    decisions = (_precompiled(one), _precompiled(two, OLD))

    for lists, reason in (None, ""), (TagList(reason="403 Forbidden"), ": 403 Forbidden"):
        assert _unlisted(*decisions, lists=lists) == [
            (
                (
                    "cannot confirm by the tag list of nvcr.io/nvidia/mellanox/doca-driver that tags for "
                    "which fallback versions are used are missing: it could not be read to its end"
                    f"{reason}"
                ),
                (
                    f"missing: {precompiled_image(two).tag}",
                    f"pool {two.platform}, 1 node: 2",
                ),
            )
        ]


def test_a_complete_list_and_pools_on_their_own_version_need_no_warning() -> None:
    one, two = _pools()

    assert _unlisted(_precompiled(one, OLD), lists=TagList(complete=True)) == []
    assert _unlisted(_precompiled(one), _compiled(two), lists=None) == []
