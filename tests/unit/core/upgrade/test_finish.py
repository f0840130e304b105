from collections.abc import Sequence

from fakes.cluster import DIGEST, REPOSITORY, grouped, make_node, make_plan, make_policy
from gitops_doca.core.model import Pool
from gitops_doca.core.resolve.decide import Decision, NoImage, UsePrecompiled
from gitops_doca.core.resolve.lookup import Cause, TagUnknown
from gitops_doca.core.resolve.pools import Grouping
from gitops_doca.core.tags import precompiled_tag
from gitops_doca.core.upgrade.finish import Finish, Leftover, finish

OWN, OTHER_REVISION, OLD = "25.04-0.6.1.0-2", "25.04-0.6.1.0-0", "25.01-0.6.0.0-0"
OLD_KERNEL, NEW_KERNEL = "5.15.0-91-generic", "5.15.0-105-generic"
PLAN = make_plan(kernel=NEW_KERNEL)


def decided(nodes: Sequence[str], versions: dict[str, str]) -> tuple[Grouping, list[Decision]]:
    """Return the pools, and the decision for each: nodes by kernel, and the version that each kernel gets."""
    policy = make_policy(version=OWN, fallbacks=(OLD, OTHER_REVISION))
    found = [make_node(f"node-{number}", kernel=kernel) for number, kernel in enumerate(nodes)]
    grouping = grouped([policy], found, plans=[PLAN])
    return grouping, [precompiled(pool, versions[pool.platform.kernel]) for pool in grouping.pools]


def precompiled(pool: Pool, version: str) -> UsePrecompiled:
    image = REPOSITORY.tag(precompiled_tag(version, pool.platform))
    fallback = version if version != OWN else ""
    return UsePrecompiled(pool=pool, image=image, digest=DIGEST, fallback=fallback)


def test_a_plan_that_no_node_runs_stays_with_the_fallback_that_nodes_run() -> None:
    grouping, some = decided([OLD_KERNEL, OLD_KERNEL], {OLD_KERNEL: OLD, NEW_KERNEL: OWN})

    assert finish(grouping, some, [PLAN], [OLD]) == Finish(
        plans=(),
        fallbacks=(),
        stay=(
            Leftover(what=f"plan {PLAN}", why="no node runs it yet"),
            Leftover(what=f"fallback version {OLD}", why="2 nodes run it"),
        ),
    )


def test_a_plan_stays_while_one_node_of_its_family_is_on_a_fallback() -> None:
    grouping, some = decided([OLD_KERNEL, NEW_KERNEL], {OLD_KERNEL: OLD, NEW_KERNEL: OWN})

    assert finish(grouping, some, [PLAN], [OLD]).stay == (
        Leftover(what=f"plan {PLAN}", why="nodes of the same kind still run a fallback version"),
        Leftover(what=f"fallback version {OLD}", why="1 node runs it"),
    )


def test_when_all_nodes_have_moved_plan_and_fallback_go() -> None:
    grouping, some = decided([NEW_KERNEL, NEW_KERNEL], {NEW_KERNEL: OWN})

    assert finish(grouping, some, [PLAN], [OLD]) == Finish(plans=(PLAN,), fallbacks=(OLD,), stay=())


def test_another_container_revision_is_the_same_driver() -> None:
    grouping, some = decided([OLD_KERNEL, NEW_KERNEL], {OLD_KERNEL: OTHER_REVISION, NEW_KERNEL: OWN})

    assert finish(grouping, some, [PLAN], [OTHER_REVISION]) == Finish(
        plans=(PLAN,),
        fallbacks=(),
        stay=(Leftover(what=f"fallback version {OTHER_REVISION}", why="1 node runs it"),),
    )


def test_a_fallback_of_a_planned_pool_stays() -> None:
    grouping, some = decided([OLD_KERNEL], {OLD_KERNEL: OWN, NEW_KERNEL: OLD})

    assert Leftover(what=f"fallback version {OLD}", why="a planned pool needs it") in (
        finish(grouping, some, [PLAN], [OLD]).stay
    )


def test_while_an_answer_is_unknown_no_fallback_goes() -> None:
    grouping, (known, other) = decided([OLD_KERNEL, NEW_KERNEL], {OLD_KERNEL: OWN, NEW_KERNEL: OWN})
    unknown = NoImage(pool=other.pool, image=other.image, lookup=TagUnknown(Cause.TRANSIENT, "503"))

    assert finish(grouping, [known, unknown], [], [OLD]).stay == (
        Leftover(what=f"fallback version {OLD}", why="some answers are unknown"),
    )
