"""Trust: the CA certificates of a run, and connections that insist on them."""

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
"""Variables that name CA certificates, the first that is set."""


class TlsAdapter(HTTPAdapter):
    """An adapter with one TLS context: loading the CA certificates anew for each connection costs 20 ms.

    N. B. it is used without a `requests.Session`, so no .netrc, cookie or variable has a say.
    """

    def __init__(self, context: ssl.SSLContext, connections: int, dialer: CheckedConnector) -> None:
        self._context = context
        self._dialer = dialer
        super().__init__(pool_maxsize=connections)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401, D102 (as inherited)
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)
        # Not those of the proxies: a proxy's address is the user's choice, and it resolves the rest itself.
        self._dialer.install(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:  # noqa: ANN401, D102 (as inherited)
        context = self._context
        return super().proxy_manager_for(proxy, **kwargs, ssl_context=context, proxy_ssl_context=context)

    def cert_verify(self, conn: object, url: str, verify: object, cert: object) -> None:
        """Leave the connection as it is: the context has the CA certificates and insists on them."""


def ca_path(environ: Mapping[str, str], ca_file: Path | None) -> str:
    """Return the file or folder of the CA certificates that are trusted."""
    named = (environ.get(name) for name in CA_VARIABLES)
    return str(ca_file or next(filter(None, named), None) or certifi.where())


def tls_context(path: str) -> ssl.SSLContext:
    """Return a context that trusts these CAs alone.

    Raises `LookupFailedError` (tls) when they cannot be used.
    """
    try:
        if os.path.isdir(path):  # noqa: PTH112 (the path may come from the environment, with any text)
            return ssl.create_default_context(capath=path)
        return ssl.create_default_context(cafile=path)
    except (OSError, ValueError) as error:
        found = "it holds no certificate" if isinstance(error, ssl.SSLError) else "no such file"
        reason = "permission denied" if isinstance(error, PermissionError) else found
        raise LookupFailedError(Cause.TLS, f"the CA file {Path(path)} cannot be used: {reason}") from None
