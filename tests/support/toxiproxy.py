"""Toxiproxy as a process on loopback: links to servers that can be made to fail, and to heal."""

import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests

from support.cli import clean_environment
from support.require import require_program

_START_SECONDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Toxic:
    """A fault of the link on the way from the server to the client, as toxiproxy names them."""

    kind: str
    attributes: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One proxy: what connects to `port` reaches the server behind it."""

    url: str
    """The proxy in toxiproxy's own API."""
    port: int

    @contextmanager
    def poisoned(self, toxic: Toxic) -> Iterator[None]:
        """Have the fault until the context ends."""
        body = {"type": toxic.kind, "attributes": dict(toxic.attributes)}
        name = _call("POST", f"{self.url}/toxics", body)["name"]
        try:
            yield
        finally:
            _call("DELETE", f"{self.url}/toxics/{name}")


@dataclass(frozen=True, slots=True)
class Toxiproxy:
    """A server of links, that runs until its context ends."""

    url: str

    @contextmanager
    def link(self, port: int) -> Iterator[Link]:
        """Put a proxy before this port on loopback, on a port of its own."""
        body = {"name": f"to-{port}", "listen": "127.0.0.1:0", "upstream": f"127.0.0.1:{port}"}
        made = _call("POST", f"{self.url}/proxies", body)
        url = f"{self.url}/proxies/{made['name']}"
        try:
            yield Link(url=url, port=int(made["listen"].rpartition(":")[2]))
        finally:
            _call("DELETE", url)


@contextmanager
def toxiproxy() -> Iterator[Toxiproxy]:
    """Run toxiproxy."""
    program = require_program("TOXIPROXY", "toxiproxy 2.12.0")
    # It does not say which port it took, so it is told one that was free a moment ago.
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [program, "-host", "127.0.0.1", "-port", str(port)],
        env=clean_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(process, url)
        yield Toxiproxy(url)
    finally:
        process.terminate()
        process.wait()


def _wait(process: "subprocess.Popen[bytes]", url: str) -> None:
    end = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            _call("GET", f"{url}/version")
        except requests.ConnectionError:
            time.sleep(0.01)
        else:
            return
    raise RuntimeError("toxiproxy did not start")


def _call(method: str, url: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    with requests.Session() as session:
        session.trust_env = False
        reply = session.request(method, url, json=body, timeout=60)
    reply.raise_for_status()
    return reply.json() if reply.content else {}
