import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from fakes.api_server import FORBIDDEN, FakeApiServer
from gitops_doca.cluster.live import LiveCluster
from gitops_doca.core.cluster_query import ClusterQuery
from gitops_doca.core.diagnostics import GenerationError, Problems

Cluster = Callable[..., LiveCluster]

NAMESPACE = "nvidia-network-operator"
SECRETS = f"/api/v1/namespaces/{NAMESPACE}/secrets"
ENTRY = {"auth": base64.b64encode(b"me:s3cret").decode()}


def secret(name: str, *, kind: str, **data: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "type": kind,
        "data": {key: base64.b64encode(text.encode()).decode() for key, text in data.items()},
    }


def new(name: str, host: str) -> dict[str, Any]:
    text = json.dumps({"auths": {host: ENTRY}})
    return secret(name, kind="kubernetes.io/dockerconfigjson", **{".dockerconfigjson": text})


def old(name: str, host: str) -> dict[str, Any]:
    return secret(name, kind="kubernetes.io/dockercfg", **{".dockercfg": json.dumps({host: ENTRY})})


def read(cluster: LiveCluster, *names: str) -> tuple[list[tuple[str, Any]], list[str]]:
    """Return the secrets, and the warnings."""
    problems = Problems()
    result = cluster.pull_secrets(ClusterQuery(namespace=NAMESPACE, pull_secrets=names), problems)
    assert "s3cret" not in str(list(problems))
    return result, [problem.message for problem in problems]


def test_both_types_are_read_in_the_order_of_the_policies(fake: FakeApiServer, cluster: Cluster) -> None:
    fake.objects = {f"{SECRETS}/b": new("b", "nvcr.io"), f"{SECRETS}/a": old("a", "r.example")}

    assert read(cluster(), "b", "a") == (
        [("cluster secrets/b", {"nvcr.io": ENTRY}), ("cluster secrets/a", {"r.example": ENTRY})],
        [],
    )
    assert fake.asked == [f"GET {SECRETS}/b", f"GET {SECRETS}/a"]


def test_one_that_is_not_there_is_warned_of_and_the_others_are_read(
    fake: FakeApiServer, cluster: Cluster
) -> None:
    fake.objects = {f"{SECRETS}/b": new("b", "nvcr.io")}

    result, warnings = read(cluster(), "a", "b")

    message = f"the pull secret a is not in namespace {NAMESPACE} of the cluster"
    assert [place for place, _ in result] == ["cluster secrets/b"]
    assert warnings == [f"{message}, so registries are queried without it"]


def test_a_secret_of_another_type_is_warned_of(fake: FakeApiServer, cluster: Cluster) -> None:
    fake.objects = {f"{SECRETS}/a": secret("a", kind="Opaque", password="s3cret")}

    assert read(cluster(), "a") == ([], [f"the Secret a in namespace {NAMESPACE} is not a pull secret"])


def test_no_names_need_no_request(fake: FakeApiServer, cluster: Cluster) -> None:
    assert read(cluster()) == ([], [])
    assert fake.requests == []


def test_one_that_may_not_be_read_is_an_error(fake: FakeApiServer, cluster: Cluster) -> None:
    fake.fail_always(f"{SECRETS}/a", FORBIDDEN)

    with pytest.raises(GenerationError) as failed:
        read(cluster(), "a")

    assert failed.value.exit_code == 5
    assert str(failed.value).endswith(
        f"403 Forbidden: no role allows get on secrets/a in namespace {NAMESPACE}"
    )


@pytest.mark.parametrize("data", [{}, {".dockerconfigjson": "s3cret"}, {".dockerconfigjson": '["s3cret"]'}])
def test_one_that_is_broken_is_an_input_error_without_its_content(
    fake: FakeApiServer, cluster: Cluster, data: dict[str, str]
) -> None:
    fake.objects = {f"{SECRETS}/a": secret("a", kind="kubernetes.io/dockerconfigjson", **data)}

    with pytest.raises(GenerationError) as failed:
        read(cluster(), "a")

    assert failed.value.exit_code == 3
    assert "s3cret" not in str(failed.value.diagnostics)
    assert failed.value.diagnostics[0].place.file == "cluster secrets/a"
