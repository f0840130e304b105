"""The settings for registries."""

from collections.abc import Mapping
from pathlib import Path

from gitops_doca.core.dataclass import dataclass
from gitops_doca.registry.allowlist import AllowedRegistry
from gitops_doca.registry.auth.pull_secrets import PullSecret


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryOptions:
    """Settings of one resolver; no other environment than `environ` is read."""

    environ: Mapping[str, str]
    registry_config: Path | None = None
    """A docker config.json; None: the default files of docker and podman."""
    pull_secrets: tuple[PullSecret, ...] = ()
    """Tried before `registry_config`, as the kubelet does."""
    ca_file: Path | None = None
    """CA certificates, a PEM file or OpenSSL folder; None: of `CA_VARIABLES`, or certifi's."""
    insecure_registries: frozenset[str] = frozenset()
    """`HOST[:PORT]` that are allowed without TLS; loopback always is."""
    trusted_realm_hosts: frozenset[str] = frozenset()
    """`HOST[:PORT]` of token servers that may receive any registry's credentials."""
    allowed_registries: tuple[AllowedRegistry, ...] = ()
    """The only registries that are allowed; empty: all are."""
    public_only: bool = False
    """Refuse non-public addresses, except of registries that `allowed_registries` names in full."""
    verify_digests: bool = False
    """Fetch each manifest and compute its digest, instead of trusting a header."""
    deadline: float = 120.0
    """Seconds of wall clock for all look-ups of one resolver together."""
    list_seconds: float = 15.0
    """Seconds for all tag lists together, within the deadline: usually they only help after a miss.
    """
