"""Connections whose address is checked before it is connected to, so that nothing can change in between."""

import socket
import threading
from typing import Any

import urllib3
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from gitops_doca.net.addresses import Zone, is_public, parse_address


class InternalAddressError(Exception):
    """A name leads to an address outside of the zone that was allowed."""


class CheckedConnector:
    """Opens the connections of one pool manager, to addresses of one zone."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._lock = threading.Lock()
        self._inside: set[tuple[str, int]] = set()

    def reached_private_address(self, host: str, port: int) -> bool:
        """Say whether a connection to this host was one to an address that is not public."""
        with self._lock:
            return (host, port) in self._inside

    def install(self, manager: urllib3.PoolManager) -> None:
        """Let a manager, which has no pool yet, connect through this."""
        manager.pool_classes_by_scheme = {"http": self._plain_pool(), "https": self._secure_pool()}

    def addresses(self, host: str, port: int) -> list[str]:
        """Resolve a host; raises `InternalAddressError` when one of its addresses is outside of the zone.

        Also raises UnicodeError for what is no host name, and what `socket.getaddrinfo` raises.
        """
        # ssl leaks a socket over a name that it cannot encode.
        host.encode("idna")
        family = urllib3.util.connection.allowed_gai_family()
        found = socket.getaddrinfo(host.strip("[]"), port, family, socket.SOCK_STREAM)
        texts = list(dict.fromkeys(str(info[4][0]) for info in found))
        addresses = [address for text in texts if (address := parse_address(text)) is not None]
        if not all(self._zone.holds(address) for address in addresses):
            raise InternalAddressError
        if not all(is_public(address) for address in addresses):
            with self._lock:
                self._inside.add((host.strip("[]").lower().removesuffix("."), port))
        return texts

    def _plain_pool(self) -> type[urllib3.HTTPConnectionPool]:
        dialer = self

        class Connection(urllib3.connection.HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return _connect(self, dialer)

        class Pool(urllib3.HTTPConnectionPool):
            ConnectionCls = Connection

        return Pool

    def _secure_pool(self) -> type[urllib3.HTTPConnectionPool]:
        dialer = self

        class Connection(urllib3.connection.HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return _connect(self, dialer)

        class Pool(urllib3.HTTPSConnectionPool):
            ConnectionCls = Connection

        return Pool


def _connect(connection: urllib3.connection.HTTPConnection, dialer: CheckedConnector) -> socket.socket:
    """Connect to the first address that answers, and fail as urllib3's own connections do."""
    # With its dot a name that ends in one is not searched for in the system's domains.
    host: Any = connection._dns_host  # noqa: SLF001 (urllib3 has no public name for it)
    try:
        addresses = dialer.addresses(host, connection.port)
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
