"""How registries are asked: the flags about them, and the client that they make."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gitops_doca.cli.console import progress
from gitops_doca.core.diagnostics import Problems
from gitops_doca.sources.pull_secret import read_pull_secrets

if TYPE_CHECKING:
    from gitops_doca.registry.resolver import RegistryResolver


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryFlags:
    """How registries are asked; never part of a config, so that a repository cannot choose it."""

    registry_config: Path | None
    pull_secret: tuple[str, ...]
    ca_file: Path | None
    insecure_registry: tuple[str, ...]
    allowed_registry: tuple[str, ...]
    trusted_realm_host: tuple[str, ...]
    deadline: float


def make_resolver(
    flags: RegistryFlags, problems: Problems, *, verify_digests: bool = False
) -> "RegistryResolver":
    """Make the client of the registries; requests is imported here, and so only when it is needed.

    Raises `GenerationError` for a pull secret that cannot be read.
    """
    from gitops_doca.registry.allowed import parse_allowed
    from gitops_doca.registry.pull_secrets import PullSecret
    from gitops_doca.registry.resolver import RegistryOptions, RegistryResolver

    secrets = [found for file in flags.pull_secret for found in read_pull_secrets(file, problems)]
    problems.raise_errors()
    options = RegistryOptions(
        registry_config=flags.registry_config,
        pull_secrets=tuple(PullSecret(place=place, auths=auths) for place, auths in secrets),
        ca_file=flags.ca_file,
        insecure_registries=frozenset(flags.insecure_registry),
        allowed_registries=tuple(map(parse_allowed, flags.allowed_registry)),
        trusted_realm_hosts=frozenset(flags.trusted_realm_host),
        deadline=flags.deadline,
        verify_digests=verify_digests,
        environ=dict(os.environ),
    )
    return RegistryResolver(options, progress=progress, warn=problems.warn)
