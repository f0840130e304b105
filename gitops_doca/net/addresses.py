"""Which network addresses are public, and which lead to this machine or into a private network."""

import ipaddress
import socket
from dataclasses import dataclass
from enum import Enum

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# RFC 6052 and RFC 2765: an IPv4 address stands in the last four bytes.
_TRANSLATED = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("::ffff:0:0:0/96"))
# RFC 8215: each network chooses by itself how long its prefix in this one is.
_LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")
# Deprecated (RFC 4291, 2.5.5.1), but some systems still route it as IPv4.
_COMPATIBLE = ipaddress.IPv6Network("::/96")
# What IANA's special-purpose address registries for IPv4 and IPv6 keep from the internet, multicast, and what
# of IPv6 is not assigned to it. The answer of `ipaddress` depends on Python's version, so both are asked.
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
        # Of IPv6 only 2000::/3 is assigned, and these are set apart in it.
        "::/3",
        "2001::/23",
        "2001:db8::/32",
        "3fff::/20",
        "4000::/2",
        "8000::/1",
    )
)
# Where clouds serve each machine its metadata and secrets beside the addresses of one link, by the manuals of
# the clouds and the data sources of cloud-init.
_CLOUD = tuple(
    ipaddress.ip_network(network)
    for network in (
        "100.100.100.200/32",  # Alibaba
        "168.63.129.16/32",  # Azure
        "192.0.0.0/24",  # Oracle; nothing else in it is to be connected to
        "fd00:42::42/128",  # Scaleway
        "fd00:100::100:200/128",  # Alibaba
        "fd00:a9fe:a9fe::1/128",  # Akamai
        "fd00:c1::a9fe:a9fe/128",  # Oracle
        "fd00:ec2::/32",  # AWS
        "fd20:ce::254/128",  # Google
    )
)


def parse_address(text: str) -> Address | None:
    """Return a literal address as the resolver reads it; None for a name.

    An IPv4 address within an IPv6 one (mapped, compatible, translated, 6to4) counts as the IPv4 address;
    where it could be one of several, the one that the fewest may connect to.
    """
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        try:
            # The resolver also takes 127.1, 0x7f000001 and 2130706433.
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
    """Return the IPv4 address behind prefixes of 48 to 96 bits (RFC 6052, 2.2), the worst of them."""
    raw = address.packed
    shorter = (raw[6:8] + raw[9:11], raw[7:8] + raw[9:12], raw[9:13]) if any(raw[6:12]) else ()
    found = [ipaddress.IPv4Address(form) for form in (*shorter, raw[12:]) if any(form)]
    refused = (one for zone in (Zone.ROUTED, Zone.PUBLIC) for one in found if not zone.holds(one))
    return next(refused, found[-1] if found else ipaddress.IPv4Address(0))


def is_public(address: Address) -> bool:
    """Say whether an address is one of the internet's: not loopback, private, link-local or multicast."""
    return address.is_global and not any(address in network for network in (*_SPECIAL, *_CLOUD))


class Zone(Enum):
    """Addresses that may be connected to."""

    PUBLIC = "public"
    ROUTED = "routed"
    """Also loopback and private ones; not those of one link, and no metadata service of a cloud."""
    ANY = "any"

    def holds(self, address: Address) -> bool:
        """Say whether an address is in this zone."""
        match self:
            case Zone.PUBLIC:
                return is_public(address)
            case Zone.ROUTED:
                one_link = address.is_link_local or address.is_unspecified or address.is_multicast
                return not one_link and not any(address in network for network in _CLOUD)
            case Zone.ANY:
                return True

    def may_hold(self, host: str) -> bool:
        """Say the same of a literal address and of localhost; any other name has to be resolved first."""
        address = parse_address(host)
        if address is None:
            return self is not Zone.PUBLIC or not is_localhost(host)
        return self.holds(address)


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """How far a request may go."""

    zone: Zone = Zone.ANY
    refusal: str = ""
    """The sentence for an address outside of the zone."""


ANYWHERE = AddressPolicy()
"""Any address will do."""


def is_localhost(host: str) -> bool:
    """Say whether a name is this machine's by RFC 6761."""
    return host == "localhost" or host.endswith(".localhost")
