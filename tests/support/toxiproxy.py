"""Toxiproxy as a process on loopback: links to servers that can be made to fail, and to heal."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from support.require import require_program
from support.server_process import accepts, free_port, running


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
def toxiproxy(folder: Path) -> Iterator[Toxiproxy]:
    """Run toxiproxy; its log goes into the folder."""
    program = require_program("TOXIPROXY", "toxiproxy 2.12.0")
    port = free_port()
    command = [program, "-host", "127.0.0.1", "-port", str(port)]
    with running(command, log=folder / "toxiproxy.log", ready=lambda: accepts(port)):
        yield Toxiproxy(f"http://127.0.0.1:{port}")


def _call(method: str, url: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    with requests.Session() as session:
        session.trust_env = False
        reply = session.request(method, url, json=body, timeout=60)
    reply.raise_for_status()
    return reply.json() if reply.content else {}
