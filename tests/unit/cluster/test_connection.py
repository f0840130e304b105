import base64
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from fakes.api_server import TOKEN, FakeApiServer, node
from gitops_doca.cluster.live import LiveCluster, LiveOptions
from gitops_doca.core.cluster_query import ClusterQuery
from gitops_doca.core.diagnostics import GenerationError, Problems
from gitops_doca.net.retry import RetryPolicy

SCOPE = ClusterQuery(namespace="x", openshift=False)


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def secure(ca: trustme.CA) -> Iterator[FakeApiServer]:
    """An API server behind TLS that would like a certificate of its clients."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    ca.configure_trust(context)
    context.verify_mode = ssl.CERT_OPTIONAL
    with FakeApiServer(nodes=[node("node-1")], tls=context) as running:
        yield running


@pytest.fixture
def kubeconfig(secure: FakeApiServer, tmp_path: Path) -> Callable[..., str]:
    """Return a function that writes a kubeconfig whose cluster has these settings too."""

    def write(user: dict[str, Any] | None = None, **cluster: Any) -> str:
        file = secure.kubeconfig(tmp_path, **(user or {}))
        config = yaml.safe_load(file.read_text())
        config["clusters"][0]["cluster"] |= {key.replace("_", "-"): value for key, value in cluster.items()}
        file.write_text(yaml.safe_dump(config))
        return str(file)

    return write


def read(**options: Any) -> list[str]:
    options = {"environ": {}, "deadline": 20.0, "retry": RetryPolicy(base=0.0), **options}
    result = LiveCluster(LiveOptions(**options)).inventory(SCOPE, Problems())
    return [one.name for one in result.nodes]


def failure(**options: Any) -> GenerationError:
    with pytest.raises(GenerationError) as failed:
        read(**options)
    assert TOKEN not in str(failed.value.diagnostics)
    return failed.value


def pem(ca: trustme.CA) -> str:
    return base64.b64encode(ca.cert_pem.bytes()).decode()


def test_the_authority_may_be_data_or_a_file(
    ca: trustme.CA, kubeconfig: Callable[..., str], tmp_path: Path
) -> None:
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))

    assert read(kubeconfig=kubeconfig(certificate_authority_data=pem(ca))) == ["node-1"]
    assert read(kubeconfig=kubeconfig(certificate_authority="ca.pem")) == ["node-1"]


def test_a_server_of_another_authority_is_not_trusted(
    secure: FakeApiServer, kubeconfig: Callable[..., str]
) -> None:
    failed = failure(kubeconfig=kubeconfig(certificate_authority_data=pem(trustme.CA())))

    assert failed.exit_code == 5
    assert str(failed) == (
        f"cannot list nodes of the cluster at {secure.host}: the certificate is not trusted (unknown CA)"
    )


OTHER_NAME = (
    "correct server in the kubeconfig, or write a host name of the certificate as tls-server-name beside it"
)


RENEW = "replace the certificate of the API server, or correct this machine's clock"


@pytest.mark.parametrize(
    ("certified", "asked", "settings", "reason"),
    [
        ("kube.internal", "127.0.0.1", {}, "the certificate is for another address"),
        ("127.0.0.1", "localhost", {}, "the certificate is for another host name"),
        (
            "kube.internal",
            "127.0.0.1",
            {"tls-server-name": "other.internal"},
            "the certificate is for another host name",
        ),
    ],
)
def test_a_server_under_another_name_is_not_trusted_unless_the_name_is_given(
    ca: trustme.CA, tmp_path: Path, certified: str, asked: str, settings: dict[str, str], reason: str
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(certified).configure_cert(context)
    with FakeApiServer(nodes=[node("node-1")], tls=context) as server:
        file = server.kubeconfig(tmp_path)
        config = yaml.safe_load(file.read_text())
        url = server.url.replace("127.0.0.1", asked)
        cluster = {"certificate-authority-data": pem(ca), "server": url, **settings}
        config["clusters"][0]["cluster"] = cluster
        file.write_text(yaml.safe_dump(config))

        failed = failure(kubeconfig=str(file))

        cluster["tls-server-name"] = certified
        file.write_text(yaml.safe_dump(config))
        assert read(kubeconfig=str(file)) == ["node-1"]

    assert failed.exit_code == 5
    assert [(one.message, one.help) for one in failed.diagnostics] == [
        (f"cannot list nodes of the cluster at {url.removeprefix('https://')}: {reason}", OTHER_NAME)
    ]


@pytest.mark.parametrize(
    ("start", "end", "reason"),
    [
        (2020, 2021, "the certificate has expired"),
        (2990, 2999, "the certificate is not valid yet"),
    ],
)
def test_a_certificate_of_another_time_is_not_blamed_on_its_ca(
    ca: trustme.CA, tmp_path: Path, start: int, end: int, reason: str
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    before, after = (datetime(year, 1, 1, tzinfo=UTC) for year in (start, end))
    ca.issue_cert("127.0.0.1", not_before=before, not_after=after).configure_cert(context)
    with FakeApiServer(tls=context) as server:
        file = server.kubeconfig(tmp_path)
        config = yaml.safe_load(file.read_text())
        config["clusters"][0]["cluster"]["certificate-authority-data"] = pem(ca)
        file.write_text(yaml.safe_dump(config))

        failed = failure(kubeconfig=str(file))

    assert [(one.message, one.help) for one in failed.diagnostics] == [
        (
            f"cannot list nodes of the cluster at {server.host}: {reason}",
            RENEW,
        )
    ]


def test_a_kubeconfig_that_skips_the_check_is_obeyed_without_a_word(
    kubeconfig: Callable[..., str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert read(kubeconfig=kubeconfig(insecure_skip_tls_verify=True)) == ["node-1"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("data", ["s3cret", "czNjcmV0", "!!"])
def test_a_certificate_authority_that_is_invalid_is_reported(
    kubeconfig: Callable[..., str], data: str
) -> None:
    failed = failure(kubeconfig=kubeconfig(certificate_authority_data=data))

    assert failed.exit_code == 3
    assert str(failed).startswith("the certificate authority, certificate or key cannot be used: ")
    assert "s3cret" not in str(failed)


@pytest.mark.parametrize("name", ["client-certificate", "client-certificate-data"])
def test_a_client_certificate_without_its_key_is_reported(
    ca: trustme.CA, kubeconfig: Callable[..., str], name: str
) -> None:
    user = {name: pem(ca) if name.endswith("data") else "/nonexistent"}

    assert failure(kubeconfig=kubeconfig(user, certificate_authority_data=pem(ca))).exit_code == 3


@pytest.mark.parametrize(
    ("user", "cluster", "field"),
    [
        ({}, {"certificate_authority": "none.pem"}, "clusters[0]"),
        ({}, {"certificate_authority_data": "czNjcmV0"}, "clusters[0]"),
        ({}, {"proxy_url": "ftp://127.0.0.1"}, "clusters[0]"),
        ({"client-certificate": "none.pem", "client-key": "none.pem"}, {}, "users[0]"),
        ({"client-certificate-data": "czNjcmV0", "client-key-data": "czNjcmV0"}, {}, "users[0]"),
    ],
)
def test_what_cannot_be_used_is_reported_with_its_place(
    kubeconfig: Callable[..., str], user: dict[str, Any], cluster: dict[str, Any], field: str
) -> None:
    failed = failure(kubeconfig=kubeconfig(user, **cluster))

    assert failed.exit_code == 3
    assert [problem.place.field for problem in failed.diagnostics] == [field]


def test_a_client_certificate_is_shown(
    ca: trustme.CA, secure: FakeApiServer, kubeconfig: Callable[..., str]
) -> None:
    mine = ca.issue_cert("me@example.com")
    blob = mine.private_key_and_cert_chain_pem.bytes()
    data = base64.b64encode(blob).decode()
    user = {"client-certificate-data": data, "client-key-data": data}

    failed = failure(kubeconfig=kubeconfig(user, certificate_authority_data=pem(ca)))

    # The fake wants a token all the same; that it was not for want of any credentials shows.
    assert str(failed).endswith("401 Unauthorized: the credentials are not accepted, or have expired")
    assert secure.requests[0].authorization == ""


def test_no_credentials_at_all_are_reported(ca: trustme.CA, kubeconfig: Callable[..., str]) -> None:
    failed = failure(kubeconfig=kubeconfig({"as": "me"}, certificate_authority_data=pem(ca)))

    assert failed.exit_code == 5
    assert str(failed).endswith("401 Unauthorized: the kubeconfig has no credentials for this context")


def test_a_user_who_acts_as_another_says_so(fake: FakeApiServer, tmp_path: Path) -> None:
    user = {"token": TOKEN, "as": "robot", "as-uid": "7", "as-groups": ["readers", "others"]}

    assert read(kubeconfig=str(fake.kubeconfig(tmp_path, **user))) == ["node-1"]
    headers = fake.requests[0].headers
    assert (headers["Impersonate-User"], headers["Impersonate-Uid"]) == ("robot", "7")
    assert headers.get_all("Impersonate-Group") == ["readers", "others"]


def test_extra_fields_of_another_user_are_not_left_out_in_silence(
    fake: FakeApiServer, tmp_path: Path
) -> None:
    file = fake.kubeconfig(tmp_path, token=TOKEN, **{"as-user-extra": {"scopes": ["x"]}})

    assert failure(kubeconfig=str(file)).exit_code == 3
    assert fake.requests == []


def test_a_password_is_sent_as_the_basic_scheme(fake: FakeApiServer, tmp_path: Path) -> None:
    failure(kubeconfig=str(fake.kubeconfig(tmp_path, username="me", password="pass")))

    sent = base64.b64encode(b"me:pass").decode()
    assert fake.requests[0].authorization == f"Basic {sent}"


def test_a_login_in_the_url_is_not_shown(tmp_path: Path, fake: FakeApiServer) -> None:
    file = fake.kubeconfig(tmp_path, token="wrong")
    file.write_text(file.read_text().replace("http://", "http://me:s3cret@"))

    assert "s3cret" not in str(failure(kubeconfig=str(file)).diagnostics)


@pytest.mark.parametrize(
    "user",
    [
        {"token": "s3\ncret"},
        {"token": "s3cr\u20act"},
        {"token": TOKEN, "as": "s3cr\u20act"},
        {"token": TOKEN, "as-uid": "s3\rcret"},
        {"token": TOKEN, "as-groups": ["s3\ncret"]},
        {"username": "me", "password": "s3cr\u20act"},
    ],
)
def test_what_no_header_can_hold_is_reported_and_not_shown(
    tmp_path: Path, fake: FakeApiServer, user: dict[str, Any]
) -> None:
    failed = failure(kubeconfig=str(fake.kubeconfig(tmp_path, **user)))

    assert failed.exit_code == 3
    (problem,) = failed.diagnostics
    assert problem.message == "a token, password or name to act as has characters that cannot be sent"
    assert problem.place.field == "users[0]"
    assert "s3" not in str(failed.diagnostics)
    assert fake.requests == []


def test_a_proxy_of_the_kubeconfig_is_used_and_its_password_not_shown(
    fake: FakeApiServer, tmp_path: Path
) -> None:
    file = fake.kubeconfig(tmp_path)
    config = yaml.safe_load(file.read_text())
    config["clusters"][0]["cluster"]["proxy-url"] = "http://me:s3cret@127.0.0.1:1"
    file.write_text(yaml.safe_dump(config))

    failed = failure(kubeconfig=str(file))

    assert failed.exit_code == 5
    assert "the proxy cannot be reached" in str(failed)
    assert "s3cret" not in str(failed.diagnostics)
    assert fake.requests == []


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("socks5://me:s3cret@127.0.0.1:1", "the proxy is a SOCKS proxy, and the Python package PySocks"),
        ("http://me:s3cret@[::1", "the address of the proxy is not valid"),
        ("ftp://me:s3cret@127.0.0.1", "the address of the proxy is not valid"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_reported(
    fake: FakeApiServer, tmp_path: Path, capfd: pytest.CaptureFixture[str], url: str, message: str
) -> None:
    file = fake.kubeconfig(tmp_path)
    config = yaml.safe_load(file.read_text())
    config["clusters"][0]["cluster"]["proxy-url"] = url
    file.write_text(yaml.safe_dump(config))

    failed = failure(kubeconfig=str(file))

    assert failed.exit_code == 3
    assert str(failed).startswith(message)
    assert "s3cret" not in str(failed.diagnostics)
    assert capfd.readouterr() == ("", "")


def test_a_pod_reads_as_its_service_account(ca: trustme.CA, secure: FakeApiServer, tmp_path: Path) -> None:
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    (mounted / "token").write_text(TOKEN)
    ca.cert_pem.write_to_path(str(mounted / "ca.crt"))
    host, port = secure.host.split(":")
    environ = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}

    assert read(environ=environ, service_account=mounted) == ["node-1"]


@pytest.mark.parametrize("lacking", ["ca.crt", "KUBERNETES_SERVICE_PORT"])
def test_a_pod_whose_service_account_is_incomplete_is_reported(tmp_path: Path, lacking: str) -> None:
    (tmp_path / "token").write_text(TOKEN)
    if lacking != "ca.crt":
        (tmp_path / "ca.crt").write_bytes(trustme.CA().cert_pem.bytes())
    environ = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "1"}
    environ.pop(lacking, None)

    failed = failure(environ=environ, service_account=tmp_path)

    assert failed.exit_code == 3
    assert str(failed).startswith("the service account of this pod cannot be used")


@pytest.mark.parametrize("context", [None, "prod"])
def test_without_kubeconfig_and_pod_there_is_no_cluster(tmp_path: Path, context: str | None) -> None:
    failed = failure(context=context, service_account=tmp_path)

    assert failed.exit_code == 3
    assert str(failed) == "there is no kubeconfig, and this is not a pod with a service account"
