"""Refuses every connection of the test process that would leave this machine."""

import ipaddress
import socket
import sys


class NetworkRefusedError(BaseException):
    """A test tried to reach another machine; not an `Exception`, so that no retry swallows it."""


def refuse_other_machines() -> None:
    """From now on a connection to anything but loopback or a Unix socket raises `NetworkRefusedError`."""
    sys.addaudithook(_audit)


def _audit(event: str, args: tuple[object, ...]) -> None:
    if event not in {"socket.connect", "socket.sendto"}:
        return
    connection, address = args
    if isinstance(connection, socket.socket) and connection.family == socket.AF_UNIX:
        return
    host = address[0] if isinstance(address, tuple) else ""
    if not _is_loopback(str(host)):
        raise NetworkRefusedError(f"tests talk to loopback only, not to {address!r}")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"
