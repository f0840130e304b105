"""A policy is accepted exactly when the types of the operator's CRDs, and Kubernetes' of a pod, allow it."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitops_doca.core.diagnostics import Problems
from gitops_doca.sources.policy import read_policies
from gitops_doca.sources.reading.document import Document
from support.policy_types import FULL, Object, changes, is_policy_accepted, with_value

BY_KIND = [pytest.param(policy, id=policy["kind"]) for policy in FULL]


def is_accepted(policy: Object) -> bool:
    problems = Problems()
    read_policies([Document(deepcopy(policy), "policy.yaml", 0)], problems)
    return not problems.errors


@pytest.mark.parametrize("policy", BY_KIND)
def test_a_policy_with_every_field_is_accepted(policy: Object) -> None:
    assert is_policy_accepted(policy)
    assert is_accepted(policy)


@pytest.mark.parametrize("policy", BY_KIND)
def test_each_single_change_is_judged_as_the_types_say(policy: Object) -> None:
    verdicts = {True: 0, False: 0}
    wrong = []
    for path, value in changes(policy):
        changed = with_value(policy, path, value)
        expected = is_policy_accepted(changed)
        verdicts[expected] += 1
        if is_accepted(changed) is not expected:
            wrong.append((path, value, expected))

    assert wrong == []
    assert min(verdicts.values()) > 30


@given(data=st.data(), policy=st.sampled_from(FULL), count=st.integers(2, 4))
@settings(max_examples=60, deadline=None)
def test_several_changes_are_judged_as_the_types_say(data: st.DataObject, policy: Object, count: int) -> None:
    changed: Any = policy
    for _ in range(count):
        changed = with_value(changed, *data.draw(st.sampled_from(list(changes(changed)))))

    assert is_accepted(changed) is is_policy_accepted(changed)
