import socketserver
import threading
from collections.abc import Iterator

import pytest

from fakes.asking import REPOSITORY, look_up, resolver
from fakes.registry import FakeRegistry
from gitops_doca.core.reference import parse_repository
from gitops_doca.core.resolve.lookup import Cause, TagExists, TagLookup, TagUnknown
from gitops_doca.net.origins import parse_origin
from gitops_doca.net.proxies import proxy_for

PROXY = "http://me:secret@127.0.0.1"


class _Refusing(socketserver.ThreadingTCPServer):
    """A proxy that gives every request the same status."""

    daemon_threads = True

    def __init__(self) -> None:
        self.status = 407
        self.seen: list[bytes] = []
        super().__init__(("127.0.0.1", 0), _Refusal)

    @property
    def variables(self) -> dict[str, str]:
        url = f"{PROXY}:{self.server_address[1]}"
        return {"HTTPS_PROXY": url, "http_proxy": url}


class _Refusal(socketserver.StreamRequestHandler):
    server: _Refusing

    def handle(self) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n") and (line := self.rfile.readline()):
            head += line
        self.server.seen.append(head)
        status = self.server.status
        self.wfile.write(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % status)


def _through(environ: dict[str, str], *insecure: str) -> TagLookup:
    image = parse_repository("registry.test/a/b").tag("c")
    asked = resolver(environ=environ, insecure_registries=frozenset(insecure))
    return asked.resolve([image])[image]


@pytest.fixture
def proxy() -> Iterator[_Refusing]:
    with _Refusing() as server:
        threading.Thread(target=server.serve_forever, args=(0.005,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize(
    ("url", "environ", "expected"),
    [
        ("https://r.example", {}, None),
        ("https://r.example", {"HTTPS_PROXY": "p"}, "p"),
        ("https://r.example", {"HTTPS_PROXY": "p", "https_proxy": "q"}, "q"),
        ("https://r.example", {"HTTP_PROXY": "p"}, None),
        ("http://r.example", {"HTTP_PROXY": "p"}, "p"),
        ("https://r.example", {"ALL_PROXY": "p"}, "p"),
        ("https://127.0.0.1:5000", {"HTTPS_PROXY": "p"}, None),
        ("https://localhost", {"HTTPS_PROXY": "p"}, None),
        ("https://r.example", {"HTTPS_PROXY": "p", "NO_PROXY": "*"}, None),
        ("https://r.example", {"HTTPS_PROXY": "p", "NO_PROXY": "a, R.example"}, None),
        ("https://r.example", {"HTTPS_PROXY": "p", "NO_PROXY": "example"}, None),
        ("https://r.example", {"HTTPS_PROXY": "p", "NO_PROXY": ".example"}, None),
        ("https://r.example", {"HTTPS_PROXY": "p", "NO_PROXY": "*.example"}, None),
        ("https://r.example", {"HTTPS_PROXY": "p", "no_proxy": "ample,"}, "p"),
        ("https://r.example", {"HTTPS_PROXY": "p", "NO_PROXY": "r.example:443"}, None),
        ("https://r.example", {"HTTPS_PROXY": "p", "NO_PROXY": "r.example:5000"}, "p"),
        ("https://r.example", {"HTTPS_PROXY": "p", "NO_PROXY": "r.example:\u00b2"}, "p"),
        ("https://10.1.2.3", {"HTTPS_PROXY": "p", "NO_PROXY": "10.0.0.0/8"}, None),
        ("https://10.1.2.3", {"HTTPS_PROXY": "p", "NO_PROXY": "10.2.0.0/16"}, "p"),
        ("https://10.1.2.3", {"HTTPS_PROXY": "p", "NO_PROXY": "10.1.2.3"}, None),
        ("https://[fd00::1]:5000", {"HTTPS_PROXY": "p", "NO_PROXY": "fd00::/8"}, None),
        ("https://[fd00::1]:5000", {"HTTPS_PROXY": "p", "NO_PROXY": "[fd00::1]:5000"}, None),
        ("https://r.example", {"HTTPS_PROXY": "p", "NO_PROXY": "0.0.0.0/0"}, "p"),
    ],
)
def test_the_variables_of_curl_and_go_choose_the_proxy(
    url: str, environ: dict[str, str], expected: str | None
) -> None:
    assert proxy_for(parse_origin(url), environ) == expected


@pytest.mark.parametrize(
    ("status", "reason", "tries"),
    [
        (407, "the proxy answered 407 Proxy Authentication Required", 1),
        (403, "the proxy answered 403 Forbidden", 1),
        (502, "the proxy answered 502 Bad Gateway", 3),
    ],
)
def test_a_proxy_that_refuses_a_tunnel_is_unknown(
    proxy: _Refusing, status: int, reason: str, tries: int
) -> None:
    proxy.status = status

    assert _through(proxy.variables) == TagUnknown(Cause.PROXY, reason)
    assert len(proxy.seen) == tries


def test_a_proxy_that_refuses_plain_http_is_unknown(proxy: _Refusing) -> None:
    result = _through(proxy.variables, "registry.test")

    assert result == TagUnknown(Cause.PROXY, "407 Proxy Authentication Required for /v2/")


def test_a_proxy_gets_its_own_credentials(proxy: _Refusing) -> None:
    _through(proxy.variables)

    assert b"Proxy-Authorization: Basic bWU6c2VjcmV0" in proxy.seen[0]


def test_a_proxy_that_is_not_there_is_unknown() -> None:
    result = _through({"HTTPS_PROXY": f"{PROXY}:1"})

    assert result == TagUnknown(Cause.PROXY, "the proxy cannot be reached")


@pytest.mark.usefixtures("names")
def test_a_proxy_whose_name_is_not_found_is_unknown() -> None:
    result = _through({"HTTPS_PROXY": "http://me:secret@proxy.invalid:1"})

    assert result == TagUnknown(Cause.PROXY, "the proxy cannot be reached")


@pytest.mark.parametrize(
    "url", ["http://me:secret@[::1", "ftp://me:secret@proxy", "socks5://me:secret@127.0.0.1:1", "http://"]
)
def test_a_proxy_that_is_invalid_is_unknown_and_not_shown(url: str) -> None:
    result = _through({"HTTPS_PROXY": url})

    assert isinstance(result, TagUnknown)
    assert result.cause is Cause.PROXY
    assert "secret" not in result.reason


@pytest.mark.usefixtures("names")
def test_the_environment_of_the_process_names_no_proxy(
    proxy: _Refusing, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in proxy.variables.items():
        monkeypatch.setenv(name, value)
    with FakeRegistry(tags={REPOSITORY: ["here"]}, name="registry.test") as fake:
        look_up(fake, insecure_registries=frozenset({fake.host}))

        assert (fake.kinds, proxy.seen) == (["ping", "head"], [])


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize("exception", ["registry.test", ".test", "registry.test:{port}"])
def test_the_credentials_of_a_proxy_do_not_go_to_a_registry(proxy: _Refusing, exception: str) -> None:
    with FakeRegistry(tags={REPOSITORY: ["here"]}, name="registry.test") as fake:
        environ = {**proxy.variables, "NO_PROXY": exception.format(port=fake.port)}
        result = look_up(fake, environ=environ, insecure_registries=frozenset({fake.host}))

        assert isinstance(result, TagExists)
        assert not any("Proxy-Authorization" in request.headers for request in fake.requests)
        assert proxy.seen == []
