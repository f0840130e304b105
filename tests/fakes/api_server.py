"""An API server on loopback that does what a test tells it to, over real HTTP, and records every request."""

import json
import ssl
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import yaml

from fakes.nodes import node_document
from fakes.wire import Answer, Fault, Recorded, Running, Server

TOKEN = "the-token"
NODES = "/api/v1/nodes"
Object = dict[str, Any]


def status(code: int, reason: str = "") -> Fault:
    """Return a failure in the form that the API server gives to it; the message is not for our users."""
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": f"{TOKEN}: nobody may show this",
        "reason": reason,
        "code": code,
    }
    return Fault(status=code, headers=(("Content-Type", "application/json"),), body=json.dumps(body).encode())


NOT_FOUND = status(404, "NotFound")
FORBIDDEN = status(403, "Forbidden")
EXPIRED = status(410, "Expired")


def node(name: str, *, kernel: str = "5.15.0-91-generic", **labels: str) -> Object:
    """Return a NIC node of Ubuntu 22.04, without the kind: in a list of the API it has none."""
    whole = node_document(name, kernel=kernel, labels=labels)
    return {key: value for key, value in whole.items() if key not in ("apiVersion", "kind")}


@dataclass(kw_only=True)
class FakeApiServer(Running):
    """An API server for the length of a `with` block; it has nodes in pages, and objects by their paths."""

    nodes: Iterable[Object] = ()
    objects: Mapping[str, Object] = field(default_factory=dict)
    """By the path at which each stands."""
    lists: Mapping[str, Iterable[Object]] = field(default_factory=dict)
    """Items by the path of their list, besides the nodes."""
    endless: bool = False
    """Behind every page of a list there is another one, with the same objects."""
    groups: Iterable[str] = ("apps",)
    """API groups that it serves."""
    tls: ssl.SSLContext | None = None
    latency: float = 0.0
    requests: list[Recorded] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._once: dict[str, deque[Fault]] = {}
        self._always: dict[str, Fault] = {}
        self._server = Server(self)

    @property
    def host(self) -> str:
        """`host:port`."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        """Scheme, host and port."""
        return f"{'https' if self.tls else 'http'}://{self.host}"

    @property
    def asked(self) -> list[str]:
        """Method and path of the requests so far, in their order."""
        return [f"{request.method} {request.path}" for request in self.requests]

    def fail(self, path: str, *faults: Fault) -> None:
        """Answer the next requests of a path with these, one each; a `Fault()` is the right answer."""
        self._once.setdefault(path, deque()).extend(faults)

    def fail_always(self, path: str, fault: Fault) -> None:
        """Answer all requests of a path with this, after those of `fail`."""
        self._always[path] = fault

    def forget(self) -> None:
        """Forget all requests and faults."""
        with self._lock:
            self.requests.clear()
            self._once.clear()
            self._always.clear()

    def kubeconfig(self, folder: Path, **user: Any) -> Path:
        """Write a kubeconfig that leads here, with this user or else one whose token is right."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "fake",
            "contexts": [{"name": "fake", "context": {"cluster": "here", "user": "me"}}],
            "clusters": [{"name": "here", "cluster": {"server": self.url}}],
            "users": [{"name": "me", "user": user or {"token": TOKEN}}],
        }
        file = folder / "kubeconfig"
        file.write_text(yaml.safe_dump(config))
        return file

    def fault(self, request: Recorded) -> Fault:
        """Record a request, and return what is to go wrong with it."""
        with self._lock:
            self.requests.append(request)
            waiting = self._once.get(request.path)
            return waiting.popleft() if waiting else self._always.get(request.path, Fault())

    def sent(self, request: Recorded, answer: Answer, fault: Fault) -> None:
        """Note nothing: the requests are enough."""

    def answer(self, request: Recorded) -> Answer:
        """Return the right answer."""
        # The scheme's case is free (RFC 9110, 11.1), and the client writes both.
        if request.authorization.removeprefix("bearer ").removeprefix("Bearer ") != TOKEN:
            return _answer(status(401, "Unauthorized"))
        if request.path == NODES:
            return self._page(request, "NodeList", _selected(self.nodes, request))
        if request.path in self.lists:
            return self._page(request, "List", self.lists[request.path])
        if request.path == "/apis":
            groups = [{"name": name} for name in self.groups]
            return _json({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
        found = self.objects.get(request.path)
        return _json(found) if found else _answer(NOT_FOUND)

    def _page(self, request: Recorded, kind: str, items: Iterable[Object]) -> Answer:
        """Return a page as the API server does: the list's own fields first, then the items."""
        start = int(request.query.get("continue", ["0"])[0])
        end = start + int(request.query["limit"][0])
        found = list(items)
        page = list(islice(cycle(found), end - start)) if self.endless else found[start:end]
        more = self.endless or end < len(found)
        metadata = {"resourceVersion": "1"} | ({"continue": str(end)} if more else {})
        return _json({"kind": kind, "apiVersion": "v1", "metadata": metadata, "items": page})


def _selected(nodes: Iterable[Object], request: Recorded) -> list[Object]:
    """Return the nodes with the label, or of the name, that a request selects by."""
    label, _, value = request.query.get("labelSelector", [""])[0].partition("=")
    field, _, name = request.query.get("fieldSelector", [""])[0].partition("=")
    assert field in ("", "metadata.name"), "the API server selects nodes by few other fields"
    return [
        one
        for one in nodes
        if (not label or one["metadata"].get("labels", {}).get(label) == value)
        and (not field or one["metadata"]["name"] == name)
    ]


def _json(document: Object) -> Answer:
    headers = (("Content-Type", "application/json"),)
    return Answer(status=200, headers=headers, body=json.dumps(document).encode())


def _answer(fault: Fault) -> Answer:
    assert fault.status is not None
    return Answer(status=fault.status, headers=fault.headers, body=fault.body or b"")
