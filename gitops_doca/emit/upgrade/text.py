"""Format an upgrade as text and as Markdown."""

from collections.abc import Iterable, Sequence

from gitops_doca.core.upgrade.result import Upgrade, UpgradeReport
from gitops_doca.emit.escape import markdown_block, markdown_text, printable_lines
from gitops_doca.emit.tables import PLAIN, RED, Layout, Table, items, markdown_table, text_cells, wrapped
from gitops_doca.emit.upgrade.phrases import (
    HEADS,
    NOT_POSSIBLE,
    NOTHING,
    UNKNOWN,
    blocked_lines,
    edit_lines,
    finish_lines,
    headline,
    notes,
    packages,
    rows_of,
    superseded_lines,
)

_NUMBER = "nodes"
"""The head of the column that is right-aligned."""
REFUSED = "the inputs cannot be changed:"


def text_upgrade(report: UpgradeReport, layout: Layout = PLAIN) -> str:
    """Return one line for each pool, then how the kernels get there, and the next commands."""
    lines: list[str] = []
    upgrade = report.upgrade
    if upgrade is not None:
        lines.append(headline(upgrade))
        if upgrade.target is not None:
            head, *rows = _used([HEADS, *rows_of(upgrade)])
            table = Table(
                rows=[tuple(map(str.upper, head)), *rows],
                each="pool",
                keep=("POOL", "NODES", "KERNEL", "NEW KERNEL"),
                soft=("RUNS", "GETS", "POLICY"),
                title="CLUSTER",
                colours=dict.fromkeys((NOT_POSSIBLE, UNKNOWN), RED),
            )
            lines += ["", *table.lines(layout)]
        lines += _part("", wrapped(_below(upgrade), layout))
        lines += _part(REFUSED, report.refused)
        lines += _part("packages:", () if report.refused else packages(upgrade))
    lines += _part("", wrapped(finish_lines(report), layout))
    lines += _part(f"{_edited(report)}:", edit_lines(report))
    lines += _part("to write by hand:", report.by_hand)
    lines += _part("next:", report.commands)
    if report.is_written and not report.edits:
        lines += ["", NOTHING]
    return printable_lines(lines[not lines[0] :])


def markdown_upgrade(report: UpgradeReport) -> str:
    """Return the same for a comment on a pull request."""
    lines: list[str] = []
    upgrade = report.upgrade
    if upgrade is not None:
        lines.append(markdown_text(headline(upgrade)))
        if upgrade.target is not None:
            head, *rows = _used([HEADS, *rows_of(upgrade)])
            cells = text_cells([tuple(map(str.capitalize, head)), *rows])
            lines += ["", *markdown_table(cells, numbers=[head.index(_NUMBER)])]
        lines += items(_below(upgrade))
    lines += items(finish_lines(report))
    for title, some in (
        (REFUSED.removesuffix(":"), report.refused),
        ("packages", tuple(packages(upgrade) if upgrade and not report.refused else ())),
        (_edited(report), tuple(edit_lines(report))),
        ("to write by hand", report.by_hand),
        ("next", report.commands),
    ):
        if some:
            lines += ["", f"{title}:", "", markdown_block(some, "text")]
    if report.is_written and not report.edits:
        lines += ["", NOTHING]
    return "\n".join([*lines, ""])


def _below(upgrade: Upgrade) -> list[str]:
    return [*blocked_lines(upgrade), *notes(upgrade), *superseded_lines(upgrade)]


def _edited(report: UpgradeReport) -> str:
    return "changed" if report.is_written else "would be changed"


def _part(title: str, lines: Iterable[str]) -> list[str]:
    """Return lines below a title, after an empty line; nothing without lines."""
    some = list(lines)
    if not some:
        return []
    return ["", *([title] if title else []), *(f"  {line}" if title else line for line in some)]


def _used(rows: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """Return the rows without columns that are empty, and without the policy if there is one only."""
    cells = [{row[number] for row in rows[1:]} for number in range(len(rows[0]))]
    used = [
        n for n, some in enumerate(cells) if some != {""} and not (HEADS[n] == "policy" and len(some) == 1)
    ]
    return [tuple(row[number] for number in used) for row in rows]
