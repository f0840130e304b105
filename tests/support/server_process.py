"""Runs other people's servers on loopback until a context ends."""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from support.cli import clean_environment

_START_SECONDS = 60
_BETWEEN_SECONDS = 0.02


def free_port() -> int:
    """Return a port of loopback that was free a moment ago, for servers that do not say which they took."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str | Path],
    *,
    log: Path,
    ready: Callable[[], bool],
    env: Mapping[str, str] | None = None,
) -> Iterator[None]:
    """Run a server from the moment that it is ready; kill it in the end, for nothing of it is kept.

    It has the least environment, and what `env` adds. Raises RuntimeError with its log when it ends or is
    not ready within a minute.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(word) for word in command],
            env=clean_environment() | dict(env or {}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait(process, ready, log)
        yield
    finally:
        process.kill()
        process.wait()


def _wait(process: "subprocess.Popen[bytes]", ready: Callable[[], bool], log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        if ready():
            return
        time.sleep(_BETWEEN_SECONDS)
    raise RuntimeError(f"{process.args!r} did not start:\n{log.read_text(errors='replace')}")


def accepts(port: int) -> bool:
    """Tell whether something listens on this port of loopback."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
