"""Format the matrix of pools and driver versions as one self-contained HTML page."""

from collections.abc import Iterable, Iterator, Sequence
from importlib import resources

from gitops_doca.core.matrix.rows import Availability, PlatformRow
from gitops_doca.core.matrix.survey import VersionColumn, VersionMatrix, VersionSurvey, newest_first
from gitops_doca.emit.escape import html_text
from gitops_doca.emit.matrix.phrases import (
    MEANINGS,
    NEAREST,
    WORDS,
    count,
    findings,
    has_nearest,
    marks,
    nodes,
    obstacles,
    opening,
    policy_cells,
    policy_heads,
    skipped,
)

_TITLE = "Driver versions and pools"
# The page may fetch nothing, whatever a tag contains.
_HEAD = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="gitops-doca">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
"""
_FOOT = "</main>\n</body>\n</html>\n"


def html_matrix(survey: VersionSurvey, versions: int) -> str:
    """Return a page with a section for each repository, without scripts; all values are escaped."""
    lines = [
        line
        for number, matrix in enumerate(survey.matrices, start=1)
        for line in _section(survey, matrix, newest_first(matrix, versions), f"repository-{number}")
    ]
    first, *others = map(html_text, opening(survey))
    begin = f'<p class="headline">{first}</p>' if lines else f"<p>{first}</p>"
    body = "".join(f"{line}\n" for line in (begin, *(f"<p>{other}</p>" for other in others), *lines))
    return _HEAD.format(title=_TITLE, style=_style()) + body + _FOOT


def _style() -> str:
    """Return the page's style: light and dark, for print, for phones and for many columns."""
    return (resources.files("gitops_doca") / "emit" / "matrix" / "page.css").read_text(encoding="utf-8")


def _section(
    survey: VersionSurvey, matrix: VersionMatrix, shown: Sequence[VersionColumn], anchor: str
) -> Iterator[str]:
    yield f'<section aria-labelledby="{anchor}">'
    yield f'<h2 id="{anchor}">{html_text(str(matrix.repository))}</h2>'
    if found := list(findings(survey, matrix)):
        yield '<ul class="findings">'
        yield from (f"<li>{html_text(finding)}</li>" for finding in found)
        yield "</ul>"
    yield from _scrolled(_versions(matrix, shown), anchor, "versions")
    if aside := skipped(matrix, shown):
        yield f'<p class="aside">{html_text(aside)}</p>'
    yield from _scrolled(_grid(matrix, shown), anchor, "pools")
    yield from _legend(shown)
    yield "</section>"


def _scrolled(table: Iterable[str], anchor: str, kind: str) -> Iterator[str]:
    """Let a wide table scroll by itself, also with the keyboard."""
    yield f'<div class="scroll" role="region" aria-labelledby="{anchor}-{kind}" tabindex="0">'
    yield f'<table class="{kind}">'
    caption, *rows = table
    yield f'<caption id="{anchor}-{kind}">{caption}</caption>'
    yield from rows
    yield "</table>"
    yield "</div>"


def _versions(matrix: VersionMatrix, shown: Sequence[VersionColumn]) -> Iterator[str]:
    yield "Versions, newest first"
    heads = ("Version", "Pools served", "Mark", "Blocked by")
    yield f"<thead><tr>{''.join(_head(head, 'col') for head in heads)}</tr></thead>"
    yield "<tbody>"
    for column in shown:
        yield (
            f"<tr>{_head(column.version, 'row')}{_cell(count(matrix, column))}"
            f"<td>{_badges(matrix, column)}</td>{_cell(obstacles(matrix, column))}</tr>"
        )
    yield "</tbody>"


def _grid(matrix: VersionMatrix, shown: Sequence[VersionColumn]) -> Iterator[str]:
    yield "What each version has for each pool"
    versions = (
        f'<th scope="col" class="version"><span>{html_text(column.version)}</span>'
        f"{_badges(matrix, column)}</th>"
        for column in shown
    )
    heads = ("Pool", *map(str.capitalize, policy_heads(matrix)), "Nodes")
    yield f"<thead><tr>{''.join(_head(head, 'col') for head in heads)}"
    yield from versions
    yield "</tr></thead>"
    yield "<tbody>"
    for index, row in enumerate(matrix.rows):
        answers = "".join(_answer(column, index) for column in shown)
        yield f"<tr>{_pool(matrix, row)}{answers}</tr>"
    yield "</tbody>"


def _pool(matrix: VersionMatrix, row: PlatformRow) -> str:
    named = "".join(map(_cell, policy_cells(matrix, row)))
    return f'{_head(str(row.platform), "row")}{named}<td class="number">{html_text(nodes(row))}</td>'


def _legend(shown: Sequence[VersionColumn]) -> Iterator[str]:
    used = {cell for column in shown for cell in column.availability}
    yield '<dl class="legend">'
    for cell in Availability:
        if cell in used:
            yield f'<div><dt class="{cell.value}">{WORDS[cell]}</dt><dd>{MEANINGS[cell]}</dd></div>'
    if has_nearest(shown):
        yield f"<div><dt>kernel</dt><dd>{NEAREST}</dd></div>"
    yield "</dl>"


def _badges(matrix: VersionMatrix, column: VersionColumn) -> str:
    return " ".join(f'<b class="badge">{html_text(mark)}</b>' for mark in marks(matrix, column))


def _answer(column: VersionColumn, index: int) -> str:
    cell, nearest = column.availability[index], column.nearest[index]
    kernel = f" <small>{html_text(nearest)}</small>" if nearest else ""
    return f'<td class="{cell.value}">{WORDS[cell]}{kernel}</td>'


def _head(text: str, scope: str) -> str:
    return f'<th scope="{scope}">{html_text(text)}</th>'


def _cell(text: str) -> str:
    return f"<td>{html_text(text)}</td>"
