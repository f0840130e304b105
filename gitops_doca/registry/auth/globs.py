"""Patterns as Go's filepath.Match reads them, for one label of a host name."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _One:
    """Stands for one character: within the ranges, or with `negated` outside of them."""

    ranges: tuple[tuple[str, str], ...]
    negated: bool = False

    def takes(self, char: str) -> bool:
        return any(low <= char <= high for low, high in self.ranges) is not self.negated


_ANY = _One((), negated=True)
_STAR = None


def matches(pattern: str, label: str) -> bool:
    """Say whether a pattern is for a whole label; one that is malformed is for none.

    `*` is any run of characters, `?` any one; `[a-z]` one of a class, `[^a]` one outside of it (`!` means
    nothing here); a backslash takes the next character as it is.
    """
    reached = {0}
    try:
        for token in _tokens(pattern):
            if token is _STAR:
                reached = set(range(min(reached), len(label) + 1)) if reached else set()
            else:
                reached = {at + 1 for at in reached if at < len(label) and token.takes(label[at])}
    except ValueError:
        return False
    return len(label) in reached


def _tokens(pattern: str) -> Iterator[_One | None]:
    chars = iter(pattern)
    for char in chars:
        match char:
            case "*":
                yield _STAR
            case "?":
                yield _ANY
            case "[":
                yield _class(chars)
            case "\\":
                yield _literal(_following(chars))
            case _:
                yield _literal(char)


def _literal(char: str) -> _One:
    return _One(((char, char),))


def _class(chars: Iterator[str]) -> _One:
    char = _following(chars)
    negated = char == "^"
    if negated:
        char = _following(chars)
    ranges: list[tuple[str, str]] = []
    while char != "]" or not ranges:
        low = high = _member(char, chars)
        char = _following(chars)
        if char == "-":
            high = _member(_following(chars), chars)
            char = _following(chars)
        ranges.append((low, high))
    return _One(tuple(ranges), negated)


def _member(char: str, chars: Iterator[str]) -> str:
    if char in "-]":
        raise ValueError("a class is malformed")
    return _following(chars) if char == "\\" else char


def _following(chars: Iterator[str]) -> str:
    char = next(chars, None)
    if char is None:
        raise ValueError("the pattern ends within a class or after a backslash")
    return char
