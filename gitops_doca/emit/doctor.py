"""Format the results of `doctor` as text and as JSON."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from gitops_doca.core.diagnostics import spell
from gitops_doca.core.doctor import Finding, State
from gitops_doca.emit.escape import printable
from gitops_doca.emit.json_document import document_text

KIND = "DriverDoctor"
_STATE, _CHECK = max(len(state.value) for state in State), 9
"""Widths of the columns."""


def text_findings(findings: Iterable[Finding], style: Callable[[State, str], str]) -> str:
    """Return a line for each check, and one for what to do about it; `style` colours the state."""
    lines = []
    for one in findings:
        state = style(one.state, f"{one.state.value:{_STATE}}")
        lines.append(f"{state}  {one.check:{_CHECK}}  {printable(one.message)}")
        if one.help:
            lines.append(f"{'':{_STATE + _CHECK + 4}}help: {printable(spell(one.help))}")
    return "".join(f"{line}\n" for line in lines)


def json_findings(findings: Sequence[Finding], cluster: str) -> str:
    """Return a `DriverDoctor` as JSON text; see schemas/doctor.schema.json."""
    diagnostics = [diagnostic for one in findings for diagnostic in one.diagnostics]
    checks = [_entry(one) for one in findings]
    return document_text(KIND, diagnostics, {"cluster": cluster, "checks": checks})


def _entry(one: Finding) -> dict[str, Any]:
    help = {"help": spell(one.help)} if one.help else {}
    return {"check": one.check, "state": one.state.value, "message": one.message, **help}
