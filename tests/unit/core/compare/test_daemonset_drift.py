from copy import deepcopy
from typing import Any

import pytest

from gitops_doca.core.compare.daemonset_drift import daemonset_drift

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
RENDERED: dict[str, Any] = {
    "selector": {"matchLabels": {"app": "a"}},
    "template": {
        "metadata": {"labels": {"app": "a"}},
        "spec": {
            "nodeSelector": {"arch": "amd64"},
            "hostNetwork": True,
            "affinity": {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{"matchExpressions": []}]}}},
            "containers": [
                {
                    "name": "c",
                    "image": "i:1",
                    "env": [{"name": "X", "value": ""}, {"name": "Y", "value": "1"}],
                    "resources": {"limits": {"cpu": "1000m", "memory": 1024, "x.y/z": 1}, "requests": {}},
                }
            ],
            "volumes": [{"name": "v", "hostPath": {"path": "/x"}}],
        },
    },
    "updateStrategy": {"type": "OnDelete"},
}


def applied() -> dict[str, Any]:
    """Return the rendered one as an API server has it."""
    found = deepcopy(RENDERED)
    template, pod = found["template"], found["template"]["spec"]
    restarted = {"kubectl.kubernetes.io/restartedAt": "x"}
    template["metadata"] |= {"creationTimestamp": None, "annotations": restarted}
    pod |= {"dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler", "laterDefault": {"a": 1}}
    container = pod["containers"][0]
    container |= {"terminationMessagePath": "/dev/termination-log"}
    container["env"][0].pop("value")
    container["resources"] = {"limits": {"cpu": "1", "memory": "1Ki", "x.y/z": "1"}}
    pod["volumes"][0]["hostPath"]["type"] = ""
    found["revisionHistoryLimit"] = 10
    return found


def test_defaults_of_the_api_server_are_no_difference() -> None:
    assert daemonset_drift(RENDERED, applied()) == ()


def change(found: dict[str, Any], path: list[Any], value: Any) -> None:
    for key in path[:-1]:
        found = found[key]
    found[path[-1]] = value


POD = ["template", "spec"]
CONTAINER = [*POD, "containers", 0]
AFFINITY = [*POD, "affinity", "nodeAffinity"]
TERM = [*AFFINITY, REQUIRED, "nodeSelectorTerms", 0]
ENV = "spec.template.spec.containers[0].env"


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (["selector", "matchLabels", "b"], "c", "spec.selector.matchLabels.b"),
        (["template", "metadata", "labels", "b"], "c", "spec.template.metadata.labels.b"),
        ([*POD, "nodeSelector", "arch"], "arm64", "spec.template.spec.nodeSelector.arch"),
        ([*POD, "nodeSelector", "rack"], "r", "spec.template.spec.nodeSelector.rack"),
        ([*POD, "hostNetwork"], None, "spec.template.spec.hostNetwork"),
        ([*POD, "imagePullSecrets"], [{"name": "s"}], "spec.template.spec.imagePullSecrets"),
        (
            [*AFFINITY, PREFERRED],
            [{"weight": 1}],
            f"spec.template.spec.affinity.nodeAffinity.{PREFERRED}",
        ),
        (
            [*TERM, "matchFields"],
            [{"key": "k"}],
            f"spec.template.spec.affinity.nodeAffinity.{REQUIRED}.nodeSelectorTerms[0].matchFields",
        ),
        (
            [*CONTAINER, "resources"],
            {"limits": {"cpu": "1", "memory": 1024, "x.y/z": 1, "w": 1}},
            "spec.template.spec.containers[0].resources.limits.w",
        ),
        ([*POD, "volumes"], [], "spec.template.spec.volumes"),
        ([*CONTAINER, "image"], "i:2", "spec.template.spec.containers[0].image"),
        (
            [*CONTAINER, "env", 1],
            {"name": "Y", "value": "2"},
            f"{ENV}[1].value",
        ),
        (
            [*CONTAINER, "env", 0],
            {"name": "X", "value": "2"},
            f"{ENV}[0].value",
        ),
        (
            [*CONTAINER, "resources", "limits", "cpu"],
            "2",
            "spec.template.spec.containers[0].resources.limits.cpu",
        ),
        (
            [*CONTAINER, "resources", "limits", "gpu"],
            "2",
            "spec.template.spec.containers[0].resources.limits.gpu",
        ),
        (["updateStrategy", "type"], "RollingUpdate", "spec.updateStrategy.type"),
    ],
)
def test_a_difference_is_told_by_its_path(path: list[Any], value: Any, told: str) -> None:
    found = applied()
    change(found, path, value)

    assert daemonset_drift(RENDERED, found) == (told,)


@pytest.mark.parametrize(
    ("rendered", "found", "same"),
    [
        ("0.5", "500m", True),
        ("1024Mi", "1Gi", True),
        (1000, "1k", True),
        ("1e3", "1k", False),
        ("1e3", "1e3", True),
        ("many", "few", False),
        ("1", "1m", False),
    ],
)
def test_quantities_are_compared_as_numbers(rendered: Any, found: str, same: bool) -> None:  # noqa: FBT001
    one, other = ({"template": {"limits": {"cpu": value}}} for value in (rendered, found))

    assert (daemonset_drift(one, other) == ()) is same
