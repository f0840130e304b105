"""Check the environment variables `GITOPS_DOCA_...` for mistyped names."""

import re
from collections.abc import Iterator, Mapping

import click

from gitops_doca.core.diagnostics import Category, Problems

LIVE = "GITOPS_DOCA_LIVE"
"""The sidecar's variable that lets the plugin of Argo CD read the nodes of its own cluster."""
_PREFIX = "GITOPS_DOCA_"
# Images and CI jobs use it for the release that they install.
_VERSION = "GITOPS_DOCA_VERSION"
_HOST = "_SERVICE_HOST"
# What the kubelet sets for each Service of a pod's namespace (kubernetes, pkg/kubelet/envvars).
_OF_SERVICE = r"_(?:SERVICE_(?:HOST|PORT(?:_\w+)?)|PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?)"


def check_environment(environ: Mapping[str, str], problems: Problems) -> None:
    """Report variables `GITOPS_DOCA_...` that nothing reads, without looking at their values."""
    names = {name for name in environ if name.upper().startswith(_PREFIX)} - {LIVE, _VERSION}
    if not names:
        return
    from gitops_doca.sources.reading.schema import did_you_mean

    service = re.compile(f"(?:{'|'.join(map(re.escape, _services(environ)))}){_OF_SERVICE}")
    known = _known(names)
    for name in sorted(name for name in names - known if not service.fullmatch(name)):
        near = did_you_mean(name, known, prefix=_PREFIX)
        problems.error(
            f"the environment variable {name} is set, and no flag has it{near}",
            category=Category.USAGE,
            help=f"correct its name or unset it; known: {', '.join(sorted(known))}",
        )


def _services(environ: Mapping[str, str]) -> list[str]:
    """Return the prefixes of the Services' variables; each Service has one for its host."""
    return ["GITOPS_DOCA", *(name.removesuffix(_HOST) for name in environ if name.endswith(_HOST))]


def _known(names: set[str]) -> set[str]:
    """Return the variables of the shared flags, or of all flags if `names` has others."""
    from gitops_doca.cli import COMMANDS, cli
    from gitops_doca.cli.settings.flags import registry_options

    shared = {*_variables(click.command("shared")(registry_options(lambda **_flags: None))), LIVE}
    if names <= shared:
        return shared
    context = click.Context(cli)
    commands = filter(None, (cli.get_command(context, name) for name in COMMANDS))
    return shared.union(*map(_variables, commands))


def _variables(command: click.Command) -> Iterator[str]:
    for parameter in command.params:
        names = parameter.envvar or ()
        yield from (names,) if isinstance(names, str) else names
    if isinstance(command, click.Group):
        for child in command.commands.values():
            yield from _variables(child)
