"""Runs a command inside the test's process: quick, with the streams of a run of its own."""

import io
import os
from collections.abc import Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

from gitops_doca.cli import main
from gitops_doca.cli.settings.registries import Connect
from support.cli import Result


def run_here(
    *args: str | Path,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    connect: Connect | None = None,
) -> Result:
    """Run `gitops-doca` with these arguments, without a terminal, home or proxy.

    `connect` makes the client of the registries; without it that is the real one.
    """
    stdout, stderr = _stream(), _stream()
    with (
        mock.patch.dict(os.environ, {"PATH": os.defpath, "HOME": "/nonexistent", **(env or {})}, clear=True),
        mock.patch("sys.stdin", _stream(stdin)),
        redirect_stdout(stdout),
        redirect_stderr(stderr),
        chdir(cwd),
    ):
        try:
            main([os.fspath(arg) for arg in args], connect=connect)
        except SystemExit as end:
            code = end.code
    assert isinstance(code, int)
    return Result(exit_code=code, stdout=_written(stdout), stderr=_written(stderr).decode())


def _stream(data: bytes = b"") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", errors="surrogateescape", write_through=True)


def _written(stream: io.TextIOWrapper) -> bytes:
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue()
