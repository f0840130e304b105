"""Each fault at each step, through the command line: exit 5, nothing on stdout, no traceback, no secret."""

import base64
import json
import os
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fakes.asking import NO_CA
from fakes.registry import HTML, HTML_404, Auth, FakeRegistry, Fault, Kind, Manifest, Wire, errors, image
from gitops_doca.cli import main
from support.inputs import Pool, write_inputs

LOGIN = ("me", "hunter2")
SECRETS = ("hunter2", base64.b64encode(b"me:hunter2").decode(), "token-", "proxypw")
POOL = Pool(kernel="5.15.0-91-generic")
REPOSITORY = "nvidia/doca-driver"
MANY = (("Retry-After", "3600"),)
EVIL = "\x1b]0;evil\x07 hunter2"

FAULTS = {
    "reset": Fault(wire=Wire.RESET),
    "closed": Fault(wire=Wire.CLOSED),
    "blackhole": Fault(wire=Wire.SILENT),
    "trickle": Fault(wire=Wire.TRICKLE, delay=0.2),
    "truncated headers": Fault(wire=Wire.CUT_HEADERS),
    "truncated body": Fault(wire=Wire.CUT_BODY),
    "400": errors(400, "UNSUPPORTED", EVIL),
    "401": errors(401, "UNAUTHORIZED", EVIL),
    "403": errors(403, "DENIED", EVIL),
    "407": Fault(status=407),
    "429 for an hour": Fault(status=429, headers=MANY),
    "500": errors(500, "UNKNOWN", EVIL),
    "502": Fault(status=502, body=EVIL.encode()),
    "503": Fault(status=503),
    "504": Fault(status=504),
    "522": Fault(status=522),
    "HTML 200": HTML,
    "HTML 404": HTML_404,
    "bare 404": Fault(status=404),
    "200 without sense": Fault(status=200, body=b'{"token": 5, "errors": "hunter2"}'),
    "no JSON": Fault(status=200, body=b"{hunter2"),
    "elsewhere": Fault(status=307, headers=(("Location", "https://evil.example/hunter2"),)),
    "to a file": Fault(status=302, headers=(("Location", "file:///etc/passwd"),)),
    "in circles": Fault(status=307, headers=(("Location", "?hunter2"),)),
    "without sense of gzip": Fault(headers=(("Content-Encoding", "gzip"),), body=b"hunter2"),
}
STEPS: tuple[Kind, ...] = ("ping", "token", "head", "get", "blob", "list")
# The answer to a HEAD has no body that these could bend; of a ping only a challenge matters, and a 401 later
# has one too.
HARMLESS = {
    ("head and get", "truncated body"),
    ("head and get", "without sense of gzip"),
    ("ping", "HTML 200"),
    ("ping", "200 without sense"),
    ("ping", "no JSON"),
}
HARMLESS_TO_AN_OPEN_PING = {("ping", "truncated headers")}


@pytest.fixture(scope="module")
def driver() -> tuple[Manifest, bytes]:
    return image()


@pytest.fixture(scope="module", params=[False, True], ids=["closed", "open ping"])
def fake(request: pytest.FixtureRequest, driver: tuple[Manifest, bytes]) -> Iterator[FakeRegistry]:
    manifest, config = driver
    auth = Auth(scheme="bearer", login=LOGIN, open_ping=request.param)
    with FakeRegistry(tags={REPOSITORY: {POOL.tag: manifest}}, blobs=(config,), auth=auth) as running:
        yield running


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs a command with a login for a registry, and returns code and streams."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith(("GITOPS_DOCA_", "DOCKER", "XDG")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", "/nonexistent")

    def invoke(command: str, host: str, *flags: str, forced: bool = True) -> tuple[int, str, str]:
        inputs = write_inputs(tmp_path, repository=f"{host}/nvidia", pools=[POOL], forced=forced)
        config = tmp_path / "config.json"
        config.write_text(json.dumps({"auths": {host: {"username": LOGIN[0], "password": LOGIN[1]}}}))
        flags = (
            "--deadline=0.6",
            f"--ca-file={NO_CA}",
            f"--registry-config={config}",
            f"--lock={tmp_path / 'new.lock.yaml'}",
            "-v",
            *flags,
        )
        monkeypatch.chdir(tmp_path)
        with pytest.raises(SystemExit) as ended:
            main([command, *inputs, *flags])
        streams = capfd.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, streams.out, streams.err

    return invoke


def _assert_plain(err: str) -> None:
    assert [word for word in (*SECRETS, "Traceback", "\x1b", "\x07", "evil\x07") if word in err] == []


def _flags(step: Kind) -> tuple[str, tuple[str, ...]]:
    return ("lock", ()) if step == "blob" else ("generate", ("--online",))


@pytest.mark.parametrize("forced", [True, False], ids=["forced", "not forced"])
@pytest.mark.parametrize("step", ["ping", "token", "head and get", "get", "blob"])
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_exit_5_and_prints_nothing_but_a_message(
    fake: FakeRegistry, run: Run, tmp_path: Path, *, name: str, step: str, forced: bool
) -> None:
    fake.forget()
    if step == "get":
        fake.fail_always("head", Fault(status=405))
    for kind in STEPS:
        if kind in step.split(" and "):
            fake.fail_always(kind, FAULTS[name])
    command, flags = _flags("blob" if step == "blob" else "head")
    open_ping = fake.auth is not None and fake.auth.open_ping
    harmless = (step, name) in HARMLESS | (HARMLESS_TO_AN_OPEN_PING if open_ping else set())
    if harmless:
        flags = (*flags, "--deadline=60")
    code, out, err = run(command, fake.host, *flags, forced=forced)

    _assert_plain(err)
    if harmless:
        assert (code, out.count("kind: DaemonSet")) == (0, 1)
        return
    assert (code, out) == (5, "")
    assert "error[unknown]: " in err
    assert not (tmp_path / "new.lock.yaml").exists()


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_the_tag_list_changes_nothing_but_the_help(
    fake: FakeRegistry, run: Run, *, name: str
) -> None:
    fake.forget()
    fake.fail_always("list", FAULTS[name])
    fake.repositories[REPOSITORY], kept = {}, fake.repositories[REPOSITORY]
    try:
        code, out, err = run("generate", fake.host, "--online")
    finally:
        fake.repositories[REPOSITORY] = kept

    _assert_plain(err)
    assert (code, out) == (4, "")
    assert f"ForcePrecompiled is enabled and precompiled tag was not found: {POOL.tag}" in err


def test_without_faults_the_same_runs_succeed(fake: FakeRegistry, run: Run, tmp_path: Path) -> None:
    fake.forget()
    code, out, err = run("generate", fake.host, "--online", "--deadline=60")
    assert (code, "kind: DaemonSet" in out) == (0, True)
    _assert_plain(err)
    assert run("lock", fake.host, "--deadline=60")[:2] == (0, "")
    assert (tmp_path / "new.lock.yaml").exists()


def test_a_head_that_fails_where_get_works_is_no_fault(fake: FakeRegistry, run: Run) -> None:
    for name in ("400", "401", "403", "HTML 200", "HTML 404", "bare 404"):
        fake.forget()
        fake.fail_always("head", FAULTS[name])

        assert run("generate", fake.host, "--online", "--deadline=60")[0] == 0


@pytest.mark.parametrize("forced", [True, False], ids=["forced", "not forced"])
@pytest.mark.parametrize("step", ["ping", "token"])
@pytest.mark.parametrize("what", ["refused", "no such name", "unknown CA", "wrong name", "no TLS", "proxy"])
@pytest.mark.usefixtures("names")
def test_a_place_that_cannot_be_reached_is_exit_5(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    serving: Callable[..., ssl.SSLContext],
    ca_file: Path,
    what: str,
    step: str,
    *,
    forced: bool,
) -> None:
    tls = serving("other.test") if what in {"unknown CA", "wrong name"} else None
    with FakeRegistry(name="there.test", tls=tls) as there:
        host = {"refused": "127.0.0.1:1", "no such name": "there.invalid"}.get(what, there.host)
        if what == "proxy":
            monkeypatch.setenv("HTTPS_PROXY", "http://me:proxypw@127.0.0.1:1")
        flags = ("--online", *((f"--ca-file={ca_file}",) if what == "wrong name" else ()))
        auth = Auth(scheme="bearer", challenges=(f'Bearer realm="https://{host}/token"',))
        with FakeRegistry(auth=auth) as fake:
            code, out, err = run("generate", host if step == "ping" else fake.host, *flags, forced=forced)

    _assert_plain(err)
    assert (code, out) == (5, "")
    assert "error[unknown]: " in err
