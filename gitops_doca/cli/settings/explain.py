"""The answer to `--explain-config`: each setting with what a run would use, and who set it."""

import os
from collections.abc import Iterator, Mapping

from gitops_doca.cli.settings.registries import variable
from gitops_doca.cli.settings.run_config import Resolve, RunConfig, asks_registries
from gitops_doca.core.diagnostics import Problems
from gitops_doca.emit.escape import printable_lines
from gitops_doca.emit.tables import text_table
from gitops_doca.sources.config import Setting
from gitops_doca.sources.files import has_file
from gitops_doca.sources.reading.document import Document


def explain(run_config: RunConfig) -> str:
    """Return each setting with its value and who set it; no file is read, and nobody is asked."""
    told = {**run_config.settings, **run_config.told}
    told["lock"] = _lock(run_config)
    for flag, setting in _defaults(run_config):
        # A plugin has no flags: variables say how registries are asked, and nothing which cluster is read.
        name = next((name for name in (flag, variable(flag)) if name in told), flag.removeprefix("--"))
        if name not in told or told[name].origin == "default":
            told[name] = setting
    rows = [(name, _value(setting.value), f"# {setting.origin}") for name, setting in told.items()]
    return printable_lines(text_table(rows))


def _lock(run_config: RunConfig) -> Setting:
    """Return the lock that answers, and why, or why none does."""
    file, setting = run_config.lock_file, run_config.settings["lock"]
    if run_config.resolve is Resolve.ONLINE:
        return Setting("", "the registries are asked, whatever lock there is")
    if setting.value:
        return setting
    if asks_registries(run_config):
        return Setting("", f"default: the registries are asked, since there is no {file}")
    there = has_file(file, run_config.file_root)
    return Setting(file, "default: the file is there" if there else "default: the file is not there")


def _defaults(run_config: RunConfig) -> Iterator[tuple[str, Setting]]:
    """Yield what takes the place of flags that nobody gave, with the variable that leads to it."""
    from gitops_doca.net.tls import CA_VARIABLES
    from gitops_doca.registry.auth.docker_config import default_file

    environ: Mapping[str, str] = run_config.untrusted.environ if run_config.untrusted else os.environ
    file, leads = default_file(environ)
    if file:
        yield "--registry-config", Setting(file, leads)
    named = next((name for name in CA_VARIABLES if environ.get(name)), "")
    if named:
        yield "--ca-file", Setting(environ[named], named)
    if not run_config.registry.allowed_registry:
        yield "--allowed-registry", Setting("every registry", "default")
    if run_config.live:
        yield from _cluster(environ)


def _cluster(environ: Mapping[str, str]) -> Iterator[tuple[str, Setting]]:
    from gitops_doca.cluster.kubeconfig import kubeconfig_files

    files = kubeconfig_files(None, environ, Problems())
    if files:
        yield "--kubeconfig", Setting(files, "KUBECONFIG" if environ.get("KUBECONFIG") else "HOME")


def _value(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case tuple() | list():
            return " ".join("(inline)" if isinstance(one, Document) else str(one) for one in value) or "none"
        case dict():
            return ", ".join(f"{key}={one}" for key, one in value.items()) or "none"
        case None | "":
            return "none"
        case _:
            return str(value)
