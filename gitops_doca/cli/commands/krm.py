"""The command `krm`: a KRM function for kustomize."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import click

from gitops_doca.cli.help import Command
from gitops_doca.cli.output.console import print_diagnostics
from gitops_doca.cli.output.report import print_result
from gitops_doca.cli.output.streams import write_stdout
from gitops_doca.cli.settings.environment import check_environment
from gitops_doca.cli.settings.flags import Flags, registry_options, verbose_option, with_flags
from gitops_doca.cli.settings.inputs import check_lock_place
from gitops_doca.cli.settings.registries import current_connect
from gitops_doca.cli.settings.run_config import Resolve, RunConfig, generate_for, lock_command, merge_settings
from gitops_doca.core.diagnostics import Category, Diagnostic, GenerationError, Problems
from gitops_doca.core.model import Resource
from gitops_doca.core.render.resource_list import (
    Item,
    check_collisions,
    has_driver,
    not_among,
    package_path,
    refresh,
    warn_kept_driver,
    without_driver,
)
from gitops_doca.emit.resource_list import Result, diagnostic_result, driver_removed, dump_resource_list
from gitops_doca.emit.yaml import sorted_keys
from gitops_doca.sources.config import CONFIG_FILE, read_generator
from gitops_doca.sources.lock import LOCK_FILE
from gitops_doca.sources.resource_list import ResourceList, read_resource_list
from gitops_doca.usecases.fleet import cluster_result


class _Function(Command):
    """A command that writes KRM results also when the flags or the environment are wrong."""

    def make_context(self, *args: Any, **more: Any) -> click.Context:  # noqa: ANN401 (click's interface)
        try:
            return super().make_context(*args, **more)
        except click.UsageError as error:
            _fail([Diagnostic(category=Category.USAGE, message=error.format_message())], {})
            raise


@click.command(
    "krm",
    cls=_Function,
    examples=("kustomize build --enable-alpha-plugins --enable-exec .",),
    page="kustomize",
)
@registry_options
@verbose_option
@with_flags
def command(flags: Flags) -> None:
    """Run as a KRM function, for kustomize.

    Reads a ResourceList from stdin, with a DriverGenerator as its functionConfig, and prints it
    with the manifests of all pools, as a generator or a transformer. kustomize needs
    --enable-alpha-plugins and --enable-exec; without the latter it prints nothing at all.
    """
    problems = Problems()
    resource_list = None
    try:
        check_environment(os.environ, problems)
        resource_list = read_resource_list(problems)
        problems.raise_errors()
        items, notes = _call(resource_list, problems, flags) if resource_list else ((), ())
    except GenerationError as error:
        _fail(error.diagnostics, resource_list.named if resource_list else {})
        raise
    named = resource_list.named if resource_list else {}
    warnings = [diagnostic_result(warning, named) for warning in problems.warnings] if resource_list else []
    write_stdout(dump_resource_list(items, [*warnings, *notes]))
    print_diagnostics(problems.warnings)


def _call(
    resource_list: ResourceList, problems: Problems, flags: Flags
) -> tuple[Iterable[Item], Iterable[Result]]:
    """Return the output items, and notes for `results`; raises `GenerationError` for any error."""
    run_config = _run_config(resource_list, problems, flags)
    problems.raise_errors()
    generation = generate_for(run_config, problems)
    if flags.output.verbose:
        print_result(cluster_result(generation, "."))
    items: list[Item] = list(resource_list.items)
    resources: Sequence[Resource] = [sorted_keys(resource) for resource in generation.resources]
    drivers = {index: policy for index, policy in resource_list.policies.items() if has_driver(items[index])}
    if generation.inputs.emits_policies:
        # The operator makes the drivers; policies that came in go out as they are, and once.
        resources, drivers = not_among([items[index] for index in resource_list.policies], resources), {}
    items, resources = refresh(items, resources, problems)
    check_collisions(items, resources, problems)
    problems.raise_errors()
    notes = []
    for index, policy in drivers.items():
        if package_path(items[index]):
            warn_kept_driver(items[index], policy.file, problems)
        else:
            items[index] = without_driver(items[index])
            notes.append(driver_removed(items[index]))
    return [*items, *resources], notes


def _run_config(resource_list: ResourceList, problems: Problems, flags: Flags) -> RunConfig:
    settings = read_generator(resource_list.config, "", problems)
    if resource_list.policies:
        policies = (*settings.policies, *resource_list.policies.values())
        origins = {**settings.origins, "policies": settings.origins.get("policies", "items")}
        settings = replace(settings, policies=policies, origins=origins)
    settings = merge_settings([settings], {"policies": "", "inventory": ""}, problems)
    check_lock_place(settings, "", problems)
    lock_file = settings.lock or LOCK_FILE
    return RunConfig(
        settings=settings,
        registry=flags.registry,
        connect=current_connect(),
        resolve=Resolve.AUTO,
        lock_file=lock_file,
        fix_command=_fix_command(resource_list, lock_file),
    )


def _fix_command(resource_list: ResourceList, lock: str) -> str:
    """Return the command that writes the lock; it works from any folder."""
    folder = os.getcwd()  # noqa: PTH109 (start-up counts)
    config = (
        CONFIG_FILE if os.path.lexists(CONFIG_FILE) else "FILE"
    )  # a function does not learn the file's name
    target = f"{folder}/{config}"
    if resource_list.policies:
        return f"kustomize build RESOURCES | {lock_command(target, ['-'], [], f'{folder}/{lock}')}"
    return lock_command(target, [], [], None)


def _fail(diagnostics: Iterable[Diagnostic], named: Mapping[str, Item]) -> None:
    """Write only results, and no items: kustomize must not take them for a complete output."""
    try:
        write_stdout(dump_resource_list((), [diagnostic_result(one, named) for one in diagnostics]))
    except GenerationError as error:
        raise GenerationError((*diagnostics, *error.diagnostics)) from None
