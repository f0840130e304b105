"""Ask docker's credential helpers, programs that print a login; what one prints is never shown."""

import json
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass

from gitops_doca.net.credential_process import run_program
from gitops_doca.net.deadline import Deadline
from gitops_doca.net.request_errors import LookupFailedError
from gitops_doca.registry.auth.credentials import (
    TOKEN_USER,
    Credential,
    HelperCall,
    identity,
    password,
    unusable,
)

MAX_SECONDS = 30.0
"""What a helper may take, if the deadline of the run leaves as much."""
# docker-credential-helpers prints this, and fails, when it works and has nothing.
_NOT_FOUND = b"credentials not found in native keychain"


@dataclass(frozen=True, slots=True)
class Helpers:
    """Runs helpers in the user's environment."""

    environ: Mapping[str, str]
    deadline: Deadline

    def ask(self, call: HelperCall) -> Credential | None:
        """Return what a helper has for a server, None when it says that it has nothing.

        Raises `LookupFailedError` (auth) for one that is absent, fails, hangs or prints anything else.
        """
        program = f"docker-credential-{call.name}"
        found = shutil.which(program, path=self.environ.get("PATH", os.defpath))
        if found is None:
            raise unusable(call.place, f"names the credential helper {program}, which is not on PATH")
        # Ends before the deadline does, so that nothing is left running.
        ends_at = time.monotonic() + min(MAX_SECONDS, 0.9 * self.deadline.left)
        try:
            code, output = run_program([found, "get"], self.environ, ends_at, stdin=call.server.encode())
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
    return unusable(call.place, f"names the credential helper docker-credential-{call.name}, which {how}")


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
