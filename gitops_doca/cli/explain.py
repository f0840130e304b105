"""The answer to `--explain-config`: each setting with its value and who set it."""

import click

from gitops_doca.cli.console import printable
from gitops_doca.cli.invocation import Invocation
from gitops_doca.cli.registries import RegistryFlags
from gitops_doca.sources.located import Document


def explain(invocation: Invocation) -> str:
    """Return each setting with its value and who set it."""
    merged, registry = invocation.settings, invocation.registry
    rows = [(name, _value(setting.value), setting.origin) for name, setting in merged.items()]
    rows += [
        (f"--{name.replace('_', '-')}", _value(getattr(registry, name)), _origin(name))
        for name in RegistryFlags.__slots__
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    return "".join(f"{row[0].ljust(widths[0])}  {row[1].ljust(widths[1])}  # {row[2]}\n" for row in rows)


def _origin(name: str) -> str:
    match click.get_current_context().get_parameter_source(name):
        case click.core.ParameterSource.COMMANDLINE:
            return f"--{name.replace('_', '-')}"
        case click.core.ParameterSource.ENVIRONMENT:
            return f"GITOPS_DOCA_{name.upper()}"
        case _:
            return "default"


def _value(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case tuple() | list():
            return (
                " ".join("(inline)" if isinstance(one, Document) else printable(str(one)) for one in value)
                or "none"
            )
        case dict():
            return printable(", ".join(f"{key}={one}" for key, one in value.items())) or "none"
        case None | "":
            return "none"
        case _:
            return printable(str(value))
