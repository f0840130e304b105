"""The flags that several commands share, and the types that commands get."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field, fields, replace
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, TypeVar

import click

from gitops_doca.cli.help import CLUSTER, INPUTS, OUTPUT, REGISTRY, files, option
from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.names import is_dns_label
from gitops_doca.core.reference import InvalidReferenceError, parse_image, without_login
from gitops_doca.sources.config import DEFAULT

_T = TypeVar("_T")
Command = Callable[..., _T]
_MAX_SECONDS = 86400
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?")


@dataclass(frozen=True, kw_only=True)
class InputFlags:
    """The inputs of a run, and settings that override those of the config."""

    policies: tuple[str, ...] = ()
    inventory: tuple[str, ...] = ()
    lock: str | None = None
    namespace: str | None = None
    init_container_image: str | None = None
    openshift: bool | None = None
    pin_digests: bool | None = None
    locked: bool = False
    online: bool = False
    live: bool = False
    kubeconfig: str | None = None
    context: str | None = None


@dataclass(frozen=True, kw_only=True)
class RegistryFlags:
    """Settings for registries; never part of a config, so that a repository cannot set them."""

    registry_config: Path | None = None
    pull_secret: tuple[str, ...] = ()
    ca_file: Path | None = None
    insecure_registry: tuple[str, ...] = ()
    allowed_registry: tuple[str, ...] = ()
    trusted_realm_host: tuple[str, ...] = ()
    deadline: float = 120.0
    """Seconds for all look-ups together, and the same for reading a live cluster."""
    origins: Mapping[str, str] = field(default_factory=dict)
    """The origin of each other field: a flag, a variable, or `DEFAULT`."""

    @property
    def words(self) -> tuple[str, ...]:
        """The flags of the command line, to repeat them in another command; variables stay as they are."""
        return tuple(word for name in REGISTRY_FLAGS for word in self._words(name))

    def _words(self, name: str) -> Iterator[str]:
        flag, value = flag_of(name), getattr(self, name)
        if self.origins.get(name) != flag:
            return
        for one in value if isinstance(value, tuple) else (value,):
            yield flag
            yield f"{one:g}" if isinstance(one, float) else str(one)


REGISTRY_FLAGS = tuple(field.name for field in fields(RegistryFlags) if field.name != "origins")
"""The flags about registries, by their fields."""


@dataclass(frozen=True, kw_only=True)
class OutputFlags:
    """The output of a run besides its document."""

    report: Path | None = None
    verbose: bool = False
    explain_config: bool = False


_Kind = TypeVar("_Kind", InputFlags, RegistryFlags, OutputFlags)


@dataclass(frozen=True, kw_only=True)
class Flags:
    """The flags of a command; those that it does not have keep their defaults."""

    inputs: InputFlags
    registry: RegistryFlags
    output: OutputFlags


def with_flags(command: Callable[Concatenate[Flags, ...], _T]) -> Command[_T]:
    """Pass the shared flags to a command as its first argument; the lowest of the decorators."""

    @wraps(command)
    def call(**values: Any) -> _T:  # noqa: ANN401 (click's parameters)
        inputs, output = _take(InputFlags, values), _take(OutputFlags, values)
        registry = registry_flags(click.get_current_context())
        others = {name: value for name, value in values.items() if name not in REGISTRY_FLAGS}
        return command(Flags(inputs=inputs, registry=registry, output=output), **others)

    return call


def registry_flags(context: click.Context) -> RegistryFlags:
    """Return the flags about registries of a command line or of the environment."""
    values = dict(context.params)
    flags = _take(RegistryFlags, values)
    names = context.params.keys() - values.keys()
    return replace(flags, origins={name: _origin(name, context) for name in names})


def _take(kind: type[_Kind], values: dict[str, Any]) -> _Kind:
    """Remove the values of one kind of flags from the keywords, and return them as that kind."""
    names = [field.name for field in fields(kind) if field.name in values]
    return kind(**{name: values.pop(name) for name in names})


def _origin(name: str, context: click.Context) -> str:
    match context.get_parameter_source(name):
        case click.core.ParameterSource.COMMANDLINE:
            return flag_of(name)
        case click.core.ParameterSource.ENVIRONMENT:
            return variable(flag_of(name))
        case _:
            return DEFAULT


def flag_of(name: str) -> str:
    """Return the flag whose field in `RegistryFlags` has this name."""
    return f"--{name.replace('_', '-')}"


def variable(flag: str) -> str:
    """Return the environment variable of a flag about registries."""
    return f"GITOPS_DOCA_{flag.removeprefix('--').replace('-', '_').upper()}"


def _decorated(command: Command[_T], *options: Callable[[Command[_T]], Command[_T]]) -> Command[_T]:
    for add in reversed(options):
        command = add(command)
    return command


_POLICIES = option(
    INPUTS,
    "-p",
    "--policy",
    "policies",
    multiple=True,
    metavar="FILE",
    shell_complete=files,
    help="Policy file, or - for stdin.",
)
_INVENTORY = option(
    INPUTS,
    "-i",
    "--inventory",
    multiple=True,
    metavar="FILE",
    shell_complete=files,
    help="Inventory file, or - for stdin.",
)


def target_argument(command: Command[_T]) -> Command[_T]:
    """Add the argument that names one cluster."""
    return click.argument("target", metavar="[DIR|FILE]", required=False, shell_complete=files)(command)


def targets_argument(command: Command[_T]) -> Command[_T]:
    """Add the argument that names any number of clusters."""
    return click.argument("targets", metavar="[DIR|FILE]...", nargs=-1, shell_complete=files)(command)


def policy_options(command: Command[_T]) -> Command[_T]:
    """Add the flag that names policies."""
    return _POLICIES(command)


def input_file_options(command: Command[_T]) -> Command[_T]:
    """Add the flags that name policies and inventory."""
    return _decorated(command, _POLICIES, _INVENTORY)


def source_options(command: Command[_T]) -> Command[_T]:
    """Add the flags that name the inputs, and those about the output."""
    return _decorated(command, _POLICIES, _INVENTORY, *_telling())


def lock_option(command: Command[_T]) -> Command[_T]:
    """Add the flag that names the lock."""
    return option(
        INPUTS,
        "--lock",
        metavar="FILE",
        shell_complete=files,
        help="Lock file (default: gitops-doca.lock.yaml beside the config, if there).",
    )(command)


def input_options(command: Command[_T]) -> Command[_T]:
    """Add the flags that name the inputs, and those about the rendering."""
    return _decorated(
        command,
        _POLICIES,
        _INVENTORY,
        lock_option,
        option(
            OUTPUT,
            "-n",
            "--namespace",
            callback=namespace,
            metavar="NAME",
            help="Namespace of every namespaced object.",
        ),
        option(
            OUTPUT,
            "--init-container-image",
            callback=_image,
            metavar="REF",
            help="Image of the operator's init container; empty: none.",
        ),
        option(
            OUTPUT,
            "--openshift/--no-openshift",
            default=None,
            help="Whether the cluster is OpenShift (default: as the inventory shows).",
        ),
        option(
            OUTPUT,
            "--report",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            shell_complete=files,
            help="Write what was decided for each pool as JSON.",
        ),
        *_telling(),
    )


def _telling() -> tuple[Callable[[Command[_T]], Command[_T]], ...]:
    return (
        option(
            OUTPUT, "--explain-config", is_flag=True, help="Print each setting and who set it, then stop."
        ),
        verbose_option,
    )


def verbose_option(command: Command[_T]) -> Command[_T]:
    """Add -v."""
    return option(OUTPUT, "-v", "--verbose", is_flag=True, help="Say more on stderr.")(command)


def live_options(command: Command[_T]) -> Command[_T]:
    """Add the flags for reading a live cluster instead of an inventory."""
    live = option(
        CLUSTER, "--live", is_flag=True, help="Read the nodes from the live cluster instead of an inventory."
    )
    return live(cluster_options(command))


def cluster_options(command: Command[_T]) -> Command[_T]:
    """Add the flags that choose the cluster and the identity."""
    return _decorated(
        command,
        option(
            CLUSTER,
            "--kubeconfig",
            metavar="FILE",
            shell_complete=files,
            help="Kubeconfig of the cluster (default: as kubectl; in a pod, its service account).",
        ),
        option(
            CLUSTER, "--context", metavar="NAME", help="Context of the kubeconfig (default: the current one)."
        ),
    )


def operator_namespace_option(command: Command[_T]) -> Command[_T]:
    """Add the flag that names the operator's namespace in a live cluster."""
    return option(
        CLUSTER,
        "-n",
        "--namespace",
        callback=namespace,
        metavar="NAME",
        help="Namespace of the operator's objects.",
    )(command)


def resolve_options(command: Command[_T]) -> Command[_T]:
    """Add the flags that choose between a lock and the registries."""
    return _decorated(
        command,
        option(REGISTRY, "--locked", is_flag=True, help="Fail if there is no lock."),
        option(REGISTRY, "--online", is_flag=True, help="Ask the registries, also where there is a lock."),
    )


def lock_options(command: Command[_T]) -> Command[_T]:
    """Add the flags that choose between a lock and the registries, and the flag for digests."""
    pin = option(
        OUTPUT, "--pin-digests", is_flag=True, default=None, help="Show images as repo/image:tag@sha256:..."
    )
    return resolve_options(pin(command))


def registry_options(command: Command[_T]) -> Command[_T]:
    """Add the flags about registries, each also an environment variable `GITOPS_DOCA_...`."""
    return _decorated(
        command,
        option(
            REGISTRY,
            "--registry-config",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            metavar="FILE",
            shell_complete=files,
            envvar="GITOPS_DOCA_REGISTRY_CONFIG",
            show_envvar=True,
            help="docker config.json with credentials.",
        ),
        option(
            REGISTRY,
            "--pull-secret",
            type=click.Path(exists=True, dir_okay=False),
            multiple=True,
            metavar="FILE",
            shell_complete=files,
            envvar="GITOPS_DOCA_PULL_SECRET",
            show_envvar=True,
            help="Kubernetes pull secret with credentials, or the .dockerconfigjson in one.",
        ),
        option(
            REGISTRY,
            "--ca-file",
            type=click.Path(exists=True, path_type=Path),
            metavar="FILE",
            shell_complete=files,
            envvar="GITOPS_DOCA_CA_FILE",
            show_envvar=True,
            help="CA certificates to trust (PEM).",
        ),
        option(
            REGISTRY,
            "--insecure-registry",
            multiple=True,
            callback=_hosts,
            metavar="HOST[:PORT]",
            envvar="GITOPS_DOCA_INSECURE_REGISTRY",
            show_envvar=True,
            help="Registry that may be asked over plain http; loopback always may.",
        ),
        option(
            REGISTRY,
            "--allowed-registry",
            multiple=True,
            callback=_allowed,
            metavar="HOST[:PORT][/PATH]",
            envvar="GITOPS_DOCA_ALLOWED_REGISTRY",
            show_envvar=True,
            help="The only registry that may be asked (repeatable); a label of the host may be *.",
        ),
        option(
            REGISTRY,
            "--trusted-realm-host",
            multiple=True,
            callback=_hosts,
            metavar="HOST",
            envvar="GITOPS_DOCA_TRUSTED_REALM_HOST",
            show_envvar=True,
            help="Token server that may be sent the credentials of a registry elsewhere.",
        ),
        deadline_option("Time for all look-ups together, and the same for reading a live cluster."),
    )


def check_output_option(command: Command[_T]) -> Command[_T]:
    """Add the flag for the output format of `--check`."""
    return option(
        OUTPUT,
        "-o",
        "--output",
        type=click.Choice(["text", "json"]),
        help="Format of --check (default: text).",
    )(command)


def deadline_option(what: str, group: str = REGISTRY) -> Callable[[Command[_T]], Command[_T]]:
    """Return a flag for a time limit."""
    return option(
        group,
        "--deadline",
        type=click.FloatRange(min=0, min_open=True),
        callback=seconds,
        default=RegistryFlags.deadline,
        show_default=True,
        metavar="SECONDS",
        envvar="GITOPS_DOCA_DEADLINE",
        show_envvar=True,
        help=what,
    )


def namespace(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Refuse a text that cannot be the name of a namespace."""
    if value is not None and not is_dns_label(value):
        raise click.BadParameter("a namespace has lower-case letters, digits and -, at most 63")
    return value


def _image(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value:
        try:
            parse_image(value)
        except InvalidReferenceError as error:
            raise click.BadParameter(f"{without_login(value)!r} {error}") from None
    return value


def seconds(_context: click.Context, _parameter: click.Parameter, value: float) -> float:
    """Refuse a time of more than a day."""
    # A comparison that is false for NaN too.
    if not value <= _MAX_SECONDS:
        raise click.BadParameter(f"{value} is not a number of seconds up to {_MAX_SECONDS}")
    return value


def _hosts(_context: click.Context, _parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    for host in value:
        if not _HOST.fullmatch(host):
            raise click.BadParameter(f"{without_login(host)!r} is not HOST or HOST:PORT")
    return tuple(host.lower() for host in value)


def _allowed(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    source = context.get_parameter_source(parameter.name or "")
    if source is click.core.ParameterSource.ENVIRONMENT and not value:
        # An empty list would allow all registries, which is not what its author meant.
        raise click.BadParameter("no registry is named")
    if not value:
        return value
    from gitops_doca.registry.allowlist import parse_allowed

    for entry in value:
        try:
            parse_allowed(entry)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None
    return value
