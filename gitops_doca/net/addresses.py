"""Tell public network addresses from private, local and metadata ones."""

import ipaddress
import socket
from enum import Enum

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.resolve.lookup import Cause

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# RFC 6052 and RFC 2765: the last four bytes are an IPv4 address.
_TRANSLATED = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("::ffff:0:0:0/96"))
# RFC 8215: each network chooses the length of its prefix in this one.
_LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")
# Deprecated (RFC 4291, 2.5.5.1), but some systems still route it as IPv4.
_COMPATIBLE = ipaddress.IPv6Network("::/96")
# IANA's special-purpose address registries for IPv4 and IPv6, multicast, and unassigned IPv6
# networks. `ipaddress` has a list too, which depends on the version of Python, so both are checked.
_SPECIAL = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        # Only 2000::/3 of IPv6 is assigned; some networks in it are special.
        "::/3",
        "2001::/23",
        "2001:db8::/32",
        "3fff::/20",
        "4000::/2",
        "8000::/1",
    )
)
# Metadata services of clouds outside the link-local networks, from the manuals of the clouds and
# the data sources of cloud-init. They give secrets to each machine that asks.
_CLOUD_METADATA = tuple(
    ipaddress.ip_network(network)
    for network in (
        "100.100.100.200/32",  # Alibaba
        "168.63.129.16/32",  # Azure
        "192.0.0.0/24",  # Oracle; nothing else is in this network
        "fd00:42::42/128",  # Scaleway
        "fd00:100::100:200/128",  # Alibaba
        "fd00:a9fe:a9fe::1/128",  # Akamai
        "fd00:c1::a9fe:a9fe/128",  # Oracle
        "fd00:ec2::/32",  # AWS
        "fd20:ce::254/128",  # Google
    )
)


def parse_address(text: str) -> Address | None:
    """Return a literal address as the system's resolver reads it; None for a name.

    An IPv6 address with an IPv4 address in it (mapped, compatible, translated, 6to4) counts as the
    IPv4 address. If several are possible, the most restricted one is returned.
    """
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        try:
            # The resolver also accepts 127.1, 0x7f000001 and 2130706433.
            return ipaddress.IPv4Address(socket.inet_aton(text))
        except OSError:
            return None
    return _embedded(address) or address if isinstance(address, ipaddress.IPv6Address) else address


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address.ipv4_mapped or address.sixtofour:
        return address.ipv4_mapped or address.sixtofour
    if address in _LOCAL_NAT64:
        return _locally_translated(address)
    if any(address in network for network in _TRANSLATED) or (address in _COMPATIBLE and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def _locally_translated(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address:
    """Return the most restricted IPv4 address behind a prefix of 48 to 96 bits (RFC 6052, 2.2)."""
    raw = address.packed
    shorter = (raw[6:8] + raw[9:11], raw[7:8] + raw[9:12], raw[9:13]) if any(raw[6:12]) else ()
    possible = [ipaddress.IPv4Address(form) for form in (*shorter, raw[12:]) if any(form)]
    for scope in (AddressScope.ROUTED, AddressScope.PUBLIC):
        for embedded in possible:
            if not scope.contains(embedded):
                return embedded
    return possible[-1] if possible else ipaddress.IPv4Address(0)


def is_public(address: Address) -> bool:
    """Say whether an address is on the internet: not loopback, private, link-local or multicast."""
    return address.is_global and not any(address in network for network in (*_SPECIAL, *_CLOUD_METADATA))


class AddressScope(Enum):
    """A set of addresses that connections are allowed to."""

    PUBLIC = "public"
    ROUTED = "routed"
    """Also loopback and private addresses, but not link-local ones or clouds' metadata services."""
    ANY = "any"

    def contains(self, address: Address) -> bool:
        """Say whether an address is in this scope."""
        match self:
            case AddressScope.PUBLIC:
                return is_public(address)
            case AddressScope.ROUTED:
                local = address.is_link_local or address.is_unspecified or address.is_multicast
                return not local and not any(address in network for network in _CLOUD_METADATA)
            case AddressScope.ANY:
                return True

    def may_contain(self, host: str) -> bool:
        """Say whether a host can be in this scope; False only for literal addresses and localhost.

        Any other name has to be resolved first.
        """
        address = parse_address(host)
        if address is None:
            return self is not AddressScope.PUBLIC or not is_localhost(host)
        return self.contains(address)


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Which addresses a request may connect to."""

    scope: AddressScope = AddressScope.ANY
    refusal: str = ""
    """The error message for an address outside the scope."""
    cause: Cause = Cause.POLICY
    """The cause of that error."""


ANY_ADDRESS = AddressPolicy()
"""Every address is allowed."""


def is_localhost(host: str) -> bool:
    """Say whether a name means this machine (RFC 6761)."""
    return host == "localhost" or host.endswith(".localhost")
