"""Flags that several commands share, and how they become settings."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gitops_doca.cli.console import progress
from gitops_doca.core.diagnostics import Place, Problems
from gitops_doca.core.names import is_dns_label
from gitops_doca.core.reference import InvalidReferenceError, parse_image
from gitops_doca.sources.config import CONFIG_FILE, Setting, Settings, effective, read_config
from gitops_doca.sources.files import STDIN

if TYPE_CHECKING:
    from gitops_doca.core.lookup import Resolver
    from gitops_doca.registry.resolver import RegistryResolver

Command = TypeVar("Command", bound=Callable[..., Any])
_MAX_DEADLINE = 86400
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?")

# Flag of the command line to setting of the config.
_FLAGS = {
    "policies": ("-p", "policies"),
    "inventory": ("-i", "inventory"),
    "namespace": ("-n", "namespace"),
    "init_container_image": ("--init-container-image", "initContainerImage"),
    "openshift": ("--openshift/--no-openshift", "openshift"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryFlags:
    """How registries are asked; never part of a config, so that a repository cannot choose it."""

    registry_config: Path | None
    ca_file: Path | None
    insecure_registry: tuple[str, ...]
    trusted_realm_host: tuple[str, ...]
    deadline: float


def input_options(command: Command) -> Command:
    """Add the argument and the flags that say what to work on."""
    for decorate in reversed(
        (
            click.argument("target", metavar="[DIR|FILE]", required=False),
            click.option(
                "-p",
                "--policy",
                "policies",
                multiple=True,
                metavar="FILE",
                help="Policy file, or - for stdin.",
            ),
            click.option(
                "-i", "--inventory", multiple=True, metavar="FILE", help="Inventory file, or - for stdin."
            ),
            click.option(
                "-n",
                "--namespace",
                callback=_namespace,
                metavar="NAME",
                help="Namespace of every namespaced object.",
            ),
            click.option(
                "--init-container-image",
                callback=_image,
                metavar="REF",
                help="Image of the operator's init container; empty: none.",
            ),
            click.option(
                "--openshift/--no-openshift",
                default=None,
                help="Whether the cluster is OpenShift (default: as the inventory shows).",
            ),
            click.option(
                "--report",
                type=click.Path(dir_okay=False, path_type=Path),
                metavar="FILE",
                help="Write what was decided for each pool as JSON.",
            ),
            click.option(
                "--explain-config", is_flag=True, help="Print each setting and who set it, then stop."
            ),
            click.option("-v", "--verbose", is_flag=True, help="Say more on stderr."),
        )
    ):
        command = decorate(command)
    return command


def registry_options(command: Command) -> Command:
    """Add the flags about registries, each also an environment variable `GITOPS_DOCA_...`."""
    for decorate in reversed(
        (
            click.option(
                "--registry-config",
                type=click.Path(exists=True, dir_okay=False, path_type=Path),
                metavar="FILE",
                envvar="GITOPS_DOCA_REGISTRY_CONFIG",
                show_envvar=True,
                help="docker config.json with credentials.",
            ),
            click.option(
                "--ca-file",
                type=click.Path(exists=True, path_type=Path),
                metavar="FILE",
                envvar="GITOPS_DOCA_CA_FILE",
                show_envvar=True,
                help="CA certificates to trust (PEM).",
            ),
            click.option(
                "--insecure-registry",
                multiple=True,
                callback=_hosts,
                metavar="HOST[:PORT]",
                envvar="GITOPS_DOCA_INSECURE_REGISTRY",
                show_envvar=True,
                help="Registry that may be asked over plain http; loopback always may.",
            ),
            click.option(
                "--trusted-realm-host",
                multiple=True,
                callback=_hosts,
                metavar="HOST",
                envvar="GITOPS_DOCA_TRUSTED_REALM_HOST",
                show_envvar=True,
                help="Token server that may be sent the credentials of a registry elsewhere.",
            ),
            click.option(
                "--deadline",
                type=click.FloatRange(min=0, min_open=True),
                callback=_deadline,
                default=120.0,
                show_default=True,
                metavar="SECONDS",
                envvar="GITOPS_DOCA_DEADLINE",
                show_envvar=True,
                help="Time for all look-ups together.",
            ),
        )
    ):
        command = decorate(command)
    return command


def settings(flags: dict[str, Any], problems: Problems) -> Settings:
    """Merge flags, config file and defaults; reports a config that is not there or not usable."""
    given = {
        name: Setting(value, flag)
        for option, (flag, name) in _FLAGS.items()
        if (value := flags[option]) not in (None, ())
    }
    if [*flags["policies"], *flags["inventory"], flags["target"]].count(STDIN) > 1:
        raise click.UsageError("standard input can be read once: use - for one input")
    merged = effective([given, _config(flags["target"], given, problems)])
    usable = not problems.errors
    for name, flag in (("policies", "-p"), ("inventory", "-i")):
        if usable and not merged[name].value:
            problems.error(
                f"no {name} given", remedy=f"name a file with {flag}, or under spec.{name} in {CONFIG_FILE}"
            )
    return merged


def resolver(flags: RegistryFlags) -> Callable[[], "Resolver"]:
    """Return what makes the resolver when a look-up is needed; requests is imported only then."""

    def make() -> "RegistryResolver":
        from gitops_doca.registry.resolver import RegistryOptions, RegistryResolver

        options = RegistryOptions(
            registry_config=flags.registry_config,
            ca_file=flags.ca_file,
            insecure_registries=frozenset(flags.insecure_registry),
            trusted_realm_hosts=frozenset(flags.trusted_realm_host),
            deadline=flags.deadline,
            environ=dict(os.environ),
        )
        return RegistryResolver(options, progress=progress)

    return make


def registry_flags(flags: dict[str, Any]) -> RegistryFlags:
    """Take the registry's flags from a command's parameters."""
    names = ("registry_config", "ca_file", "insecure_registry", "trusted_realm_host", "deadline")
    return RegistryFlags(**{name: flags[name] for name in names})


def _config(target: str | None, given: dict[str, Setting], problems: Problems) -> dict[str, Setting]:
    needed = not {"policies", "inventory"} <= given.keys()
    folder = target if target is not None else "."
    if os.path.isdir(folder):  # noqa: PTH112 (the path as its author wrote it)
        file = CONFIG_FILE if target is None else os.path.join(folder, CONFIG_FILE)  # noqa: PTH118
        if not os.path.lexists(file):
            if needed:
                problems.error(
                    f"there is no {CONFIG_FILE} in {'this folder' if target is None else folder}",
                    Place(file),
                    remedy="name a folder that has one, or give policies (-p) and inventory (-i)",
                )
            return {}
        return read_config(file, problems)
    return read_config(folder, problems)


def _namespace(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not is_dns_label(value):
        raise click.BadParameter("a namespace has lower-case letters, digits and -, at most 63")
    return value


def _image(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value:
        try:
            parse_image(value)
        except InvalidReferenceError as error:
            raise click.BadParameter(f"{value!r} {error}") from None
    return value


def _deadline(_context: click.Context, _parameter: click.Parameter, value: float) -> float:
    # A comparison that is false for NaN too.
    if not value <= _MAX_DEADLINE:
        raise click.BadParameter(f"{value} is no number of seconds up to {_MAX_DEADLINE}")
    return value


def _hosts(_context: click.Context, _parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    for host in value:
        if not _HOST.fullmatch(host):
            raise click.BadParameter(f"{host!r} is no HOST or HOST:PORT")
    return tuple(host.lower() for host in value)
