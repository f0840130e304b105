"""How registries are asked: the flags about them, and the client that they make."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gitops_doca.cli.output.console import progress
from gitops_doca.cli.settings.live import LiveInventory
from gitops_doca.cli.settings.untrusted_limits import UntrustedLimits
from gitops_doca.core.diagnostics import Problems
from gitops_doca.sources.config import Setting

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


def registry_flags(context: click.Context) -> tuple[RegistryFlags, Mapping[str, Setting]]:
    """Return the flags of a command line or of the environment, and the same by name with who set each."""
    values: dict[str, Any] = {name: context.params[name] for name in RegistryFlags.__slots__}
    told = {
        f"--{name.replace('_', '-')}": Setting(value, _origin(name, context))
        for name, value in values.items()
    }
    return RegistryFlags(**values), told


def registry_environment(defaults: Mapping[str, Any]) -> tuple[RegistryFlags, Mapping[str, Setting]]:
    """Return what the variables `GITOPS_DOCA_...` say, for an entry point that has no flags.

    `defaults` take the place of the flags' own. Raises `click.UsageError` for a value that cannot be used.
    """
    from gitops_doca.cli.settings.flags import registry_options

    command = click.command("environment")(registry_options(lambda **_flags: None))
    flags, told = registry_flags(command.make_context("gitops-doca", [], default_map=dict(defaults)))
    return flags, {variable(flag): setting for flag, setting in told.items()}


def variable(flag: str) -> str:
    """Return the environment variable that says the same as a flag about registries."""
    return f"GITOPS_DOCA_{flag.removeprefix('--').replace('-', '_').upper()}"


def make_resolver(
    flags: RegistryFlags,
    problems: Problems,
    untrusted: UntrustedLimits | None = None,
    *,
    live: LiveInventory | None = None,
    verify_digests: bool = False,
    whole_lists: bool = False,
) -> "RegistryResolver":
    """Make the client of the registries; requests is imported here, and so only when it is needed.

    `whole_lists` gives tag lists half of the time, where otherwise they have seconds to help after a miss.
    Pull secrets of a live cluster come after those of the flags. Raises `GenerationError` for a pull secret
    that cannot be read.
    """
    from gitops_doca.registry.allowlist import parse_allowed
    from gitops_doca.registry.auth.pull_secrets import PullSecret
    from gitops_doca.registry.resolver import RegistryOptions, RegistryResolver
    from gitops_doca.sources.pull_secret import read_pull_secrets

    secrets = [found for file in flags.pull_secret for found in read_pull_secrets(file, problems)]
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
    return RegistryResolver(options, progress=progress, warn=problems.add)


def _origin(name: str, context: click.Context) -> str:
    match context.get_parameter_source(name):
        case click.core.ParameterSource.COMMANDLINE:
            return f"--{name.replace('_', '-')}"
        case click.core.ParameterSource.ENVIRONMENT:
            return variable(name)
        case _:
            return "default"
