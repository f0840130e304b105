"""A server before a registry that answers `/v2/` itself, to everybody, and passes all else on."""

import http.client
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support.docker_registry import DockerRegistry

_PASSED_ON = ("Accept", "Authorization")
_PASSED_BACK = ("Content-Type", "Content-Length", "Docker-Content-Digest", "Link", "WWW-Authenticate")


class OpenPing(ThreadingHTTPServer):
    """Speaks plain HTTP on loopback, whatever its registry speaks."""

    daemon_threads = True

    def __init__(self, registry: DockerRegistry) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.registry = registry
        self.seen: list[tuple[str, str]] = []
        """Method and scheme of the Authorization of each request, `-` where it had none; pings are `PING`."""

    @property
    def host(self) -> str:
        """Its name as a registry."""
        return f"127.0.0.1:{self.server_port}"


@contextmanager
def open_ping(registry: DockerRegistry) -> Iterator[OpenPing]:
    """Stand before a registry until the context ends."""
    with OpenPing(registry) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def pass_on(
    request: BaseHTTPRequestHandler, host: str, tls: ssl.SSLContext | None = None
) -> tuple[HTTPStatus, Message, bytes]:
    """Ask a server the same as was asked here, and return status, headers and body of its answer."""
    if tls is None:
        connection = http.client.HTTPConnection(host, timeout=30)
    else:
        connection = http.client.HTTPSConnection(host, timeout=30, context=tls)
    try:
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        connection.request(request.command, request.path, headers=headers)
        reply = connection.getresponse()
        return HTTPStatus(reply.status), reply.headers, reply.read()
    finally:
        connection.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: OpenPing

    def do_GET(self) -> None:
        ping = self.path == "/v2/"
        scheme = self.headers.get("Authorization", "-").partition(" ")[0]
        self.server.seen.append(("PING" if ping else self.command, scheme))
        if ping:
            self._send(HTTPStatus.OK, {"Content-Length": "2"}, b"{}")
            return
        ca_file = self.server.registry.ca_file
        tls = ssl.create_default_context(cafile=ca_file) if ca_file else None
        status, headers, content = pass_on(self, self.server.registry.host, tls)
        self._send(status, {name: headers[name] for name in _PASSED_BACK if name in headers}, content)

    do_HEAD = do_GET  # noqa: N815 (as inherited)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (as inherited)
        """Keep quiet."""

    def _send(self, status: HTTPStatus, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
