"""The command `krm`: a KRM function between standard input and standard output, for kustomize."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import click

from gitops_doca.cli.output.console import print_diagnostics
from gitops_doca.cli.output.streams import write_stdout
from gitops_doca.cli.run import print_generation
from gitops_doca.cli.settings.environment import check_environment
from gitops_doca.cli.settings.flags import registry_options
from gitops_doca.cli.settings.inputs import check_lock_place
from gitops_doca.cli.settings.registries import registry_flags
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
from gitops_doca.sources.config import CONFIG_FILE, Setting, read_generator
from gitops_doca.sources.lock import LOCK_FILE
from gitops_doca.sources.resource_list import ResourceList, read_resource_list


class _Function(click.Command):
    """A command whose caller reads standard output also when the flags or the environment are wrong."""

    def make_context(self, *args: Any, **more: Any) -> click.Context:  # noqa: ANN401 (click's interface)
        try:
            return super().make_context(*args, **more)
        except click.UsageError as error:
            _fail([Diagnostic(category=Category.USAGE, message=error.format_message())], {})
            raise


@click.command("krm", cls=_Function)
@registry_options
@click.option("-v", "--verbose", is_flag=True, help="Say more on stderr.")
def command(*, verbose: bool, **_registry: Any) -> None:  # noqa: ANN401 (click's parameters)
    """Run as a KRM function, for kustomize.

    Reads a ResourceList from stdin, with a DriverGenerator as its functionConfig, and prints it with the
    manifests of all pools, as a generator or a transformer. kustomize needs --enable-alpha-plugins and
    --enable-exec; without the latter it prints nothing at all.
    """
    problems = Problems()
    found = None
    try:
        check_environment(os.environ, problems)
        found = read_resource_list(problems)
        problems.raise_errors()
        items, notes = _call(found, problems, verbose=verbose) if found else ((), ())
    except GenerationError as error:
        _fail(error.diagnostics, found.named if found else {})
        raise
    warnings = [diagnostic_result(warning, found.named) for warning in problems.warnings] if found else []
    write_stdout(dump_resource_list(items, [*warnings, *notes]))
    print_diagnostics(problems.warnings)


def _call(
    found: ResourceList, problems: Problems, *, verbose: bool
) -> tuple[Iterable[Item], Iterable[Result]]:
    """Return the items to hand back, and what is to be noted; raises `GenerationError` for any error."""
    run_config = _invocation(found, problems)
    problems.raise_errors()
    generation = generate_for(run_config, problems)
    if verbose:
        print_generation(generation)
    items: list[Item] = list(found.items)
    resources: Sequence[Resource] = [sorted_keys(resource) for resource in generation.resources]
    drivers = {index: policy for index, policy in found.policies.items() if has_driver(items[index])}
    if generation.inputs.emits_policies:
        # The operator makes the drivers; policies that came in go out as they are, and once.
        resources, drivers = not_among([items[index] for index in found.policies], resources), {}
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


def _invocation(found: ResourceList, problems: Problems) -> RunConfig:
    layer = read_generator(found.config, "", problems)
    if found.policies:
        named = layer.get("policies", Setting((), ""))
        layer["policies"] = replace(named, value=(*named.value, *found.policies.values()))
    settings = merge_settings([layer], {"policies": "", "inventory": ""}, problems)
    check_lock_place(settings["lock"], "", problems)
    registry, told = registry_flags(click.get_current_context())
    return RunConfig(
        settings=settings,
        registry=registry,
        told=told,
        resolve=Resolve.AUTO,
        lock_file=settings["lock"].value or LOCK_FILE,
        fix_command=_mend(found, settings["lock"].value or LOCK_FILE),
    )


def _mend(found: ResourceList, lock: str) -> str:
    """Return the command that writes the lock, from whichever folder it is called."""
    folder = os.getcwd()  # noqa: PTH109 (start-up counts)
    config = CONFIG_FILE if os.path.lexists(CONFIG_FILE) else "FILE"  # the name is not told to functions
    target = f"{folder}/{config}"
    if found.policies:
        return f"kustomize build RESOURCES | {lock_command(target, ['-'], [], f'{folder}/{lock}')}"
    return lock_command(target, [], [], None)


def _fail(diagnostics: Iterable[Diagnostic], named: Mapping[str, Item]) -> None:
    """Write results alone: nothing on standard output may pass for what the run should have made."""
    try:
        write_stdout(dump_resource_list((), [diagnostic_result(one, named) for one in diagnostics]))
    except GenerationError as error:
        raise GenerationError((*diagnostics, *error.diagnostics)) from None
