import hashlib
import json
import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.asking import REPOSITORY, list_tags, look_up, repository_of, resolver
from fakes.registry import OCI_MANIFEST, Auth, FakeRegistry, Fault, Manifest
from gitops_doca.core.resolve.lookup import Cause, TagList, TagUnknown
from gitops_doca.net.bounded_json import MAX_DEPTH, MAX_VALUES, read_json
from gitops_doca.net.request_errors import LookupFailedError

FOUR_MIB = 4 << 20
MANY = "the answer has more than 20,000 JSON values"
DEEP = "the answer has JSON that is nested deeper than 64 levels"

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(max_examples=50, deadline=None)
@given(value=VALUES, escaped=st.booleans())
def test_what_is_within_the_bounds_is_read_as_it_is(value: object, *, escaped: bool) -> None:
    assert read_json(json.dumps(value, ensure_ascii=escaped).encode()) == value


@settings(max_examples=200, deadline=None)
@given(body=st.binary() | st.text(alphabet='"\\[]{}:,1atrue ').map(str.encode))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        read_json(body)
    except (ValueError, LookupFailedError):
        return


@pytest.mark.parametrize(
    "body",
    [
        "[" + ",".join("0" * MAX_VALUES) + "]",
        "[" + ",".join(["{}"] * MAX_VALUES) + "]",
        "{" + ", ".join(f'"{number}":0' for number in range(MAX_VALUES)) + "}",
        "[]" * 10_001 + "," * 10_001,
        '"' * (4 * MAX_VALUES + 2),
        "[" + '{"":0},' * 10_000,
    ],
)
def test_many_values_are_refused(body: str) -> None:
    with pytest.raises(LookupFailedError, match=f"^{MANY}$"):
        read_json(body.encode())


def test_as_many_values_as_are_allowed_are_read() -> None:
    body = "[" + ",".join("0" * (MAX_VALUES - 1)) + "]"

    assert read_json(body.encode()) == [0] * (MAX_VALUES - 1)


def test_marks_within_strings_are_no_values() -> None:
    value = {"a": '\\",[{' * MAX_VALUES, '"': "[" * MAX_VALUES}

    assert read_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize("start", ["[", '{"":', '[{"a":'])
def test_deep_nesting_is_refused(start: str) -> None:
    with pytest.raises(LookupFailedError, match=f"^{DEEP}$"):
        read_json((start * (MAX_DEPTH + 1)).encode())


def test_as_deep_as_is_allowed_is_read() -> None:
    assert json.dumps(read_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)) == "[" * MAX_DEPTH + "]" * MAX_DEPTH


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'"open',
        b'"open\\',
        b"]]]",
        b"NaN",
        b'{"a": -Infinity}',
        b"\xff",
        b"9" * 5000,
        "[]".encode("utf-16"),
    ],
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"^the answer is not JSON$"):
        read_json(body)


@pytest.mark.parametrize(
    "part", ['"\\"', "\\", '"', "[]", "{}", '{"":0},', "]", '"",', "[[", '"a":', "0,", "\\\\", '\\"']
)
def test_four_mebibytes_of_anything_cost_little_time_and_memory(part: str) -> None:
    body = (part * (FOUR_MIB // len(part))).encode()
    tracemalloc.start()
    began = time.process_time()
    with pytest.raises((ValueError, LookupFailedError)):
        read_json(body)
    spent, peak = time.process_time() - began, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert spent < 10
    assert peak < 2 * FOUR_MIB


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"a":[' + b"{}," * 1_000_000, MANY),
        (b"{" + b",".join(b'"%d":0' % number for number in range(300_000)) + b"}", MANY),
        (b"[" * 50_000, DEEP),
        (b'{"":' * 100, DEEP),
    ],
)
def test_a_manifest_beyond_the_bounds_is_unknown(body: bytes, reason: str) -> None:
    with FakeRegistry(tags={REPOSITORY: ["here"]}) as fake:
        fake.fail_always("head", Fault(status=405))
        fake.fail_always("get", Fault(body=body, headers=(("Content-Type", OCI_MANIFEST),)))

        assert look_up(fake) == TagUnknown(Cause.PROTOCOL, reason)


def test_a_token_beyond_the_bounds_is_unknown() -> None:
    with FakeRegistry(tags={REPOSITORY: ["here"]}, auth=Auth(scheme="bearer")) as fake:
        fake.fail_always("token", Fault(status=200, body=b"[" * 50_000))

        assert look_up(fake) == TagUnknown(Cause.PROTOCOL, f"the token server {fake.host}: {DEEP}")


def test_an_error_beyond_the_bounds_says_nothing() -> None:
    body = b'{"errors": [{"code": "MANIFEST_UNKNOWN"}], "a": ' + b"[" * 100 + b"]" * 100 + b"}"
    with FakeRegistry(tags={REPOSITORY: ["here"]}) as fake:
        fake.fail_always("head", Fault(status=404))
        fake.fail_always("get", Fault(status=404, body=body))

        assert look_up(fake) == TagUnknown(
            Cause.PROTOCOL, "404 Not Found without an error of the registry: not a registry's answer"
        )


def test_a_configuration_beyond_the_bounds_is_unknown() -> None:
    config = b"[" + b"{}," * 30_000
    descriptor = {"digest": f"sha256:{hashlib.sha256(config).hexdigest()}", "size": len(config)}
    body = json.dumps({"schemaVersion": 2, "config": descriptor, "layers": []}).encode()
    with FakeRegistry(tags={REPOSITORY: {"here": Manifest(body)}}, blobs=(config,)) as fake:
        here = repository_of(fake).tag("here")

        assert resolver().inspect([here]) == {here: TagUnknown(Cause.PROTOCOL, MANY)}


def test_a_page_of_tags_may_have_many_and_no_more() -> None:
    with FakeRegistry() as fake:
        fake.fail("list", Fault(status=200, body=b'{"tags": [' + b'"a",' * 140_000 + b'"b"]}'))
        fake.fail("list", Fault(status=200, body=b'{"tags": ["b"]}'))
        fake.fail("list", Fault(status=200, body=b'{"tags": [' + b"{}," * 150_000 + b'"b"]}'))

        assert list_tags(fake) == TagList(frozenset({"a", "b"}), complete=True)
        assert list_tags(fake) == TagList(reason="the answer has more than 150,000 JSON values")
