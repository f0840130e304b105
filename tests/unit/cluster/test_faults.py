import json
import logging
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.api_server import EXPIRED, FORBIDDEN, NODES, TOKEN, FakeApiServer, node, status
from fakes.wire import Fault, Wire
from gitops_doca.cluster.api import ListLimits
from gitops_doca.cluster.live import LiveCluster
from gitops_doca.core.cluster_query import ClusterQuery
from gitops_doca.core.diagnostics import GenerationError, PassingError, Problems

Cluster = Callable[..., LiveCluster]

NAMESPACE = "nvidia-network-operator"
SCOPE = ClusterQuery(namespace=NAMESPACE)
HTML = (("Content-Type", "text/html"),)


def failure(cluster: LiveCluster, scope: ClusterQuery = SCOPE) -> GenerationError:
    """Return how reading this cluster fails; it must."""
    with pytest.raises(GenerationError) as failed:
        cluster.inventory(scope, Problems())
    assert TOKEN not in str(failed.value.diagnostics)
    assert len(failed.value.diagnostics) == 1
    return failed.value


def test_a_node_of_9_mb_is_refused_on_a_page_too(fake: FakeApiServer, cluster: Cluster) -> None:
    large = node("large")
    large["metadata"]["annotations"] = {"a": "x" * 9_000_000}
    fake.nodes = [node("small"), large]

    failed = failure(cluster())

    assert failed.exit_code == 5
    assert str(failed) == (
        f"cannot list nodes of the cluster at {fake.host}: an answer that has one value of more than 8 MiB"
    )


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (status(401, "Unauthorized"), "401 Unauthorized: the credentials are not accepted, or have expired"),
        (FORBIDDEN, "403 Forbidden: no role allows list on nodes"),
        (status(404, "NotFound"), "404 Not Found: the server has no such resource"),
        (status(429, "TooManyRequests"), "429 Too Many Requests"),
        (status(500, "InternalError"), "500 Internal Server Error"),
        (status(503, "ServiceUnavailable"), "503 Service Unavailable"),
        (Fault(status=418), "418 I'm a Teapot"),
        (Fault(status=302, headers=(("Location", "http://127.0.0.1:1/"),)), "302 Found, a redirect"),
        (Fault(status=200, headers=HTML, body=b"<html>log in</html>"), "not the JSON of an API server"),
        (Fault(status=200, body=b""), "not the JSON of an API server"),
        (Fault(status=200, body=b"{}"), "not the JSON of an API server"),
        (Fault(status=200, body=b'{"kind":"Status"}'), "not the JSON of an API server"),
        (Fault(status=200, body=b'{"kind":"NodeList","items":[]} rest'), "not the JSON of an API server"),
        (Fault(status=200, body=b'{"kind":"NodeList","items":[{'), "not the JSON of an API server"),
        (Fault(wire=Wire.CUT_BODY), "the connection was closed before the answer was complete"),
        (Fault(wire=Wire.CUT_HEADERS), "not the JSON of an API server"),
        (Fault(wire=Wire.CLOSED), "the connection was closed before the answer was complete"),
        (Fault(wire=Wire.RESET), "the connection was closed before the answer was complete"),
        (Fault(headers=(("Content-Encoding", "gzip"),)), "an answer that cannot be decoded"),
    ],
)
def test_a_fault_is_reported_in_one_sentence(
    fake: FakeApiServer, cluster: Cluster, fault: Fault, reason: str
) -> None:
    fake.fail_always(NODES, fault)

    failed = failure(cluster())

    assert failed.exit_code == 5
    assert str(failed).startswith(f"cannot list nodes of the cluster at {fake.host}: ")
    assert reason in str(failed)
    assert failed.diagnostics[0].help


@pytest.mark.parametrize(
    "fault",
    [
        status(429, "TooManyRequests"),
        status(500, "InternalError"),
        status(503, "ServiceUnavailable"),
        status(504, "Timeout"),
        Fault(status=429, headers=(("Retry-After", "3600"),)),
        Fault(wire=Wire.CLOSED),
        EXPIRED,
        Fault(wire=Wire.SILENT),
    ],
)
def test_a_fault_that_may_pass_is_reported_as_such(
    fake: FakeApiServer, cluster: Cluster, fault: Fault
) -> None:
    fake.fail_always(NODES, fault)

    assert isinstance(failure(cluster(deadline=1.0)), PassingError)


@pytest.mark.parametrize(
    "fault",
    [
        status(401, "Unauthorized"),
        FORBIDDEN,
        status(404, "NotFound"),
        Fault(status=302, headers=(("Location", "http://127.0.0.1:1/"),)),
        Fault(status=200, headers=HTML, body=b"<html>log in</html>"),
    ],
)
def test_a_fault_that_will_not_pass_is_not_reported_as_one_that_may(
    fake: FakeApiServer, cluster: Cluster, fault: Fault
) -> None:
    fake.fail_always(NODES, fault)

    assert not isinstance(failure(cluster()), PassingError)


def test_a_server_that_refuses_may_come_back(fake: FakeApiServer, cluster: Cluster) -> None:
    reader = cluster()
    fake.__exit__(None, None, None)

    assert isinstance(failure(reader), PassingError)


def test_a_server_without_tls_will_not_get_it(fake: FakeApiServer, cluster: Cluster, tmp_path: Path) -> None:
    file = tmp_path / "elsewhere"
    file.write_text(fake.kubeconfig(tmp_path).read_text().replace("http://", "https://"))

    failed = failure(cluster(kubeconfig=str(file)))

    assert "the server does not speak TLS" in str(failed)
    assert not isinstance(failed, PassingError)


@pytest.mark.parametrize(
    "fault",
    [status(503), status(429), status(500), Fault(wire=Wire.CUT_BODY), Fault(wire=Wire.RESET)],
)
def test_an_outage_is_tried_twice_more(fake: FakeApiServer, cluster: Cluster, fault: Fault) -> None:
    fake.nodes = [node("node-1"), node("node-2")]
    fake.fail(NODES, fault, fault)
    problems = Problems()

    inventory = cluster().inventory(SCOPE, problems)

    assert [one.name for one in inventory.nodes] == ["node-1", "node-2"]
    assert list(problems) == []


def test_a_refusal_is_final(fake: FakeApiServer, cluster: Cluster) -> None:
    fake.fail(NODES, FORBIDDEN)

    assert failure(cluster()).exit_code == 5
    assert fake.asked == [f"GET {NODES}"]


def test_a_server_says_how_long_to_wait(fake: FakeApiServer, cluster: Cluster) -> None:
    fake.fail(NODES, Fault(status=429, headers=(("Retry-After", "1"),)))
    started = time.monotonic()

    cluster().inventory(SCOPE, Problems())

    assert time.monotonic() - started >= 1


def test_a_server_that_asks_to_wait_too_long_is_not_waited_for(fake: FakeApiServer, cluster: Cluster) -> None:
    fake.fail_always(NODES, Fault(status=429, headers=(("Retry-After", "3600"),)))

    assert str(failure(cluster())) == (
        f"cannot list nodes of the cluster at {fake.host}: 429 Too Many Requests, and it asks to wait 3600 s"
    )
    assert fake.asked == [f"GET {NODES}"]


@pytest.mark.parametrize(
    ("path", "groups", "permission"),
    [
        (
            f"/api/v1/namespaces/{NAMESPACE}/configmaps/certs",
            [],
            f"get on configmaps/certs in namespace {NAMESPACE}",
        ),
        ("/apis", [], "get on the URL /apis"),
        (
            "/apis/image.openshift.io/v1/namespaces/openshift/imagestreams/driver-toolkit",
            ["image.openshift.io"],
            "get on imagestreams.image.openshift.io/driver-toolkit in namespace openshift",
        ),
        (
            "/apis/config.openshift.io/v1/proxies/cluster",
            ["config.openshift.io"],
            "get on proxies.config.openshift.io/cluster",
        ),
    ],
)
def test_what_the_role_lacks_is_named(
    fake: FakeApiServer, cluster: Cluster, path: str, groups: list[str], permission: str
) -> None:
    fake.groups = groups
    fake.fail_always(path, FORBIDDEN)

    failed = failure(cluster(), ClusterQuery(namespace=NAMESPACE, config_maps=("certs",)))

    assert failed.exit_code == 5
    assert str(failed).endswith(f"403 Forbidden: no role allows {permission}")
    assert failed.diagnostics[0].help == f"bind a role to this identity that allows {permission}"


@pytest.mark.parametrize("path", ["/apis", f"/api/v1/namespaces/{NAMESPACE}/configmaps/certs"])
@pytest.mark.parametrize("body", [b"[1]", b"1", b"{}", b'{"kind":"Status"}', b"{}{}", b"[", b""])
def test_an_object_of_another_kind_is_no_answer(
    fake: FakeApiServer, cluster: Cluster, path: str, body: bytes
) -> None:
    fake.fail_always(path, Fault(status=200, body=body))

    failed = failure(cluster(), ClusterQuery(namespace=NAMESPACE, config_maps=("certs",)))

    assert failed.exit_code == 5
    assert str(failed).endswith(": an answer that is not JSON of an API server")


@pytest.mark.parametrize("wire", [Wire.SILENT, Wire.TRICKLE])
def test_a_server_that_never_ends_meets_the_deadline(
    fake: FakeApiServer, cluster: Cluster, wire: Wire
) -> None:
    fake.fail_always(NODES, Fault(wire=wire, delay=0.05))
    started = time.monotonic()

    failed = failure(cluster(deadline=0.5))

    assert failed.exit_code == 5
    assert "no answer within the 0.5 s" in str(failed)
    assert time.monotonic() - started < 3


def page(token: str, *items: object) -> Fault:
    """Return a page that leads to another one."""
    metadata = {"continue": token}
    body = {"kind": "NodeList", "apiVersion": "v1", "metadata": metadata, "items": items}
    return Fault(status=200, body=json.dumps(body).encode())


WHICH = "which no API server of this cluster should send"


@pytest.mark.parametrize(
    ("fault", "limits", "reason"),
    [
        (None, ListLimits(objects=100), f"a list of more than 100 objects, {WHICH}"),
        (None, ListLimits(received=1 << 20), f"a list of more than 1 MiB, {WHICH}"),
        (None, ListLimits(kept=1 << 20), f"a list that takes more than 1 MiB of memory, {WHICH}"),
        # In one page, and of objects that are nothing: only their number can tell.
        (page("", *[{}] * 200), ListLimits(objects=100), f"a list of more than 100 objects, {WHICH}"),
        (page("again"), ListLimits(), f"a list that returns to the same page, {WHICH}"),
        (
            page("again", node("node-1")),
            ListLimits(),
            f"a list that returns to the same page, {WHICH}",
        ),
        (page("a" * 4097), ListLimits(), f"a continue token of more than 4,096 characters, {WHICH}"),
    ],
)
def test_a_list_without_end_is_no_answer(
    fake: FakeApiServer, cluster: Cluster, fault: Fault | None, limits: ListLimits, reason: str
) -> None:
    fake.endless = True
    if fault:
        fake.fail_always(NODES, fault)

    failed = failure(cluster(page=10, limits=limits))

    assert failed.exit_code == 5
    assert str(failed) == f"cannot list nodes of the cluster at {fake.host}: {reason}"


@pytest.mark.parametrize("size", [10, 50_000])
def test_nothing_of_a_list_without_end_outlives_the_deadline(
    fake: FakeApiServer, cluster: Cluster, size: int
) -> None:
    fake.endless = True
    if size > 10:
        # Each page takes longer to be taken apart than the deadline.
        fake.fail_always(NODES, page("", *[node("node-1")] * size))
    started = time.monotonic()

    failed = failure(cluster(page=10, deadline=0.5))
    for thread in threading.enumerate():
        if thread.name == "cluster":
            thread.join(5)

    assert "no answer within the 0.5 s" in str(failed)
    assert time.monotonic() - started < 3


def test_a_server_that_is_down_refuses(fake: FakeApiServer, cluster: Cluster) -> None:
    reader = cluster()
    fake.__exit__(None, None, None)

    assert str(failure(reader)) == (f"cannot list nodes of the cluster at {fake.host}: connection refused")


def test_a_list_in_another_encoding_than_json_is_no_list(fake: FakeApiServer, cluster: Cluster) -> None:
    fake.fail_always(NODES, Fault(body=json.dumps({"kind": "NodeList"}).encode("utf-16")))

    assert failure(cluster()).exit_code == 5


def test_the_library_prints_nothing(
    fake: FakeApiServer, cluster: Cluster, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    fake.fail_always(NODES, FORBIDDEN)
    with warnings.catch_warnings(record=True) as warned:
        failure(cluster())

    assert warned == []
    assert capfd.readouterr() == ("", "")
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_host_that_no_name_server_knows_is_reported(
    fake: FakeApiServer, cluster: Cluster, tmp_path: Path
) -> None:
    file = tmp_path / "elsewhere"
    file.write_text(fake.kubeconfig(tmp_path).read_text().replace(fake.url, "https://api.invalid:6443"))

    failed = failure(cluster(kubeconfig=str(file)))

    assert failed.exit_code == 5
    assert str(failed).startswith("cannot list nodes of the cluster at api.invalid:6443: ")
