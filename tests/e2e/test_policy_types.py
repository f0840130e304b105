"""A real API server that has the types of the operator's CRDs takes the policies that are accepted here."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from itertools import islice
from typing import Any

import pytest

from gitops_doca.core.diagnostics import Problems
from gitops_doca.sources.policy import read_policies
from gitops_doca.sources.reading.document import Document
from support.api_server import ApiError, ApiServer
from support.custom_resources import NIC_CLUSTER_POLICY, NIC_NODE_POLICY, served
from support.policy_types import (
    FULL,
    TYPES,
    Object,
    Path,
    changes,
    is_policy_accepted,
    with_value,
    without_nulls,
)

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("api-server")]

_STEP = 3
"""Each third change of a policy is tried."""
PLURALS = {resource.kind: resource.plural for resource in (NIC_CLUSTER_POLICY, NIC_NODE_POLICY)}
POLICIES = [pytest.param(policy, id=policy["kind"]) for policy in FULL]


@pytest.fixture(scope="module")
def api(api_server: ApiServer) -> Iterator[ApiServer]:
    typed = [
        replace(resource, schema=schema(resource.kind)) for resource in (NIC_CLUSTER_POLICY, NIC_NODE_POLICY)
    ]
    with served(api_server, *typed):
        yield api_server


def schema(kind: str) -> Object:
    """Return the schema of a kind, in which the server itself says what metadata is."""
    whole = TYPES[kind].schema
    return {"type": "object", "properties": {"spec": whole["properties"]["spec"]}}


def is_taken(api: ApiServer, policy: Object) -> bool:
    """Say whether the server would create the object; as kubectl does, it refuses unknown fields."""
    try:
        api.request(
            "POST",
            f"/apis/mellanox.com/v1alpha1/{PLURALS[policy['kind']]}",
            body=policy,
            params={"dryRun": "All", "fieldValidation": "Strict"},
        )
    except ApiError as error:
        if error.code in {400, 422}:
            return False
        raise
    return True


def is_accepted(policy: Object) -> bool:
    problems = Problems()
    read_policies([Document(deepcopy(policy), "policy.yaml", 0)], problems)
    return not problems.errors


def typed_changes(policy: Object) -> Iterator[tuple[Path, Any, Object]]:
    """Yield changes on which the CRD's types alone decide, each with the changed policy."""
    for path, value in changes(policy):
        # A strict server refuses an unknown field that is null; others drop it, as it is done here.
        if path[0] == "spec" and value != {"a": None}:
            changed = with_value(policy, path, value)
            types = TYPES[policy["kind"]].fits(without_nulls(changed), rules=False)
            if types == is_policy_accepted(changed):
                yield path, value, changed


@pytest.mark.parametrize("policy", POLICIES)
def test_the_server_takes_a_policy_with_every_field(api: ApiServer, policy: Object) -> None:
    assert is_taken(api, policy)


@pytest.mark.parametrize("policy", POLICIES)
def test_the_server_judges_each_change_as_it_is_judged_here(api: ApiServer, policy: Object) -> None:
    tried = list(islice(typed_changes(policy), None, None, _STEP))
    wrong = [
        (path, value, expected)
        for path, value, changed in tried
        if (expected := is_taken(api, changed)) != is_accepted(changed)
    ]

    assert wrong == []
    assert len(tried) > 50
