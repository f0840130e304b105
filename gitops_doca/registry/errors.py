"""The errors that a registry puts into a body, in the form that the distribution spec gives to them."""

import json
import re
from collections.abc import Iterator
from typing import Any

from gitops_doca.registry.failures import status_text
from gitops_doca.registry.transport import Reply


def error_codes(reply: Reply) -> tuple[str, ...]:
    """Return the codes of the errors in a reply."""
    return tuple(code for code, _ in errors(reply) if code)


def errors(reply: Reply) -> Iterator[tuple[str, str]]:
    """Yield code and message, in lower case, of each error in the body; the message must not be shown.

    The code is empty where it is none: such an error is there too, and says nothing that could be relied on.
    """
    found = json_object(reply).get("errors")
    for error in found if isinstance(found, list) else ():
        fields = error if isinstance(error, dict) else {}
        code = fields.get("code")
        known = isinstance(code, str) and re.fullmatch(r"[A-Z_]{1,40}", code)
        texts = (fields.get("message"), fields.get("detail"))
        yield str(code) if known else "", " ".join(text for text in texts if isinstance(text, str)).lower()


def json_object(reply: Reply) -> dict[str, Any]:
    """Return the JSON object in a body; an empty one for anything else."""
    try:
        # What was cut could still parse, with the decisive part missing.
        document = {} if reply.truncated else json.loads(reply.body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def describe(reply: Reply) -> str:
    """Return a reply's status with the registry's error codes: `403 Forbidden (DENIED)`."""
    codes = error_codes(reply)
    return status_text(reply.status) + (f" ({', '.join(codes[:3])})" if codes else "")
