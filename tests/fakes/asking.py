"""Short ways to ask a fake registry through the real client, with retries that cost no time."""

import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypedDict, Unpack

from fakes.registry import FakeRegistry
from gitops_doca.core.reference import Repository, parse_repository
from gitops_doca.core.resolve.lookup import TagList, TagLookup
from gitops_doca.net.retry import RetryPolicy
from gitops_doca.registry.allowlist import AllowedRegistry
from gitops_doca.registry.auth.pull_secrets import PullSecret
from gitops_doca.registry.options import RegistryOptions
from gitops_doca.registry.resolver import RegistryResolver

QUICK = RetryPolicy(base=0.001)
NO_CA = Path(__file__).parent
"""A folder without certificates; loading those of certifi would take most of a test's time."""
REPOSITORY = "nvidia/mellanox/doca-driver"


class Flags(TypedDict, total=False):
    """What `RegistryOptions` takes, but all of it optional."""

    environ: Mapping[str, str]
    registry_config: Path | None
    pull_secrets: tuple[PullSecret, ...]
    ca_file: Path | None
    insecure_registries: frozenset[str]
    trusted_realm_hosts: frozenset[str]
    allowed_registries: tuple[AllowedRegistry, ...]
    public_only: bool
    verify_digests: bool
    deadline: float


def resolver(retry: RetryPolicy = QUICK, **flags: Unpack[Flags]) -> RegistryResolver:
    """Return a resolver that reads no environment and trusts no CA unless it is given them."""
    quick = RegistryOptions(environ={}, ca_file=None if "environ" in flags else NO_CA)
    options = replace(quick, **flags)
    return RegistryResolver(options, retry=retry)


def repository_of(registry: FakeRegistry, path: str = REPOSITORY) -> Repository:
    """Return a repository of the fake as a policy would name it."""
    return parse_repository(f"{registry.host}/{path}")


def look_up(
    registry: FakeRegistry, tag: str = "here", retry: RetryPolicy = QUICK, **flags: Unpack[Flags]
) -> TagLookup:
    """Ask for one tag of `REPOSITORY`."""
    image = repository_of(registry).tag(tag)
    return resolver(retry, **flags).resolve([image])[image]


def list_tags(registry: FakeRegistry, **flags: Unpack[Flags]) -> TagList:
    """Read the tags of `REPOSITORY`."""
    repository = repository_of(registry)
    return resolver(**flags).list_tags([repository])[repository]


def join_threads(name: str) -> None:
    """Wait for the threads of that name that a caller has abandoned."""
    for thread in threading.enumerate():
        if thread.name == name:
            thread.join(5)
