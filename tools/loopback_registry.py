"""A registry on loopback for the demo and the benchmark: tags and digests, no contents."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_ANY_LENGTH = 1024


class LoopbackRegistry(ThreadingHTTPServer):
    """Serves one repository's tags with their digests; a HEAD shows a digest, contents there are none."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, repository: str, digests: Mapping[str, str], *, latency: float = 0.0) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repository = repository
        self.digests = digests
        self.latency = latency
        """Seconds that pass before each answer."""
        self.methods: Counter[str] = Counter()
        """Requests for manifests, by method."""

    @property
    def host(self) -> str:
        """Its name in image references."""
        return f"127.0.0.1:{self.server_port}"


@contextmanager
def serving(registry: LoopbackRegistry) -> Iterator[LoopbackRegistry]:
    """Answer requests, on a thread of its own, until the context ends."""
    thread = threading.Thread(target=registry.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield registry
    finally:
        registry.shutdown()
        registry.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer is two small writes; together with delayed acknowledgements Nagle would add 40 ms to each.
    disable_nagle_algorithm = True
    server: LoopbackRegistry

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class names it so)
        """Stay silent: stderr is the product's."""

    def _answer(self) -> None:
        time.sleep(self.server.latency)
        base = f"/v2/{self.server.repository}/"
        path = self.path.partition("?")[0]
        if path == "/v2/":
            self._send(HTTPStatus.OK, {})
        elif path == f"{base}tags/list":
            self._send(HTTPStatus.OK, {"name": self.server.repository, "tags": sorted(self.server.digests)})
        elif path.startswith(f"{base}manifests/"):
            self._answer_manifest(path.removeprefix(f"{base}manifests/"))
        else:
            self._send(HTTPStatus.NOT_FOUND, {"errors": [{"code": "NAME_UNKNOWN", "message": "unknown"}]})

    def _answer_manifest(self, tag: str) -> None:
        self.server.methods[self.command] += 1
        if (digest := self.server.digests.get(tag)) is None:
            self._send(HTTPStatus.NOT_FOUND, {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "unknown"}]})
        elif self.command == "HEAD":
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", _MANIFEST)
            self.send_header("Content-Length", str(_ANY_LENGTH))
            self.send_header("Docker-Content-Digest", digest)
            self.end_headers()
        else:
            error = {"code": "UNSUPPORTED", "message": "no contents here"}
            self._send(HTTPStatus.METHOD_NOT_ALLOWED, {"errors": [error]})

    def _send(self, status: HTTPStatus, document: dict[str, Any]) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
