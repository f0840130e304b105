from collections import UserDict
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from fakes.cluster import DIGEST, grouped, make_node, make_plan, make_policy
from gitops_doca.core.diagnostics import Category, Place, Problems
from gitops_doca.core.model import Companion, Node, PlannedPool, Platform
from gitops_doca.core.reference import Digest, parse_repository
from gitops_doca.core.resolve.companions import (
    CompanionAnswer,
    CompanionExists,
    CompanionMissing,
    CompanionState,
    RequiredCompanion,
    companion_images,
    fill_tag,
    judge_companions,
    report_companions,
    required_companions,
    wrong_braces,
)
from gitops_doca.core.resolve.lookup import Cause, ImagePlatforms, NotAnImage, TagMissing, TagUnknown

GPU = {"nvidia.com/gpu.present": "true"}
REPOSITORY = parse_repository("nvcr.io/nvidia/driver")
PLACE = Place("gitops-doca.yaml", 8, "spec.companions[0]")
DRIVER = Companion(
    name="gpu-driver",
    repository=REPOSITORY,
    tag="580-{kernel}-{os}{osVersion}",
    node_selector=GPU,
    place=PLACE,
)
OLD, NEW = "6.8.0-100-generic", "6.8.0-124-generic"


def _required(
    nodes: Sequence[Node],
    plans: Sequence[PlannedPool] = (),
    companion: Companion = DRIVER,
) -> list[str]:
    pools = grouped([make_policy()], nodes, plans=plans).pools
    problems = Problems()
    required = required_companions([companion], pools, plans, problems)
    assert list(problems) == []
    return [f"{one.pool.platform.kernel}: {one.image.tag}" for one in required]


def test_the_placeholders_are_filled_from_the_platform() -> None:
    platform = Platform("rhel", "9.6", "5.14.0-570.el9_6.x86_64", "amd64")

    assert fill_tag("a-{kernel}-{os}{osVersion}-{os}{osMajor}-{arch}", platform) == (
        "a-5.14.0-570.el9_6.x86_64-rhel9.6-rhel9-amd64"
    )
    assert fill_tag("{osMajor}", Platform("sles", "15", "5.3", "amd64")) == "15"


@pytest.mark.parametrize(
    ("template", "wrong"),
    [
        ("580-{kernel}-{os}{osVersion}-{osMajor}-{arch}", ()),
        ("580-{version}", ("{version}",)),
        ("580-{kernel", ("{",)),
        ("580-kernel}", ("}",)),
        ("580-{}", ("{}",)),
        ("580-{ kernel }", ("{ kernel }",)),
        ("580-{{kernel}}", ("{", "}")),
        ("580-{Kernel}-{osID}", ("{Kernel}", "{osID}")),
    ],
)
def test_braces_that_are_no_placeholder_are_named(template: str, wrong: tuple[str, ...]) -> None:
    assert wrong_braces(template) == wrong


class CountedSelector(UserDict[str, str]):
    """A nodeSelector that counts how often it is compared with a node."""

    compared = 0

    def __iter__(self) -> Iterator[str]:
        self.compared += 1
        return super().__iter__()


def test_each_node_is_looked_at_once_whatever_the_number_of_plans() -> None:
    selector = CountedSelector(GPU)
    nodes = [make_node(str(number), kernel=f"6.8.0-{number}-generic") for number in range(20)]
    plans = [make_plan(kernel=f"6.8.0-{100 + number}-generic") for number in range(30)]

    assert _required(nodes, plans, replace(DRIVER, node_selector=selector)) == []
    assert selector.compared == len(nodes)


def test_a_pool_needs_a_companion_when_one_of_its_nodes_is_selected() -> None:
    nodes = [make_node("a", kernel=OLD), make_node("b", kernel=OLD, labels=GPU), make_node("c", kernel=NEW)]

    assert _required(nodes) == [f"{OLD}: 580-{OLD}-ubuntu22.04"]


def test_without_a_selector_every_pool_needs_it() -> None:
    companion = Companion(name="any", repository=REPOSITORY, tag="{kernel}")

    assert _required([make_node("a", kernel=OLD), make_node("b", kernel=NEW)], (), companion) == [
        f"{OLD}: {OLD}",
        f"{NEW}: {NEW}",
    ]


def test_a_plan_needs_what_a_pool_like_it_needs() -> None:
    plan = make_plan(kernel=NEW)
    gpu, cpu = make_node("gpu", kernel=OLD, labels=GPU), make_node("cpu", kernel=OLD)

    assert _required([gpu], [plan]) == [f"{OLD}: 580-{OLD}-ubuntu22.04", f"{NEW}: 580-{NEW}-ubuntu22.04"]
    assert _required([cpu], [plan]) == []


@pytest.mark.parametrize(
    "other",
    [
        make_node("a", kernel="6.8.0-1025-nvidia"),
        make_node("a", kernel=OLD, os="ubuntu 24.04"),
        make_node("a", kernel=OLD, arch="arm64"),
    ],
)
def test_a_plan_without_a_pool_like_it_needs_every_companion(other: Node) -> None:
    assert _required([other], [make_plan(kernel=NEW)]) == [f"{NEW}: 580-{NEW}-ubuntu22.04"]


def test_a_plan_may_need_none() -> None:
    plan = make_plan(kernel=NEW, without_companions=True)
    nodes = [make_node("gpu", kernel=OLD, labels=GPU)]

    assert _required(nodes, [plan]) == [f"{OLD}: 580-{OLD}-ubuntu22.04"]
    # A node with a GPU shows that the plan is wrong about it.
    assert _required([make_node("gpu", kernel=NEW, labels=GPU)], [plan]) == [f"{NEW}: 580-{NEW}-ubuntu22.04"]


def test_the_first_node_without_a_gpu_keeps_the_planned_companion() -> None:
    nodes = [make_node("gpu", kernel=OLD, labels=GPU), make_node("cpu", kernel=NEW)]

    assert _required(nodes, [make_plan(kernel=NEW)]) == [
        f"{OLD}: 580-{OLD}-ubuntu22.04",
        f"{NEW}: 580-{NEW}-ubuntu22.04",
    ]


def test_the_last_node_that_moves_changes_nothing() -> None:
    plan = make_plan(kernel=NEW)

    assert _required([make_node("cpu", kernel=NEW)], [plan]) == []
    assert _required([make_node("gpu", kernel=NEW, labels=GPU)], [plan]) == [f"{NEW}: 580-{NEW}-ubuntu22.04"]


def test_a_tag_that_no_registry_can_hold_is_an_error() -> None:
    tag_place = PLACE.at("tag", 10)
    companion = Companion(name="long", repository=REPOSITORY, tag="{kernel}" * 8, tag_place=tag_place)
    pools = grouped([make_policy()], [make_node(kernel=OLD)]).pools
    problems = Problems()

    assert required_companions([companion], pools, [], problems) == ()
    (problem,) = problems
    assert (problem.category, problem.place, problem.message) == (
        Category.INPUT,
        tag_place,
        (
            f"the tag of companion long for pool ubuntu22.04/{OLD}/amd64 would be {OLD * 8!r}, which "
            "no registry can hold"
        ),
    )


def _states(answer: CompanionAnswer) -> tuple[CompanionState, ...]:
    """Ask for one tag that serves two architectures, one of them planned."""
    node, plan = make_node(kernel=OLD, labels=GPU), make_plan(kernel=OLD, arch="arm64")
    pools = grouped([make_policy()], [node], plans=[plan]).pools
    required = required_companions([DRIVER], pools, [plan], Problems())
    (image,) = companion_images(required)
    return judge_companions(required, {image: answer})


def _both(answer: CompanionAnswer) -> tuple[RequiredCompanion, RequiredCompanion]:
    amd64, arm64 = _states(answer)
    return amd64.required, arm64.required


def test_one_tag_may_serve_several_architectures() -> None:
    whole = ImagePlatforms(DIGEST, frozenset({"linux/amd64", "linux/arm64"}))
    half = ImagePlatforms(DIGEST, frozenset({"linux/amd64"}))
    amd64, arm64 = _both(whole)

    assert _states(whole) == (
        CompanionExists(required=amd64, digest=DIGEST),
        CompanionExists(required=arm64, digest=DIGEST),
    )
    assert _states(half) == (
        CompanionExists(required=amd64, digest=DIGEST),
        CompanionMissing(required=arm64, reason="is for linux/amd64"),
    )


def test_an_image_that_states_no_platform_is_taken() -> None:
    assert {type(state) for state in _states(ImagePlatforms(DIGEST, frozenset()))} == {CompanionExists}


def _report(
    answer: CompanionAnswer, *, strict: bool = False
) -> list[tuple[Category | None, str, tuple[str, ...]]]:
    problems = Problems()
    report_companions(_states(answer), problems, strict=strict)
    return [(problem.category, problem.message, problem.details) for problem in problems]


TAG = f"580-{OLD}-ubuntu22.04"
IMAGE = f"nvcr.io/nvidia/driver:{TAG}"
PLANNED = f"pool ubuntu22.04/{OLD}/arm64: planned, no node runs it yet"
RUNNING = f"pool ubuntu22.04/{OLD}/amd64, 1 node: node-1"


@pytest.mark.parametrize(
    ("answer", "category", "message"),
    [
        (
            TagMissing(),
            Category.MISSING,
            f"companion gpu-driver is missing: {TAG} was not found in nvcr.io/nvidia/driver",
        ),
        (
            TagUnknown(Cause.TRANSIENT, "503 Service Unavailable"),
            Category.UNKNOWN,
            f"cannot tell whether companion gpu-driver exists as {IMAGE}: 503 Service Unavailable",
        ),
    ],
)
def test_for_a_planned_pool_it_is_an_error_and_for_nodes_a_warning(
    answer: CompanionAnswer, category: Category, message: str
) -> None:
    assert _report(answer) == [(category, message, (PLANNED,)), (None, message, (RUNNING,))]
    assert _report(answer, strict=True) == [(category, message, (RUNNING, PLANNED))]


def test_tags_with_one_answer_of_a_registry_are_one_problem() -> None:
    kernels = ["6.8.0-1-generic", "6.8.0-2-generic", "6.8.0-3-generic"]
    nodes = [make_node(f"n{number}", kernel=kernel, labels=GPU) for number, kernel in enumerate(kernels)]
    pools = grouped([make_policy()], nodes).pools
    required = required_companions([DRIVER], pools, [], Problems())
    answers = dict.fromkeys(
        companion_images(required), TagUnknown(Cause.TRANSIENT, "503 Service Unavailable")
    )
    other = next(iter(answers))
    problems, split = Problems(), Problems()

    report_companions(judge_companions(required, answers), problems, strict=False)
    report_companions(
        judge_companions(required, answers | {other: TagUnknown(Cause.DNS, "no such host")}),
        split,
        strict=False,
    )

    (problem,) = problems
    assert (problem.category, problem.message, problem.details) == (
        None,
        (
            "cannot tell whether companion gpu-driver exists as "
            "nvcr.io/nvidia/driver:580-6.8.0-1-generic-ubuntu22.04 and 2 more tags: 503 Service Unavailable"
        ),
        tuple(
            f"580-{kernel}-ubuntu22.04: pool ubuntu22.04/{kernel}/amd64, 1 node: n{number}"
            for number, kernel in enumerate(kernels)
        ),
    )
    assert len(list(split)) == 2


def test_what_is_there_instead_is_said() -> None:
    other = Digest("sha256:" + "b" * 64)

    assert _report(ImagePlatforms(other, frozenset({"linux/amd64"}))) == [
        (
            Category.MISSING,
            f"companion gpu-driver is missing for linux/arm64: {IMAGE} is for linux/amd64",
            (PLANNED,),
        )
    ]
    assert _report(NotAnImage(other, "a signature"))[0][1] == (
        f"companion gpu-driver is missing for linux/arm64: {IMAGE} is a signature"
    )
