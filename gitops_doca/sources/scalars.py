"""Plain YAML scalars as Kubernetes reads them."""

import math
import re
from typing import Self

Scalar = str | int | float | bool | None


class WrittenFloat(float):
    """A number of JSON that knows how it is written: in a message 24.10 must not become 24.1."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Self:
        """Return the number that a text spells."""
        number = super().__new__(cls, text)
        number.text = text
        return number


_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_INTEGER = re.compile(r"[-+]?(?:0[bB]([01]+)|0[oO]?([0-7]+)|0[xX]([0-9a-fA-F]+)|(0|[1-9][0-9]*))")
_BASES = (2, 8, 16, 10)
_INTEGERS = range(-(2**63), 2**64)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NUMBER_START = frozenset("+-.0123456789")
_MAX_NUMBER = 400


def resolve_plain(text: str) -> Scalar:
    """Return what go-yaml v2, and so the API server, makes of a scalar without quotes.

    That is YAML 1.1 less its dates and sexagesimal numbers: `on` is true, `0755` is 493, `1:30` is a string.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_START or len(text) > _MAX_NUMBER:
        return text
    plain = text if text[0] == "." else text.replace("_", "")
    integer = _integer(plain)
    if integer is not None and integer in _INTEGERS:
        return integer
    if _FLOAT.fullmatch(plain) and math.isfinite(number := float(plain)):
        return number
    return text if integer is None else integer


def _integer(plain: str) -> int | None:
    found = _INTEGER.fullmatch(plain)
    if found is None or found.lastindex is None:
        return None
    number = int(found[found.lastindex], _BASES[found.lastindex - 1])
    return -number if plain[0] == "-" else number
