from collections.abc import Iterable
from typing import Any

import pytest

from fakes.cluster import DIGEST, REPOSITORY, grouped, make_node, make_plan, make_policy, use_digest
from gitops_doca.core.model import Node, Policy, Pool
from gitops_doca.core.resolve.decide import (
    CompileOnNode,
    Decision,
    NoImage,
    UsePrecompiled,
    compile_image,
    precompiled_image,
)
from gitops_doca.core.resolve.lookup import Cause, TagMissing, TagUnknown
from gitops_doca.core.resolve.progress import Progress, done_plans, find_progress
from gitops_doca.core.tags import precompiled_tag

OLD, OTHER_REVISION = "25.01-0.6.0.0-0", "25.04-0.6.1.0-0"
OLD_KERNEL, NEW_KERNEL = "6.8.0-1-generic", "6.8.0-2-generic"
UNKNOWN = TagUnknown(Cause.TRANSIENT, "503 Service Unavailable")
POLICY = make_policy(fallbacks=(OLD, OTHER_REVISION))
PLAN = make_plan(kernel=NEW_KERNEL)
FALLBACK, OWN, COMPILED = OLD, "", "compiled"


def nodes(kernel: str, *names: str, **fields: Any) -> list[Node]:
    return [make_node(name, kernel=kernel, **fields) for name in names]


def decide(pool: Pool, answer: str | TagMissing | TagUnknown) -> Decision:
    """Decide for the image of a fallback, of the policy's own version, or for none."""
    if not isinstance(answer, str):
        return NoImage(pool=pool, image=precompiled_image(pool), lookup=answer)
    if answer == COMPILED:
        return CompileOnNode(pool=pool, image=compile_image(pool), digest=DIGEST)
    version = answer or pool.policy.driver.version
    image = REPOSITORY.tag(precompiled_tag(version, pool.platform))
    return UsePrecompiled(pool=pool, image=image, digest=DIGEST, fallback=answer)


def decisions(
    pools: Iterable[Pool], answers: dict[str, str | TagMissing | TagUnknown]
) -> tuple[Decision, ...]:
    return tuple(decide(pool, answers[pool.platform.kernel]) for pool in pools)


MIDDLE = [*nodes(OLD_KERNEL, "a", "b", "c"), *nodes(NEW_KERNEL, "d")]


@pytest.mark.parametrize(
    ("old", "new", "moved"),
    [
        (FALLBACK, OWN, 1),
        (FALLBACK, OTHER_REVISION, 1),
        (FALLBACK, COMPILED, 1),
        (OWN, FALLBACK, 3),
        (OTHER_REVISION, OWN, None),
        (OWN, OWN, None),
        (FALLBACK, FALLBACK, None),
        (FALLBACK, UNKNOWN, None),
        (TagMissing(), OWN, None),
    ],
)
def test_a_move_is_on_while_some_nodes_are_on_a_fallback_and_some_are_not(
    old: str | TagMissing, new: str | TagUnknown, moved: int | None
) -> None:
    pools = grouped([POLICY], MIDDLE).pools

    found = find_progress(decisions(pools, {OLD_KERNEL: old, NEW_KERNEL: new}))

    assert found == (() if moved is None else (Progress(policy=POLICY, nodes=4, moved=moved),))


def test_a_plan_of_the_new_version_begins_a_move() -> None:
    pools = grouped([POLICY], nodes(OLD_KERNEL, "a", "b"), plans=[PLAN]).pools

    found = find_progress(decisions(pools, {OLD_KERNEL: FALLBACK, NEW_KERNEL: OWN}))

    assert found == (Progress(policy=POLICY, nodes=2, moved=0),)


def test_a_plan_that_is_on_a_fallback_is_no_move() -> None:
    pools = grouped([POLICY], nodes(OLD_KERNEL, "a", "b"), plans=[PLAN]).pools

    assert find_progress(decisions(pools, {OLD_KERNEL: OWN, NEW_KERNEL: FALLBACK})) == ()


def test_each_policy_has_a_move_of_its_own() -> None:
    policies = [make_policy(name, selector={"n": name}, fallbacks=(OLD,)) for name in ("one", "two")]
    policies.append(make_policy("pinned", selector={"n": "pinned"}, digest=DIGEST))
    members = [
        *nodes(OLD_KERNEL, "a", labels={"n": "one"}),
        *nodes(NEW_KERNEL, "b", labels={"n": "one"}),
        *nodes(NEW_KERNEL, "c", labels={"n": "two"}),
        *nodes(NEW_KERNEL, "d", labels={"n": "pinned"}),
    ]
    *named, pinned = sorted(
        grouped(policies, members).pools, key=lambda pool: pool.policy.driver.digest or ""
    )
    found = find_progress([*decisions(named, {OLD_KERNEL: FALLBACK, NEW_KERNEL: OWN}), use_digest(pinned)])

    assert [(one.policy.name, one.version, one.moved, one.nodes) for one in found] == [
        ("one", policies[0].driver.version, 1, 2)
    ]


def done(members: list[Node], answers: dict[str, Any], *policies: Policy) -> bool:
    grouping = grouped(policies or [POLICY], members, plans=[PLAN])
    found = done_plans(grouping, decisions(grouping.pools, answers))
    assert found in ((), (PLAN,))
    return bool(found)


def test_a_plan_is_done_when_nodes_run_it_and_none_is_on_a_fallback() -> None:
    new = nodes(NEW_KERNEL, "d")

    assert done(new, {NEW_KERNEL: OWN})
    assert not done(nodes(OLD_KERNEL, "a"), {OLD_KERNEL: OWN, NEW_KERNEL: OWN})
    assert not done(MIDDLE, {OLD_KERNEL: FALLBACK, NEW_KERNEL: OWN})
    assert done(MIDDLE, {OLD_KERNEL: OWN, NEW_KERNEL: OWN})
    assert done(MIDDLE, {OLD_KERNEL: COMPILED, NEW_KERNEL: OWN})


def test_another_container_revision_is_no_fallback_that_keeps_a_plan() -> None:
    assert done(MIDDLE, {OLD_KERNEL: OTHER_REVISION, NEW_KERNEL: OTHER_REVISION})


def test_a_plan_is_not_done_while_the_image_of_a_pool_is_unknown() -> None:
    assert not done(MIDDLE, {OLD_KERNEL: UNKNOWN, NEW_KERNEL: OWN})


@pytest.mark.parametrize(
    "fields",
    [{"arch": "arm64"}, {"os": "ubuntu 24.04"}, {"kernel": "6.8.0-1-nvidia"}],
    ids=["architecture", "system", "flavour"],
)
def test_a_fallback_of_another_platform_or_flavour_keeps_no_plan(fields: dict[str, str]) -> None:
    other = make_node("a", **{"kernel": OLD_KERNEL, **fields})  # type: ignore[arg-type]
    kernel = fields.get("kernel", OLD_KERNEL)

    assert done([other, *nodes(NEW_KERNEL, "d")], {kernel: FALLBACK, NEW_KERNEL: OWN})


def test_a_fallback_of_a_policy_that_the_plan_is_not_for_keeps_no_plan() -> None:
    policies = [make_policy(name, selector={"n": name}, fallbacks=(OLD,)) for name in ("one", "two")]
    members = [*nodes(NEW_KERNEL, "a", labels={"n": "one"}), *nodes(OLD_KERNEL, "b", labels={"n": "two"})]
    plan = make_plan(kernel=NEW_KERNEL, policies=["one"])
    grouping = grouped(policies, members, plans=[plan])

    assert done_plans(grouping, decisions(grouping.pools, {OLD_KERNEL: FALLBACK, NEW_KERNEL: OWN})) == (plan,)
