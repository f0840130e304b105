"""What a server may answer, in a form that does not depend on where the servers of a test are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from fakes.registry import DOCKER_LIST, OCI_INDEX, OCI_MANIFEST, Fault, Wire
from support.fuzzing import CANARY
from support.mutation import TEXTS, Text, texts

_DIGEST = "sha256:" + "0" * 64
# What a client waits and tries again for is rare: each costs the whole deadline.
_STATUSES = [*[None] * 12, *[200] * 8, *[404] * 4, 401, 401, 403, 400, 405, 406, 410, 204, 206, 100, 999]
_STATUSES += [*(300, 301, 302, 303, 304, 307, 308) * 2, 429, 500, 503]
_WIRES = [*[Wire.WHOLE] * 30, *[wire for wire in Wire if wire is not Wire.WHOLE]]
_PLACES = [
    *(
        "@here@/v2/",
        "@here@/token",
        "@thief@/v2/x",
        "@thief@/token",
        "//thief",
        "/",
        "",
        "?again",
        "http://[",
    ),
    *("file:///etc/passwd", "https://me:x@thief", "data:,x", "http://127.0.0.1:1/", "ftp://127.0.0.1/", "#"),
    *("http://169.254.169.254/latest", "http://localhost:99999/", "http://[::1]:1/", "http://0x7f.1:1/"),
]
_HEADERS = {
    "Location": _PLACES,
    "Link": [f'<{place}>; rel="next"' for place in _PLACES] + ["<", '<a>; rel="prev"', "<a>, <b>; rel=next"],
    "WWW-Authenticate": [
        *(f'Bearer realm="{place}",service="a",scope="repository:a:pull"' for place in _PLACES),
        *(
            "Basic",
            'Basic realm="',
            "Bearer",
            "Negotiate",
            "Digest a=b",
            'Bearer realm=""',
            ", ,",
            "Basic x, y",
        ),
    ],
    "Docker-Content-Digest": [_DIGEST, _DIGEST[:-1], "md5:0", "sha512:" + "0" * 128, "", "latest"],
    "Content-Type": [
        OCI_MANIFEST,
        OCI_INDEX,
        DOCKER_LIST,
        "text/html",
        "",
        ";",
        "application/json; charset=x",
    ],
    "Content-Encoding": ["gzip", "deflate", "br", "zstd", "x", "gzip, gzip"],
    "Transfer-Encoding": ["chunked", "identity", "x"],
    "Content-Length": ["0", "1", "-1", "x", "9" * 30],
    "Retry-After": ["0", "-1", "x", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT", "Fri, 99 Foo 0000"],
    "Set-Cookie": [f"a={CANARY}; Domain=example.com"],
    "Warning": ["299 - x"],
    "X": ["x" * 70_000, ""],
}
_FRAMING = {"Content-Length", "Transfer-Encoding"}
_BODILESS = {100, 204, 304}
_NAMED = st.sampled_from(sorted(_HEADERS)).flatmap(
    lambda name: st.tuples(st.just(name), st.sampled_from(_HEADERS[name]) | st.sampled_from(TEXTS))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer; in its headers `@here@` is the server's address, and `@thief@` that of another one."""

    status: int | None
    headers: Sequence[tuple[str, str]]
    document: Any
    text: Text | None
    """How the body comes of the document; None: the right body."""
    wire: Wire

    @property
    def steady(self) -> bool:
        """Whether the connection is good for a next request, whoever makes that."""
        framed = not {name for name, _ in self.headers} & _FRAMING
        return self.wire is Wire.WHOLE and framed and self.status not in _BODILESS

    def fault(self, here: str, thief: str) -> Fault:
        """Return it with the addresses of both servers."""

        def placed(text: str) -> str:
            # A header is one line, of bytes.
            line = text.replace("@here@", here).replace("@thief@", thief).replace("\r", "").replace("\n", " ")
            return line.encode().decode("latin-1")

        body = None if self.text is None else self.text.of([self.document])
        headers = tuple((name, placed(value)) for name, value in self.headers)
        return Fault(status=self.status, headers=headers, body=body, wire=self.wire)


def answers(documents: Sequence[Any]) -> st.SearchStrategy[Answer]:
    """Draw answers: the right one with another status, other headers, or a body made of one of these."""
    return st.builds(
        Answer,
        status=st.sampled_from(_STATUSES),
        headers=st.lists(_NAMED, max_size=2),
        document=st.sampled_from(documents),
        text=st.none() | texts(),
        wire=st.sampled_from(_WIRES),
    )
