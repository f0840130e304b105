"""The registry of the golden cases."""

from collections.abc import Iterator

import pytest

from support import docker_registry
from support.docker_registry import DockerRegistry, Program


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    """One release is enough here: what is rendered does not depend on how tags are listed."""
    folder = tmp_path_factory.mktemp("registry")
    with docker_registry.plain_registry(folder, Program.DEBIAN) as running:
        yield running
