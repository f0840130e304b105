"""Format a comparison as Markdown that fits into a comment on a pull request."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain

from gitops_doca.core.compare.changes import Comparison, PoolChange
from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.phrases import name_nodes
from gitops_doca.emit.diff.phrases import (
    Base,
    compiling,
    driver_effects,
    falling_back,
    headline,
    is_daemon_set,
    moved_nodes,
    object_name,
    source_and_target,
    unchanged_version,
    version_move,
)
from gitops_doca.emit.diff.unified import unified_lines
from gitops_doca.emit.escape import Markdown, html_in_markdown, markdown_block, markdown_code, markdown_text
from gitops_doca.emit.tables import markdown_table, text_cells

_RESERVED = 400
"""Bytes for the sentence that says what is not shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """A block that is shown as a whole or not at all."""

    text: str
    what: str
    """The word by which it is counted when it is not shown."""


def markdown(comparison: Comparison, base: Base, limit: int, *, manifests: bool = True) -> str:
    """Return the comparison in at most `limit` bytes; the last line counts what is not shown.

    Without `manifests` their diff is not shown. The headline is always shown.
    """
    title, counts = _head(comparison, base)
    first = list(_news(comparison))
    blocks = [*first, *_blocks(comparison, base, manifests=manifests)]
    room = limit - len(f"{title}{counts}".encode())
    room -= _RESERVED if sum(len(block.text.encode()) for block in blocks) > room else 0
    shown = _fit(blocks, room)
    parts = [block.text for block in blocks[:shown]]
    text = "".join([title, *parts[: len(first)], counts, *parts[len(first) :]])
    left = Counter(block.what for block in blocks[shown:])
    if left:
        counted = ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for word, count in left.items())
        text += f"\n*Not shown, to fit {limit} bytes: {counted}. `gitops-doca diff` prints all of it.*\n"
    return text


def _fit(blocks: Sequence[_Block], room: int) -> int:
    """Return how many of the first blocks fit, in bytes."""
    for number, block in enumerate(blocks):
        room -= len(block.text.encode())
        if room < 0:
            return number
    return len(blocks)


def _head(comparison: Comparison, base: Base) -> tuple[str, str]:
    """Return the title, and the notes and counts after the news."""
    commit = f" ({base.commit[:12]})" if base.commit and base.commit[:12] != base.name else ""
    notes = "".join(f"\n> {markdown_text(note)}\n" for note in base.notes)
    if comparison.is_same:
        return f"No difference against {_code(base.name)}{commit}.\n", notes
    counts = markdown_text(headline(comparison))
    return f"### Driver changes against {_code(base.name)}{commit}\n", f"{notes}\n**{counts}**\n"


def _news(comparison: Comparison) -> Iterator[_Block]:
    for change in comparison.compiling:
        yield _Block(text=f"\n**{markdown_text(compiling(change))}**\n", what="pool that compiles")
    for pool in comparison.falling_back:
        yield _Block(text=f"\n**{markdown_text(falling_back(pool))}**\n", what="pool that goes back")


def _blocks(comparison: Comparison, base: Base, *, manifests: bool) -> Iterator[_Block]:
    parts = [_versions(comparison), _stays(comparison), _pools(comparison), _moves(comparison)]
    return chain(*parts, _objects(comparison, base) if manifests else ())


def _versions(comparison: Comparison) -> Iterator[_Block]:
    for move in comparison.versions:
        text = f"\nDriver {_code(move.before)} → {version_move(move, _code(move.after))}\n"
        yield _Block(text=text, what="driver version")


def _stays(comparison: Comparison) -> Iterator[_Block]:
    # Where nothing differs, all pools stay.
    for stay in () if comparison.is_same else comparison.stays:
        yield _Block(text=f"\n{unchanged_version(stay, _code(stay.version))}\n", what="driver version")


def _pools(comparison: Comparison) -> Iterator[_Block]:
    rows = [_row(change) for change in comparison.pools]
    return _table(("Change", "Pool", "Nodes", "Image", "Driver"), rows, "pool")


def _row(change: PoolChange) -> tuple[Markdown, ...]:
    pool, old, new = change.current, change.before, change.after
    image = _code(pool.image)
    if old and new and old.image != new.image:
        image = Markdown(f"{_code(old.image)}<br>→ {_code(new.image)}")
    nodes = Markdown("not known")
    if pool.nodes is not None:
        named = "planned" if pool.is_planned else markdown_text(name_nodes(pool.nodes))
        nodes = Markdown(f"{len(pool.nodes)}<br>{named}")
    policy = f"<br>{markdown_text(pool.policy)}" if pool.policy else ""
    name = Markdown(_code(pool.pool or pool.daemon_set) + policy)
    driver = Markdown("<br>".join(map(markdown_text, driver_effects(change))))
    return markdown_text(change.kind), name, nodes, image, driver


def _moves(comparison: Comparison) -> Iterator[_Block]:
    rows = [
        (
            markdown_text(moved_nodes(move)),
            *map(Markdown, source_and_target(move, markdown_code, markdown_text)),
        )
        for move in comparison.moves
    ]
    return _table(("Nodes", "From", "To"), rows, "group of moved nodes")


def _table(head: tuple[str, ...], rows: Sequence[tuple[Markdown, ...]], what: str) -> Iterator[_Block]:
    """Yield a block for each row; the first includes the head."""
    title, rule, *lines = markdown_table([*text_cells([head]), *rows])
    above = f"\n{title}\n{rule}\n"
    for line in lines:
        yield _Block(text=f"{above}{line}\n", what=what)
        above = ""


def _objects(comparison: Comparison, base: Base) -> Iterator[_Block]:
    # Pools first: readers seldom look for other objects.
    for change in sorted(comparison.objects, key=lambda change: not is_daemon_set(change)):
        body = markdown_block(unified_lines(change, base.name), "diff")
        summary = html_in_markdown(f"{change.kind}: {object_name(change)}")
        yield _Block(
            text=f"\n<details><summary>{summary}</summary>\n\n{body}\n\n</details>\n", what="manifest"
        )


def _code(text: str) -> Markdown:
    return markdown_code(text) if text else Markdown("unknown")
