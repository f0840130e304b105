"""Fixtures that several folders of tests share, and the guard that keeps all of them on this machine."""

from collections.abc import Iterator

import hypothesis
import pytest

from support import docker_registry, network
from support.docker_registry import PROGRAMS, DockerRegistry

network.refuse_other_machines()
# How long an example takes says how busy the machine is, and nothing of the code.
hypothesis.settings.register_profile(
    "any-speed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any-speed")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many examples a fuzz test ran, and how their runs ended."""
    for report in terminalreporter.getreports(""):
        for name, value in report.user_properties:
            if name == "examples":
                terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {value}")


@pytest.fixture(scope="session", params=PROGRAMS)
def registry(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DockerRegistry]:
    """A registry without TLS or passwords; tests share it and use repositories of their own."""
    with docker_registry.plain_registry(tmp_path_factory.mktemp("registry"), request.param) as running:
        yield running


@pytest.fixture(scope="session", params=PROGRAMS)
def secure_registry(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DockerRegistry]:
    """A registry behind TLS and a password; tests share it and use repositories of their own."""
    folder = tmp_path_factory.mktemp("secure-registry")
    with docker_registry.secure_registry(folder, request.param) as running:
        yield running
