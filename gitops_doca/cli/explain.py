"""The answer to `--explain-config`: each setting with its value and who set it."""

from gitops_doca.cli.invocation import Invocation
from gitops_doca.emit.escape import printable_lines
from gitops_doca.emit.layout import columns
from gitops_doca.sources.located import Document


def explain(invocation: Invocation) -> str:
    """Return each setting with its value and who set it."""
    told = {**invocation.settings, **invocation.told}
    rows = [(name, _value(setting.value), f"# {setting.origin}") for name, setting in told.items()]
    return printable_lines(columns(rows))


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
