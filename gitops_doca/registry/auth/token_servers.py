"""Decide which token servers may be used, and may get credentials."""

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.reference import DOCKER_HUB
from gitops_doca.core.resolve.lookup import Cause
from gitops_doca.net.addresses import ANY_ADDRESS, AddressPolicy, AddressScope, parse_address
from gitops_doca.net.origins import Origin
from gitops_doca.net.request_errors import LookupFailedError


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenServerPolicy:
    """The rules for one registry's token server."""

    registry: Origin
    """Where the registry was reached."""
    trusted: frozenset[str] = frozenset()
    is_private: bool = False
    """The registry was reached at an address that is not public."""
    own_addresses: AddressPolicy = ANY_ADDRESS
    """For the registry's own host."""

    def address_policy(self, server: Origin) -> AddressPolicy:
        """Return which addresses a token server may have.

        Raises `LookupFailedError` (policy) for a server without TLS that a registry with TLS names.
        """
        name = f"the token server {server.authority}"
        if server.scheme == "http" and self.registry.scheme != "http":
            raise LookupFailedError(Cause.POLICY, f"{name} has no TLS, which was refused")
        if server.is_among(self.trusted):
            return ANY_ADDRESS
        if server.host == self.registry.host:
            return self.own_addresses
        scope = AddressScope.ROUTED if self.is_private else AddressScope.PUBLIC
        return AddressPolicy(scope, f"{name} is on a private address, which was refused", Cause.PRIVATE)

    def may_have_credentials(self, server: Origin) -> bool:
        """Say whether credentials may be sent: to the same host, its parents, and trusted hosts."""
        registry, host = self.registry.host, server.host
        is_parent = "." in host and registry.endswith(f".{host}") and parse_address(registry) is None
        return host == registry or is_parent or _is_known(registry, host) or server.is_among(self.trusted)


def _is_known(registry: str, server: str) -> bool:
    if registry == DOCKER_HUB:
        return server == "auth.docker.io"
    if registry == "nvcr.io" or registry.endswith(".nvcr.io"):
        return server == "nvcr.io" or server.endswith((".nvcr.io", ".nvidia.com"))
    return False
