"""Escape untrusted text for each kind of output.

Text from inputs, file names, registries and clusters is untrusted. Each function takes raw text.
`printable` may be applied twice: it does not escape its own escapes. Text without special
characters is unchanged: names, kernels and image references stay readable.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NewType

Markdown = NewType("Markdown", str)
"""Markdown of our own, or text that this module escaped: one line, no open markup."""


class Printable(str):
    """A line for a terminal that is escaped already; colours in it are our own."""

    __slots__ = ()


# Patterns are compiled when they are used: most runs need few, and start-up counts.

# Invisible characters (Unicode's Default_Ignorable_Code_Point, and the empty Braille pattern):
# `str.isprintable` allows them.
_NO_INK = "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
_MAX_MARKS = 2
"""The most marks on a letter, as Vietnamese needs; more would cover the lines around it."""
_BEYOND_ASCII = re.compile(r"[^\n -~]+")
_TICKS = re.compile("`+")
_UNIT = re.compile(".{4}")

# Words that mean nothing to CommonMark, GitHub or GitLab. A bracket only within one, where no link
# follows.
_WORD = r"""(?:[\w.,:;/+='"?()→-]|(?<=\w)\[\w+\](?![(\[]))+"""
_REFERENCE = (
    r"://|www\."  # links without markup
    r"|\bgh-\d"  # an issue
    r"|(?<![\w./+-])[0-9a-f]{7,40}(?![\w-])"  # a commit
    r"|:(?!\d+:)[\w+-]{1,60}:|:(?:100|1234):"  # an emoji, but not the number of a line
    r"|(?<![^\W_])_|_(?![^\W_])"  # emphasis
)
_STARTS_BLOCK = r"[-+=].*|\d+[.)]"
"""First words that begin a list or underline a heading."""


def printable(text: str) -> str:
    """Return text for a terminal: one line, without characters that move, hide or reorder others.

    Escaped as in Python are control and format characters, separators except the space, surrogates,
    private, unassigned and invisible characters, and marks without a letter or too many on one.
    """
    if text.isascii() and text.isprintable():
        return text
    from unicodedata import category

    shown: list[str] = []
    marks = _MAX_MARKS
    for character in text:
        marks = marks + 1 if category(character).startswith("M") else 0
        hidden = not character.isprintable() or re.match(_NO_INK, character) or marks > _MAX_MARKS
        shown.append(character.encode("unicode_escape").decode() if hidden else character)
    return "".join(shown)


def printable_lines(lines: Iterable[str]) -> str:
    """Return a document for a terminal; no line can break into two."""
    return "".join(f"{line if isinstance(line, Printable) else printable(line)}\n" for line in lines)


def json_text(document: object, *, sort_keys: bool = False) -> str:
    """Return a JSON document that escapes, as JSON does, everything that `printable` escapes."""
    from json import dumps

    text = dumps(document, indent=2, ensure_ascii=False, allow_nan=False, sort_keys=sort_keys)
    return _BEYOND_ASCII.sub(lambda match: _json_escaped(match[0]), text) + "\n"


def markdown_text(text: str) -> Markdown:
    """Return a sentence as Markdown: words that could be markup, a link or a reference become code."""
    judged = _judged(printable(text).split())
    return Markdown(" ".join(word if plain else markdown_code(word) for word, plain in judged))


def markdown_code(text: str) -> Markdown:
    """Return a value as a code span, in which no @name notifies a user; empty for an empty value."""
    shown = printable(text)
    if not shown:
        return Markdown("")
    ticks = "`" * (_longest_run([shown]) + 1)
    # CommonMark takes one space off each end, so that a span can begin or end with a backtick.
    pad = " " if shown.strip(" ") and (shown[0] in "` " or shown[-1] in "` ") else ""
    return Markdown(f"{ticks}{pad}{shown}{pad}{ticks}")


def markdown_block(lines: Iterable[str], language: str) -> str:
    """Return lines as a fenced block that no line can close, without a final line end."""
    shown = list(map(printable, lines))
    fence = "`" * max(3, _longest_run(shown) + 1)
    return "\n".join((f"{fence}{language}", *shown, fence))


def html_text(text: str) -> str:
    """Return text for the inside of an HTML element, or of a quoted attribute."""
    from html import escape

    return escape(printable(text))


def html_in_markdown(text: str) -> str:
    """Return text for an HTML element in Markdown, where GitHub looks for references too."""
    judged = _judged(printable(text).split())
    return " ".join(html_text(word) if plain else f"<code>{html_text(word)}</code>" for word, plain in judged)


def diff_name(text: str) -> str:
    """Return a file name for the head of a diff: one line, quoted as git does if necessary."""
    shown = printable(text)
    if '"' not in shown and "\\" not in shown:
        return shown
    return '"' + shown.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _judged(words: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """Pair each word of a sentence with whether it is safe in Markdown unchanged."""
    for number, word in enumerate(words):
        plain = re.fullmatch(_WORD, word) and not re.search(_REFERENCE, word, re.IGNORECASE)
        yield word, bool(plain) and not (number == 0 and re.fullmatch(_STARTS_BLOCK, word))


def _longest_run(lines: Iterable[str]) -> int:
    """Return the length of the longest run of backticks."""
    runs = chain.from_iterable(map(_TICKS.findall, lines))
    return max(map(len, runs), default=0)


def _json_escaped(text: str) -> str:
    return "".join(
        character if printable(character) == character else _UNIT.sub(r"\\u\g<0>", _utf16(character))
        for character in text
    )


def _utf16(character: str) -> str:
    return character.encode("utf-16-be", "surrogatepass").hex()
