"""Plans as pools: what they give, what they lack, and when a node takes their place."""

import pytest

from fakes.cluster import (
    DIGEST,
    VERSION,
    choices,
    grouped,
    make_node,
    make_plan,
    make_planned,
    make_policy,
    make_pool,
    use_digest,
)
from gitops_doca.core.compare.lock import locked_pools
from gitops_doca.core.diagnostics import Category, Place, Problems
from gitops_doca.core.model import Inventory, PlannedPool, Pool, RenderOptions
from gitops_doca.core.render import check_mounts, render
from gitops_doca.core.resolve.decide import NoImage, precompiled_image, report
from gitops_doca.core.resolve.lookup import Cause, TagMissing, TagUnknown
from gitops_doca.core.resolve.pools import group_nodes
from gitops_doca.emit.report import decision_entry
from support.reading import lines

PLAN_PLACE = "gitops-doca.yaml:9: spec.planned[0]"
PLATFORM = "ubuntu22.04/5.15.0-91-generic/amd64"


def test_a_plan_is_a_pool_without_nodes() -> None:
    policy, plan = make_policy(), make_plan()

    assert grouped([policy], [], plans=[plan]).pools == (
        Pool(policy=policy, platform=plan.platform, nodes=(), app="mofed-ubuntu22.04-6d568d699f", plan=plan),
    )


def test_a_plan_makes_a_pool_of_every_policy_that_it_is_for() -> None:
    policies = [make_policy(name, selector={"pool": name}) for name in ("blue", "red")]
    plans = [make_plan(), make_plan(kernel="6.8.0-1", policies=["red"])]

    pools = grouped(policies, [], plans=plans).pools

    assert [(pool.policy.name, pool.platform.kernel) for pool in pools] == [
        ("blue", "5.15.0-91-generic"),
        ("red", "5.15.0-91-generic"),
        ("red", "6.8.0-1"),
    ]


def test_a_node_takes_the_place_of_a_plan_which_is_then_done() -> None:
    node, plan = make_node(), make_plan()

    grouping = grouped([make_policy()], [node], plans=[plan])

    assert (grouping.pools, grouping.obsolete_plans) == ((make_pool(make_policy(), node),), (plan,))


def test_a_plan_is_not_done_while_one_of_its_policies_has_no_node() -> None:
    policies = [make_policy(name, selector={"pool": name}) for name in ("blue", "red")]
    nodes = [make_node(labels={"pool": "red"})]

    grouping = grouped(policies, nodes, plans=[make_plan()])

    assert grouping.obsolete_plans == ()
    assert [pool.node_names for pool in grouping.pools] == [(), ("node-1",)]


def test_a_plan_for_one_policy_is_done_when_that_policy_has_a_node() -> None:
    policies = [make_policy(name, selector={"pool": name}) for name in ("blue", "red")]
    plan = make_plan(policies=["red"])

    assert grouped(policies, [make_node(labels={"pool": "red"})], plans=[plan]).obsolete_plans == (plan,)


def _problems(*plans: PlannedPool, operator_names: bool = False) -> list[str]:
    problems = Problems()
    policies = [make_policy("blue"), make_policy("red")]
    group_nodes(policies, [], problems, plans=plans, operator_names=operator_names)
    assert {problem.category for problem in problems} == {Category.INPUT}
    return lines(problems)


def test_one_pool_planned_twice_is_an_error_for_each_policy_that_both_are_for() -> None:
    assert _problems(make_plan(), make_plan(policies=["red"], ostree="1")) == [
        f"{PLAN_PLACE}: {PLATFORM} is planned twice for red; the first is at {PLAN_PLACE}"
    ]


@pytest.mark.parametrize(
    ("plan", "problem"),
    [
        (
            make_plan(kernel="5.14.0+64k"),
            (
                f"{PLAN_PLACE}.kernel: planned pool: '5.14.0+64k' cannot be the value of a label "
                "(letters, digits and - _ . between them, at most 63 characters)"
            ),
        ),
        (
            make_plan(os="openEuler 22.03"),
            (
                f"{PLAN_PLACE}.os: planned pool: OS 'openEuler22.03' cannot be part of the DaemonSet name "
                "'mofed-openEuler22.03-6d568d699f-54dfcb99fb' (lower-case letters, digits, - and ., "
                "as label at most 63 characters)"
            ),
        ),
    ],
)
def test_a_plan_that_fits_into_no_label_or_name_is_told_with_its_place(
    plan: PlannedPool, problem: str
) -> None:
    assert _problems(plan)[0] == problem


def test_a_plan_counts_for_the_names_that_the_operator_gives_twice() -> None:
    plans = [make_plan(policies=["red"]), make_plan(arch="arm64", policies=["red"])]

    (problem,) = _problems(*plans, operator_names=True)

    assert problem.startswith(
        f"{PLAN_PLACE}: operatorNames gives {PLATFORM} and {PLATFORM[:-5]}arm64 the same DaemonSet name"
    )


def test_a_lock_lists_a_plan_like_any_pool() -> None:
    assert locked_pools([make_planned()]) == locked_pools([make_pool()])


def test_a_report_marks_a_plan() -> None:
    (planned, _) = choices(make_planned())
    (real, _) = choices(make_pool())

    assert decision_entry(planned) == decision_entry(real) | {"nodes": [], "planned": True}


@pytest.mark.parametrize(
    ("lookup", "category", "message"),
    [
        (
            TagMissing(),
            Category.MISSING,
            "ForcePrecompiled is enabled and precompiled tag was not found: {tag} in {repository}",
        ),
        (TagUnknown(Cause.DNS, "no such host"), Category.UNKNOWN, "cannot tell whether {tag} exists"),
    ],
)
def test_a_planned_kernel_without_image_is_told_with_the_place_of_the_plan(
    lookup: TagMissing | TagUnknown, category: Category, message: str
) -> None:
    pool = make_planned(make_policy(force_precompiled=True))
    image = precompiled_image(pool)
    problems = Problems()
    report([NoImage(pool=pool, image=image, lookup=lookup)], {}, problems)

    (problem,) = problems
    assert (problem.category, str(problem.place)) == (category, PLAN_PLACE)
    assert problem.message.startswith(message.format(tag=image.tag, repository=image.repository))
    assert f"pool {PLATFORM}: planned, no node runs it yet" in "\n".join(problem.details)


def test_an_image_that_nodes_want_too_is_told_with_the_place_of_the_policy() -> None:
    policies = [make_policy(name, force_precompiled=True, selector={"pool": name}) for name in ("a", "b")]
    pools = grouped(policies, [make_node(labels={"pool": "b"})], plans=[make_plan(policies=["a"])]).pools
    problems = Problems()
    report(
        [NoImage(pool=pool, image=precompiled_image(pool), lookup=TagMissing()) for pool in pools],
        {},
        problems,
    )

    (problem,) = problems
    assert problem.place == Place("policy.yaml", 7, "spec.ofedDriver")
    assert problem.details[0] == f"pool {PLATFORM}, 1 node: node-1"


def test_a_plan_for_rhel_says_its_runtime_before_anyone_is_asked() -> None:
    problems = Problems()
    check_mounts([make_planned(os="rhel 9.4")], Inventory(nodes=()), RenderOptions(), problems)

    assert lines(problems) == [
        (
            f"{PLAN_PLACE}: planned pool rhel9.4/5.15.0-91-generic/amd64 has no containerRuntime, "
            "and RHEL's subscription is mounted under all but cri-o"
        )
    ]


@pytest.mark.parametrize(("runtime", "volumes"), [("cri-o", 0), ("containerd", 3)])
def test_the_runtime_of_a_plan_decides_about_the_subscription_as_a_nodes_does(
    runtime: str, volumes: int
) -> None:
    problems = Problems()
    pools = (
        make_planned(os="rhel 9.4", runtime=runtime),
        make_pool(make_policy(), make_node(os="rhel 9.4", runtime=runtime)),
    )
    planned, real = (
        render([choices(pool)[0]], Inventory(nodes=()), RenderOptions(), problems) for pool in pools
    )

    assert list(problems) == []
    assert planned == real
    found = planned[-1]["spec"]["template"]["spec"]["volumes"]
    assert sum(volume["name"].startswith("subscription-config-") for volume in found) == volumes


def _toolkit(pool: Pool, problems: Problems) -> object:
    inventory = Inventory(nodes=(), dtk_images={"417.94": "quay.io/dtk:1"})
    options = RenderOptions(openshift=True)
    return render([choices(pool)[1]], inventory, options, problems)


def test_a_plan_that_compiles_with_the_driver_toolkit_says_its_release() -> None:
    problems = Problems()
    _toolkit(make_planned(os="rhcos 4.17"), problems)

    assert lines(problems) == [
        (
            f"{PLAN_PLACE}: planned pool rhcos4.17/5.15.0-91-generic/amd64 compiles with OpenShift's "
            "driver toolkit, and has no ostreeVersion, which chooses its image"
        )
    ]


def test_the_release_of_a_plan_chooses_the_toolkit_as_a_nodes_does() -> None:
    problems = Problems()
    planned = _toolkit(make_planned(os="rhcos 4.17", ostree="417.94"), problems)

    assert planned == _toolkit(
        make_pool(make_policy(), make_node(os="rhcos 4.17", ostree="417.94")), problems
    )
    assert list(problems) == []


def test_a_distribution_without_path_is_told_for_a_plan_too() -> None:
    problems = Problems()
    policy = make_policy(cert_config="certs")
    inventory = Inventory(nodes=(), config_maps={("", "certs"): ("a.pem",)})
    check_mounts([make_planned(policy, os="debian 12")], inventory, RenderOptions(), problems)

    assert [problem.message for problem in problems] == [
        (
            "certConfig has no known path on debian "
            "(pool debian12/5.15.0-91-generic/amd64, planned, no node runs it yet)"
        )
    ]


def test_a_digest_as_version_goes_to_plans_too() -> None:
    pool = make_planned(make_policy(digest=DIGEST))

    assert use_digest(pool).image.digest == DIGEST
    assert VERSION not in str(use_digest(pool).image)
