import pytest

from gitops_doca.core.compare.rendered import RenderedPool
from gitops_doca.core.compare.status import (
    Absence,
    AbsentNode,
    Applied,
    Leftover,
    NodeStatus,
    PoolStatus,
    State,
    Status,
)
from gitops_doca.core.model import SkippedNode
from gitops_doca.emit.status import count_current

LEFTOVER = Leftover(daemon_set="old", pool="", nodes=())


def pool(*states: State, applied: Applied = Applied.YES, moved: tuple[str, ...] = ()) -> PoolStatus:
    rendered = RenderedPool(pool="ubuntu22.04/5/amd64", manifest={}, image="r/i:1", source="precompiled")
    nodes = tuple(
        NodeStatus(node=f"node-{number}", pool=rendered.pool, state=state, pod=None)
        for number, state in enumerate(states)
    )
    return PoolStatus(rendered=rendered, applied=applied, differs=(), nodes=nodes, moved=moved)


@pytest.mark.parametrize(
    ("pools", "absent", "leftovers", "expected"),
    [
        ([], 0, (), "no node with a NIC"),
        ([pool(State.CURRENT)], 0, (), "1 of 1 node current"),
        ([pool(State.CURRENT, State.RESTART)], 2, (), "1 of 4 nodes current"),
        ([pool(State.NOT_APPLIED, applied=Applied.NO)], 0, (), "0 of 1 node current"),
        ([pool(State.CURRENT), pool(applied=Applied.NO)], 0, (), "1 of 1 node current, 1 other difference"),
        (
            [pool(moved=("a",)), pool(State.CURRENT)],
            0,
            (LEFTOVER,),
            "1 of 1 node current, 2 other differences",
        ),
    ],
)
def test_progress_counts_nodes_and_what_else_differs(
    pools: list[PoolStatus], absent: int, leftovers: tuple[Leftover, ...], expected: str
) -> None:
    status = Status(
        pools=tuple(pools),
        unplanned=(),
        skipped=(),
        absent=(AbsentNode(node="gone", why=Absence.NOT_IN_CLUSTER),) * absent,
        leftovers=leftovers,
    )

    assert count_current(status) == expected


def test_nic_nodes_that_are_in_no_pool_are_told_from_none_at_all() -> None:
    skipped = (SkippedNode(node="a", policy="", reason="no policy with ofedDriver selects it"),)

    assert count_current(Status(pools=(), unplanned=(), skipped=skipped)) == "no node in a pool"
