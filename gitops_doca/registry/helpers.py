"""Ask docker's credential helpers, programs that print a login; what one prints is never shown."""

import json
import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from gitops_doca.registry.failures import NoAnswerError
from gitops_doca.registry.logins import TOKEN_USER, HelperCall, Login, identity, password, unusable
from gitops_doca.registry.retry import Deadline

MAX_SECONDS = 30.0
"""What a helper may take, if the deadline of the run leaves as much."""
_MAX_OUTPUT = 64 * 1024
# docker-credential-helpers prints this, and fails, when it works and has nothing.
_NOT_FOUND = b"credentials not found in native keychain"


@dataclass(frozen=True, slots=True)
class Helpers:
    """Runs helpers in the user's environment."""

    environ: Mapping[str, str]
    deadline: Deadline

    def ask(self, call: HelperCall) -> Login | None:
        """Return what a helper has for a server, None when it says that it has nothing.

        Raises `NoAnswerError` (auth) for one that is absent, fails, hangs or prints anything else.
        """
        program = f"docker-credential-{call.name}"
        found = shutil.which(program, path=self.environ.get("PATH", os.defpath))
        if found is None:
            raise unusable(call.place, f"names the credential helper {program}, which is not on PATH")
        # Ends before the deadline does, so that nothing is left running.
        ends_at = time.monotonic() + min(MAX_SECONDS, 0.9 * self.deadline.left)
        try:
            code, output = _run(found, call.server, self.environ, ends_at)
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


def _failed(call: HelperCall, how: str) -> NoAnswerError:
    return unusable(call.place, f"names the credential helper docker-credential-{call.name}, which {how}")


def _run(program: str, server: str, environ: Mapping[str, str], ends_at: float) -> tuple[int, bytes]:
    """Return exit code and output; raises TimeoutError when they are late, ValueError for too much."""
    with subprocess.Popen(  # noqa: S603 (no shell, and the program's name is checked)
        [program, "get"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=dict(environ),
        start_new_session=True,
    ) as process:
        try:
            assert process.stdin is not None  # noqa: S101 (for the type checker: they are pipes)
            assert process.stdout is not None  # noqa: S101
            with suppress(BrokenPipeError), process.stdin as stdin:
                stdin.write(server.encode())
            output = _read(process.stdout.fileno(), ends_at)
            try:
                return process.wait(timeout=max(0.0, ends_at - time.monotonic())), output
            except subprocess.TimeoutExpired:
                raise TimeoutError from None
        except BaseException:
            # Whatever it started goes with it: a child could hold on to the pipe.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            raise


def _read(pipe: int, ends_at: float) -> bytes:
    output = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            left = ends_at - time.monotonic()
            if left <= 0 or not selector.select(left):
                raise TimeoutError
            chunk = os.read(pipe, _MAX_OUTPUT)
            if not chunk:
                break
            output += chunk
            if len(output) > _MAX_OUTPUT:
                raise ValueError("this is no login")
    return bytes(output)


def _parse(output: bytes, call: HelperCall) -> Login:
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
