"""Format the matrix of pools and driver versions as text and as Markdown."""

from collections.abc import Callable, Iterator, Sequence

from gitops_doca.core.matrix.rows import Availability
from gitops_doca.core.matrix.survey import VersionColumn, VersionMatrix, VersionSurvey, newest_first
from gitops_doca.emit.escape import markdown_code, markdown_text, printable, printable_lines
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
from gitops_doca.emit.tables import (
    GREEN,
    PLAIN,
    RED,
    YELLOW,
    Layout,
    Table,
    items,
    markdown_table,
    text_cells,
    wrapped,
)

_VERSIONS = ("", "VERSION", "POOLS", "", "BLOCKED BY")
_COLOURS = {
    WORDS[Availability.PRECOMPILED]: GREEN,
    WORDS[Availability.COMPILED]: YELLOW,
    WORDS[Availability.MISSING]: RED,
    WORDS[Availability.UNKNOWN]: RED,
}
_PAGE = 80
_INDENT = " " * 4


def text_matrix(survey: VersionSurvey, versions: int, layout: Layout = PLAIN) -> str:
    """Return for each repository its versions, newest first, then their images for each pool."""
    parts = (_text(survey, matrix, newest_first(matrix, versions), layout) for matrix in survey.matrices)
    return "\n".join((printable_lines(wrapped(opening(survey), layout)), *parts))


def markdown_matrix(survey: VersionSurvey, versions: int) -> str:
    """Return the same as Markdown for a comment on a pull request."""
    parts = (_markdown(survey, matrix, newest_first(matrix, versions)) for matrix in survey.matrices)
    first, *others = map(markdown_text, opening(survey))
    return "\n".join((f"{first}\n", *(f"{other}\n" for other in others), *parts))


def _text(
    survey: VersionSurvey, matrix: VersionMatrix, shown: Sequence[VersionColumn], layout: Layout
) -> str:
    head = _pool_head(matrix, shown, str.upper, wide=layout.wide)
    rows = [head, *_pool_rows(matrix, shown, wide=layout.wide)]
    pools = Table(
        rows=rows,
        each="pool",
        keep={*head} - {"CLUSTERS", "POLICY"},
        soft=("CLUSTERS", "POLICY"),
        split=True,
        colours=_COLOURS,
    )
    versions = Table(rows=[_VERSIONS, *_version_rows(matrix, shown)], soft=("", "BLOCKED BY"))
    legend = (f"{word}: {meaning}" for word, meaning in _legend(shown))
    lines = [
        str(matrix.repository),
        *wrapped(findings(survey, matrix), layout, "  "),
        "",
        *versions.lines(layout),
        *filter(None, [skipped(matrix, shown)]),
        "",
        *pools.lines(layout),
        "",
        *_nearest(matrix, shown, layout),
        *wrapped(legend, layout),
    ]
    return printable_lines(lines)


def _nearest(matrix: VersionMatrix, shown: Sequence[VersionColumn], layout: Layout) -> Iterator[str]:
    """Yield for pools the nearest kernel of each version that does not serve them, and an empty line."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for index, row in enumerate(matrix.rows):
        kernels = [column.nearest[index] for column in shown]
        numbered = (f"{number} {kernel}" for number, kernel in enumerate(kernels, start=1) if kernel)
        alike.setdefault(tuple(map(printable, numbered)), []).append(str(row.platform))
    alike.pop((), None)
    if not alike:
        return
    yield f"{NEAREST}, by version number"
    for cells, pools in alike.items():
        yield from (f"  {pool}" for pool in pools)
        width = max(map(len, cells)) + len(_INDENT) // 2
        a_line = max(((layout.width or _PAGE) - len(_INDENT)) // width, 1)
        for start in range(0, len(cells), a_line):
            line = "".join(cell.ljust(width) for cell in cells[start : start + a_line])
            yield f"{_INDENT}{line}".rstrip()
    yield ""


def _markdown(survey: VersionSurvey, matrix: VersionMatrix, shown: Sequence[VersionColumn]) -> str:
    heads, *rows = text_cells([("", "Version", "Pools", "", "Blocked by"), *_version_rows(matrix, shown)])
    versions = [
        (number, markdown_code(column.version), *rest)
        for (number, _, *rest), column in zip(rows, shown, strict=True)
    ]
    aside = skipped(matrix, shown)
    head = _pool_head(matrix, shown, str.capitalize)
    pools = _pool_rows(matrix, shown, with_nearest=True)
    legend = "; ".join(f"{word}: {meaning}" for word, meaning in _legend(shown))
    lines = [
        f"**{markdown_text(str(matrix.repository))}**",
        *items(findings(survey, matrix)),
        "",
        *markdown_table([heads, *versions], numbers=[0]),
        *(["", aside] if aside else []),
        "",
        *markdown_table(text_cells([head, *pools]), numbers=[head.index("Nodes")]),
        "",
        f"{legend}; beside it the {NEAREST}" if has_nearest(shown) else legend,
    ]
    return "\n".join(lines) + "\n"


def _version_rows(matrix: VersionMatrix, shown: Sequence[VersionColumn]) -> list[tuple[str, ...]]:
    return [
        (
            str(number),
            column.version,
            count(matrix, column),
            ", ".join(marks(matrix, column)),
            obstacles(matrix, column),
        )
        for number, column in enumerate(shown, start=1)
    ]


def _pool_head(
    matrix: VersionMatrix, shown: Sequence[VersionColumn], style: Callable[[str], str], *, wide: bool = False
) -> tuple[str, ...]:
    numbers = (str(number) for number, _ in enumerate(shown, start=1))
    return (*map(style, ("pool", *policy_heads(matrix, wide=wide), "nodes")), *numbers)


def _pool_rows(
    matrix: VersionMatrix,
    shown: Sequence[VersionColumn],
    *,
    wide: bool = False,
    with_nearest: bool = False,
) -> list[tuple[str, ...]]:
    return [
        (
            str(row.platform),
            *policy_cells(matrix, row, wide=wide),
            nodes(row),
            *(_answer(column, index, with_nearest=with_nearest) for column in shown),
        )
        for index, row in enumerate(matrix.rows)
    ]


def _answer(column: VersionColumn, index: int, *, with_nearest: bool) -> str:
    word, nearest = WORDS[column.availability[index]], column.nearest[index]
    return f"{word}, {nearest}" if with_nearest and nearest else word


def _legend(shown: Sequence[VersionColumn]) -> Iterator[tuple[str, str]]:
    used = {cell for column in shown for cell in column.availability}
    return ((WORDS[cell], MEANINGS[cell]) for cell in Availability if cell in used)
