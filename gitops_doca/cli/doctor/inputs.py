"""Check config, inputs and lock."""

import os
import shlex
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from gitops_doca.cli.clusters import attempt
from gitops_doca.cli.settings.flags import Flags, InputFlags
from gitops_doca.cli.settings.inputs import config_file, read_run_config
from gitops_doca.cli.settings.live import LiveInventory
from gitops_doca.cli.settings.registries import current_connect
from gitops_doca.cli.settings.run_config import RunConfig, load_for, locked_tags
from gitops_doca.core.compare.lock import ImageLock
from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.diagnostics import Category, Diagnostic, Problems
from gitops_doca.core.doctor import Finding, State, judge
from gitops_doca.sources.files import STDIN, display_name, has_file
from gitops_doca.sources.lock import read_lock
from gitops_doca.usecases.generate import resolve_and_render
from gitops_doca.usecases.load import Inputs

_APPLICATION = "ARGOCD_APP_"


@dataclass(frozen=True, kw_only=True)
class Examined:
    """A folder whose config, inputs and lock were checked; None: unusable."""

    findings: tuple[Finding, ...]
    run_config: RunConfig | None = None
    inputs: Inputs | None = None
    lock: ImageLock | None = None

    @property
    def live(self) -> LiveInventory | None:
        """The cluster that the inputs come from; None if there is none, or none that is known."""
        return self.run_config.live if self.run_config else None


def under_argocd(environ: Mapping[str, str]) -> bool:
    """Say whether Argo CD started this program for an application."""
    return any(name.startswith(_APPLICATION) for name in environ)


def examine_inputs(target: str | None, flags: Flags) -> Examined:
    """Check config, inputs and lock of a folder."""
    problems = Problems()

    def read() -> RunConfig:
        run_config = read_run_config(target, replace(flags, inputs=InputFlags()), problems)
        problems.raise_errors()
        return run_config

    run_config = attempt(problems, read)
    file = config_file(target)
    # What does not exist is meant as a folder, unless it is called like a file.
    is_file = os.path.lexists(file) or file == STDIN or file.endswith((".yaml", ".yml"))
    if run_config is None and not is_file:
        folder = "" if target is None else f" {shlex.quote(target)}"
        missing = Diagnostic(
            category=Category.INPUT,
            message=f"there is no gitops-doca.yaml in {'this folder' if target is None else target}",
            help=f"write a first one: gitops-doca init{folder}",
        )
        return Examined(findings=(judge("config", [missing], ""),))
    return _examine("config", file, run_config, problems)


def examine_application(environ: Mapping[str, str]) -> Examined:
    """Check the environment of an Argo CD application, and the inputs that it leads to."""
    from gitops_doca.cli.argocd.application import read_application
    from gitops_doca.cli.argocd.plugin_run import operator_limits

    problems = Problems()

    def read() -> RunConfig:
        registry, limits = operator_limits(environ, time.monotonic())
        run_config = read_application(environ, registry, current_connect(), limits, problems)
        problems.raise_errors()
        return run_config

    run_config = attempt(problems, read)
    name = environ.get("ARGOCD_APP_NAME") or "the application"
    return _examine("argocd", f"the environment of {name} is usable", run_config, problems)


def _examine(check: str, good: str, run_config: RunConfig | None, problems: Problems) -> Examined:
    first = judge(check, tuple(problems), good)
    if run_config is None:
        return Examined(findings=(first,))
    loading = Problems()
    inputs = attempt(loading, lambda: load_for(run_config, loading))
    if inputs is None:
        return Examined(findings=(first, judge("inputs", tuple(loading), "")), run_config=run_config)
    second = judge("inputs", tuple(loading), _describe(inputs))
    third, lock = _examine_lock(run_config, inputs)
    return Examined(findings=(first, second, third), run_config=run_config, inputs=inputs, lock=lock)


def _describe(inputs: Inputs) -> str:
    counts = {
        "driver policy": len(inputs.policies.policies),
        "node with a NIC": sum(node.has_nic for node in inputs.inventory.nodes),
        "pool": len(inputs.grouping.pools),
    }
    plurals = {"driver policy": "driver policies", "node with a NIC": "nodes with a NIC", "pool": "pools"}
    return ", ".join(f"{count} {one if count == 1 else plurals[one]}" for one, count in counts.items())


def _examine_lock(run_config: RunConfig, inputs: Inputs) -> tuple[Finding, ImageLock | None]:
    """Check that the lock answers for these inputs."""
    root = run_config.file_root
    if not run_config.settings.lock and not has_file(run_config.lock_file, root):
        absent = Finding(
            check="lock",
            state=State.WARNING,
            message="there is no lock, so each run asks the registries",
            help=f"write it: {run_config.fix_command}",
        )
        return absent, None
    problems = Problems()
    lock = attempt(problems, lambda: read_lock(run_config.lock_file, run_config.fix_command, problems, root))

    def compare(lock: ImageLock) -> None:
        source = locked_tags(run_config, lock)
        if run_config.renders:
            source.check_rendering(problems, strict=run_config.settings.strict)
        problems.raise_errors()
        resolve_and_render(inputs, source, problems)

    if lock is not None:
        attempt(problems, partial(compare, lock))
    name = os.path.normpath(display_name(run_config.lock_file, root))
    return judge("lock", tuple(problems), f"{name} matches the inputs"), lock
