"""Run docker's credential helpers; their output is never shown."""

import json
import os
import shutil
from collections.abc import Mapping

from gitops_doca.core.resolve.lookup import Cause
from gitops_doca.net.credential_process import run_program
from gitops_doca.net.deadline import Deadline
from gitops_doca.net.request_errors import LookupFailedError
from gitops_doca.registry.auth.credentials import (
    TOKEN_USER,
    Credential,
    HelperCall,
    identity,
    password,
)

# docker-credential-helpers prints this and fails if it has no login.
_NOT_FOUND = b"credentials not found in native keychain"


def run_helper(call: HelperCall, environ: Mapping[str, str], deadline: Deadline) -> Credential | None:
    """Return the login that a helper has for a server, None if it has no login.

    Raises `LookupFailedError` (helper) for one that is not installed, fails, hangs or prints anything
    else.
    """
    name = f"docker-credential-{call.name}"
    program = shutil.which(name, path=environ.get("PATH", os.defpath))
    if program is None:
        raise _failed(call, "is not on PATH")
    try:
        code, output = run_program([program, "get"], environ, deadline, stdin=call.server.encode())
    except TimeoutError:
        raise _failed(call, "gave no answer in time") from None
    except OSError:
        raise _failed(call, "cannot be run") from None
    except ValueError:
        raise _failed(call, "printed no login") from None
    if code != 0 and output.strip() == _NOT_FOUND:
        return None
    if code != 0:
        raise _failed(call, "failed")
    return _parse(output, call)


def _failed(call: HelperCall, how: str) -> LookupFailedError:
    reason = f"{call.place} names the credential helper docker-credential-{call.name}, which {how}"
    return LookupFailedError(Cause.HELPER, reason)


def _parse(output: bytes, call: HelperCall) -> Credential:
    try:
        answer = json.loads(output)
    except (ValueError, RecursionError):
        answer = None
    user, secret = (
        (answer.get(name) for name in ("Username", "Secret")) if isinstance(answer, dict) else ("", "")
    )
    if not isinstance(user, str) or not isinstance(secret, str) or not user or not secret:
        raise _failed(call, "printed no login")
    if user == TOKEN_USER:
        return identity(user, secret, call.place)
    return password(user, secret, call.place)
