from dataclasses import replace

import pytest

from fakes.cluster import make_node
from gitops_doca.core.model import Taint, Toleration
from gitops_doca.core.taints import keeps_away, pod_tolerations, tolerates, untolerated

NO_SCHEDULE = Taint("key", "value", "NoSchedule")
GPU, NOT_READY, UNREACHABLE = (
    Toleration(key=key, operator="Exists", effect="NoSchedule")
    for key in ("nvidia.com/gpu", "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
)
PASSING = [
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/unreachable",
    "node.kubernetes.io/disk-pressure",
    "node.kubernetes.io/memory-pressure",
    "node.kubernetes.io/pid-pressure",
    "node.kubernetes.io/network-unavailable",
    "node.kubernetes.io/unschedulable",
    "node.kubernetes.io/out-of-service",
    "node.cloudprovider.kubernetes.io/uninitialized",
    "node.cloudprovider.kubernetes.io/shutdown",
    "node.cilium.io/agent-not-ready",
    "karpenter.sh/disrupted",
    "karpenter.sh/unregistered",
    "ToBeDeletedByClusterAutoscaler",
    "DeletionCandidateOfClusterAutoscaler",
]


# The cases of core/v1 `ToleratesTaint`.
@pytest.mark.parametrize(
    ("toleration", "taint", "tolerated"),
    [
        (Toleration(operator="Exists"), NO_SCHEDULE, True),
        (Toleration(operator="Exists"), Taint("", "", "NoExecute"), True),
        (Toleration(operator="Exists", effect="NoSchedule"), NO_SCHEDULE, True),
        (Toleration(operator="Exists", effect="NoExecute"), NO_SCHEDULE, False),
        (Toleration(key="key", operator="Exists"), NO_SCHEDULE, True),
        (Toleration(key="key", operator="Exists", value="other"), NO_SCHEDULE, True),
        (Toleration(key="other", operator="Exists"), NO_SCHEDULE, False),
        (Toleration(key="key", operator="Exists", effect="NoSchedule"), NO_SCHEDULE, True),
        (Toleration(key="key", operator="Exists", effect="NoExecute"), NO_SCHEDULE, False),
        (Toleration(key="key", operator="Equal", value="value"), NO_SCHEDULE, True),
        (Toleration(key="key", operator="Equal", value="other"), NO_SCHEDULE, False),
        (Toleration(key="key", value="value"), NO_SCHEDULE, True),
        (Toleration(key="key", value="value", effect="NoSchedule"), NO_SCHEDULE, True),
        (Toleration(key="key", value="value", effect="NoExecute"), NO_SCHEDULE, False),
        (Toleration(key="key"), NO_SCHEDULE, False),
        (Toleration(key="key"), Taint("key", "", "NoSchedule"), True),
        (Toleration(key="KEY", value="value"), NO_SCHEDULE, False),
        (Toleration(value="value"), NO_SCHEDULE, True),
        (Toleration(), NO_SCHEDULE, False),
        (Toleration(key="key", operator="Lt", value="value"), NO_SCHEDULE, False),
        (Toleration(key="key", operator="Exists", seconds=0), Taint("key", "", "NoExecute"), True),
    ],
)
def test_a_toleration_tolerates_as_kubernetes_says(
    toleration: Toleration, taint: Taint, *, tolerated: bool
) -> None:
    assert tolerates(toleration, taint) is tolerated


@pytest.mark.parametrize("effect", ["NoSchedule", "NoExecute"])
def test_a_hard_taint_keeps_the_driver_away_unless_tolerated(effect: str) -> None:
    taint = Taint("dedicated", "storage", effect)
    node = make_node(taints=[taint])

    assert untolerated(node, []) == (taint,)
    assert untolerated(node, [Toleration(key="dedicated", operator="Exists")]) == ()


def test_a_soft_taint_keeps_no_daemon_set_away() -> None:
    taint = Taint("dedicated", "", "PreferNoSchedule")

    assert not keeps_away(taint)
    assert untolerated(make_node(taints=[taint]), []) == ()


@pytest.mark.parametrize("effect", ["NoSchedule", "NoExecute"])
@pytest.mark.parametrize("key", PASSING)
def test_a_taint_that_passes_never_takes_the_node_out(key: str, effect: str) -> None:
    taint = Taint(key, "", effect)

    assert not keeps_away(taint)
    assert untolerated(make_node(taints=[taint]), []) == ()


@pytest.mark.parametrize(
    "key",
    [
        "node.kubernetes.io/other",
        "node-role.kubernetes.io/control-plane",
        "not-ready",
        "karpenter.sh/other",
        "node.cilium.io/agent-not-ready/x",
        "tobedeletedbyclusterautoscaler",
    ],
)
def test_other_taints_stay(key: str) -> None:
    taint = Taint(key, "", "NoSchedule")

    assert keeps_away(taint)
    assert untolerated(make_node(taints=[taint]), []) == (taint,)


@pytest.mark.parametrize("effect", ["NoSchedule", "NoExecute"])
def test_more_keys_of_taints_that_pass_may_be_given(effect: str) -> None:
    taint = Taint("example.com/maintenance", "x", effect)

    assert keeps_away(taint, {"example.com/other"})
    assert not keeps_away(taint, {"example.com/maintenance"})


def test_the_gpus_taint_is_tolerated_as_no_schedule_alone() -> None:
    soft, hard = Taint("nvidia.com/gpu", "x", "NoSchedule"), Taint("nvidia.com/gpu", "x", "NoExecute")

    assert untolerated(make_node(taints=[soft, hard]), []) == (hard,)


def test_every_taint_needs_a_toleration() -> None:
    first, second = Taint("a", "", "NoSchedule"), Taint("b", "", "NoExecute")
    tolerations = [Toleration(key="a", operator="Exists")]

    assert untolerated(make_node(taints=[first, second]), tolerations) == (second,)


@pytest.mark.parametrize(
    ("own", "added"),
    [
        ([], [GPU, NOT_READY, UNREACHABLE]),
        ([GPU], [NOT_READY, UNREACHABLE]),
        ([UNREACHABLE, GPU], [NOT_READY]),
        ([NOT_READY, GPU, UNREACHABLE], []),
        ([replace(GPU, value="present", seconds=5)], [NOT_READY, UNREACHABLE]),
        ([replace(GPU, operator="Equal")], [GPU, NOT_READY, UNREACHABLE]),
        ([replace(NOT_READY, operator="")], [GPU, NOT_READY, UNREACHABLE]),
        ([replace(NOT_READY, effect="")], [GPU, NOT_READY, UNREACHABLE]),
        ([replace(UNREACHABLE, effect="NoExecute")], [GPU, NOT_READY, UNREACHABLE]),
        ([Toleration(operator="Exists")], [GPU, NOT_READY, UNREACHABLE]),
    ],
)
def test_every_driver_pod_has_three_tolerations_after_its_policys_and_none_of_them_twice(
    own: list[Toleration], added: list[Toleration]
) -> None:
    assert pod_tolerations(own) == (*own, *added)
