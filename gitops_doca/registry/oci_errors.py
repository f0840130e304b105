"""The errors that a registry puts into a body, in the form that the distribution spec gives to them."""

import re
from dataclasses import dataclass
from typing import Any

from gitops_doca.net.bounded_json import MAX_VALUES, read_json
from gitops_doca.net.request_errors import LookupFailedError, status_text
from gitops_doca.net.transport import Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryError:
    """One error of a body."""

    code: str
    """Empty where it is none: such an error is there too, and says nothing that could be relied on."""
    texts: tuple[str, ...]
    """Message and detail, as far as they are text, in lower case; never to be shown."""


def error_codes(reply: Reply) -> tuple[str, ...]:
    """Return the codes of the errors in a reply."""
    return tuple(error.code for error in errors(reply) if error.code)


def errors(reply: Reply) -> tuple[RegistryError, ...]:
    """Return the errors in a body; none of a body that is beyond the bounds of `read_json`."""
    try:
        found = json_object(reply).get("errors")
    except LookupFailedError:
        return ()
    return tuple(_error(error) for error in found) if isinstance(found, list) else ()


def _error(error: object) -> RegistryError:
    fields = error if isinstance(error, dict) else {}
    code = fields.get("code")
    known = isinstance(code, str) and re.fullmatch(r"[A-Z_]{1,40}", code)
    texts = (fields.get("message"), fields.get("detail"))
    return RegistryError(
        code=str(code) if known else "",
        texts=tuple(text.lower() for text in texts if isinstance(text, str) and text.strip()),
    )


def json_object(reply: Reply, *, max_values: int = MAX_VALUES) -> dict[str, Any]:
    """Return the JSON object in a body, an empty one for anything else; raises as `read_json` does."""
    try:
        # What was cut could still parse, with the decisive part missing.
        document = {} if reply.truncated else read_json(reply.body, max_values=max_values)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def describe(reply: Reply) -> str:
    """Return a reply's status with the registry's error codes: `403 Forbidden (DENIED)`."""
    codes = error_codes(reply)
    return status_text(reply.status) + (f" ({', '.join(codes[:3])})" if codes else "")
