"""What the user decided about registries."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gitops_doca.registry.allowlist import AllowedRegistry
from gitops_doca.registry.auth.pull_secrets import PullSecret


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryOptions:
    """Settings of one resolver; `environ` is the only environment that is read."""

    environ: Mapping[str, str]
    registry_config: Path | None = None
    """A docker config.json; None: the places where docker and podman keep theirs."""
    pull_secrets: tuple[PullSecret, ...] = ()
    """Tried before `registry_config`, in the kubelet's way."""
    ca_file: Path | None = None
    """CA certificates, a PEM file or an OpenSSL folder; None: those of `CA_VARIABLES`, else certifi's."""
    insecure_registries: frozenset[str] = frozenset()
    """`HOST[:PORT]` that may be asked without TLS; loopback always may."""
    trusted_realm_hosts: frozenset[str] = frozenset()
    """`HOST[:PORT]` of token servers that may have any registry's credentials."""
    allowed_registries: tuple[AllowedRegistry, ...] = ()
    """The only ones that may be asked; without any, all may."""
    public_only: bool = False
    """Refuse addresses that are not public, but of registries that `allowed_registries` names in full."""
    verify_digests: bool = False
    """Ask for each manifest, and compute its digest, where otherwise a header is believed."""
    deadline: float = 120.0
    """Seconds of wall clock for all look-ups of one resolver together."""
    list_seconds: float = 15.0
    """Seconds for all tag lists together, within the deadline: as a rule they only help after a miss."""
