"""Where an address points: its origin, and whether that is this machine or a private network."""

import ipaddress
import re
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}
# Nothing that two URL parsers could read in two ways.
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+")


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port of a URL, in a form that compares."""

    scheme: str
    host: str
    """Lower case, without brackets, without the root's dot."""
    port: int

    @property
    def authority(self) -> str:
        """`host` or `host:port`, as people write it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def is_among(self, hosts: frozenset[str]) -> bool:
        """Say whether a list of `HOST[:PORT]` names this; an entry without port stands for all ports."""
        with_port = f"{self.authority.removesuffix(f':{self.port}')}:{self.port}"
        named = {entry.lower() for entry in hosts}
        return bool(named & {self.host, f"[{self.host}]", with_port})


def parse_origin(url: str) -> Origin:
    """Return the origin of an http or https URL.

    Raises ValueError for any other scheme, for a user name or password, and for a host or port that is none.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").removesuffix(".")
    if parts.scheme not in _PORTS or "@" in parts.netloc or not _HOST.fullmatch(host):
        raise ValueError("not an address that may be asked")
    return Origin(parts.scheme, host, parts.port or _PORTS[parts.scheme])


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine: localhost, below it, or a literal of the loopback networks."""
    address = _literal(host)
    return _is_localhost(host) if address is None else address.is_loopback


def is_internal(host: str) -> bool:
    """Say whether a host is localhost or a literal address that is not public; names are not resolved."""
    address = _literal(host)
    return _is_localhost(host) if address is None else not address.is_global


def _is_localhost(host: str) -> bool:
    return host == "localhost" or host.endswith(".localhost")


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        try:
            # The resolver also takes 127.1, 0x7f000001 and 2130706433.
            return ipaddress.IPv4Address(socket.inet_aton(host))
        except OSError:
            return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
