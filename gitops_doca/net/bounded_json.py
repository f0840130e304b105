"""Decode the JSON of registries and token servers within limits."""

import json
import re
from typing import Any, NoReturn

from gitops_doca.core.resolve.lookup import Cause
from gitops_doca.net.request_errors import LookupFailedError

MAX_VALUES = 20_000
"""Values in one document, without keys: a real manifest or configuration has hundreds."""
MAX_DEPTH = 64
"""Levels of objects and arrays: a real manifest has five."""

# Possessive, and the end of the text ends a string: one pass over any input.
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[][{},]', re.DOTALL)
_NO_JSON = "the answer is not JSON"


def read_json(body: bytes, *, max_values: int = MAX_VALUES) -> Any:  # noqa: ANN401 (any JSON value)
    """Return the value of a body that is one JSON text in UTF-8 (RFC 8259).

    Raises ValueError for anything else, and `LookupFailedError` (protocol) for a document over the
    limits.
    """
    try:
        text = body.decode()
        # Four bytes of JSON may take a hundred bytes of memory, so the values are counted first.
        _check_bounds(text, max_values)
        return json.loads(text, parse_constant=_refuse)
    except ValueError:
        raise ValueError(_NO_JSON) from None


def _check_bounds(text: str, max_values: int) -> None:
    values, strings, depth = 1, 0, 0
    for token in _TOKEN.finditer(text):
        match text[token.start()]:
            case '"':
                strings += 1
            case ",":
                values += 1
            case "[" | "{":
                values += 1
                depth += 1
            case _:
                depth -= 1
        # A value has at most two strings: its key and itself.
        if values > max_values or strings > 2 * max_values:
            raise LookupFailedError(Cause.PROTOCOL, f"the answer has more than {max_values:,} JSON values")
        if depth > MAX_DEPTH:
            what = f"JSON that is nested deeper than {MAX_DEPTH} levels"
            raise LookupFailedError(Cause.PROTOCOL, f"the answer has {what}")
        if depth < 0:
            raise ValueError(_NO_JSON)


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)
