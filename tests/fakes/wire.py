"""The server under the fake registry: reads requests, and puts answers on the wire as a fault says."""

import socketserver
import ssl
import struct
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from enum import Enum
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socket import IPPROTO_TCP, MSG_PEEK, SHUT_RDWR, SO_LINGER, SOL_SOCKET, TCP_NODELAY, socket
from types import TracebackType
from typing import Literal, Protocol, Self
from urllib.parse import parse_qs, urlsplit

Kind = Literal["ping", "token", "head", "get", "blob", "list", "other"]


class Wire(Enum):
    """What happens to an answer on its way."""

    WHOLE = "whole"
    RESET = "reset"
    """The connection is reset instead."""
    CLOSED = "closed"
    """The connection is closed instead."""
    CUT_HEADERS = "cut headers"
    CUT_BODY = "cut body"
    TRICKLE = "trickle"
    """One byte every `delay` seconds, from the first on."""
    SILENT = "silent"
    """Nothing, until the registry goes away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A wrong answer; without a status the right one, bent by `headers`, `wire` and `delay`."""

    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    """Added; they replace those of the same name."""
    without: tuple[str, ...] = ()
    """Names of headers that are left out."""
    body: bytes | None = None
    delay: float = 0.0
    wire: Wire = Wire.WHOLE


@dataclass(frozen=True, slots=True)
class Recorded:
    """One request as it came in."""

    kind: Kind
    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Message
    form: Mapping[str, list[str]] = field(default_factory=dict)
    """What a POST brought."""

    @property
    def authorization(self) -> str:
        """The Authorization header, or nothing."""
        return str(self.headers.get("Authorization", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


class Script(Protocol):
    """What stands behind the server."""

    tls: ssl.SSLContext | None
    latency: float
    connections: int
    closing: threading.Event

    def fault(self, request: Recorded) -> Fault:
        """Record a request, and return what is to go wrong with it."""

    def answer(self, request: Recorded) -> Answer:
        """Return the right answer."""

    def sent(self, request: Recorded, answer: Answer, fault: Fault) -> None:
        """Note what is about to be sent."""


def _kind(method: str, path: str) -> Kind:
    if path == "/v2/":
        return "ping"
    if path.startswith("/token"):
        return "token"
    if path.endswith("/tags/list"):
        return "list"
    if "/blobs/" in path:
        return "blob"
    if "/manifests/" in path:
        return "head" if method == "HEAD" else "get"
    return "other"


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, registry: Script) -> None:
        self.registry = registry
        self._open: set[socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def finish_request(self, request: object, client_address: object) -> None:
        assert isinstance(request, socket)
        self.registry.connections += 1
        self._open.add(request)
        try:
            request.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
            if not self.registry.tls and request.recv(1, MSG_PEEK) == b"\x16":
                # What a server does that reads a TLS greeting as a line of HTTP.
                request.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                return
            if self.registry.tls:
                with self.registry.tls.wrap_socket(request, server_side=True) as secured:
                    self._open.add(secured)
                    _Handler(secured, client_address, self)
            else:
                _Handler(request, client_address, self)
        except OSError:
            # The other side may go away whenever it likes.
            return
        finally:
            self._open.discard(request)

    def hang_up(self) -> None:
        for connection in tuple(self._open):
            try:
                connection.shutdown(SHUT_RDWR)
            except OSError:
                continue


class Running:
    """A fake that answers while its context lasts."""

    closing: threading.Event
    _server: Server

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.005,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._server.hang_up()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (as inherited)
        """Keep quiet."""

    def do_GET(self) -> None:
        registry = self.server.registry
        parts = urlsplit(self.path)
        kind = _kind(self.command, parts.path)
        posted = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode("latin-1")
        request = Recorded(
            kind, self.command, parts.path, parse_qs(parts.query), self.headers, parse_qs(posted)
        )
        fault = registry.fault(request)
        time.sleep(registry.latency + (fault.delay if fault.wire is not Wire.TRICKLE else 0.0))
        answer = _bend(registry, request, fault)
        registry.sent(request, answer, fault)
        self._send(answer, fault)

    do_HEAD = do_POST = do_GET  # noqa: N815 (as inherited)

    def _send(self, answer: Answer, fault: Fault) -> None:
        names = {name.lower() for name, _ in answer.headers}
        length = [] if "content-length" in names else [("Content-Length", str(len(answer.body)))]
        lines = [f"{name}: {value}" for name, value in (*answer.headers, *length)]
        reason = HTTPStatus(answer.status).phrase if answer.status in set(HTTPStatus) else "Reason"
        head = "\r\n".join([f"HTTP/1.1 {answer.status} {reason}", *lines, "", ""]).encode("latin-1")
        body = b"" if self.command == "HEAD" else answer.body
        if fault.wire is not Wire.WHOLE:
            self.close_connection = True
        self._put_on_wire(head, body, fault)

    def _put_on_wire(self, head: bytes, body: bytes, fault: Fault) -> None:
        match fault.wire:
            case Wire.WHOLE:
                self.wfile.write(head + body)
            case Wire.RESET:
                self.connection.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
            case Wire.CLOSED:
                pass
            case Wire.CUT_HEADERS:
                self.wfile.write(head[:20])
            case Wire.CUT_BODY:
                self.wfile.write(head + body[: len(body) // 2])
            case Wire.TRICKLE:
                for byte in head + body:
                    self.wfile.write(bytes([byte]))
                    if self.server.registry.closing.wait(fault.delay):
                        return
            case Wire.SILENT:
                self.server.registry.closing.wait()


def _bend(registry: Script, request: Recorded, fault: Fault) -> Answer:
    right = registry.answer(request) if fault.status is None else Answer(status=fault.status)
    replaced = {name.lower() for name, _ in fault.headers} | {name.lower() for name in fault.without}
    kept = tuple((name, value) for name, value in right.headers if name.lower() not in replaced)
    body = right.body if fault.body is None else fault.body
    return Answer(status=right.status, headers=(*kept, *fault.headers), body=body)
