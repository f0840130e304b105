"""Whatever goes wrong on the way, missing is said only of what a registry has said is missing."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes.asking import REPOSITORY, look_up
from fakes.registry import HTML, HTML_404, OCI_MANIFEST, Auth, FakeRegistry, Fault, Kind, Wire, errors
from gitops_doca.core.resolve.lookup import TagExists, TagLookup, TagMissing, TagUnknown
from gitops_doca.net.retry import RetryPolicy
from gitops_doca.registry.auth.pull_secrets import PullSecret

IMPATIENT = RetryPolicy(base=0.0001, read_timeout=0.02)
RIGHT = Fault()

_CODES = ["UNAUTHORIZED", "DENIED", "NAME_UNKNOWN", "TOOMANYREQUESTS", "UNKNOWN", "UNSUPPORTED", "odd\x1b"]
_STATUSES = [200, 204, 301, 302, 307, 400, 401, 403, 404, 405, 406, 407, 408, 410, 429, 499]
_STATUSES += [500, 501, 502, 503, 504, 522, 599]
_BODIES = [
    b"",
    b"null",
    b"{",
    b'{"token": 1}',
    b'{"schemaVersion": 2}',
    b'{"errors": [{"code": "MANIFEST_UNKNOWN"}',
]

# None of these is the genuine answer to a missing tag: a 404 whose errors all say so.
FAULTS = st.one_of(
    st.sampled_from([RIGHT, HTML, HTML_404]),
    st.builds(
        lambda status, code: errors(status, code, "text"), st.sampled_from(_STATUSES), st.sampled_from(_CODES)
    ),
    st.builds(
        lambda status, body: Fault(status=status, body=body),
        st.sampled_from(_STATUSES),
        st.sampled_from(_BODIES),
    ),
    st.builds(
        lambda status: errors(status, "MANIFEST_UNKNOWN"), st.sampled_from([s for s in _STATUSES if s != 404])
    ),
    st.just(errors(404, "MANIFEST_UNKNOWN", "found, but accept header does not support it")),
    st.builds(lambda wire: Fault(wire=wire), st.sampled_from([w for w in Wire if w is not Wire.TRICKLE])),
    st.builds(
        lambda status, target: Fault(status=status, headers=(("Location", target),)),
        st.sampled_from([301, 307]),
        st.sampled_from(["/v2/", "https://evil.example/", "", "?again", "http://[", "file:///"]),
    ),
    st.builds(
        lambda wait: Fault(status=429, headers=(("Retry-After", wait),)), st.sampled_from(["0", "x", "99"])
    ),
    st.just(Fault(headers=(("Docker-Content-Digest", "sha256:" + "0" * 63),))),
    st.just(Fault(headers=(("Content-Type", "text/html"),), without=("Docker-Content-Digest",))),
    st.just(Fault(status=200, headers=(("Content-Type", OCI_MANIFEST),))),
)
SCRIPTS = st.dictionaries(
    st.sampled_from(["ping", "token", "head", "get"]), st.lists(FAULTS, max_size=6), max_size=4
)


LOGIN = ("me", "right")
AUTHS = {
    "open": None,
    "anonymous tokens": Auth(scheme="bearer"),
    "tokens for a login": Auth(scheme="bearer", login=LOGIN),
    "passwords": Auth(scheme="basic", login=LOGIN),
    "anonymous tokens behind an open ping": Auth(scheme="bearer", open_ping=True),
    "tokens for a login behind an open ping": Auth(scheme="bearer", login=LOGIN, open_ping=True),
    "passwords behind an open ping": Auth(scheme="basic", login=LOGIN, open_ping=True),
}


@pytest.fixture(scope="module", params=AUTHS)
def fake(request: pytest.FixtureRequest) -> Iterator[FakeRegistry]:
    auth = AUTHS[request.param]
    with FakeRegistry(tags={REPOSITORY: ["here"]}, auth=auth) as running:
        yield running


def _ask(fake: FakeRegistry, tag: str, script: dict[Kind, list[Fault]]) -> TagLookup:
    fake.forget()
    for kind, faults in script.items():
        fake.fail(kind, *faults)
    logins = [{"username": LOGIN[0], "password": password} for password in ("wrong", LOGIN[1])]
    wanted = logins if fake.auth and fake.auth.login else []
    secrets = tuple(PullSecret(place="secret", auths={fake.host: login}) for login in wanted)
    return look_up(fake, tag, retry=IMPATIENT, deadline=5, pull_secrets=secrets)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=SCRIPTS)
def test_a_tag_that_is_there_is_never_missing(fake: FakeRegistry, script: dict[Kind, list[Fault]]) -> None:
    result = _ask(fake, "here", script)

    assert isinstance(result, TagUnknown) or result == TagExists(fake.digest(REPOSITORY, "here"))  # type: ignore[arg-type]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=SCRIPTS)
def test_a_tag_that_is_not_there_is_missing_only_by_the_registrys_word(
    fake: FakeRegistry, script: dict[Kind, list[Fault]]
) -> None:
    result = _ask(fake, "gone", script)

    assert isinstance(result, TagUnknown | TagMissing)
    if isinstance(result, TagMissing):
        # More than once when the answer came too late: the client hangs up, and asks again.
        assert set(fake.said_missing) == {"gone"}


def test_without_faults_there_and_missing_are_told_apart(fake: FakeRegistry) -> None:
    assert isinstance(_ask(fake, "here", {}), TagExists)
    assert _ask(fake, "gone", {}) == TagMissing()
