from collections.abc import Sequence
from dataclasses import replace

from fakes.cluster import (
    DIGEST,
    compile_on_node,
    make_node,
    make_plan,
    make_planned,
    make_policy,
    make_pool,
    make_pools,
    use_digest,
    use_precompiled,
)
from gitops_doca.core.fleet import ClusterResult
from gitops_doca.core.model import Companion, SkippedNode
from gitops_doca.core.reference import parse_repository
from gitops_doca.core.resolve.companions import CompanionExists, CompanionMissing, RequiredCompanion
from gitops_doca.core.resolve.decide import Decision, NoImage, precompiled_image
from gitops_doca.core.resolve.lookup import Cause, TagMissing, TagUnknown
from gitops_doca.core.resolve.pools import Grouping
from gitops_doca.emit.pool_table import markdown_pools, text_pools
from gitops_doca.emit.tables import GREEN, RED, YELLOW, Layout

PRECOMPILED = use_precompiled(make_pool(make_policy(), make_node("a"), make_node("b")))
COMPILED = compile_on_node(make_pool(make_policy("storage"), make_node("c", kernel="6.8.0-1")))
BY_DIGEST = use_digest(make_pool(make_policy("odd|name", digest=DIGEST), make_node("d")))
POOL = make_pool(make_policy(), make_node("e", arch="arm64"))
MISSING = NoImage(pool=POOL, image=precompiled_image(POOL), lookup=TagMissing())
UNKNOWN = NoImage(pool=POOL, image=precompiled_image(POOL), lookup=TagUnknown(Cause.DNS, "no such host"))
ALL: list[Decision] = [PRECOMPILED, COMPILED, BY_DIGEST, MISSING, UNKNOWN]
LEFT_OUT = (
    SkippedNode(node="f", policy="storage", reason="taint a|b:NoSchedule"),
    SkippedNode(node="g", policy="", reason="no policy with ofedDriver selects it"),
    SkippedNode(node="h", policy="storage", reason="taint a|b:NoSchedule"),
)
NOTHING_ELSE = Grouping(pools=(), skipped=())
GROUPING = Grouping(pools=(), skipped=LEFT_OUT)
PLANNED = use_precompiled(make_planned(kernel="6.8.0-1"))
DONE = Grouping(pools=(), skipped=(), obsolete_plans=(make_plan(),))


def result(decisions: Sequence[Decision], grouping: Grouping) -> ClusterResult:
    return ClusterResult(cluster=".", decisions=tuple(decisions), grouping=grouping)


def test_the_table_as_text() -> None:
    assert (
        text_pools(result(ALL, NOTHING_ELSE))
        == f"""\
POOL                                 POLICY              NODES  STATE        VERSION
ubuntu22.04/5.15.0-91-generic/amd64  nic-cluster-policy  2      precompiled  25.04-0.6.1.0-2
ubuntu22.04/6.8.0-1/amd64            storage             1      compiled     25.04-0.6.1.0-2
ubuntu22.04/5.15.0-91-generic/amd64  odd|name            1      digest       {DIGEST}
ubuntu22.04/5.15.0-91-generic/arm64  nic-cluster-policy  1      missing      25.04-0.6.1.0-2
ubuntu22.04/5.15.0-91-generic/arm64  nic-cluster-policy  1      unknown      25.04-0.6.1.0-2

5 pools, 6 nodes: 1 compiled, 1 digest, 1 missing, 1 precompiled, 1 unknown
"""
    )


def test_the_wide_table_has_every_column() -> None:
    assert (
        text_pools(result([PRECOMPILED, PLANNED], NOTHING_ELSE), Layout(width=80, wide=True))
        == """\
POOL                                 POLICY              NODES    STATE        VERSION          \
DAEMONSET                        TAG OR DIGEST
ubuntu22.04/5.15.0-91-generic/amd64  nic-cluster-policy  2        precompiled  25.04-0.6.1.0-2  \
mofed-ubuntu22.04-6d568d699f-ds  25.04-0.6.1.0-2-5.15.0-91-generic-ubuntu22.04-amd64
ubuntu22.04/6.8.0-1/amd64            nic-cluster-policy  planned  precompiled  25.04-0.6.1.0-2  \
mofed-ubuntu22.04-56886d896c-ds  25.04-0.6.1.0-2-6.8.0-1-ubuntu22.04-amd64

2 pools (1 planned), 2 nodes: 2 precompiled
"""
    )


def test_on_a_terminal_the_table_fits_and_states_have_colours() -> None:
    layout = Layout(width=66, coloured=True)
    text = text_pools(result([PRECOMPILED, COMPILED, BY_DIGEST, MISSING], GROUPING), layout)

    assert text.splitlines()[:5] == [
        "POOL               POLICY    NODES  STATE        VERSION",
        f"…91-generic/amd64  …-policy  2      {GREEN}precompiled\x1b[0m  25.04-0.6.1.0-2",
        f"…04/6.8.0-1/amd64  storage   1      {YELLOW}compiled\x1b[0m     25.04-0.6.1.0-2",
        "…91-generic/amd64  odd|name  1      digest       …a1a1a1a1a1a1a1a1",
        f"…91-generic/arm64  …-policy  1      {RED}missing\x1b[0m      25.04-0.6.1.0-2",
    ]


def test_of_several_policies_a_move_names_its_own() -> None:
    old, new = make_pools(
        make_policy("rack", fallbacks=("25.01-0.6.0.0-0",)), make_node("a"), make_node("b", kernel="6.8.0-1")
    )
    fallback = replace(use_precompiled(old), fallback="25.01-0.6.0.0-0")

    lines = text_pools(result([fallback, use_precompiled(new), BY_DIGEST], NOTHING_ELSE)).splitlines()

    assert lines[-1] == "1 of 2 nodes of NicNodePolicy rack run 25.04-0.6.1.0-2"


def test_nodes_that_are_in_no_pool_stand_below_the_text() -> None:
    assert (
        text_pools(result([COMPILED], GROUPING))
        == """\
POOL                       POLICY   NODES  STATE     VERSION
ubuntu22.04/6.8.0-1/amd64  storage  1      compiled  25.04-0.6.1.0-2

1 pool, 1 node: 1 compiled
skipped by storage: f, h: taint a|b:NoSchedule
skipped: g: no policy with ofedDriver selects it
"""
    )


def test_the_table_as_markdown() -> None:
    assert (
        markdown_pools(result([COMPILED, BY_DIGEST], GROUPING))
        == f"""\
| Pool | Policy | Nodes | State | Tag or digest |
| --- | --- | ---: | --- | --- |
| ubuntu22.04/6.8.0-1/amd64 | storage | 1 | compiled | 25.04-0.6.1.0-2-ubuntu22.04-amd64 |
| ubuntu22.04/5.15.0-91-generic/amd64 | `odd\\|name` | 1 | digest | {DIGEST} |

2 pools, 2 nodes: 1 compiled, 1 digest

- skipped by storage: f, h: taint `a|b:NoSchedule`
- skipped: g: no policy with ofedDriver selects it
"""
    )


def test_a_table_without_pools_has_its_headers() -> None:
    assert text_pools(result([], NOTHING_ELSE)) == "POOL  POLICY  NODES  STATE  VERSION\n\n0 pools, 0 nodes\n"
    assert markdown_pools(result([], NOTHING_ELSE)) == (
        "| Pool | Policy | Nodes | State | Tag or digest |\n"
        "| --- | --- | ---: | --- | --- |\n\n0 pools, 0 nodes\n"
    )


def test_a_planned_pool_is_marked_and_a_plan_that_is_done_is_told() -> None:
    assert (
        text_pools(result([PLANNED, PRECOMPILED], DONE))
        == """\
POOL                                 NODES    STATE
ubuntu22.04/6.8.0-1/amd64            planned  precompiled
ubuntu22.04/5.15.0-91-generic/amd64  2        precompiled
every pool: policy nic-cluster-policy, version 25.04-0.6.1.0-2

2 pools (1 planned), 2 nodes: 2 precompiled
plan done: nodes run ubuntu22.04/5.15.0-91-generic/amd64 now, so remove it from the config \
(gitops-doca.yaml:9: spec.planned[0])
"""
    )
    assert markdown_pools(result([PLANNED], DONE)).splitlines()[2:] == [
        (
            "| ubuntu22.04/6.8.0-1/amd64 | nic-cluster-policy | planned | precompiled "
            "| 25.04-0.6.1.0-2-6.8.0-1-ubuntu22.04-amd64 |"
        ),
        "",
        "1 pool (1 planned), 0 nodes: 1 precompiled",
        "",
        (
            "- plan done: nodes run ubuntu22.04/5.15.0-91-generic/amd64 now, so remove it from the config "
            "(gitops-doca.yaml:9: spec.planned[0])"
        ),
    ]


GPU = Companion(name="gpu-driver", repository=parse_repository("nvcr.io/nvidia/driver"), tag="580-{kernel}")
NEEDED = RequiredCompanion(companion=GPU, pool=COMPILED.pool, image=GPU.repository.tag("580-6.8.0-1"))


def test_fallbacks_and_companions_stand_in_the_table_and_below_it() -> None:
    on_fallback = replace(PRECOMPILED, fallback="25.01-0.6.0.0-0")
    companions = (
        CompanionExists(required=replace(NEEDED, pool=PRECOMPILED.pool), digest=DIGEST),
        CompanionExists(required=NEEDED, digest=DIGEST),
        CompanionMissing(required=replace(NEEDED, image=GPU.repository.tag("580-x")), reason=""),
    )
    shown = replace(
        result([on_fallback], NOTHING_ELSE), companions=companions, unused_fallbacks=("24.10-0.7.0.0-0",)
    )

    assert (
        text_pools(shown)
        == """\
POOL                                 POLICY              NODES  STATE     VERSION
ubuntu22.04/5.15.0-91-generic/amd64  nic-cluster-policy  2      fallback  25.01-0.6.0.0-0

1 pool, 2 nodes: 1 fallback
companion gpu-driver exists: nvcr.io/nvidia/driver:580-6.8.0-1 for \
ubuntu22.04/5.15.0-91-generic/amd64, ubuntu22.04/6.8.0-1/amd64
companion gpu-driver missing: nvcr.io/nvidia/driver:580-x for ubuntu22.04/6.8.0-1/amd64
fallback version 24.10-0.7.0.0-0: no pool runs it, so remove it from fallbackVersions
"""
    )
