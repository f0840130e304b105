"""Run the plugin once for Argo CD: read its environment, print, and return the exit code."""

import time
from collections.abc import Mapping

import click

from gitops_doca.cli.argocd.application import find_file_root, operator_environment, read_application
from gitops_doca.cli.argocd.for_argocd import (
    describe_bug,
    for_argocd,
    memory_limit,
    name_variables,
    time_limit,
)
from gitops_doca.cli.output.console import print_diagnostics, print_message
from gitops_doca.cli.output.streams import write_stdout
from gitops_doca.cli.settings.explain import explain
from gitops_doca.cli.settings.flags import RegistryFlags
from gitops_doca.cli.settings.registries import Connect, registry_environment
from gitops_doca.cli.settings.run_config import asks_registries, generate_for
from gitops_doca.cli.settings.untrusted_limits import UntrustedLimits
from gitops_doca.core.diagnostics import BUG, Category, Diagnostic, GenerationError, Problems
from gitops_doca.emit.yaml import dump_stream

_DEFAULTS = {"allowed_registry": ("nvcr.io",), "deadline": 40.0}
"""Defaults of the settings that the sidecar's environment can change."""


class PluginRun:
    """One run; keeps what an error message needs."""

    def __init__(self, environ: Mapping[str, str], connect: Connect) -> None:
        self._environ = environ
        self._connect = connect
        self._started = time.monotonic()
        self._online = False

    def generate(self, *, only_explain: bool) -> int:
        """Print manifests, or settings and their origins; return the exit code, never raise."""
        problems = Problems()
        try:
            text = self._document(problems, only_explain=only_explain)
            write_stdout(text)
        except GenerationError as error:
            diagnostics = for_argocd(error.diagnostics, self._environ, online=self._online)
            print_diagnostics(diagnostics, flattened=True)
            return error.exit_code
        except Exception as error:  # noqa: BLE001 (the last resort: an error that gets here is a bug)
            print_message(describe_bug(error))
            return BUG
        print_diagnostics(map(name_variables, problems.warnings))
        return 0

    def _document(self, problems: Problems, *, only_explain: bool) -> str:
        registry, untrusted = operator_limits(self._environ, self._started)
        with memory_limit(), time_limit(untrusted):
            run_config = read_application(self._environ, registry, self._connect, untrusted, problems)
            problems.raise_errors()
            if only_explain:
                return explain(run_config)
            self._online = asks_registries(run_config)
            generation = generate_for(run_config, problems)
            problems.raise_errors()
            return dump_stream(generation.resources)


def operator_limits(environ: Mapping[str, str], started: float) -> tuple[RegistryFlags, UntrustedLimits]:
    """Return what the sidecar's own environment sets, for a run that started at this time.

    Raises `GenerationError` of class `usage` for a variable that is not usable.
    """
    registry = _operator_settings()
    limits = UntrustedLimits(
        file_root=find_file_root(environ),
        environ=operator_environment(environ),
        seconds=registry.deadline,
        ends_at=started + registry.deadline,
    )
    return registry, limits


def _operator_settings() -> RegistryFlags:
    try:
        return registry_environment(_DEFAULTS)
    except click.BadParameter as error:
        name = error.param.name if error.param and error.param.name else "setting"
        message = f"GITOPS_DOCA_{name.upper()} in the sidecar's environment is wrong: {error.message}"
        raise GenerationError((Diagnostic(category=Category.USAGE, message=message),)) from None
