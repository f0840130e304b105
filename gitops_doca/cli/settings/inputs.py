"""Make a `RunConfig` from the flags of a command line and the config that they name."""

import os

import click

from gitops_doca.cli.settings.flags import Flags, InputFlags
from gitops_doca.cli.settings.live import LiveInventory
from gitops_doca.cli.settings.registries import current_connect
from gitops_doca.cli.settings.run_config import Resolve, RunConfig, lock_command, merge_settings
from gitops_doca.core.diagnostics import Place, Problems
from gitops_doca.sources.config import CONFIG_FILE, Settings, read_config
from gitops_doca.sources.file_root import FileRoot
from gitops_doca.sources.files import STDIN, find_top, is_below, is_gits
from gitops_doca.sources.lock import LOCK_FILE

# Settings that have a flag; fields of `InputFlags` and `Settings` have the same names.
_FLAGS = {
    "policies": "-p",
    "inventory": "-i",
    "lock": "--lock",
    "namespace": "-n",
    "init_container_image": "--init-container-image",
    "openshift": "--openshift/--no-openshift",
    "pin_digests": "--pin-digests",
}


def read_run_config(
    target: str | None, flags: Flags, problems: Problems, *, revision: FileRoot | None = None
) -> RunConfig:
    """Merge flags, config file and defaults; reports a config that is missing or unusable.

    `revision` is set when the config is a file of a revision; the caller checks the paths then.
    """
    inputs = flags.inputs
    given, live = given_settings(inputs), _live(flags)
    if [*inputs.policies, *inputs.inventory, target].count(STDIN) > 1:
        raise click.UsageError("stdin can be read only once: use - for one input")
    file = target or "" if revision else config_file(target)
    needed = {"policies": "-p", **({} if live else {"inventory": "-i"})}
    if not file and not needed.keys() <= given.origins.keys():
        _report_no_config(target, problems)
    config = read_config(file, problems, revision) if file else Settings()
    settings = merge_settings([given, config], needed, problems)
    if not revision:
        check_lock_place(settings, os.path.dirname(file), problems)  # noqa: PTH120 (as written)
    return RunConfig(
        settings=settings,
        registry=flags.registry,
        connect=current_connect(),
        live=live,
        resolve=_resolve(inputs),
        lock_file=settings.lock or os.path.join(_folder(target, file), LOCK_FILE),  # noqa: PTH118
        fix_command=lock_command(
            target, inputs.policies, inputs.inventory, inputs.lock, live, flags.registry.words
        ),
        revision=revision,
    )


def check_lock_place(settings: Settings, folder: str, problems: Problems) -> None:
    """Report a lock that a config names outside of its Git work tree or its folder.

    `.git` is not part of the work tree. A config must not overwrite files elsewhere; the flag may.
    """
    lock, origin = settings.lock, settings.origin("lock")
    # An unusable config may have a name that cannot be a file's.
    if not lock or origin == _FLAGS["lock"] or problems.errors:
        return
    start = os.path.realpath(folder or ".")
    top = find_top(start) or start
    where = ""
    if not is_below(lock, top):
        where = f"outside of {top}, and a config names only one inside"
    elif is_gits(lock, top):
        where = f"among the files of Git itself in {top}, where a config names none"
    if where:
        file, _, line = origin.rpartition(":")
        place = Place(file, int(line)) if line.isdecimal() else Place(origin)
        problems.error(
            f"the lock {lock!r} is {where}",
            place.at("spec.lock"),
            help="name a file inside of that folder, or give this one with --lock",
        )


def _resolve(inputs: InputFlags) -> Resolve:
    match inputs.locked, inputs.online:
        case True, True:
            raise click.UsageError("--locked and --online exclude each other")
        case True, _:
            return Resolve.LOCKED
        case _, True:
            return Resolve.ONLINE
        case _:
            return Resolve.AUTO


def given_settings(inputs: InputFlags) -> Settings:
    """Return the settings that the flags of a command set."""
    values = {name: getattr(inputs, name) for name in _FLAGS if getattr(inputs, name) not in (None, ())}
    return Settings(**values, origins={name: _FLAGS[name] for name in values})


def config_file(target: str | None) -> str:
    """Return the config's path as a user would write it; empty when a folder has no config."""
    folder = target if target is not None else "."
    if not os.path.isdir(folder):  # noqa: PTH112 (the path as its author wrote it)
        return folder
    file = CONFIG_FILE if target is None else os.path.join(folder, CONFIG_FILE)  # noqa: PTH118
    return file if os.path.lexists(file) else ""


def cluster_name(target: str | None) -> str:
    """Return the name in documents of the cluster of a folder or a config."""
    folder, file = os.path.split(target or "")
    return (folder if file == CONFIG_FILE else (target or "").rstrip("/")) or "."


def _report_no_config(target: str | None, problems: Problems) -> None:
    folder = "this folder" if target is None else target
    problems.error(
        f"there is no {CONFIG_FILE} in {folder}",
        Place(os.path.join(target or "", CONFIG_FILE)),  # noqa: PTH118 (the path as its author wrote it)
        help="name a folder that has one, or give policies (-p) and inventory (-i)",
    )


def _live(flags: Flags) -> LiveInventory | None:
    inputs = flags.inputs
    if inputs.live:
        if inputs.inventory:
            raise click.UsageError("--live and -i exclude each other")
        return live_inventory(flags)
    if inputs.kubeconfig or inputs.context:
        raise click.UsageError("--kubeconfig and --context say which cluster is read: give --live too")
    return None


def live_inventory(flags: Flags) -> LiveInventory:
    """Return the live cluster that the flags name."""
    inputs = flags.inputs
    return LiveInventory(
        kubeconfig=inputs.kubeconfig, context=inputs.context, deadline=flags.registry.deadline
    )


def _folder(target: str | None, file: str) -> str:
    """Return the lock's default place: beside the config, or where the config would be."""
    return os.path.dirname(file) if file else target or ""  # noqa: PTH120 (the path as its author wrote it)
