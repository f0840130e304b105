"""Write strings as scalars that every YAML parser reads as these strings."""

import re

# Words that YAML 1.1 or 1.2 reads as a boolean or null, and its special keys.
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"})
_PLAIN = re.compile(r"[A-Za-z0-9/][A-Za-z0-9_./@:+-]*")
# No number, date or time of any YAML has one of these letters: they are no digits of any base, and
# are not used in exponents or time zones.
_NEVER_A_NUMBER = re.compile(r"[g-np-sv-wyG-NP-SV-WY]")


def scalar(text: str) -> str:
    """Return a string as a scalar: plain where that is safe, else in single quotes if they can hold it."""
    if is_plain(text):
        return text
    if is_single_quotable(text):
        return single_quoted(text)
    return '"' + "".join(map(_escaped, text)) + '"'


def is_plain(text: str) -> bool:
    """Say whether every parser reads the text without quotes as this string."""
    if not _PLAIN.fullmatch(text) or text.endswith(":") or text.lower() in _WORDS:
        return False
    return text[0].isalpha() or text[0] == "/" or _NEVER_A_NUMBER.search(text) is not None


def is_single_quotable(text: str) -> bool:
    """Say whether single quotes, which have no escapes, can hold a string."""
    return text.isascii() and text.isprintable()


def single_quoted(text: str) -> str:
    """Return a string in single quotes, which must be able to hold it."""
    return "'" + text.replace("'", "''") + "'"


def _escaped(character: str) -> str:
    if character in {'"', "\\"}:
        return "\\" + character
    if " " <= character <= "~":
        return character
    if character == "\n":
        return "\\n"
    code = ord(character)
    if code <= 0xFF:  # noqa: PLR2004 (Latin-1)
        return f"\\x{code:02X}"
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"  # noqa: PLR2004 (the basic plane)
