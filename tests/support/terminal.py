"""Runs a command on a terminal of its own."""

import fcntl
import os
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from support.cli import clean_environment


def run_on_terminal(*args: str, cwd: Path, columns: int = 80, env: Mapping[str, str] | None = None) -> str:
    """Return what `python -m gitops_doca` with these arguments shows on a terminal of this width."""
    leader, follower = os.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    command = [sys.executable, "-m", "gitops_doca", *args]
    with subprocess.Popen(command, cwd=cwd, env=clean_environment() | dict(env or {}), stdout=follower):
        os.close(follower)
        text = b""
        # A terminal whose other side is gone ends with an error, not with an end of file.
        with suppress(OSError), os.fdopen(leader, "rb", buffering=0) as shown:
            while chunk := shown.read(4096):
                text += chunk
    return text.decode().replace("\r\n", "\n")
