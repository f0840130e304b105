"""Parse the origin of a URL, and tell whether its host is local or private."""

import re
from urllib.parse import urlsplit

from gitops_doca.core.dataclass import dataclass
from gitops_doca.net.addresses import is_localhost, is_public, parse_address

_PORTS = {"http": 80, "https": 443}
# No characters that two URL parsers could read differently.
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+")


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port of a URL, normalized for comparison."""

    scheme: str
    host: str
    """Lower case, without brackets and without a final dot."""
    port: int

    @property
    def authority(self) -> str:
        """`host` or `host:port`, as usually written."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def is_among(self, hosts: frozenset[str]) -> bool:
        """Say whether a set of `HOST[:PORT]` has this origin; without a port, any port matches."""
        with_port = f"{self.authority.removesuffix(f':{self.port}')}:{self.port}"
        named = {entry.lower() for entry in hosts}
        return bool(named & {self.host, f"[{self.host}]", with_port})


def parse_origin(url: str) -> Origin:
    """Return the origin of an http or https URL.

    Raises ValueError for any other scheme, for a user name or password, and for an invalid host or
    port.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").removesuffix(".")
    if parts.scheme not in _PORTS or "@" in parts.netloc or not _HOST.fullmatch(host):
        raise ValueError("not an http or https URL with a host")
    return Origin(parts.scheme, host, parts.port or _PORTS[parts.scheme])


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine: localhost, a name below it, or a loopback address."""
    address = parse_address(host)
    return is_localhost(host) if address is None else address.is_loopback


def is_internal(host: str) -> bool:
    """Say whether a host is localhost or a literal address that is not public; resolves no names."""
    address = parse_address(host)
    return is_localhost(host) if address is None else not is_public(address)
