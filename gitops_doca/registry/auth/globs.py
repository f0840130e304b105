"""Match one label of a host name against a pattern, as Go's filepath.Match does."""

from collections.abc import Iterator

from gitops_doca.core.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class _Char:
    """Matches one character: in the ranges, or with `negated` outside them."""

    ranges: tuple[tuple[str, str], ...]
    negated: bool = False

    def matches(self, char: str) -> bool:
        return any(low <= char <= high for low, high in self.ranges) is not self.negated


_ANY = _Char((), negated=True)
_STAR = None


def matches(pattern: str, label: str) -> bool:
    """Say whether a pattern matches a whole label; a malformed pattern matches none.

    `*` is any run of characters, `?` any one; `[a-z]` is one of a class, `[^a]` one outside it (`!`
    has no meaning); a backslash quotes the next character.
    """
    reached = {0}
    try:
        for token in _tokens(pattern):
            if token is _STAR:
                reached = set(range(min(reached), len(label) + 1)) if reached else set()
            else:
                reached = {at + 1 for at in reached if at < len(label) and token.matches(label[at])}
    except ValueError:
        return False
    return len(label) in reached


def _tokens(pattern: str) -> Iterator[_Char | None]:
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


def _literal(char: str) -> _Char:
    return _Char(((char, char),))


def _class(chars: Iterator[str]) -> _Char:
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
    return _Char(tuple(ranges), negated)


def _member(char: str, chars: Iterator[str]) -> str:
    if char in "-]":
        raise ValueError("a class is malformed")
    return _following(chars) if char == "\\" else char


def _following(chars: Iterator[str]) -> str:
    char = next(chars, None)
    if char is None:
        raise ValueError("the pattern ends within a class or after a backslash")
    return char
