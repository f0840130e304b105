import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from fakes.asking import REPOSITORY, list_tags, look_up, repository_of, resolver
from fakes.registry import FakeRegistry, Fault, Wire, errors
from gitops_doca.core.resolve.lookup import Cause, TagExists, TagList, TagLookup, TagUnknown
from gitops_doca.net.retry import RetryPolicy, parse_retry_after

IMPATIENT = RetryPolicy(base=0.001, read_timeout=0.1)
CLOSED = TagUnknown(Cause.TRANSIENT, "the connection was closed before the answer was complete")


@pytest.mark.parametrize("status", [408, 425, 429, 499, 500, 502, 503, 504, 520, 522, 530])
def test_a_status_that_may_pass_is_tried_three_times(fake: FakeRegistry, status: int) -> None:
    fake.fail_always("head", errors(status, "UNKNOWN", "text of the server"))

    result = look_up(fake)

    assert isinstance(result, TagUnknown)
    assert result.cause is Cause.TRANSIENT
    assert result.reason.startswith(f"{status}")
    assert result.reason.endswith("after 3 tries")
    assert "text" not in result.reason
    assert fake.kinds == ["ping", "head", "head", "head"]


def test_the_reason_of_an_outage_is_the_standards_phrase(fake: FakeRegistry) -> None:
    fake.fail_always("head", Fault(status=503))

    assert look_up(fake) == TagUnknown(Cause.TRANSIENT, "503 Service Unavailable after 3 tries")


@pytest.mark.parametrize("wire", [Wire.RESET, Wire.CLOSED])
def test_a_connection_that_breaks_is_tried_again(fake: FakeRegistry, wire: Wire) -> None:
    fake.fail("head", Fault(wire=wire), Fault(wire=wire))

    assert look_up(fake) == TagExists(fake.digest(REPOSITORY, "here"))  # type: ignore[arg-type]


@pytest.mark.parametrize("wire", [Wire.RESET, Wire.CLOSED])
def test_a_connection_that_always_breaks_is_unknown(fake: FakeRegistry, wire: Wire) -> None:
    fake.fail_always("head", Fault(wire=wire))

    assert look_up(fake) == CLOSED
    assert fake.count("head") == 3


def test_headers_that_break_off_settle_nothing(fake: FakeRegistry) -> None:
    fake.fail_always("head", Fault(wire=Wire.CUT_HEADERS))
    fake.fail_always("get", Fault(wire=Wire.CUT_HEADERS))

    assert look_up(fake) == TagUnknown(
        Cause.PROTOCOL, "200 OK with a body that is not a manifest: not a registry's answer"
    )
    assert look_up(fake, "gone") == TagUnknown(
        Cause.PROTOCOL, "404 Not Found without an error of the registry: not a registry's answer"
    )


def test_a_body_that_breaks_off_is_tried_again(fake: FakeRegistry) -> None:
    fake.fail_always("head", Fault(status=405))
    fake.fail("get", Fault(wire=Wire.CUT_BODY))

    assert look_up(fake) == TagExists(fake.digest(REPOSITORY, "here"))  # type: ignore[arg-type]


def test_a_registry_that_never_answers_is_unknown(fake: FakeRegistry) -> None:
    fake.fail_always("head", Fault(wire=Wire.SILENT))

    assert look_up(fake, retry=IMPATIENT) == TagUnknown(Cause.TRANSIENT, "no answer in time")


def test_a_refused_connection_is_unknown() -> None:
    with FakeRegistry() as gone:
        pass

    assert look_up(gone) == TagUnknown(Cause.TRANSIENT, "connection refused")


def test_the_registry_may_say_how_long_to_wait(fake: FakeRegistry) -> None:
    fake.fail("head", Fault(status=429, headers=(("Retry-After", "1"),)))
    began = time.monotonic()

    result = look_up(fake)

    assert result == TagExists(fake.digest(REPOSITORY, "here"))  # type: ignore[arg-type]
    assert time.monotonic() - began >= 1


@pytest.mark.parametrize("seconds", ["31", "3600"])
def test_a_wait_beyond_half_a_minute_is_not_waited(fake: FakeRegistry, seconds: str) -> None:
    fake.fail_always("head", Fault(status=429, headers=(("Retry-After", seconds),)))

    assert look_up(fake, deadline=120) == TagUnknown(
        Cause.TRANSIENT, f"429 Too Many Requests, and it asks to wait {seconds} s"
    )
    assert fake.count("head") == 1


def test_a_wait_beyond_the_deadline_is_not_waited(fake: FakeRegistry) -> None:
    fake.fail_always("head", Fault(status=503, headers=(("Retry-After", "9"),)))

    assert look_up(fake, deadline=5) == TagUnknown(
        Cause.TRANSIENT, "503 Service Unavailable, and it asks to wait 9 s"
    )


def test_there_is_no_try_for_which_no_time_is_left(fake: FakeRegistry) -> None:
    fake.fail_always("head", Fault(status=503))

    assert look_up(fake, retry=RetryPolicy(base=20.0), deadline=5) == TagUnknown(
        Cause.TRANSIENT, "503 Service Unavailable, with no time left to try again"
    )


def test_retry_after_may_be_a_date() -> None:
    future = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    seconds = parse_retry_after(future)

    assert seconds is not None
    assert 18 <= seconds <= 20


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        (" 12 ", 12.0),
        ("21599", 21599.0),
        ("21600", float("inf")),
        ("9" * 5000, float("inf")),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 21 Oct 2015 07:28:00 -0000", 0.0),
        ("", None),
        ("-1", None),
        ("soon", None),
        ("1.5", None),
        ("Wed, 99 Foo 20150 07:28:00 GMT", None),
    ],
)
def test_retry_after_in_all_its_forms(value: str, seconds: float | None) -> None:
    assert parse_retry_after(value) == seconds


def test_a_past_date_means_the_usual_wait(fake: FakeRegistry) -> None:
    past = (("Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT"),)
    fake.fail("head", Fault(status=503, headers=past))

    assert isinstance(look_up(fake), TagExists)


def test_a_registry_that_is_down_costs_the_tries_of_one_ping(fake: FakeRegistry) -> None:
    fake.down = True
    images = [repository_of(fake).tag(f"tag{number}") for number in range(40)]

    result = resolver().resolve(images)

    assert set(result.values()) == {TagUnknown(Cause.TRANSIENT, "503 Service Unavailable after 3 tries")}
    assert fake.kinds == ["ping"] * 3


def test_after_three_failures_in_a_row_the_rest_is_not_queried(fake: FakeRegistry) -> None:
    fake.fail_always("head", Fault(status=503))
    images = [repository_of(fake).tag(f"tag{number}") for number in range(40)]

    result = resolver().resolve(images)

    reason = "503 Service Unavailable after 3 tries"
    assert set(result.values()) == {
        TagUnknown(Cause.TRANSIENT, reason),
        TagUnknown(Cause.TRANSIENT, f"not queried after 3 failures in a row: {reason}"),
    }
    assert fake.count("head") <= 3 * (10 + 2)


def test_failures_with_answers_between_them_stop_nothing(fake: FakeRegistry) -> None:
    asked = resolver()
    result: list[TagLookup] = []
    for tag in ("here", "here", "gone", "here", "here", "gone", "here"):
        fake.fail("head", *([Fault(status=503)] * 3 if tag == "here" else []))
        image = repository_of(fake).tag(tag)
        result += asked.resolve([image]).values()

    assert [type(answer).__name__ for answer in result] == [
        *["TagUnknown", "TagUnknown", "TagMissing"] * 2,
        "TagUnknown",
    ]
    assert not any("not queried" in str(answer) for answer in result)


def test_tag_lists_of_a_registry_that_is_down_are_empty_and_not_complete(fake: FakeRegistry) -> None:
    fake.down = True

    assert list_tags(fake) == TagList()
