"""The answer to `--explain-config`: each setting with its value and who set it."""

from gitops_doca.cli.console import printable
from gitops_doca.cli.invocation import Invocation
from gitops_doca.sources.located import Document


def explain(invocation: Invocation) -> str:
    """Return each setting with its value and who set it."""
    told = {**invocation.settings, **invocation.told}
    rows = [(name, _value(setting.value), setting.origin) for name, setting in told.items()]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    return "".join(f"{row[0].ljust(widths[0])}  {row[1].ljust(widths[1])}  # {row[2]}\n" for row in rows)


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
