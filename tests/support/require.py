"""What a test does when something that it needs is not there."""

import os
from pathlib import Path

import pytest


def require(condition: object, why: str) -> None:
    """Go on when the condition holds; otherwise skip the test, or fail it where CI is set."""
    if condition:
        return
    if os.environ.get("CI"):
        pytest.fail(f"cannot run: {why}")
    pytest.skip(why)


def require_program(variable: str, what: str) -> str:
    """Return the path that this variable of the environment names, once a file is there."""
    path = os.environ.get(variable, "")
    require(path, f"{variable} does not name a {what}; `make e2e` sets it")
    require(Path(path).is_file(), f"{variable} names {path}, where no {what} is")
    return path
