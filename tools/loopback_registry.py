"""A registry on loopback for the benchmark: one image, under any number of tags."""

import hashlib
import json
import threading
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs, urlencode

_MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
_CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


_CONFIG = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers"}}).encode()
_MANIFEST = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": _MANIFEST_TYPE,
        "config": {"mediaType": _CONFIG_TYPE, "digest": _digest(_CONFIG), "size": len(_CONFIG)},
        "layers": [],
    }
).encode()


class LoopbackRegistry(ThreadingHTTPServer):
    """Serves one repository, all of whose tags name the same image for linux/amd64."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, repository: str, tags: Collection[str], *, latency: float = 0.0) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repository = repository
        self.tags = dict.fromkeys(sorted(tags))
        self.latency = latency
        """Seconds that pass before each answer."""
        self.methods: Counter[str] = Counter()
        """Requests for manifests, by method."""
        self.lists = 0
        """Requests for the list of tags, its later pages not counted."""

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
            self._send_json(HTTPStatus.OK, {})
        elif path == f"{base}tags/list":
            self._send_page(parse_qs(self.path.partition("?")[2]))
        elif path.startswith(f"{base}manifests/"):
            self.server.methods[self.command] += 1
            if path.removeprefix(f"{base}manifests/") in self.server.tags:
                self._send(HTTPStatus.OK, _MANIFEST_TYPE, _MANIFEST)
            else:
                self._refuse("MANIFEST_UNKNOWN")
        elif path == f"{base}blobs/{_digest(_CONFIG)}":
            self._send(HTTPStatus.OK, "application/octet-stream", _CONFIG)
        else:
            self._refuse("NAME_UNKNOWN")

    def _send_page(self, query: dict[str, list[str]]) -> None:
        tags, size, last = list(self.server.tags), int(query["n"][0]), query.get("last")
        self.server.lists += last is None
        start = bisect_right(tags, last[0]) if last else 0
        page = tags[start : start + size]
        following = f"?{urlencode({'n': size, 'last': page[-1]})}" if start + size < len(tags) else ""
        self._send_json(
            HTTPStatus.OK,
            {"name": self.server.repository, "tags": page},
            {"Link": f'<{self.path.partition("?")[0]}{following}>; rel="next"'} if following else {},
        )

    def _refuse(self, code: str) -> None:
        self._send_json(HTTPStatus.NOT_FOUND, {"errors": [{"code": code, "message": "unknown"}]})

    def _send_json(
        self,
        status: HTTPStatus,
        document: dict[str, Any],
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._send(status, "application/json", json.dumps(document).encode(), headers)

    def _send(
        self,
        status: HTTPStatus,
        media_type: str,
        content: bytes,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.send_response(status)
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(content)))
        if status is HTTPStatus.OK:
            self.send_header("Docker-Content-Digest", _digest(content))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
