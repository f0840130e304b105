"""A comparison as Markdown that fits into a comment on a pull request."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from gitops_doca.core.changes import Comparison, PoolChange
from gitops_doca.core.wording import name_nodes
from gitops_doca.emit.diff.unified import unified_lines
from gitops_doca.emit.diff.words import Base, headline, is_daemon_set, moved, title, version, when
from gitops_doca.emit.escape import Markdown, html_in_markdown, markdown_block, markdown_code, markdown_text
from gitops_doca.emit.layout import markdown as table
from gitops_doca.emit.layout import text_cells

_RESERVED = 400
"""Bytes for the sentence that says what was left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """What is shown as a whole or not at all."""

    text: str
    what: str
    """Counted, by this word, when it is left out."""


def markdown(comparison: Comparison, base: Base, limit: int) -> str:
    """Return the comparison in at most `limit` bytes, cut between pools, with a word about what is left out.

    A limit that the headline alone exceeds is not kept.
    """
    text = _head(comparison, base)
    blocks = list(_blocks(comparison, base))
    sizes = [len(block.text.encode()) for block in blocks]
    room = limit - len(text.encode())
    room -= _RESERVED if sum(sizes) > room else 0
    left: Counter[str] = Counter()
    for block, size in zip(blocks, sizes, strict=True):
        room -= size
        if left or room < 0:
            left[block.what] += 1
        else:
            text += block.text
    if left:
        counted = ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for word, count in left.items())
        text += f"\n*Left out, to fit {limit} bytes: {counted}. `gitops-doca diff` prints all of it.*\n"
    return text


def _head(comparison: Comparison, base: Base) -> str:
    commit = f" ({base.commit[:12]})" if base.commit and base.commit[:12] != base.name else ""
    notes = "".join(f"\n> {markdown_text(note)}\n" for note in base.notes)
    if comparison.is_same:
        return f"No difference against {_code(base.name)}{commit}.\n{notes}"
    counts = markdown_text(headline(comparison))
    return f"### Driver changes against {_code(base.name)}{commit}\n{notes}\n**{counts}**\n"


def _blocks(comparison: Comparison, base: Base) -> Iterator[_Block]:
    return chain(_versions(comparison), _pools(comparison), _moves(comparison), _objects(comparison, base))


def _versions(comparison: Comparison) -> Iterator[_Block]:
    for move in comparison.versions:
        text = f"\nDriver {_code(move.before)} → {version(move, _code(move.after))}\n"
        yield _Block(text=text, what="driver version")


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
    return markdown_text(change.kind), name, nodes, image, markdown_text(when(change))


def _moves(comparison: Comparison) -> Iterator[_Block]:
    rows = [
        (markdown_text(moved(move)), _pool_name(move.source), _pool_name(move.target))
        for move in comparison.moves
    ]
    return _table(("Nodes", "From", "To"), rows, "group of moved nodes")


def _pool_name(pool: str) -> Markdown:
    return markdown_code(pool) if pool else Markdown("no pool")


def _table(head: tuple[str, ...], rows: Sequence[tuple[Markdown, ...]], what: str) -> Iterator[_Block]:
    """Yield a block for each row; the first brings the head along."""
    title, rule, *lines = table([*text_cells([head]), *rows])
    above = f"\n{title}\n{rule}\n"
    for line in lines:
        yield _Block(text=f"{above}{line}\n", what=what)
        above = ""


def _objects(comparison: Comparison, base: Base) -> Iterator[_Block]:
    # Pools first: what else changes is seldom what a reader looks for.
    for change in sorted(comparison.objects, key=lambda change: not is_daemon_set(change)):
        body = markdown_block(unified_lines(change, base.name), "diff")
        summary = html_in_markdown(f"{change.kind}: {title(change)}")
        yield _Block(
            text=f"\n<details><summary>{summary}</summary>\n\n{body}\n\n</details>\n", what="manifest"
        )


def _code(text: str) -> Markdown:
    return markdown_code(text) if text else Markdown("unknown")
