"""Plain YAML scalars as Kubernetes reads them."""

import re

Scalar = str | int | float | bool | None

_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
# kubectl and kustomize keep these two words strings.
for _word in ("y", "Y", "n", "N"):
    del _WORDS[_word]

_INTEGERS = (
    (re.compile(r"[-+]?0b[01_]+"), 2),
    (re.compile(r"[-+]?0x[0-9a-fA-F_]+"), 16),
    (re.compile(r"[-+]?0o[0-7_]+"), 8),
    (re.compile(r"[-+]?0[0-7_]+"), 8),
    (re.compile(r"[-+]?(?:0|[1-9][0-9_]*)"), 10),
)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?")
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
    for pattern, base in _INTEGERS:
        if pattern.fullmatch(text):
            digits = text.replace("_", "").lstrip("+-0box" if base != 10 else "+-")  # noqa: PLR2004 (decimal)
            return int(digits or "0", base) * (-1 if text[0] == "-" else 1)
    if _FLOAT.fullmatch(text):
        return float(text.replace("_", ""))
    return text
