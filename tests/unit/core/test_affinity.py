"""The driver never waits for the label that says that it is loaded."""

from typing import Any

import pytest

from gitops_doca.core.affinity import driver_affinity
from gitops_doca.core.model import LOADED_LABEL

LOADED = {"key": LOADED_LABEL, "operator": "In", "values": ["true"]}
ABSENT = {"key": LOADED_LABEL, "operator": "DoesNotExist"}
ZONE = {"key": "zone", "operator": "In", "values": ["a"]}
NAMED = {"key": "metadata.name", "operator": "In", "values": ["node-1"]}


def required(*terms: dict[str, Any]) -> dict[str, Any]:
    return {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}


def preferred(*terms: dict[str, Any]) -> dict[str, Any]:
    weighed = [{"weight": weight, "preference": term} for weight, term in enumerate(terms, start=1)]
    return {"preferredDuringSchedulingIgnoredDuringExecution": weighed}


@pytest.mark.parametrize("requirement", [LOADED, ABSENT])
@pytest.mark.parametrize("place", [required, preferred])
def test_nothing_is_left_of_an_affinity_that_only_waits(place: Any, requirement: dict[str, Any]) -> None:
    assert driver_affinity(place({"matchExpressions": [requirement]})) == {}
    assert driver_affinity(place({"matchExpressions": [requirement], "matchFields": []})) == {}


@pytest.mark.parametrize("place", [required, preferred])
def test_the_other_requirements_of_a_term_stay(place: Any) -> None:
    both = place({"matchExpressions": [ZONE, LOADED, ABSENT]}, {"matchExpressions": [LOADED, ZONE]})
    fields = place({"matchExpressions": [LOADED], "matchFields": [NAMED]})

    assert driver_affinity(both) == place({"matchExpressions": [ZONE]}, {"matchExpressions": [ZONE]})
    assert driver_affinity(fields) == place({"matchFields": [NAMED]})


def test_a_term_that_only_waits_goes_and_the_others_stay() -> None:
    others = [{"matchExpressions": [ZONE]}, {"matchFields": [NAMED]}]
    waiting = {"matchExpressions": [LOADED]}

    assert driver_affinity(required(others[0], waiting, others[1])) == required(*others)
    assert driver_affinity(preferred(waiting, others[1])) == {
        "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 2, "preference": others[1]}]
    }


def test_each_half_goes_by_itself() -> None:
    waiting, other = {"matchExpressions": [LOADED]}, {"matchExpressions": [ZONE]}

    assert driver_affinity(required(waiting) | preferred(other)) == preferred(other)
    assert driver_affinity(required(other) | preferred(waiting)) == required(other)
    assert driver_affinity(required(waiting) | preferred(waiting)) == {}


@pytest.mark.parametrize(
    "affinity",
    [
        {},
        required({"matchExpressions": [ZONE]}, {}),
        required({"matchExpressions": []}, {"matchFields": [NAMED]}),
        preferred({}, {"matchExpressions": [ZONE]}) | required({"matchExpressions": [ZONE]}),
        preferred(),
        required({"matchExpressions": [{**ZONE, "key": "example.com/driver-loaded"}]}),
    ],
)
def test_an_affinity_without_the_label_stays_as_it_is(affinity: dict[str, Any]) -> None:
    assert driver_affinity(affinity) == affinity
