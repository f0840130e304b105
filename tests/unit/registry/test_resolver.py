import base64
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.asking import QUICK, REPOSITORY, join_threads, repository_of, resolver
from fakes.registry import Auth, FakeRegistry, Fault, Wire
from gitops_doca.core.diagnostics import AnswersTooLargeError
from gitops_doca.core.reference import Digest, ImageReference
from gitops_doca.core.resolve.lookup import (
    Cause,
    TagExists,
    TagList,
    TagLookup,
    TagMissing,
    TagUnknown,
)
from gitops_doca.registry.options import RegistryOptions
from gitops_doca.registry.resolver import RegistryResolver

TAGS = [f"tag-{number}" for number in range(20)]


def _late(seconds: float) -> TagUnknown:
    return TagUnknown(Cause.DEADLINE, f"no answer within the {seconds:g} s that all look-ups have together")


def test_answers_come_for_every_image_in_the_order_of_the_question() -> None:
    with FakeRegistry(tags={REPOSITORY: TAGS[::2]}) as fake:
        repository = repository_of(fake)
        images = [repository.tag(tag) for tag in reversed(TAGS)]
        expected: dict[ImageReference, TagLookup] = {}
        for image in images:
            there = image.tag in TAGS[::2]
            digest = Digest(fake.digest(REPOSITORY, image.tag)) if there else None
            expected[image] = TagExists(digest) if digest else TagMissing()

        assert list(resolver().resolve(images).items()) == list(expected.items())


def test_no_images_need_no_request() -> None:
    asked = resolver()

    assert (asked.resolve([]), asked.list_tags([]), asked.warnings) == ({}, {}, ())


def test_look_ups_run_side_by_side() -> None:
    with FakeRegistry(tags={REPOSITORY: TAGS}, latency=0.1) as fake:
        began = time.monotonic()
        resolver().resolve([repository_of(fake).tag(tag) for tag in TAGS])

        assert time.monotonic() - began < 0.1 * len(TAGS) / 2
        assert fake.connections <= 1 + 10


def test_progress_is_reported_in_the_callers_thread() -> None:
    told: list[tuple[int, int, bool]] = []
    here = threading.current_thread()

    def progress(done: int, total: int) -> None:
        told.append((done, total, threading.current_thread() is here))

    with FakeRegistry(tags={REPOSITORY: TAGS}) as fake:
        asked = RegistryResolver(RegistryOptions(environ={}), progress=progress, retry=QUICK)
        asked.resolve([repository_of(fake).tag(tag) for tag in TAGS[:3]])

    assert told == [(0, 3, True), (1, 3, True), (2, 3, True), (3, 3, True)]


@pytest.mark.parametrize("kind", ["ping", "token", "head"])
@pytest.mark.parametrize("fault", [Fault(wire=Wire.SILENT), Fault(wire=Wire.TRICKLE, delay=0.3)])
def test_the_deadline_ends_what_hangs(kind: str, fault: Fault) -> None:
    with FakeRegistry(tags={REPOSITORY: TAGS}, auth=Auth(scheme="bearer")) as fake:
        fake.fail_always(kind, fault)  # type: ignore[arg-type]
        images = [repository_of(fake).tag(tag) for tag in TAGS]
        asked = resolver(deadline=0.4)
        began = time.monotonic()
        result = asked.resolve(images)

        assert time.monotonic() - began < 1
        assert result == dict.fromkeys(images, _late(0.4))


def test_one_slow_answer_leaves_the_others_as_they_are() -> None:
    with FakeRegistry(tags={REPOSITORY: TAGS}) as fake:
        fake.fail("get", Fault(wire=Wire.TRICKLE, delay=0.3))
        repository = repository_of(fake)
        asked = resolver(deadline=2)
        result = asked.resolve([repository.tag("gone"), *(repository.tag(tag) for tag in TAGS)])

        assert result[repository.tag("gone")] == _late(2)
        assert all(isinstance(result[repository.tag(tag)], TagExists) for tag in TAGS)


def test_the_deadline_is_one_for_all_calls(fake: FakeRegistry) -> None:
    asked, repository = resolver(deadline=0.2), repository_of(fake)
    time.sleep(0.25)

    assert asked.resolve([repository.tag("here")]) == {repository.tag("here"): _late(0.2)}
    assert asked.list_tags([repository]) == {repository: TagList()}
    assert fake.requests == []


def test_tags_that_were_read_before_the_deadline_are_kept() -> None:
    with FakeRegistry(tags={REPOSITORY: TAGS}, page_size=10) as fake:
        fake.fail("list", Fault(), Fault(wire=Wire.SILENT))
        repository = repository_of(fake)

        listed = resolver(deadline=0.4).list_tags([repository])[repository]

        assert listed == TagList(frozenset(sorted(TAGS)[:10]))
        assert listed.cause is Cause.DEADLINE
        assert listed.reason.startswith("no answer within")


def test_a_hung_look_up_does_not_keep_the_interpreter(fake: FakeRegistry, tmp_path: Path) -> None:
    fake.fail_always("head", Fault(wire=Wire.TRICKLE, delay=0.1))
    script = tmp_path / "ask.py"
    script.write_text(
        "import sys\n"
        "from gitops_doca.core.reference import parse_repository\n"
        "from gitops_doca.registry.options import RegistryOptions\n"
        "from gitops_doca.registry.resolver import RegistryResolver\n"
        "image = parse_repository(sys.argv[1]).tag('here')\n"
        "resolver = RegistryResolver(RegistryOptions(environ={}, deadline=0.5))\n"
        "print(resolver.resolve([image])[image].cause.value)\n"
    )
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, str(script), f"{fake.host}/{REPOSITORY}"],
        capture_output=True,
        check=True,
        text=True,
        env={"PYTHONPATH": str(Path(__file__).parents[3])},
    )

    assert (done.stdout, done.stderr) == ("deadline\n", "")
    assert time.monotonic() - began < 4


@pytest.mark.parametrize("ask", ["resolve", "inspect"])
def test_answers_that_fill_the_memory_are_no_fault_of_the_inputs(
    ask: str, fake: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def greedy(*_: object, **__: object) -> object:
        raise MemoryError

    monkeypatch.setattr("urllib3.HTTPResponse.read1", greedy)
    monkeypatch.setattr("urllib3.HTTPResponse.read", greedy)

    with pytest.raises(AnswersTooLargeError) as caught:
        getattr(resolver(), ask)([repository_of(fake).tag(tag) for tag in TAGS])
    # They would connect while the registry closes. Until Python 3.13, `ssl` leaks a socket that was reset.
    join_threads("registry")

    assert caught.value.source == "registry"


def test_no_room_for_a_single_thread_is_a_lack_of_memory(
    fake: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    repository = repository_of(fake)
    monkeypatch.setattr(threading.Thread, "start", refuse)

    with pytest.raises(AnswersTooLargeError):
        resolver().resolve([repository.tag(tag) for tag in TAGS])


def test_forty_tags_at_fifty_milliseconds_cost_forty_heads() -> None:
    tags = [f"tag-{number}" for number in range(40)]
    with FakeRegistry(tags={REPOSITORY: tags}, latency=0.05, auth=Auth(scheme="bearer")) as fake:
        resolver().resolve([repository_of(fake).tag(tag) for tag in tags])

        assert sorted(fake.kinds) == ["head"] * 40 + ["ping", "token"]


@pytest.mark.parametrize("auth", ["basic", "bearer"])
def test_no_secret_and_no_text_of_a_server_is_shown(
    config: Callable[..., Path], caplog: pytest.LogCaptureFixture, auth: str
) -> None:
    caplog.set_level("DEBUG")
    evil = "\x1b[31mevil<b>"
    body = json.dumps({"errors": [{"code": "DENIED", "message": evil}, {"code": evil}]}).encode()
    seen = []
    with FakeRegistry(
        tags={REPOSITORY: TAGS},
        auth=Auth(scheme=auth, login=("me", "hunter2")),  # type: ignore[arg-type]
    ) as fake:
        file = config(auths={fake.host: {"username": "me", "password": "hunter2"}})
        for status in (200, 400, 401, 403, 404, 418, 429, 500, 599):
            fake.fail_always("head", Fault(status=status, body=body))
            fake.fail_always("get", Fault(status=status, body=body))
            asked = resolver(registry_config=file)
            image = repository_of(fake).tag("here")
            answer = asked.resolve([image])[image]
            assert isinstance(answer, TagUnknown)
            seen += [answer.reason, repr(asked), repr(answer), *map(repr, asked.warnings)]

    shown = "\n".join([*seen, caplog.text])
    basic = base64.b64encode(b"me:hunter2").decode()
    assert [word for word in ("hunter2", basic, "token-", "evil", "\x1b") if word in shown] == []
