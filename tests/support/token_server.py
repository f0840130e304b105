"""Token servers in the shapes of NGC, Docker Hub and Azure, whose tokens a real registry verifies."""

import base64
import json
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from support.front import pass_on
from support.token_signer import LIFETIME, TokenSigner

PUBLIC, PRIVATE = "public/doca-driver", "private/doca-driver"
USER = {"ngc": "$oauthtoken", "docker-hub": "puller", "acr": "00000000-0000-0000-0000-000000000000"}
PASSWORD = "nvapi-not:a-secret"
IDENTITY_TOKEN = "identity.not-a-secret"
_NGINX_401 = (
    b"<html>\r\n<head><title>401 Authorization Required</title></head>\r\n<body>\r\n"
    b"<center><h1>401 Authorization Required</h1></center>\r\n</body>\r\n</html>\r\n"
)


class Vendor(Enum):
    """Whose shape a server has."""

    NGC = "ngc"
    """Stands before its registry: a realm that has a scope with push, no service, errors as nginx's HTML."""
    DOCKER_HUB = "docker-hub"
    """Anybody gets a token, which opens nothing that is private or absent; the token stands in two fields."""
    ACR = "acr"
    """Takes identity tokens by POST."""

    @property
    def path(self) -> str:
        """Path of the realm."""
        return {"ngc": "/proxy_auth", "docker-hub": "/token", "acr": "/oauth2/token"}[self.value]

    @property
    def service(self) -> str:
        """What its registry calls itself."""
        return {"ngc": "ngc", "docker-hub": "registry.docker.io", "acr": "example.azurecr.io"}[self.value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request for a token."""

    method: str
    scopes: tuple[str, ...]
    service: str
    account: str
    """The user that was shown, `identity` for an identity token, empty for nobody."""


class TokenServer(ThreadingHTTPServer):
    """Gives pull access to `PUBLIC` to everybody, and to `PRIVATE` to who shows the right secret."""

    daemon_threads = True

    def __init__(self, vendor: Vendor, signer: TokenSigner, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.vendor = vendor
        self.signer = signer
        self.registry = ""
        """`host:port` of the registry behind it, where it stands before one."""
        self.posts = True
        """Whether Azure's answers POST at all."""
        self.exchanges: list[Exchange] = []
        self.ages: list[float] = []
        """How old the next tokens are when they are given out; then they are new."""
        self._scheme = "https" if tls else "http"
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)

    @property
    def host(self) -> str:
        """Its name as a registry."""
        return f"localhost:{self.server_port}" if self._scheme == "https" else f"127.0.0.1:{self.server_port}"

    @property
    def realm(self) -> str:
        """Where tokens are to be had."""
        return f"{self._scheme}://{self.host}{self.vendor.path}"

    def token(self, scopes: Sequence[str], *, known: bool) -> str:
        """Return a token for what of these scopes may be had."""
        open_to = {PUBLIC, PRIVATE} if known else {PUBLIC}
        names = [name for kind, name, _ in (scope.split(":") for scope in scopes) if name in open_to]
        access = [{"type": "repository", "name": name, "actions": ["pull"]} for name in names]
        age = self.ages.pop(0) if self.ages else 0.0
        return self.signer.sign(audience=self.vendor.service, access=access, age=age)

    def push_token(self, repository: str) -> str:
        """Return a token that may push there."""
        access = {"type": "repository", "name": repository, "actions": ["pull", "push"]}
        return self.signer.sign(audience=self.vendor.service, access=[access])


@contextmanager
def serving(server: TokenServer) -> Iterator[TokenServer]:
    """Answer requests, on a thread of its own, until the context ends."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: TokenServer

    def do_HEAD(self) -> None:
        self._forward()

    def do_GET(self) -> None:
        target = urlsplit(self.path)
        if target.path != self.server.vendor.path:
            self._forward()
            return
        query = parse_qs(target.query)
        user, secret = self._basic()
        self._exchange(query.get("scope", []), query.get("service", [""])[0], user, secret)

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        account = "identity" if form.get("grant_type") == ["refresh_token"] else ""
        if self.server.vendor is not Vendor.ACR or not self.server.posts:
            self._note(form["scope"], form["service"][0], account)
            self._refuse(HTTPStatus.NOT_FOUND)
            return
        scopes = form["scope"][0].split()
        self._exchange(scopes, form["service"][0], account, form["refresh_token"][0])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class names it so)
        pass

    def _basic(self) -> tuple[str, str]:
        pair = base64.b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).decode()
        user, _, secret = pair.partition(":")
        return user, secret

    def _exchange(self, scopes: Sequence[str], service: str, user: str, secret: str) -> None:
        self._note(scopes, service, user)
        right = (user, secret) in {
            (USER[self.server.vendor.value], PASSWORD),
            (USER["acr"], IDENTITY_TOKEN),
            ("identity", IDENTITY_TOKEN),
        }
        strict = self.server.vendor is not Vendor.DOCKER_HUB
        private = any(not scope.startswith(f"repository:{PUBLIC}:") for scope in scopes)
        pushes = any("push" in scope for scope in scopes)
        if (user and not right) or (strict and (pushes or (private and not right))):
            self._refuse(HTTPStatus.UNAUTHORIZED)
            return
        token = self.server.token(scopes, known=right)
        shapes: dict[Vendor, dict[str, Any]] = {
            Vendor.NGC: {"token": token, "expires_in": LIFETIME},
            Vendor.DOCKER_HUB: {"token": token, "access_token": token, "expires_in": LIFETIME},
            Vendor.ACR: {"access_token": token},
        }
        content = json.dumps(shapes[self.server.vendor]).encode()
        self._send(HTTPStatus.OK, "application/json", content)

    def _note(self, scopes: Sequence[str], service: str, account: str) -> None:
        exchange = Exchange(method=self.command, scopes=tuple(scopes), service=service, account=account)
        self.server.exchanges.append(exchange)

    def _forward(self) -> None:
        """Pass a request on to the registry, and its answer back, but for a 401."""
        status, headers, content = pass_on(self, self.server.registry)
        if status == HTTPStatus.UNAUTHORIZED:
            self._refuse(HTTPStatus.UNAUTHORIZED)
        else:
            digest = headers.get("Docker-Content-Digest", "")
            length = int(headers["Content-Length"])
            self._send(status, headers["Content-Type"], content, digest=digest, length=length)

    def _refuse(self, status: HTTPStatus) -> None:
        if self.server.vendor is Vendor.NGC:
            scope = "repository:nvidia/any:pull,push"
            challenge = f'Bearer realm="{self.server.realm}?scope={scope}"'
            self._send(status, "text/html", _NGINX_401, challenge=challenge)
        else:
            body = {"errors": [{"code": status.name, "message": "no token for this"}]}
            self._send(status, "application/json", json.dumps(body).encode())

    def _send(
        self,
        status: HTTPStatus,
        kind: str,
        content: bytes,
        *,
        challenge: str = "",
        digest: str = "",
        length: int = -1,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content) if length < 0 else length))
        if challenge:
            self.send_header("WWW-Authenticate", challenge)
        if digest:
            self.send_header("Docker-Content-Digest", digest)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
