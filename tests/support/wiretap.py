"""Stands between a client and a server on loopback, and notes how each connection begins."""

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

TLS_HANDSHAKE = 0x16
_CHUNK = 65536


class Wiretap(socketserver.ThreadingTCPServer):
    """Forwards every connection to one port on loopback."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Forward)
        self.target = ("127.0.0.1", port)
        self.first_bytes: list[int] = []
        """What each connection that sent anything began with; RFC 8446 5.1 has 22 for TLS."""

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])


@contextmanager
def tapping(port: int) -> Iterator[Wiretap]:
    """Forward to this port until the context ends."""
    with Wiretap(port) as wiretap:
        threading.Thread(target=wiretap.serve_forever, kwargs={"poll_interval": 0.05}).start()
        try:
            yield wiretap
        finally:
            wiretap.shutdown()


class _Forward(socketserver.BaseRequestHandler):
    server: Wiretap
    request: Any

    def handle(self) -> None:
        start = self.request.recv(_CHUNK)
        if not start:
            return
        self.server.first_bytes.append(start[0])
        with socket.create_connection(self.server.target) as target:
            target.sendall(start)
            back = threading.Thread(target=_copy, args=(target, self.request))
            back.start()
            _copy(self.request, target)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    # Either side may hang up at any time; then the other one is told so too.
    with suppress(OSError):
        while chunk := source.recv(_CHUNK):
            target.sendall(chunk)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
