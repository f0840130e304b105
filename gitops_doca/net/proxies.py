"""Choose the proxy of a URL from the environment variables that curl and Go read."""

import ipaddress
from collections.abc import Mapping

from gitops_doca.net.origins import Origin, is_loopback


def proxy_for(target: Origin, environ: Mapping[str, str]) -> str | None:
    """Return the URL of the proxy, or None; loopback never goes through a proxy (as in Go)."""
    proxy = _variable(environ, f"{target.scheme}_proxy") or _variable(environ, "all_proxy")
    exceptions = _variable(environ, "no_proxy").split(",")
    if not proxy or is_loopback(target.host):
        return None
    return None if any(_covers(entry.strip().lower(), target) for entry in exceptions) else proxy


def _variable(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name) or environ.get(name.upper()) or ""


def _covers(entry: str, target: Origin) -> bool:
    """Say whether an entry of NO_PROXY matches: `*`, network, address or domain; port optional."""
    try:
        return ipaddress.ip_address(target.host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        pass
    host, colon, port = entry.rpartition(":")
    if colon and port.isdecimal():
        entry = host.strip("[]") if int(port) == target.port else ""
    domain = entry.removeprefix("*").removeprefix(".")
    if entry == "*":
        return True
    return bool(domain) and (target.host == domain or target.host.endswith(f".{domain}"))
