"""Run a program that prints credentials, with limits on time and output."""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from gitops_doca.net.deadline import Deadline

_MAX_SECONDS = 30.0
_MAX_OUTPUT = 64 * 1024


def run_program(
    command: Sequence[str], environ: Mapping[str, str], deadline: Deadline, *, stdin: bytes = b""
) -> tuple[int, bytes]:
    """Return exit code and output of a program that runs without a shell; its stderr is dropped.

    Raises TimeoutError if the program takes 30 s or almost all time before the deadline, ValueError
    for more output than credentials need, and OSError if it cannot be run.
    """
    # Earlier than the deadline, so that the program is stopped before this one ends.
    ends_at = time.monotonic() + min(_MAX_SECONDS, 0.9 * deadline.left)
    with subprocess.Popen(  # noqa: S603 (no shell, and the callers check what they run)
        list(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=dict(environ),
        start_new_session=True,
    ) as process:
        try:
            assert process.stdin is not None  # noqa: S101 (for the type checker: they are pipes)
            assert process.stdout is not None  # noqa: S101
            with suppress(BrokenPipeError), process.stdin as pipe:
                pipe.write(stdin)
            output = _read(process.stdout.fileno(), ends_at)
            try:
                return process.wait(timeout=max(0.0, ends_at - time.monotonic())), output
            except subprocess.TimeoutExpired:
                raise TimeoutError from None
        except BaseException:
            # Its children are killed too: one could keep the pipe open.
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
                raise ValueError("this is not a credential")
    return bytes(output)
