"""Read plain YAML scalars as Kubernetes does."""

import math
import re
from typing import Self

Scalar = str | int | float | bool | None


class WrittenFloat(float):
    """A JSON number that keeps its text: in a message 24.10 must not become 24.1."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Self:
        """Return the number that a text stands for."""
        number = super().__new__(cls, text)
        number.text = text
        return number


_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE"), False),
}
_NOT_FINITE = frozenset(f"{sign}{word}" for sign in ("", "+", "-") for word in (".inf", ".Inf", ".INF")) | {
    ".nan",
    ".NaN",
    ".NAN",
}
_INTEGER = re.compile(r"[-+]?(?:0[bB]([01]+)|0[oO]?([0-7]+)|0[xX]([0-9a-fA-F]+)|(0|[1-9][0-9]*))")
_BASES = (2, 8, 16, 10)
INTEGERS = range(-(2**63), 2**64)
"""Whole numbers that Kubernetes reads as such."""
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NUMBER_START = frozenset("+-.0123456789")
_MAX_NUMBER = 400


class NotFiniteError(ValueError):
    """A number is infinite or NaN: JSON, and so Kubernetes, has neither."""

    def __init__(self) -> None:
        super().__init__(
            "has a number that is infinite or NaN, which no manifest can hold; put it in quotes if it is text"
        )


def resolve_plain(text: str) -> Scalar:
    """Return what go-yaml v2, and so the API server, reads for a scalar without quotes.

    That is YAML 1.1 without dates and sexagesimal numbers: `on` is true, `0755` is 493, `1:30` is a
    string. A whole number beyond 64 bits is a float if it is decimal, else a string. Raises
    `NotFiniteError` for `.inf` and `.nan`.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_START or len(text) > _MAX_NUMBER:
        return text
    if text in _NOT_FINITE:
        raise NotFiniteError
    plain = text if text[0] == "." else text.replace("_", "")
    integer = _integer(plain)
    if integer is not None and integer in INTEGERS:
        return integer
    if _FLOAT.fullmatch(plain) and math.isfinite(number := float(plain)):
        return number
    return text


def _integer(plain: str) -> int | None:
    match = _INTEGER.fullmatch(plain)
    if match is None or match.lastindex is None:
        return None
    number = int(match[match.lastindex], _BASES[match.lastindex - 1])
    return -number if plain[0] == "-" else number
