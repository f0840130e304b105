"""Check that the kustomize on PATH can run the KRM function."""

import os
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress

from gitops_doca.core.diagnostics import Help
from gitops_doca.core.doctor import Finding, State, fine
from gitops_doca.core.documentation import page
from gitops_doca.net.credential_process import run_program
from gitops_doca.net.deadline import Deadline
from gitops_doca.sources.files import SMALL, STDIN, open_input
from gitops_doca.sources.reading.syntax import SyntaxProblem, UnreadableError

_FUNCTION = "gitops-doca-krm"
_FLAGS = ("--enable-alpha-plugins", "--enable-exec")
_OLDEST = (4, 5)
_SECONDS = 10.0
_VERSION = re.compile(r"v(\d+)\.(\d+)\.\d+")


def examine_kustomize(config: str, environ: Mapping[str, str]) -> Finding:
    """Check kustomize, and the function that it runs if this config is one."""
    uses, path = _is_function(config), environ.get("PATH", os.defpath)
    program = shutil.which("kustomize", path=path)
    if program is None and not uses:
        return fine("kustomize", f"not on PATH; it is needed only where it runs {_FUNCTION}")
    if program is None:
        return _warning(
            "not on PATH, and the config is a function for it", f"install it: {page('kustomize')}"
        )
    deadline = Deadline.after(_SECONDS)
    version = _VERSION.search(_output([program, "version"], environ, deadline))
    called = version[0] if version else program
    flags = _output([program, "build", "--help"], environ, deadline)
    if not flags:
        return _warning(f"{called} does not run, or not in time", f"use another one: {page('kustomize')}")
    lacking = [flag for flag in _FLAGS if flag not in flags]
    if lacking or (version and (int(version[1]), int(version[2])) < _OLDEST):
        why = f"has no {' and no '.join(lacking)}" if lacking else "is older than v4.5"
        return _warning(f"{called} {why}, so it runs no function", f"use another one: {page('kustomize')}")
    if uses and shutil.which(_FUNCTION, path=path) is None:
        return _warning(f"{called} finds no {_FUNCTION} on PATH", "add the folder of gitops-doca to PATH")
    return fine("kustomize", f"{called} can run the function: kustomize build {' '.join(_FLAGS)}")


def _warning(message: str, help: Help) -> Finding:
    return Finding(check="kustomize", state=State.WARNING, message=message, help=help)


def _is_function(config: str) -> bool:
    if config in ("", STDIN):
        return False
    with suppress(UnreadableError, SyntaxProblem), open_input(config, limit=SMALL) as stream:
        return _FUNCTION.encode() in stream.read()
    return False


def _output(command: list[str], environ: Mapping[str, str], deadline: Deadline) -> str:
    """Return what a program prints; empty if it fails or takes too long."""
    with suppress(OSError, ValueError, TimeoutError):
        code, output = run_program(command, environ, deadline)
        if code == 0:
            return output.decode(errors="replace")
    return ""
