"""Flags that several commands share."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from gitops_doca.core.names import is_dns_label
from gitops_doca.core.reference import InvalidReferenceError, parse_image

Command = TypeVar("Command", bound=Callable[..., Any])
_MAX_SECONDS = 86400
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?")


_TARGET = click.argument("target", metavar="[DIR|FILE]", required=False)
_TARGETS = click.argument("targets", metavar="[DIR|FILE]...", nargs=-1)
_POLICIES = click.option(
    "-p", "--policy", "policies", multiple=True, metavar="FILE", help="Policy file, or - for stdin."
)


def policy_options(command: Command) -> Command:
    """Add the argument and the flag that say which policies there are."""
    return _decorated(command, (_TARGET, _POLICIES))


def source_options(command: Command) -> Command:
    """Add the argument and the flags that name the inputs, of a fleet too."""
    return _decorated(command, (_TARGETS, *_sources(), *_telling()))


def input_options(command: Command) -> Command:
    """Add the argument and the flags that say what to work on, and what to make of it."""
    return _decorated(command, (_TARGET, *_sources(), *_making(), *_telling()))


def fleet_options(command: Command) -> Command:
    """Add what `input_options` adds, for a command that takes the clusters of a fleet too."""
    return _decorated(command, (_TARGETS, *_sources(), *_making(), *_telling()))


def _decorated(command: Command, decorators: Sequence[Callable[[Command], Command]]) -> Command:
    for decorate in reversed(decorators):
        command = decorate(command)
    return command


def _sources() -> tuple[Callable[[Command], Command], ...]:
    return (
        _POLICIES,
        click.option(
            "-i", "--inventory", multiple=True, metavar="FILE", help="Inventory file, or - for stdin."
        ),
    )


def _making() -> tuple[Callable[[Command], Command], ...]:
    return (
        click.option(
            "--lock",
            metavar="FILE",
            help="Lock file (default: gitops-doca.lock.yaml beside the config, if there).",
        ),
        click.option(
            "-n",
            "--namespace",
            callback=namespace,
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
    )


def _telling() -> tuple[Callable[[Command], Command], ...]:
    return (
        click.option("--explain-config", is_flag=True, help="Print each setting and who set it, then stop."),
        click.option("-v", "--verbose", is_flag=True, help="Say more on stderr."),
    )


def live_options(command: Command) -> Command:
    """Add the flags that put a live cluster in the place of the inventory."""
    live = click.option(
        "--live", is_flag=True, help="Read the nodes from the live cluster instead of an inventory."
    )
    return live(cluster_options(command))


def cluster_options(command: Command) -> Command:
    """Add the flags that say which cluster is read, and as whom."""
    return _decorated(
        command,
        (
            click.option(
                "--kubeconfig",
                metavar="FILE",
                help="Kubeconfig of the cluster (default: as kubectl; in a pod, its service account).",
            ),
            click.option(
                "--context", metavar="NAME", help="Context of the kubeconfig (default: the current one)."
            ),
        ),
    )


def lock_options(command: Command) -> Command:
    """Add the flags that choose between a lock and the registries."""
    for decorate in reversed(
        (
            click.option("--locked", is_flag=True, help="Insist on a lock; without one this is an error."),
            click.option("--online", is_flag=True, help="Ask the registries, whatever lock there is."),
            click.option(
                "--pin-digests",
                is_flag=True,
                default=None,
                help="Show images as repo/image:tag@sha256:...",
            ),
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
                "--pull-secret",
                type=click.Path(exists=True, dir_okay=False),
                multiple=True,
                metavar="FILE",
                envvar="GITOPS_DOCA_PULL_SECRET",
                show_envvar=True,
                help="Kubernetes pull secret with credentials, or the .dockerconfigjson in one.",
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
                "--allowed-registry",
                multiple=True,
                callback=_allowed,
                metavar="HOST[:PORT][/PATH]",
                envvar="GITOPS_DOCA_ALLOWED_REGISTRY",
                show_envvar=True,
                help="Registry that may be asked, and then no other; a label of the host may be *.",
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
            deadline_option("Time for all look-ups together, and as much for reading a live cluster."),
        )
    ):
        command = decorate(command)
    return command


def check_output_option(command: Command) -> Command:
    """Add the flag for the format in which `--check` prints what differs."""
    return click.option(
        "-o", "--output", type=click.Choice(["text", "json"]), help="Format of --check (default: text)."
    )(command)


def deadline_option(what: str) -> Callable[[Command], Command]:
    """Return the flag for the time that something may take."""
    return click.option(
        "--deadline",
        type=click.FloatRange(min=0, min_open=True),
        callback=seconds,
        default=120.0,
        show_default=True,
        metavar="SECONDS",
        envvar="GITOPS_DOCA_DEADLINE",
        show_envvar=True,
        help=what,
    )


def namespace(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Refuse what no namespace can be called."""
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


def seconds(_context: click.Context, _parameter: click.Parameter, value: float) -> float:
    """Refuse a time of more than a day."""
    # A comparison that is false for NaN too.
    if not value <= _MAX_SECONDS:
        raise click.BadParameter(f"{value} is no number of seconds up to {_MAX_SECONDS}")
    return value


def _hosts(_context: click.Context, _parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    for host in value:
        if not _HOST.fullmatch(host):
            raise click.BadParameter(f"{host!r} is no HOST or HOST:PORT")
    return tuple(host.lower() for host in value)


def _allowed(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    source = context.get_parameter_source(parameter.name or "")
    if source is click.core.ParameterSource.ENVIRONMENT and not value:
        # Whoever set it meant to allow some, and an empty list would allow all.
        raise click.BadParameter("it names no registry")
    if value:
        from gitops_doca.registry.allowlist import parse_allowed
    for entry in value:
        try:
            parse_allowed(entry)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None
    return value
