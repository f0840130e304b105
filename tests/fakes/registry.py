"""A registry on loopback that does what a test tells it to, over real HTTP, and records every request."""

import base64
import hashlib
import json
import ssl
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Literal
from urllib.parse import urlencode

from fakes.wire import Answer, Fault, Kind, Recorded, Running, Server, Wire

__all__ = [
    "Auth",
    "FakeRegistry",
    "Fault",
    "Kind",
    "Manifest",
    "Recorded",
    "Wire",
    "errors",
    "image",
    "image_manifest",
]

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"

HTML = Fault(status=200, headers=(("Content-Type", "text/html"),), body=b"<html>Please log in</html>")
HTML_404 = Fault(status=404, headers=(("Content-Type", "text/html"),), body=b"<h1>404 page not found</h1>")


def errors(status: int, code: str, message: str = "") -> Fault:
    """Return an answer in the form that the distribution spec gives to errors."""
    body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
    return Fault(status=status, headers=(("Content-Type", "application/json"),), body=body)


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest as the registry keeps it."""

    body: bytes
    media_type: str = OCI_MANIFEST

    @property
    def config(self) -> str:
        """Digest of its configuration."""
        return str(json.loads(self.body)["config"]["digest"])

    @property
    def digest(self) -> str:
        """Its digest."""
        return f"sha256:{hashlib.sha256(self.body).hexdigest()}"


def image_manifest(name: str) -> Manifest:
    """Return an image manifest of its own for each name."""
    layer = {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": "sha256:" + "0" * 64, "size": 0}
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": layer,
        "layers": [],
        "annotations": {"name": name},
    }
    return Manifest(json.dumps(document).encode())


def image(*, os: str = "linux", architecture: str = "amd64") -> tuple[Manifest, bytes]:
    """Return the manifest of a single image for a platform, and its configuration."""
    config = json.dumps({"os": os, "architecture": architecture}).encode()
    descriptor = {
        "mediaType": "application/vnd.oci.image.config.v1+json",
        "digest": f"sha256:{hashlib.sha256(config).hexdigest()}",
        "size": len(config),
    }
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor, "layers": []}
    return Manifest(json.dumps(document).encode()), config


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """Who may ask: Basic or Bearer, with a login, or (Bearer) anybody who fetches a token."""

    scheme: Literal["basic", "bearer"]
    login: tuple[str, str] | None = None
    open_ping: bool = False
    """`/v2/` is open to everybody; the challenge comes where something is asked for."""
    public: tuple[str, ...] = ()
    """Repositories that are open to everybody."""
    challenges: tuple[str, ...] = ()
    """Header lines instead of the usual one; `{realm}` in them is this registry's token server."""
    token_field: str = "token"
    identity: str = ""
    """An identity token that buys tokens by POST."""
    rotates: bool = False
    """Each identity token is good for one token, and comes with the next."""


@dataclass(kw_only=True)
class FakeRegistry(Running):
    """A registry for the length of a `with` block; `host` is how references name it."""

    tags: Mapping[str, Iterable[str] | Mapping[str, Manifest]] = field(default_factory=dict)
    blobs: Iterable[bytes] = ()
    auth: Auth | None = None
    latency: float = 0.0
    """Seconds that every answer takes longer."""
    page_size: int = 1000
    """The most tags of a page, whatever is asked for."""
    link: Literal["relative", "absolute", "none"] = "relative"
    wraps: bool = False
    """Behind the last tag the first comes again."""
    tls: ssl.SSLContext | None = None
    down: bool = False
    """503 for everything."""
    name: str = "127.0.0.1"
    """The host in `host`; for tests that direct other names to loopback."""
    requests: list[Recorded] = field(default_factory=list)
    tokens: dict[str, list[str]] = field(default_factory=dict)
    """Valid tokens, each with its scopes."""
    connections: int = 0
    said_missing: list[str] = field(default_factory=list)
    """Tags of which it said to a GET, in its own words and to the end, that they do not exist."""

    def __post_init__(self) -> None:
        self.repositories = {name: _manifests(name, tags) for name, tags in self.tags.items()}
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._once: dict[Kind, deque[Fault]] = {}
        self._always: dict[Kind, Fault] = {}
        self._server = Server(self)

    @property
    def port(self) -> int:
        """The port on loopback."""
        return int(self._server.server_address[1])

    @property
    def host(self) -> str:
        """`host:port`."""
        return f"{self.name}:{self.port}"

    @property
    def url(self) -> str:
        """Scheme, host and port."""
        return f"{'https' if self.tls else 'http'}://{self.host}"

    @property
    def kinds(self) -> list[Kind]:
        """The kinds of the requests so far, in their order."""
        return [request.kind for request in self.requests]

    def count(self, kind: Kind) -> int:
        """Return how many requests of a kind came in."""
        return self.kinds.count(kind)

    def digest(self, repository: str, tag: str) -> str:
        """Return the digest of a tag that is there."""
        return self.repositories[repository][tag].digest

    def fail(self, kind: Kind, *faults: Fault) -> None:
        """Answer the next requests of a kind with these, one each."""
        self._once.setdefault(kind, deque()).extend(faults)

    def fail_always(self, kind: Kind, fault: Fault) -> None:
        """Answer all requests of a kind with this, after those of `fail`."""
        self._always[kind] = fault

    def expire_tokens(self) -> None:
        """Forget all tokens that were given out."""
        self.tokens.clear()

    def forget(self) -> None:
        """Forget all requests, tokens and faults."""
        with self._lock:
            self.requests.clear()
            self.said_missing.clear()
            self.tokens.clear()
            self._once.clear()
            self._always.clear()

    def fault(self, request: Recorded) -> Fault:
        """Record a request, and return what is to go wrong with it."""
        with self._lock:
            self.requests.append(request)
            waiting = self._once.get(request.kind)
            if self.down:
                return Fault(status=503)
            return waiting.popleft() if waiting else self._always.get(request.kind, Fault())

    def sent(self, request: Recorded, answer: Answer, fault: Fault) -> None:
        """Note what is about to be sent."""
        right = fault.status is None and fault.body is None and fault.wire is Wire.WHOLE
        if right and request.kind == "get" and answer.status == HTTPStatus.NOT_FOUND:
            self.said_missing.append(request.path.rpartition("/")[2])

    def answer(self, request: Recorded) -> Answer:
        """Return the right answer."""
        if request.kind == "token":
            return self._token(request)
        refused = self._refuse(request)
        if refused is not None or request.kind == "ping":
            return refused or Answer(status=200, body=b"{}")
        if request.kind == "list":
            return self._list(request)
        if request.kind == "blob":
            return self._blob(request)
        return self._manifest(request) if request.kind in {"head", "get"} else _error(404, "UNSUPPORTED")

    def _blob(self, request: Recorded) -> Answer:
        wanted = request.path.rpartition("/sha256:")[2]
        found = [blob for blob in self.blobs if hashlib.sha256(blob).hexdigest() == wanted]
        return Answer(status=200, body=found[0]) if found else _error(404, "BLOB_UNKNOWN")

    def _refuse(self, request: Recorded) -> Answer | None:
        if self.auth is None or _repository(request) in self.auth.public:
            return None
        if request.kind == "ping" and self.auth.open_ping:
            return None
        if self.auth.scheme == "basic":
            allowed = request.authorization == _basic(self.auth.login)
            challenge = 'Basic realm="fake"'
        else:
            scopes = self.tokens.get(request.authorization.removeprefix("Bearer "))
            allowed = scopes is not None and (request.kind == "ping" or _scope(request) in scopes)
            challenge = f'Bearer realm="{{realm}}",service="fake",scope="{_scope(request)}"'
        lines = self.auth.challenges or (challenge,)
        headers = [("WWW-Authenticate", line.replace("{realm}", f"{self.url}/token")) for line in lines]
        return None if allowed else _error(401, "UNAUTHORIZED", headers=tuple(headers))

    def _token(self, request: Recorded) -> Answer:
        if self.auth is None:
            return _error(404, "UNSUPPORTED")
        login = self.auth.login
        answer: dict[str, str] = {}
        scopes = request.query.get("scope", [])
        if request.method == "POST":
            if request.form.get("refresh_token") != [self.auth.identity]:
                return _error(401, "UNAUTHORIZED")
            scopes = request.form["scope"][0].split()
            if self.auth.rotates:
                answer["refresh_token"] = f"{self.auth.identity}+"
                self.auth = replace(self.auth, identity=answer["refresh_token"])
        elif login is not None and request.authorization != _basic(login):
            return _error(401, "UNAUTHORIZED")
        token = f"token-{len(self.requests)}"
        self.tokens[token] = scopes
        return Answer(status=200, body=json.dumps({self.auth.token_field: token, **answer}).encode())

    def _manifest(self, request: Recorded) -> Answer:
        repository, _, tag = request.path.removeprefix("/v2/").partition("/manifests/")
        if repository not in self.repositories:
            return _error(404, "NAME_UNKNOWN", "repository name not known to registry")
        manifest = self.repositories[repository].get(tag)
        if manifest is None:
            return _error(404, "MANIFEST_UNKNOWN", "manifest unknown")
        if manifest.media_type not in request.headers.get("Accept", ""):
            return _error(404, "MANIFEST_UNKNOWN", "manifest found, but accept header does not support it")
        headers = (("Content-Type", manifest.media_type), ("Docker-Content-Digest", manifest.digest))
        return Answer(status=200, headers=headers, body=manifest.body)

    def _list(self, request: Recorded) -> Answer:
        repository = request.path.removeprefix("/v2/").removesuffix("/tags/list")
        if repository not in self.repositories:
            return _error(404, "NAME_UNKNOWN", "repository name not known to registry")
        last = request.query.get("last", [""])[0]
        size = min(self.page_size, int(request.query.get("n", ["1000"])[0]))
        rest = [tag for tag in sorted(self.repositories[repository]) if tag > last]
        if not rest and self.wraps:
            rest = sorted(self.repositories[repository])
        headers: tuple[tuple[str, str], ...] = ()
        if len(rest) > size and self.link != "none":
            base = self.url if self.link == "absolute" else ""
            query = urlencode({"n": size, "last": rest[size - 1]})
            headers = (("Link", f'<{base}{request.path}?{query}>; rel="next"'),)
        body = json.dumps({"name": repository, "tags": rest[:size]}).encode()
        return Answer(status=200, headers=headers, body=body)


def _manifests(repository: str, tags: Iterable[str] | Mapping[str, Manifest]) -> dict[str, Manifest]:
    if isinstance(tags, Mapping):
        return dict(tags)
    return {tag: image_manifest(f"{repository}:{tag}") for tag in tags}


def _error(status: int, code: str, message: str = "", *, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    fault = errors(status, code, message)
    return Answer(status=status, headers=(*fault.headers, *headers), body=fault.body or b"")


def _basic(login: tuple[str, str] | None) -> str:
    assert login is not None
    return f"Basic {base64.b64encode(':'.join(login).encode()).decode()}"


def _scope(request: Recorded) -> str:
    return f"repository:{_repository(request)}:pull"


def _repository(request: Recorded) -> str:
    path = request.path.removeprefix("/v2/").removesuffix("/tags/list")
    return path.partition("/manifests/")[0].partition("/blobs/")[0]
