import socket
from pathlib import Path

import pytest

from support.cli import clean_environment
from support.network import NetworkRefusedError
from support.require import require


def test_a_connection_beyond_loopback_is_refused() -> None:
    with socket.socket() as connection, pytest.raises(NetworkRefusedError):
        connection.connect(("192.0.2.1", 80))


def test_a_connection_to_loopback_is_allowed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as connection:
        connection.connect(server.getsockname())


def test_nothing_of_the_users_environment_reaches_the_product() -> None:
    environment = clean_environment()

    assert set(environment) == {"PATH", "PYTHONPATH", "PYTHONWARNINGS", "HOME", "LC_ALL"}
    assert not Path(environment["HOME"]).exists()


def test_what_a_test_lacks_skips_it_on_a_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)

    with pytest.raises(pytest.skip.Exception, match="no crane"):
        require(None, "no crane")


def test_what_a_test_lacks_fails_it_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")

    with pytest.raises(pytest.fail.Exception, match="no crane"):
        require(None, "no crane")
