"""Read the errors in a registry's reply, in the format of the OCI distribution spec."""

import re
from typing import Any

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.resolve.lookup import Cause
from gitops_doca.net.bounded_json import MAX_VALUES, read_json
from gitops_doca.net.request_errors import LookupFailedError, cause_of, status_text
from gitops_doca.net.transport import Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryError:
    """One error of a reply."""

    code: str
    """Empty if it is invalid: then nothing can be concluded from the error."""
    texts: tuple[str, ...]
    """Message and detail if they are text, in lower case; never shown."""


def error_codes(reply: Reply) -> tuple[str, ...]:
    """Return the codes of the errors in a reply."""
    return tuple(error.code for error in errors(reply) if error.code)


def errors(reply: Reply) -> tuple[RegistryError, ...]:
    """Return the errors in a reply; none if its body is over the limits of `read_json`."""
    try:
        listed = json_object(reply).get("errors")
    except LookupFailedError:
        return ()
    return tuple(_error(error) for error in listed) if isinstance(listed, list) else ()


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
    """Return the JSON object in a reply, empty for anything else; raises as `read_json` does."""
    try:
        # A truncated body could still be valid JSON.
        document = {} if reply.truncated else read_json(reply.body, max_values=max_values)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def cause_of_reply(reply: Reply) -> Cause:
    """Return the cause of a failure by a reply's error codes, else by its status."""
    return Cause.AUTH if {"UNAUTHORIZED", "DENIED"} & set(error_codes(reply)) else cause_of(reply.status)


def describe(reply: Reply) -> str:
    """Return a reply's status with the registry's error codes: `403 Forbidden (DENIED)`."""
    codes = error_codes(reply)
    return status_text(reply.status) + (f" ({', '.join(codes[:3])})" if codes else "")
