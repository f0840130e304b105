"""Whatever a kubeconfig holds ends in an inventory or in problems, and none of them quotes a secret."""

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitops_doca.cluster.live import LiveCluster, LiveOptions
from gitops_doca.core.cluster_query import ClusterQuery
from gitops_doca.core.diagnostics import GenerationError, Problems
from gitops_doca.net.retry import RetryPolicy

SECRET = "s3cret"
API = "client.authentication.k8s.io/v1"
CONFIG: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "a",
    "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
    "clusters": [
        {"name": "a", "cluster": {"server": "http://127.0.0.1:1", "proxy-url": "http://127.0.0.1:1"}}
    ],
    "users": [{"name": "a", "user": {"token": SECRET, "password": SECRET, "username": "me"}}],
}
EXEC = deepcopy(CONFIG)
EXEC["users"][0]["user"] = {
    "exec": {"apiVersion": API, "command": "false", "args": [SECRET], "env": [{"name": "A", "value": SECRET}]}
}
STORED = deepcopy(CONFIG)
STORED["users"][0]["user"] = {"auth-provider": {"name": "oidc", "config": {"id-token": SECRET}}, "as": "b"}
TEXT = st.text(max_size=8) | st.sampled_from(
    [
        "https://[::1",
        "http://",
        "https://127.0.0.1:99999",
        "http://a b",
        "socks5://127.0.0.1:1",
        "//",
        "\0",
        "-",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
FIELDS = (
    "certificate-authority",
    "certificate-authority-data",
    "client-certificate",
    "client-certificate-data",
    "client-key-data",
    "insecure-skip-tls-verify",
    "tls-server-name",
    "proxy-url",
    "tokenFile",
    "as-groups",
)


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield where something could be changed."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, (*path, index))


@st.composite
def kubeconfigs(draw: st.DrawFn) -> Any:
    """Change one place of a good kubeconfig, or add a field to its cluster or user."""
    config = deepcopy(draw(st.sampled_from([CONFIG, EXEC, STORED])))
    if draw(st.booleans()):
        section, kind = draw(st.sampled_from([("clusters", "cluster"), ("users", "user")]))
        config[section][0][kind][draw(st.sampled_from(FIELDS))] = draw(VALUES)
        return config
    *path, last = draw(st.sampled_from(list(places(config))))
    parent = config
    for step in path:
        parent = parent[step]
    parent[last] = draw(VALUES)
    return config


@given(config=kubeconfigs())
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_ends_in_problems_that_quote_no_secret(
    config: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(config))
    # Nothing is on this PATH, so no plugin runs whatever its name.
    options = LiveOptions(
        environ={"PATH": str(tmp_path)}, kubeconfig=str(file), deadline=10.0, retry=RetryPolicy(tries=1)
    )

    with pytest.raises(GenerationError) as failed:
        LiveCluster(options).inventory(ClusterQuery(namespace="x"), Problems())

    assert failed.value.exit_code in {3, 5}
    assert SECRET not in str(failed.value.diagnostics)
    assert capfd.readouterr() == ("", "")
