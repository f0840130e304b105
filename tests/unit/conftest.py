"""A registry, certificates, and names that lead to loopback."""

import json
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
import urllib3

from fakes.asking import REPOSITORY
from fakes.registry import FakeRegistry

PUBLIC = "8.8.8.8"


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    """A registry that has one tag, `here`, and wants no credentials."""
    with FakeRegistry(tags={REPOSITORY: ["here"]}) as running:
        yield running


@pytest.fixture(scope="session")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_file(ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.cert_pem.write_to_path(str(file))
    return file


@pytest.fixture
def serving(ca: trustme.CA) -> Callable[..., ssl.SSLContext]:
    """Return a function that makes the TLS context of a server for the names it is given."""

    def make(*names: str, **settings: Any) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert(*names, **settings).configure_cert(context)
        return context

    return make


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lead every name below `.test` to loopback, and find none below `.invalid`.

    Names below `.public` have a public address; what is listening on it is on loopback all the same.
    """
    resolve, connect = socket.getaddrinfo, urllib3.util.connection.create_connection

    def find(host: Any, *args: Any, **settings: Any) -> Any:
        top = str(host).rpartition(".")[2]
        if top == "invalid":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return resolve({"test": "127.0.0.1", "public": PUBLIC}.get(top, host), *args, **settings)

    def dial(address: tuple[str, int], *args: Any, **settings: Any) -> Any:
        there = "127.0.0.1" if address[0] == PUBLIC else address[0]
        return connect((there, address[1]), *args, **settings)

    monkeypatch.setattr(socket, "getaddrinfo", find)
    monkeypatch.setattr(urllib3.util.connection, "create_connection", dial)


@pytest.fixture
def config(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a docker config.json."""

    def write(**content: Any) -> Path:
        file = tmp_path / "config.json"
        file.write_text(json.dumps(content))
        return file

    return write
