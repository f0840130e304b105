"""Make the registry client from the flags and the environment."""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from gitops_doca.cli.output.console import progress
from gitops_doca.cli.settings.flags import RegistryFlags, registry_flags, registry_options
from gitops_doca.cli.settings.live import LiveInventory
from gitops_doca.cli.settings.untrusted_limits import UntrustedLimits
from gitops_doca.core.diagnostics import Problems
from gitops_doca.core.resolve.lookup import RegistryClient

if TYPE_CHECKING:
    from gitops_doca.registry.options import RegistryOptions

Connect = Callable[["RegistryOptions", Problems], RegistryClient]
"""Makes the registry client, which adds its warnings to the problems."""


def connect_registries(options: "RegistryOptions", problems: Problems) -> RegistryClient:
    """Return the client of real registries; only here requests is imported, when it is needed."""
    from gitops_doca.registry.resolver import RegistryResolver

    return RegistryResolver(options, progress=progress, warn=problems.add)


def current_connect() -> Connect:
    """Return the function that makes this run's client: tests pass another one to `main`."""
    given: Connect | None = click.get_current_context().obj
    return given or connect_registries


def registry_environment(defaults: Mapping[str, object]) -> RegistryFlags:
    """Return the settings of the variables `GITOPS_DOCA_...`, for an entry point without flags.

    `defaults` replace the defaults of the flags. Raises `click.UsageError` for an unusable value.
    """
    command = click.command("environment")(registry_options(lambda **_flags: None))
    return registry_flags(command.make_context("gitops-doca", [], default_map=dict(defaults)))


def make_resolver(
    connect: Connect,
    flags: RegistryFlags,
    problems: Problems,
    untrusted: UntrustedLimits | None = None,
    *,
    live: LiveInventory | None = None,
    verify_digests: bool = False,
    whole_lists: bool = False,
) -> RegistryClient:
    """Make the client of the registries.

    `whole_lists` gives tag lists half of the time; otherwise they get a few seconds, for hints
    after a miss. The pull secrets of a live cluster come after those of the flags. Raises
    `GenerationError` for a pull secret that cannot be read.
    """
    from gitops_doca.registry.allowlist import parse_allowed
    from gitops_doca.registry.auth.pull_secrets import PullSecret
    from gitops_doca.registry.options import RegistryOptions
    from gitops_doca.sources.pull_secret import read_pull_secrets

    other_errors = problems.errors
    secrets = [secret for file in flags.pull_secret for secret in read_pull_secrets(file, problems)]
    if problems.errors != other_errors:
        problems.raise_errors()
    secrets += live.pull_secrets(problems) if live else []
    options = RegistryOptions(
        registry_config=flags.registry_config,
        pull_secrets=tuple(PullSecret(place=place, auths=auths) for place, auths in secrets),
        ca_file=flags.ca_file,
        insecure_registries=frozenset(flags.insecure_registry),
        allowed_registries=tuple(map(parse_allowed, flags.allowed_registry)),
        public_only=untrusted is not None,
        trusted_realm_hosts=frozenset(flags.trusted_realm_host),
        deadline=untrusted.seconds_for_lookups if untrusted else flags.deadline,
        verify_digests=verify_digests,
        environ=untrusted.environ if untrusted else dict(os.environ),
    )
    if whole_lists:
        options = replace(options, list_seconds=flags.deadline / 2)
    return connect(options, problems)
