"""Connect to one API server with the kubernetes client library."""

import ssl
import warnings
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import urllib3

from gitops_doca import __version__
from gitops_doca.cluster.kubeconfig import KubeContext
from gitops_doca.core.dataclass import dataclass
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
    """A pool of connections to an API server, and the headers of each request."""

    url: str
    name: str
    """Host and port, for messages."""
    pool: urllib3.PoolManager
    headers: urllib3.HTTPHeaderDict = field(repr=False)
    has_credentials: bool
    """Whether requests have a token, a password or a certificate."""


def in_cluster(environ: Mapping[str, str], mounted: Path = SERVICE_ACCOUNT) -> bool:
    """Say whether this program runs in a pod with a service account."""
    return bool(environ.get("KUBERNETES_SERVICE_HOST")) and (mounted / "token").exists()


def connect_in_cluster(
    environ: Mapping[str, str], problems: Problems, mounted: Path = SERVICE_ACCOUNT
) -> Connection | None:
    """Connect as the pod's service account; reports a problem and returns None if that fails."""
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


def connect(context: KubeContext, problems: Problems) -> Connection | None:
    """Connect with the credentials of a context; reports a problem and returns None if that fails."""
    from kubernetes.config import ConfigException

    try:
        configuration = _load(context.cluster, context.user)
    except UnicodeError:
        problems.error(_UNSENDABLE, context.user_place)
        return None
    except (ConfigException, OSError, ValueError):
        problems.error(f"{_UNUSABLE}a file does not exist, or data is not base64", _unusable_place(context))
        return None
    # Older releases of the library do not read this field.
    configuration.proxy = context.cluster.get("proxy-url", configuration.proxy)
    return _connection(configuration, context, problems)


def _load(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> "Configuration":
    """Return the configuration of the library; raises as the library does."""
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


def _unusable_place(context: KubeContext) -> Place:
    """Return the place of the cluster or of the user, whichever the library cannot load."""
    from kubernetes.config import ConfigException

    try:
        _load(context.cluster, {})
    except (ConfigException, OSError, ValueError):
        return context.cluster_place
    return context.user_place


def _connection(
    configuration: "Configuration", context: KubeContext, problems: Problems
) -> Connection | None:
    from kubernetes.client.rest import RESTClientObject

    before = len(problems.errors)
    _check_certificates(configuration, context, problems)
    headers = _headers(configuration, context, problems)
    if not configuration.verify_ssl:
        # The kubeconfig turns it off, and the user cannot change that here.
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    try:
        with warnings.catch_warnings():
            # urllib3 warns about the same as the ImportError.
            warnings.simplefilter("ignore")
            pool = RESTClientObject(configuration).pool_manager
    except ImportError:
        message = "the proxy is a SOCKS proxy, and the Python package PySocks is not installed"
        problems.error(message, context.cluster_place, help="install it, or use a proxy that speaks HTTP")
        return None
    except (ValueError, urllib3.exceptions.HTTPError):
        problems.error("the address of the proxy is not valid", context.cluster_place)
        return None
    if len(problems.errors) > before:
        return None
    server = urlsplit(configuration.host)
    return Connection(
        url=configuration.host.rstrip("/"),
        # The URL without user and password.
        name=server.netloc.rpartition("@")[2],
        pool=pool,
        headers=headers,
        has_credentials=bool(configuration.cert_file) or "Authorization" in headers,
    )


def _check_certificates(configuration: "Configuration", context: KubeContext, problems: Problems) -> None:
    """Report files without a certificate or key; later the error would seem to be the server's."""
    place = context.cluster_place
    try:
        tls = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
        place = context.user_place
        if configuration.cert_file:
            # With a wrong password, as without one OpenSSL asks for it on the terminal.
            tls.load_cert_chain(configuration.cert_file, configuration.key_file, password="")
    except (OSError, ValueError):
        problems.error(f"{_UNUSABLE}no such file, no PEM, or a key with a password", place)


def _headers(
    configuration: "Configuration", context: KubeContext, problems: Problems
) -> urllib3.HTTPHeaderDict:
    user, place = context.user, context.user_place
    headers = urllib3.HTTPHeaderDict(
        {"Accept": "application/json", "User-Agent": f"gitops-doca/{__version__}"}
    )
    token: Any = configuration.auth_settings().get("BearerToken")
    if token:
        headers["Authorization"] = token["value"]
    # The library ignores these fields, so without this the requests would be another user's.
    if "as-user-extra" in user:
        problems.error("is not supported", place.at("as-user-extra"))
    for name, header in (("as", "Impersonate-User"), ("as-uid", "Impersonate-Uid")):
        if name in user:
            headers[header] = user[name]
    for group in user.get("as-groups", ()):
        headers.add("Impersonate-Group", str(group))
    # Servers read other characters in different ways (RFC 9110, 5.5).
    if not all(value.isascii() and value.isprintable() for value in headers.values()):
        problems.error(_UNSENDABLE, place)
    return headers
