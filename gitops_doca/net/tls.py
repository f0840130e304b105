"""Load the CA certificates of a run, and verify every TLS connection with them."""

import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import certifi
from requests.adapters import HTTPAdapter

from gitops_doca.core.resolve.lookup import Cause
from gitops_doca.net.connect import CheckedConnector
from gitops_doca.net.request_errors import LookupFailedError

CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
"""Variables that name CA certificates; the first that is set is used."""


class TlsAdapter(HTTPAdapter):
    """An adapter with one TLS context: loading the CA certificates for each connection costs 20 ms.

    It is used without a `requests.Session`, so that no .netrc, cookie or variable has an effect.
    """

    def __init__(self, context: ssl.SSLContext, connections: int, connector: CheckedConnector) -> None:
        self._context = context
        self._connector = connector
        super().__init__(pool_maxsize=connections)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401, D102 (as inherited)
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)
        # Not for proxies: the user chose the proxy's address, and the proxy resolves the target's.
        self._connector.install(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:  # noqa: ANN401, D102 (as inherited)
        context = self._context
        return super().proxy_manager_for(proxy, **kwargs, ssl_context=context, proxy_ssl_context=context)

    def cert_verify(self, conn: object, url: str, verify: object, cert: object) -> None:
        """Leave the connection as it is: the context has the CA certificates and requires them."""


def ca_path(environ: Mapping[str, str], ca_file: Path | None) -> str:
    """Return the file or folder of the trusted CA certificates."""
    named = (environ.get(name) for name in CA_VARIABLES)
    return str(ca_file or next(filter(None, named), None) or certifi.where())


def tls_context(path: str) -> ssl.SSLContext:
    """Return a context that trusts only these CAs.

    Raises `LookupFailedError` (ca file) if they cannot be used.
    """
    try:
        if os.path.isdir(path):  # noqa: PTH112 (the path may come from the environment, with any text)
            return ssl.create_default_context(capath=path)
        return ssl.create_default_context(cafile=path)
    except (OSError, ValueError) as error:
        match error:
            case PermissionError():
                reason = "permission denied"
            case ssl.SSLError():
                reason = "it has no certificate"
            case _:
                reason = "no such file"
        raise LookupFailedError(Cause.CA_FILE, f"the CA file {Path(path)} cannot be used: {reason}") from None
