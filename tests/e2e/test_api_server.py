"""A real API server takes every rendered object as it is, and sees no change when it comes again."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
import yaml

from support import docker_registry
from support.api_server import ApiError, ApiServer, Object
from support.docker_registry import DockerRegistry, Program
from support.golden import Workspace, cases, push_tags

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("api-server")]

CASES = [pytest.param(case, id=case.name) for case in cases() if case.failure is None]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    with docker_registry.plain_registry(tmp_path_factory.mktemp("registry"), Program.DEBIAN) as running:
        yield running


@pytest.fixture(scope="module", params=CASES)
def rendered(
    request: pytest.FixtureRequest,
    registry: DockerRegistry,
    api_server: ApiServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> list[Object]:
    case = request.param
    push_tags(case, registry)
    workspace = Workspace(case=case, folder=tmp_path_factory.mktemp(case.name), host=registry.host)
    workspace.write()
    result = workspace.run_by_flags("nodes.yaml", env={})
    assert (result.exit_code, result.stderr.count("error")) == (0, 0), result.stderr
    api_server.namespace(case.namespace)
    return list(yaml.safe_load_all(result.stdout))


def test_the_server_keeps_every_value_as_it_was_rendered(
    api_server: ApiServer, rendered: list[Object]
) -> None:
    answers = [api_server.create(wanted, dry_run=True) for wanted in rendered]

    assert [_common(answer, wanted) for answer, wanted in zip(answers, rendered, strict=True)] == rendered


def test_the_second_apply_changes_nothing(api_server: ApiServer, rendered: list[Object]) -> None:
    first = [api_server.apply(wanted) for wanted in rendered]
    second = [api_server.apply(wanted) for wanted in rendered]
    for wanted in rendered:
        api_server.delete(wanted)

    assert second == first


def test_the_server_refuses_a_field_that_it_does_not_know(api_server: ApiServer) -> None:
    misspelt = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "date": {}}

    with pytest.raises(ApiError, match=r'unknown field "date"') as refused:
        api_server.create(misspelt, dry_run=True)
    assert refused.value.code == 400


def _common(answer: Any, wanted: Any) -> Any:
    """Leave out what the server added: keys of mappings that were not asked for."""
    if isinstance(answer, dict) and isinstance(wanted, dict):
        return {key: _common(answer[key], value) for key, value in wanted.items() if key in answer}
    if isinstance(answer, list) and isinstance(wanted, list) and len(answer) == len(wanted):
        return [_common(*pair) for pair in zip(answer, wanted, strict=True)]
    return deepcopy(answer)
