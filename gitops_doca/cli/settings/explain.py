"""Print each setting with its value and who set it, for `--explain-config`."""

import os
from collections.abc import Iterator, Mapping

from gitops_doca.cli.settings.environment import LIVE
from gitops_doca.cli.settings.flags import REGISTRY_FLAGS, flag_of, variable
from gitops_doca.cli.settings.run_config import Explained, Resolve, RunConfig, asks_registries
from gitops_doca.core.diagnostics import Problems
from gitops_doca.emit.escape import printable_lines
from gitops_doca.emit.tables import text_table
from gitops_doca.sources.config import DEFAULT, FIELDS
from gitops_doca.sources.files import has_file
from gitops_doca.sources.reading.document import Document


def explain(run_config: RunConfig) -> str:
    """Return each setting with its value and who set it; inputs and registries are not read."""
    shown = {**dict(_settings(run_config)), **run_config.explained, **dict(_flags(run_config))}
    for flag, default in _defaults(run_config):
        # A plugin has variables in place of flags, and none that chooses the cluster.
        name = next((name for name in (flag, variable(flag)) if name in shown), flag.removeprefix("--"))
        if name not in shown or shown[name].origin == DEFAULT:
            shown[name] = default
    rows = [(name, _value(one.value), f"# {one.origin}") for name, one in shown.items()]
    return printable_lines(text_table(rows))


def _settings(run_config: RunConfig) -> Iterator[tuple[str, Explained]]:
    settings = run_config.settings
    for name, attribute in {**FIELDS, "name": "name"}.items():
        yield name, Explained(value=getattr(settings, attribute), origin=settings.origin(attribute))
    if run_config.live:
        origin = LIVE if run_config.untrusted else "--live"
        yield "inventory", Explained(value="the live cluster", origin=origin)
    yield "lock", _lock(run_config)


def _lock(run_config: RunConfig) -> Explained:
    """Return the lock that is used, or none, and why."""
    file, settings = run_config.lock_file, run_config.settings
    if run_config.resolve is Resolve.ONLINE:
        return Explained(value="", origin="the registries are asked, whatever lock there is")
    if settings.lock:
        return Explained(value=settings.lock, origin=settings.origin("lock"))
    if asks_registries(run_config):
        return Explained(value="", origin=f"default: the registries are asked, since there is no {file}")
    there = has_file(file, run_config.file_root)
    return Explained(value=file, origin=f"default: the file is {'there' if there else 'not there'}")


def _flags(run_config: RunConfig) -> Iterator[tuple[str, Explained]]:
    """Yield the settings for registries, and the cluster that is read."""
    registry, live = run_config.registry, run_config.live
    for name in REGISTRY_FLAGS:
        flag = flag_of(name)
        shown = variable(flag) if run_config.untrusted else flag
        yield shown, Explained(value=getattr(registry, name), origin=registry.origins[name])
    if live and not run_config.untrusted:
        for flag, value in (("--kubeconfig", live.kubeconfig), ("--context", live.context)):
            yield flag, Explained(value=value, origin=flag if value else DEFAULT)


def _defaults(run_config: RunConfig) -> Iterator[tuple[str, Explained]]:
    """Yield the value where a flag is not given, with the variable that sets it."""
    from gitops_doca.net.tls import CA_VARIABLES
    from gitops_doca.registry.auth.docker_config import default_file

    environ: Mapping[str, str] = run_config.untrusted.environ if run_config.untrusted else os.environ
    file, leads = default_file(environ)
    if file:
        yield "--registry-config", Explained(value=file, origin=leads)
    named = next((name for name in CA_VARIABLES if environ.get(name)), "")
    if named:
        yield "--ca-file", Explained(value=environ[named], origin=named)
    if not run_config.registry.allowed_registry:
        yield "--allowed-registry", Explained(value="every registry", origin=DEFAULT)
    if run_config.live:
        yield from _cluster(environ)


def _cluster(environ: Mapping[str, str]) -> Iterator[tuple[str, Explained]]:
    from gitops_doca.cluster.kubeconfig import kubeconfig_files

    files = kubeconfig_files(None, environ, Problems())
    if files:
        origin = "KUBECONFIG" if environ.get("KUBECONFIG") else "HOME"
        yield "--kubeconfig", Explained(value=files, origin=origin)


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
