"""The flags of a command line, and the config that they name, to an invocation."""

import os
from collections.abc import Mapping
from typing import Any

import click

from gitops_doca.cli.settings.live import LiveInventory
from gitops_doca.cli.settings.registries import registry_flags
from gitops_doca.cli.settings.run_config import Resolve, RunConfig, lock_command, merge_settings
from gitops_doca.core.diagnostics import Place, Problems
from gitops_doca.sources.config import CONFIG_FILE, Setting, read_config
from gitops_doca.sources.file_root import FileRoot
from gitops_doca.sources.files import STDIN, find_top, is_below, is_gits
from gitops_doca.sources.lock import LOCK_FILE

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


def read_run_config(
    flags: Mapping[str, Any], problems: Problems, *, revision: FileRoot | None = None
) -> RunConfig:
    """Merge flags, config file and defaults; reports a config that is not there or not usable.

    `revision` holds the files of a revision, when the config is one of them; the caller checks where
    they are.
    """
    given = given_settings(flags)
    live = _live(flags)
    if live:
        given["inventory"] = Setting(live, "--live")
    if [*flags["policies"], *flags["inventory"], flags["target"]].count(STDIN) > 1:
        raise click.UsageError("standard input can be read once: use - for one input")
    file = flags["target"] if revision else config_file(flags["target"])
    if not file and not {"policies", "inventory"} <= given.keys():
        _report_no_config(flags["target"], problems)
    ways = {"policies": "-p", "inventory": "-i"}
    settings = merge_settings([given, read_config(file, problems, revision) if file else {}], ways, problems)
    if not revision:
        check_lock_place(settings["lock"], os.path.dirname(file), problems)  # noqa: PTH120 (as written)
    registry, told = registry_flags(click.get_current_context())
    return RunConfig(
        settings=settings,
        registry=registry,
        told={**told, **(live.told if live else {})},
        resolve=_resolve(flags),
        lock_file=settings["lock"].value or os.path.join(_folder(flags["target"], file), LOCK_FILE),  # noqa: PTH118
        fix_command=lock_command(
            flags["target"], flags["policies"], flags["inventory"], flags.get("lock"), live
        ),
        revision=revision,
    )


def check_lock_place(lock: Setting, folder: str, problems: Problems) -> None:
    """Report a lock that a config in this folder names outside of its Git work tree, or of the folder.

    What Git keeps in `.git` is no part of the work tree. Whoever can edit a config must not choose what is
    overwritten elsewhere; whoever gives the flag may.
    """
    named = bool(lock.value) and lock.origin != _FLAGS["lock"][0]
    # A config that cannot be used may name what is no file at all.
    if not named or problems.errors:
        return
    start = os.path.realpath(folder or ".")
    top = find_top(start) or start
    where = ""
    if not is_below(lock.value, top):
        where = f"outside of {top}, and a config names only one inside"
    elif is_gits(lock.value, top):
        where = f"among the files of Git itself in {top}, where a config names none"
    if where:
        file, _, line = lock.origin.rpartition(":")
        place = Place(file, int(line)) if line.isdecimal() else Place(lock.origin)
        problems.error(
            f"the lock {lock.value!r} is {where}",
            place.at("spec.lock"),
            remedy="name a file inside of that folder, or give this one with --lock",
        )


def _resolve(flags: Mapping[str, Any]) -> Resolve:
    match flags.get("locked", False), flags.get("online", False):
        case True, True:
            raise click.UsageError("--locked and --online exclude each other")
        case True, _:
            return Resolve.LOCKED
        case _, True:
            return Resolve.ONLINE
        case _:
            return Resolve.AUTO


def given_settings(flags: Mapping[str, Any]) -> dict[str, Setting]:
    """Return what the flags of a command set."""
    return {
        name: Setting(value, flag)
        for option, (flag, name) in _FLAGS.items()
        if (value := flags.get(option)) not in (None, ())
    }


def config_file(target: str | None) -> str:
    """Return the config's path as people write it; empty when a folder has none."""
    folder = target if target is not None else "."
    if not os.path.isdir(folder):  # noqa: PTH112 (the path as its author wrote it)
        return folder
    file = CONFIG_FILE if target is None else os.path.join(folder, CONFIG_FILE)  # noqa: PTH118
    return file if os.path.lexists(file) else ""


def cluster_name(target: str | None) -> str:
    """Return what documents and messages call the cluster of a folder, or of a config by another name."""
    folder, file = os.path.split(target or "")
    return (folder if file == CONFIG_FILE else (target or "").rstrip("/")) or "."


def _report_no_config(target: str | None, problems: Problems) -> None:
    folder = "this folder" if target is None else target
    problems.error(
        f"there is no {CONFIG_FILE} in {folder}",
        Place(os.path.join(target or "", CONFIG_FILE)),  # noqa: PTH118 (the path as its author wrote it)
        remedy="name a folder that has one, or give policies (-p) and inventory (-i)",
    )


def _live(flags: Mapping[str, Any]) -> LiveInventory | None:
    if flags.get("live"):
        if flags["inventory"]:
            raise click.UsageError("--live takes the place of the inventory: leave -i out")
        return LiveInventory(
            kubeconfig=flags["kubeconfig"], context=flags["context"], deadline=flags["deadline"]
        )
    if flags.get("kubeconfig") or flags.get("context"):
        raise click.UsageError("--kubeconfig and --context say which cluster is read: give --live too")
    return None


def _folder(target: str | None, file: str) -> str:
    """Return where the lock belongs: beside the config, or where the config would be."""
    return os.path.dirname(file) if file else target or ""  # noqa: PTH120 (the path as its author wrote it)
