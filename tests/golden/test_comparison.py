import copy
import json
from typing import Any

import pytest

from support.golden import cases, comparable

CASES = {case.name: case for case in cases()}


@pytest.fixture
def objects() -> list[dict[str, Any]]:
    return CASES["init-container-safe-load"].expected


def _daemon_set(objects: list[dict[str, Any]]) -> dict[str, Any]:
    (found,) = (resource for resource in objects if resource["kind"] == "DaemonSet")
    pod: dict[str, Any] = found["spec"]["template"]["spec"]
    return pod


def test_every_case_either_fails_or_has_an_expected_file() -> None:
    for case in CASES.values():
        assert (case.folder / "expected.yaml").exists() == (case.failure is None)


def test_our_own_marks_are_not_compared(objects: list[dict[str, Any]]) -> None:
    marked = copy.deepcopy(objects)
    for resource in marked:
        resource["metadata"].setdefault("labels", {})["app.kubernetes.io/managed-by"] = "gitops-doca"
        resource["metadata"].setdefault("annotations", {})["gitops-doca.dev/pool"] = "any"

    assert comparable(marked) == comparable(objects)


def test_other_annotations_are_compared(objects: list[dict[str, Any]]) -> None:
    marked = copy.deepcopy(objects)
    marked[0]["metadata"]["annotations"] = {"example.com/any": "any"}

    assert comparable(marked) != comparable(objects)


def test_the_order_of_lists_is_compared(objects: list[dict[str, Any]]) -> None:
    turned = copy.deepcopy(objects)
    _daemon_set(turned)["volumes"].reverse()

    assert comparable(turned) != comparable(objects)
    assert comparable(objects[::-1]) != comparable(objects)


def test_the_layout_of_the_init_containers_settings_is_not_compared(objects: list[dict[str, Any]]) -> None:
    laid_out = copy.deepcopy(objects)
    (settings,) = (resource["data"] for resource in laid_out if resource["kind"] == "ConfigMap")
    values = json.loads(settings["config.json"])
    settings["config.json"] = json.dumps(values, indent=8)

    assert comparable(laid_out) == comparable(objects)

    settings["config.json"] = json.dumps(values | {"more": True})

    assert comparable(laid_out) != comparable(objects)


def test_an_empty_env_equals_none(objects: list[dict[str, Any]]) -> None:
    emptied = copy.deepcopy(objects)
    _daemon_set(emptied)["initContainers"][0]["env"] = []
    without = copy.deepcopy(objects)
    _daemon_set(without)["initContainers"][0].pop("env", None)

    assert comparable(emptied) == comparable(without)
