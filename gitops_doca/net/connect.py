"""Open connections to resolved addresses that were checked first.

The name is resolved once: a second answer of the name server could be another address.
"""

import socket
import threading
from typing import Any

import urllib3
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from gitops_doca.net.addresses import AddressScope, is_public, parse_address


class RefusedAddressError(Exception):
    """A host has an address outside the allowed scope."""


class CheckedConnector:
    """Opens the connections of one pool manager, only to addresses in one scope."""

    def __init__(self, scope: AddressScope) -> None:
        self._scope = scope
        self._lock = threading.Lock()
        self._private: set[tuple[str, int]] = set()

    def reached_private_address(self, host: str, port: int) -> bool:
        """Say whether this host was resolved to an address that is not public."""
        with self._lock:
            return (host, port) in self._private

    def install(self, manager: urllib3.PoolManager) -> None:
        """Make a manager without pools connect through this connector."""
        manager.pool_classes_by_scheme = {"http": self._plain_pool(), "https": self._secure_pool()}

    def addresses(self, host: str, port: int) -> list[str]:
        """Resolve a host; raises `RefusedAddressError` if an address is outside the scope.

        Also raises UnicodeError for an invalid host name, and what `socket.getaddrinfo` raises.
        """
        # ssl leaks a socket if it cannot encode the name.
        host.encode("idna")
        family = urllib3.util.connection.allowed_gai_family()
        resolved = socket.getaddrinfo(host.strip("[]"), port, family, socket.SOCK_STREAM)
        texts = list(dict.fromkeys(str(info[4][0]) for info in resolved))
        addresses = [address for text in texts if (address := parse_address(text)) is not None]
        if not all(self._scope.contains(address) for address in addresses):
            raise RefusedAddressError
        if not all(is_public(address) for address in addresses):
            with self._lock:
                self._private.add((host.strip("[]").lower().removesuffix("."), port))
        return texts

    def _plain_pool(self) -> type[urllib3.HTTPConnectionPool]:
        connector = self

        class Connection(urllib3.connection.HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return _connect(self, connector)

        class Pool(urllib3.HTTPConnectionPool):
            ConnectionCls = Connection

        return Pool

    def _secure_pool(self) -> type[urllib3.HTTPConnectionPool]:
        connector = self

        class Connection(urllib3.connection.HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return _connect(self, connector)

        class Pool(urllib3.HTTPSConnectionPool):
            ConnectionCls = Connection

        return Pool


def _connect(connection: urllib3.connection.HTTPConnection, connector: CheckedConnector) -> socket.socket:
    """Connect to the first address that answers; raises what urllib3's own connections raise."""
    # This name keeps its final dot, without which the system would try its search domains.
    host: Any = connection._dns_host  # noqa: SLF001 (urllib3 has no public name for it)
    try:
        addresses = connector.addresses(host, connection.port)
    except socket.gaierror as error:
        raise NameResolutionError(connection.host, connection, error) from error
    except UnicodeError as error:
        raise urllib3.exceptions.LocationParseError(connection.host) from error
    failed: Exception = OSError("no address")
    for address in addresses:
        try:
            return urllib3.util.connection.create_connection(
                (address, connection.port),
                connection.timeout,
                source_address=connection.source_address,
                socket_options=connection.socket_options,
            )
        except OSError as error:
            failed = error
    if isinstance(failed, TimeoutError):
        raise ConnectTimeoutError(connection, "no connection in time") from failed
    raise NewConnectionError(connection, "no connection") from failed
