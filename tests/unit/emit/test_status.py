from dataclasses import replace

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
from gitops_doca.emit.status import count_current, text_status
from gitops_doca.emit.tables import GREEN, RED, YELLOW, Layout

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


def test_on_a_terminal_the_tables_fit_and_states_have_colours() -> None:
    other = replace(pool(State.CURRENT), applied=Applied.NO)
    long = "ubuntu24.04/6.17.0-1008-nvidia-64k-production/arm64"
    other = replace(other, rendered=replace(other.rendered, pool=long, image="r/i:2"))
    status = Status(pools=(pool(State.RESTART, State.NO_POD), other), unplanned=(), skipped=())

    assert text_status(status, Layout(width=60, coloured=True)).splitlines()[:8] == [
        "POOL                       NODES  CURRENT  APPLIED  RENDERED",
        f"ubuntu22.04/5/amd64        2      0        {GREEN}yes\x1b[0m      1",
        f"…dia-64k-production/arm64  1      1        {RED}no\x1b[0m       2",
        "",
        "NODE    STATE",
        f"node-0  {YELLOW}restart\x1b[0m",
        f"node-1  {RED}no-pod\x1b[0m",
        "every node above: pool ubuntu22.04/5/amd64",
    ]
