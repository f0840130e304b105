"""`status --wait` asks a cluster again; what it does with the time is held by the tests of `ask_until`."""

import os
import re
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator

import pytest

from fakes.api_server import FORBIDDEN, NODES, Object, status
from fakes.drivers import PODS
from fakes.wire import Fault
from support.cli import clean_environment
from support.inputs import Pool
from support.status_cluster import A, B, StatusCluster

BUSY = Fault(status=429, headers=(("Retry-After", "3600"),))
"""Nobody waits for that inside of one try."""


class InTurn:
    """A list that has other objects each time that it is asked for, and at last the same."""

    def __init__(self, *states: list[Object]) -> None:
        self._states = deque(states)

    def __iter__(self) -> Iterator[Object]:
        return iter(self._states.popleft() if len(self._states) > 1 else self._states[0])


@pytest.fixture
def rolling(cluster: StatusCluster) -> StatusCluster:
    """Let node-4 be without a pod when it is asked for the first time."""
    cluster.lists(*cluster.api.nodes)
    cluster.has(applied=cluster.applied())
    cluster.api.lists = {**cluster.api.lists, PODS: InTurn(pods(cluster)[:-1], pods(cluster))}
    return cluster


def pods(cluster: StatusCluster) -> list[Object]:
    pools: dict[str, Pool] = {"node-1": A, "node-2": A, "node-3": A, "node-4": B}
    return [cluster.pod(name, pool) for name, pool in pools.items()]


def asked(cluster: StatusCluster) -> int:
    """Count the tries by what each asks for once."""
    return cluster.api.asked.count(f"GET {PODS}")


def test_it_ends_when_all_is_current(rolling: StatusCluster) -> None:
    result = rolling.status("--wait", "5")

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.decode().splitlines()[-1] == "4 nodes: 4 current"
    assert result.stdout.decode().count("POOL") == 1
    assert asked(rolling) == 2


def test_without_it_the_cluster_is_asked_once(rolling: StatusCluster) -> None:
    assert rolling.status().exit_code == 1
    assert asked(rolling) == 1


def test_when_the_time_is_over_the_last_report_is_printed(cluster: StatusCluster) -> None:
    cluster.lists(*cluster.api.nodes)
    cluster.has(applied=cluster.applied(), pods=pods(cluster)[:-1])
    result = cluster.status("--wait", "2")

    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout.decode().splitlines()[-1] == "4 nodes: 3 current, 1 no-pod"
    assert asked(cluster) > 1


@pytest.mark.parametrize("path", [NODES, PODS])
def test_an_outage_passes(rolling: StatusCluster, path: str) -> None:
    rolling.api.fail(path, BUSY)
    rolling.api.lists = {**rolling.api.lists, PODS: pods(rolling)}
    result = rolling.status("--wait", "5")

    assert (result.exit_code, result.stderr) == (0, "")


def test_with_live_an_outage_passes_too(rolling: StatusCluster) -> None:
    rolling.inputs = rolling.inputs[:2]
    rolling.api.fail(NODES, BUSY)
    rolling.api.lists = {**rolling.api.lists, PODS: pods(rolling)}
    result = rolling.status("--live", "--wait", "5")

    assert (result.exit_code, result.stderr) == (0, "")


def test_with_live_the_nodes_are_those_of_the_last_try(rolling: StatusCluster) -> None:
    rolling.inputs = rolling.inputs[:2]
    nodes = list(rolling.api.nodes)
    rolling.api.nodes = InTurn([nodes[0], nodes[3]], nodes)
    result = rolling.status("--live", "--wait", "5")

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.decode().splitlines()[-1] == "4 nodes: 4 current"


@pytest.mark.parametrize("name", ["-", "policies"])
def test_with_live_policies_that_can_be_read_once_are_refused(rolling: StatusCluster, name: str) -> None:
    os.mkfifo(rolling.folder / "policies")
    rolling.inputs = ("-p", name)
    result = rolling.status("--live", "--wait", "5")

    called = "stdin" if name == "-" else name
    assert (result.exit_code, result.stdout, rolling.api.requests) == (2, b"", [])
    assert result.stderr == (
        "error[usage]: with --live and --wait the policies are read again and again, which "
        f"{called} does not allow; write them into a file\n"
        "  help: see gitops-doca status --help\n"
    )


def test_an_outage_at_the_end_is_no_answer(cluster: StatusCluster) -> None:
    cluster.api.fail_always(NODES, BUSY)
    result = cluster.status("--wait", "2")

    assert (result.exit_code, result.stdout) == (5, b"")
    assert result.stderr == (
        f"error[unknown]: cannot list nodes of the cluster at {cluster.api.host}: 429 Too Many Requests, "
        "and it asks to wait 3600 s\n"
        "  help: check that kubectl get nodes works from here with the same kubeconfig and context\n"
    )
    assert cluster.api.asked == [f"GET {NODES}"] * max(2, len(cluster.api.requests))


@pytest.mark.parametrize("fault", [FORBIDDEN, status(401, "Unauthorized"), Fault(status=200, body=b"<html>")])
def test_what_will_not_pass_is_not_waited_for(rolling: StatusCluster, fault: Fault) -> None:
    rolling.api.fail(NODES, Fault(), fault)
    started = time.monotonic()
    first = rolling.status("--wait", "0")
    second = rolling.status("--wait", "3600")

    assert (first.exit_code, second.exit_code) == (1, 5)
    assert time.monotonic() - started < 10


def test_wrong_inputs_are_not_waited_for(cluster: StatusCluster) -> None:
    (cluster.folder / "gitops-doca.lock.yaml").unlink()
    result = cluster.status("--locked", "--wait", "3600")

    assert (result.exit_code, cluster.api.requests) == (6, [])


@pytest.mark.parametrize("value", ["-1", "nan", "inf", "86401", "soon"])
def test_a_time_that_is_none_is_refused(cluster: StatusCluster, value: str) -> None:
    result = cluster.status("--wait", value)

    assert (result.exit_code, result.stdout, cluster.api.requests) == (2, b"", [])
    assert "--wait" in result.stderr


@pytest.mark.parametrize(
    ("first", "line"), [(Fault(), "3 of 4 nodes current"), (BUSY, "no answer from the API server")]
)
def test_a_terminal_shows_how_far_it_is(rolling: StatusCluster, first: Fault, line: str) -> None:
    rolling.api.fail(PODS, first)
    if first is BUSY:
        rolling.api.lists = {**rolling.api.lists, PODS: pods(rolling)}
    terminal, inside = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "gitops_doca", "status", *rolling.inputs, "--wait", "5"],
        cwd=rolling.folder,
        env=clean_environment() | {"KUBECONFIG": str(rolling.kubeconfig)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=inside,
    ) as run:
        os.close(inside)
        stdout, _ = run.communicate(timeout=60)
    shown = os.read(terminal, 4096).decode()
    os.close(terminal)

    assert re.fullmatch(rf"\r\x1b\[K{line}; [0-5] s left\r\x1b\[K", shown)
    assert (run.returncode, stdout.decode().splitlines()[-1]) == (0, "4 nodes: 4 current")
