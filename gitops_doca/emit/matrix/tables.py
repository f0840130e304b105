"""Format the matrix of pools and driver versions as text and as Markdown."""

from collections.abc import Callable, Sequence

from gitops_doca.core.compare.matrix import Availability, VersionColumn, VersionMatrix, newest_first
from gitops_doca.emit.escape import markdown_code, markdown_text, printable_lines
from gitops_doca.emit.matrix.phrases import (
    MEANINGS,
    NO_POOLS,
    WORDS,
    count,
    findings,
    marks,
    nodes,
    obstacles,
    policy_cells,
    policy_heads,
    skipped,
)
from gitops_doca.emit.tables import items, markdown_table, text_cells, text_table

_VERSIONS = ("", "VERSION", "POOLS", "", "BLOCKED BY")


def text_matrix(matrices: Sequence[VersionMatrix], versions: int) -> str:
    """Return for each repository its versions, newest first, then their images for each pool."""
    return "\n".join(_text(matrix, newest_first(matrix, versions)) for matrix in matrices) or f"{NO_POOLS}\n"


def markdown_matrix(matrices: Sequence[VersionMatrix], versions: int) -> str:
    """Return the same as Markdown for a comment on a pull request."""
    return (
        "\n".join(_markdown(matrix, newest_first(matrix, versions)) for matrix in matrices) or f"{NO_POOLS}\n"
    )


def _text(matrix: VersionMatrix, shown: Sequence[VersionColumn]) -> str:
    lines = [
        str(matrix.repository),
        *(f"  {finding}" for finding in findings(matrix)),
        "",
        *text_table([_VERSIONS, *_version_rows(matrix, shown)]),
        *filter(None, [skipped(matrix, shown)]),
        "",
        *text_table([_pool_head(matrix, shown, str.upper), *_pool_rows(matrix, shown)]),
        "",
        *_legend(shown),
    ]
    return printable_lines(lines)


def _markdown(matrix: VersionMatrix, shown: Sequence[VersionColumn]) -> str:
    heads, *rows = text_cells([("", "Version", "Pools", "", "Blocked by"), *_version_rows(matrix, shown)])
    versions = [
        (number, markdown_code(column.version), *rest)
        for (number, _, *rest), column in zip(rows, shown, strict=True)
    ]
    aside = skipped(matrix, shown)
    head = _pool_head(matrix, shown, str.capitalize)
    lines = [
        f"**{markdown_text(str(matrix.repository))}**",
        *items(findings(matrix)),
        "",
        *markdown_table([heads, *versions], numbers=[0]),
        *(["", aside] if aside else []),
        "",
        *markdown_table(text_cells([head, *_pool_rows(matrix, shown)]), numbers=[head.index("Nodes")]),
        "",
        *_legend(shown),
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
    matrix: VersionMatrix, shown: Sequence[VersionColumn], style: Callable[[str], str]
) -> tuple[str, ...]:
    numbers = (str(number) for number, _ in enumerate(shown, start=1))
    return (*map(style, ("pool", *policy_heads(matrix), "nodes")), *numbers)


def _pool_rows(matrix: VersionMatrix, shown: Sequence[VersionColumn]) -> list[tuple[str, ...]]:
    return [
        (
            str(row.platform),
            *policy_cells(matrix, row),
            nodes(row),
            *(WORDS[column.availability[index]] for column in shown),
        )
        for index, row in enumerate(matrix.rows)
    ]


def _legend(shown: Sequence[VersionColumn]) -> list[str]:
    used = {cell for column in shown for cell in column.availability}
    return ["; ".join(f"{WORDS[cell]}: {MEANINGS[cell]}" for cell in Availability if cell in used)]
