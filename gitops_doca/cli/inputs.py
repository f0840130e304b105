"""Flags, config file and lock file to what the pipeline takes."""

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gitops_doca.cli.console import progress
from gitops_doca.core.diagnostics import Place, Problems
from gitops_doca.core.lock import ImageLock
from gitops_doca.pipeline import Answers, Locked, Online
from gitops_doca.sources.config import CONFIG_FILE, Setting, Settings, effective, read_config
from gitops_doca.sources.files import STDIN
from gitops_doca.sources.lock import LOCK_FILE, read_lock
from gitops_doca.sources.pull_secret import read_pull_secrets

if TYPE_CHECKING:
    from gitops_doca.registry.resolver import RegistryResolver

# Parameter of a command to flag and setting of the config.
_FLAGS = {
    "policies": ("-p", "policies"),
    "inventory": ("-i", "inventory"),
    "lock": ("--lock", "lock"),
    "namespace": ("-n", "namespace"),
    "init_container_image": ("--init-container-image", "initContainerImage"),
    "openshift": ("--openshift/--no-openshift", "openshift"),
    "pin_digests": ("--pin-digests", "pinDigests"),
}


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One call of a command that works on inputs."""

    settings: Settings
    registry: RegistryFlags
    lock_file: str
    """Where the lock is, or would be."""
    mend: str
    """The command that writes that lock."""


def read_invocation(flags: Mapping[str, Any], problems: Problems) -> Invocation:
    """Merge flags, config file and defaults; reports a config that is not there or not usable."""
    given = {
        name: Setting(value, flag)
        for option, (flag, name) in _FLAGS.items()
        if (value := flags.get(option)) not in (None, ())
    }
    if [*flags["policies"], *flags["inventory"], flags["target"]].count(STDIN) > 1:
        raise click.UsageError("standard input can be read once: use - for one input")
    file = _config_file(flags["target"], given, problems)
    merged = effective([given, read_config(file, problems) if file else {}])
    readable = not problems.errors
    for name, flag in (("policies", "-p"), ("inventory", "-i")):
        if readable and not merged[name].value:
            problems.error(
                f"no {name} given", remedy=f"name a file with {flag}, or under spec.{name} in {CONFIG_FILE}"
            )
    names = RegistryFlags.__slots__
    return Invocation(
        settings=merged,
        registry=RegistryFlags(**{name: flags[name] for name in names}),
        lock_file=merged["lock"].value or os.path.join(_folder(flags["target"], file), LOCK_FILE),  # noqa: PTH118
        mend=_mend(flags),
    )


def choose_answers(invocation: Invocation, problems: Problems, *, locked: bool, online: bool) -> Answers:
    """Choose between lock and registries.

    A lock beside the config is used when it is there; one that config or flag names must be there.
    With a problem reported the answers are of no use: the pipeline stops before it wants them.
    """
    if locked and online:
        raise click.UsageError("--locked and --online exclude each other")
    settings = invocation.settings
    wanted = locked or bool(settings["lock"].value) or os.path.lexists(invocation.lock_file)
    if online or not wanted:
        pins = settings["pinDigests"].value
        return Online(resolver=lambda: make_resolver(invocation.registry, problems, verify_digests=pins))
    lock = read_lock(invocation.lock_file, invocation.mend, problems) or ImageLock()
    return Locked(lock=lock, place=Place(invocation.lock_file), mend=invocation.mend)


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


def _config_file(target: str | None, given: Mapping[str, Setting], problems: Problems) -> str:
    """Return the config's path as people write it; empty when there is none and none is needed."""
    folder = target if target is not None else "."
    if not os.path.isdir(folder):  # noqa: PTH112 (the path as its author wrote it)
        return folder
    file = CONFIG_FILE if target is None else os.path.join(folder, CONFIG_FILE)  # noqa: PTH118
    if os.path.lexists(file):
        return file
    if not {"policies", "inventory"} <= given.keys():
        problems.error(
            f"there is no {CONFIG_FILE} in {'this folder' if target is None else folder}",
            Place(file),
            remedy="name a folder that has one, or give policies (-p) and inventory (-i)",
        )
    return ""


def _folder(target: str | None, file: str) -> str:
    """Return where the lock belongs: beside the config, or where the config would be."""
    return os.path.dirname(file) if file else target or ""  # noqa: PTH120 (the path as its author wrote it)


def _mend(flags: Mapping[str, Any]) -> str:
    words = ["gitops-doca", "lock"]
    if flags["target"] is not None:
        words.append(flags["target"])
    for flag, name in (("-p", "policies"), ("-i", "inventory")):
        words += [word for file in flags[name] for word in (flag, file)]
    if flags["lock"]:
        words += ["--lock", flags["lock"]]
    return shlex.join(words)
