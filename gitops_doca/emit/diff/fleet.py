"""Format the comparisons of all clusters as text or Markdown."""

from collections.abc import Iterable, Iterator, Sequence

from gitops_doca.emit.diff.cluster import ClusterDiff
from gitops_doca.emit.diff.markdown import markdown
from gitops_doca.emit.diff.text import diff_lines, summary_lines
from gitops_doca.emit.escape import markdown_code, printable

_RESERVED = 200
"""Bytes for the sentence that says how many clusters are omitted."""


def failing_first(diffs: Iterable[ClusterDiff]) -> tuple[ClusterDiff, ...]:
    """Return the clusters that fail, then those that differ, then the others, each by name."""
    return tuple(sorted(diffs, key=lambda diff: (diff.failure is None, not diff.exit_code, diff.cluster)))


def text_lines(diffs: Sequence[ClusterDiff], *, manifests: bool = True) -> Iterator[tuple[str, bool]]:
    """Yield each line of the text, and whether it is of a unified diff, which is escaped already."""
    if len(diffs) > 1:
        yield _summary(diffs), False
    for diff in diffs:
        if len(diffs) > 1:
            yield "", False
            yield printable(_title(diff)), False
        if diff.comparison:
            changes = list(diff_lines(diff.comparison, diff.base)) if manifests else []
            yield from ((printable(line), False) for line in summary_lines(diff.comparison, diff.base))
            yield from [("", False)] if changes else []
            yield from ((line, True) for line in changes)


def markdown_fleet(diffs: Sequence[ClusterDiff], limit: int, *, manifests: bool = True) -> str:
    """Return all comparisons in at most `limit` bytes, which the clusters share; see `markdown`."""
    if len(diffs) == 1 and diffs[0].comparison:
        return markdown(diffs[0].comparison, diffs[0].base, limit, manifests=manifests)
    text = f"{_summary(diffs)}\n"
    for number, diff in enumerate(diffs):
        room = limit - len(text.encode())
        section = _section(diff, (room - _RESERVED) // (len(diffs) - number), manifests=manifests)
        if len(section.encode()) > room - _RESERVED:
            left = len(diffs) - number
            return f"{text}\n**Omitted, to fit {limit} bytes: {left} cluster{'' if left == 1 else 's'}.*\n"
        text += section
    return text


def _summary(diffs: Sequence[ClusterDiff]) -> str:
    failing = sum(diff.failure is not None for diff in diffs)
    changed = sum(bool(diff.comparison and not diff.comparison.is_same) for diff in diffs)
    aside = f" ({failing} failing)" if failing else ""
    return f"{len(diffs)} clusters{aside}, {changed} with changes"


def _title(diff: ClusterDiff) -> str:
    return f"{diff.cluster}: error[{diff.failure.value}]" if diff.failure else f"{diff.cluster}:"


def _section(diff: ClusterDiff, limit: int, *, manifests: bool) -> str:
    state = f": error[{diff.failure.value}]" if diff.failure else ""
    title = f"\n## {markdown_code(diff.cluster)}{state}\n"
    if diff.comparison is None:
        return title
    room = limit - len(title.encode()) - 1
    return f"{title}\n{markdown(diff.comparison, diff.base, room, manifests=manifests)}"
