"""The servers that other people's programs are held against."""

from collections.abc import Iterator
from itertools import product

import pytest

from support import docker_registry
from support.api_server import ApiServer
from support.docker_registry import DockerRegistry, Program
from support.kube_apiserver import kube_apiserver

_KINDS = {"plain": docker_registry.plain_registry, "secure": docker_registry.secure_registry}


@pytest.fixture(
    scope="session",
    params=[pytest.param(pair, id=f"{pair[0]}-{pair[1].value}") for pair in product(_KINDS, Program)],
)
def any_registry(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DockerRegistry]:
    """Each release, once open to everybody and once behind TLS and a password."""
    kind, program = request.param
    with _KINDS[kind](tmp_path_factory.mktemp(kind), program) as running:
        yield running


@pytest.fixture(scope="session")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """One API server for all tests with the mark `xdist_group("api-server")`; others would start one more.

    Its users `reader` and `stranger` may do nothing until a test binds a role to them. A test takes a
    namespace of its own, and deletes what is in none.
    """
    with kube_apiserver(tmp_path_factory.mktemp("api-server"), users=("reader", "stranger")) as running:
        yield running
