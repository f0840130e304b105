"""Where a token server may be, and whether credentials may go there."""

from dataclasses import dataclass

from gitops_doca.core.reference import DOCKER_HUB
from gitops_doca.core.resolve.lookup import Cause
from gitops_doca.net.addresses import ANY_ADDRESS, AddressPolicy, AddressScope, parse_address
from gitops_doca.net.origins import Origin
from gitops_doca.net.request_errors import LookupFailedError


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenServerPolicy:
    """Rules for one registry's token server."""

    registry: Origin
    """How the registry itself was reached."""
    trusted: frozenset[str] = frozenset()
    inside: bool = False
    """The registry was reached at an address that is not public."""
    own: AddressPolicy = ANY_ADDRESS
    """How far requests to the registry's own host may go."""

    def address_policy(self, realm: Origin) -> AddressPolicy:
        """Return which addresses a token server may have.

        Raises `LookupFailedError` (policy) for one that is to be asked without TLS by a registry that has it.
        """
        where = f"the token server {realm.authority}"
        if realm.scheme == "http" and self.registry.scheme != "http":
            raise LookupFailedError(Cause.POLICY, f"{where} is to be asked without TLS, which was refused")
        if realm.is_among(self.trusted):
            return ANY_ADDRESS
        if realm.host == self.registry.host:
            return self.own
        scope = AddressScope.ROUTED if self.inside else AddressScope.PUBLIC
        return AddressPolicy(scope, f"{where} is on a private address, which was refused")

    def may_have_credentials(self, realm: Origin) -> bool:
        """Say whether credentials may go to a host: the same, a parent domain, a known or a trusted one."""
        ours, theirs = self.registry.host, realm.host
        parent = "." in theirs and ours.endswith(f".{theirs}") and parse_address(ours) is None
        return theirs == ours or parent or _is_known(ours, theirs) or realm.is_among(self.trusted)


def _is_known(registry: str, realm: str) -> bool:
    if registry == DOCKER_HUB:
        return realm == "auth.docker.io"
    if registry == "nvcr.io" or registry.endswith(".nvcr.io"):
        return realm == "nvcr.io" or realm.endswith((".nvcr.io", ".nvidia.com"))
    return False
