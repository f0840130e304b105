"""The kubernetes client's connections to one API server; nothing else imports that library."""

import ssl
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import urllib3

from gitops_doca import __version__
from gitops_doca.cluster.kubeconfig import KubeContext
from gitops_doca.core.diagnostics import Place, Problems

if TYPE_CHECKING:
    from kubernetes.client import Configuration

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where Kubernetes mounts the service account of a pod."""
_NAME = "kubeconfig"
_UNUSABLE = "the certificate authority, certificate or key cannot be used: "
_UNSENDABLE = "a token, password or name to act as has characters that cannot be sent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Open connections to an API server, and what is shown to it."""

    url: str
    name: str
    """Host and port, for messages."""
    pool: urllib3.PoolManager
    headers: urllib3.HTTPHeaderDict = field(repr=False)
    shows_identity: bool
    """Anything at all is shown: a token, a password or a certificate."""


def in_cluster(environ: Mapping[str, str], mounted: Path = SERVICE_ACCOUNT) -> bool:
    """Say whether this runs in a pod with a service account."""
    return bool(environ.get("KUBERNETES_SERVICE_HOST")) and (mounted / "token").exists()


def connect_in_cluster(
    environ: Mapping[str, str], problems: Problems, mounted: Path = SERVICE_ACCOUNT
) -> Connection | None:
    """Return connections as the pod's service account; None with a problem reported."""
    from kubernetes.client import Configuration
    from kubernetes.config import ConfigException
    from kubernetes.config.incluster_config import InClusterConfigLoader

    configuration = Configuration()
    try:
        loader = InClusterConfigLoader(  # type: ignore[no-untyped-call]
            token_filename=str(mounted / "token"),
            cert_filename=str(mounted / "ca.crt"),
            environ=environ,
        )
        loader.load_and_set(configuration)  # type: ignore[no-untyped-call]
    except (ConfigException, OSError, ValueError):
        problems.error(
            "the service account of this pod cannot be used: its token, its ca.crt or the API server's "
            "address is not there",
            Place(str(mounted)),
        )
        return None
    place = Place(str(mounted))
    return _connection(
        configuration, KubeContext(cluster={}, user={}, cluster_place=place, user_place=place), problems
    )


def connect(access: KubeContext, problems: Problems) -> Connection | None:
    """Return connections with the credentials of an access; None with a problem reported."""
    from kubernetes.config import ConfigException

    try:
        configuration = _load(access.cluster, access.user)
    except UnicodeError:
        problems.error(_UNSENDABLE, access.user_place)
        return None
    except (ConfigException, OSError, ValueError):
        problems.error(f"{_UNUSABLE}a file is not there, or data is no base64", _unusable_place(access))
        return None
    # Older releases of the library do not read it.
    configuration.proxy = access.cluster.get("proxy-url", configuration.proxy)
    return _connection(configuration, access, problems)


def _load(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> "Configuration":
    """Return what the library makes of them; raises what it raises."""
    from kubernetes.client import Configuration
    from kubernetes.config import load_kube_config_from_dict

    document = {
        "current-context": _NAME,
        "contexts": [{"name": _NAME, "context": {"cluster": _NAME, "user": _NAME}}],
        "clusters": [{"name": _NAME, "cluster": dict(cluster)}],
        "users": [{"name": _NAME, "user": dict(user)}],
    }
    configuration = Configuration()
    load_kube_config_from_dict(  # type: ignore[no-untyped-call]
        document, client_configuration=configuration, persist_config=False
    )
    return configuration


def _unusable_place(access: KubeContext) -> Place:
    """Say which of the two cannot be loaded: the library does not."""
    from kubernetes.config import ConfigException

    try:
        _load(access.cluster, {})
    except (ConfigException, OSError, ValueError):
        return access.cluster_place
    return access.user_place


def _connection(configuration: "Configuration", access: KubeContext, problems: Problems) -> Connection | None:
    from kubernetes.client.rest import RESTClientObject

    before = len(problems.errors)
    _check_certificates(configuration, access, problems)
    headers = _headers(configuration, access, problems)
    if not configuration.verify_ssl:
        # The kubeconfig says so, and nobody can do anything about it here.
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    try:
        with warnings.catch_warnings():
            # urllib3 warns of what the ImportError says too.
            warnings.simplefilter("ignore")
            pool = RESTClientObject(configuration).pool_manager
    except ImportError:
        message = "the proxy is a SOCKS proxy, and the Python package PySocks is not installed"
        problems.error(message, access.cluster_place, remedy="install it, or use a proxy that speaks HTTP")
        return None
    except (ValueError, urllib3.exceptions.HTTPError):
        problems.error("the address of the proxy is not valid", access.cluster_place)
        return None
    if len(problems.errors) > before:
        return None
    server = urlsplit(configuration.host)
    return Connection(
        url=configuration.host.rstrip("/"),
        # A user or password in the URL is for nobody's eyes.
        name=server.netloc.rpartition("@")[2],
        pool=pool,
        headers=headers,
        shows_identity=bool(configuration.cert_file) or "Authorization" in headers,
    )


def _check_certificates(configuration: "Configuration", access: KubeContext, problems: Problems) -> None:
    """Report files that hold no certificate or key, which would look like the server's fault later."""
    place = access.cluster_place
    try:
        context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
        place = access.user_place
        if configuration.cert_file:
            # A password that cannot be right: OpenSSL would ask for one on the terminal.
            context.load_cert_chain(configuration.cert_file, configuration.key_file, password="")
    except (OSError, ValueError):
        problems.error(f"{_UNUSABLE}no such file, no PEM, or a key with a password", place)


def _headers(
    configuration: "Configuration", access: KubeContext, problems: Problems
) -> urllib3.HTTPHeaderDict:
    user, place = access.user, access.user_place
    headers = urllib3.HTTPHeaderDict(
        {"Accept": "application/json", "User-Agent": f"gitops-doca/{__version__}"}
    )
    shown: Any = configuration.auth_settings().get("BearerToken")
    if shown:
        headers["Authorization"] = shown["value"]
    # The library does not impersonate, and to go on as somebody else would be wrong.
    if "as-user-extra" in user:
        problems.error("is not supported", place.at("as-user-extra"))
    for name, header in (("as", "Impersonate-User"), ("as-uid", "Impersonate-Uid")):
        if name in user:
            headers[header] = user[name]
    for group in user.get("as-groups", ()):
        headers.add("Impersonate-Group", str(group))
    # A field of HTTP holds no others (RFC 9110, 5.5) that all servers read alike.
    if not all(value.isascii() and value.isprintable() for value in headers.values()):
        problems.error(_UNSENDABLE, place)
    return headers
