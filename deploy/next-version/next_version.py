#!/usr/bin/env python3
"""REFRESH_CHANGE for refresh.sh: take a folder to the newest driver version for all of its pools.

usage: next_version.py FOLDER

`gitops-doca upgrade` names the versions that every pool of FOLDER can go to, with the kernel that its nodes
have to boot. The newest one that is allowed is written into the inputs with `upgrade --write`, and title and
text of a proposal are printed; if the inputs say it already, nothing is. refresh.sh writes the lock. Needs
gitops-doca on PATH, and no more than Python's standard library.

environment:
  NEXT_VERSION_PATTERN  regular expression for a whole version, without its container revision. A list of
                        tags does not say which versions are betas. Those so far had a build number, as in
                        doca3.6.0-26.10-043000; the default allows versions with four numbers there, as in
                        doca3.5.0-26.07-0.7.7.0

exit: 0 done, or nothing to do; 2 called wrongly; else the code of gitops-doca, which changed nothing: 3 when
it cannot change the inputs, 5 when a registry gave no usable answer.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, NoReturn

RELEASES = r"(doca\d+\.\d+\.\d+-)?\d+\.\d+-\d+\.\d+\.\d+\.\d+"
_MISSING = 4


def main() -> None:
    """Change the inputs of the folder that the command line names."""
    if len(sys.argv) != 2 or not sys.argv[1]:  # noqa: PLR2004 (the program and its argument)
        _fail("usage: next_version.py FOLDER")
    folder, allowed = sys.argv[1], _pattern()
    # No version for all pools: there is nothing to propose, and gitops-doca has said why.
    candidates = _upgrade(folder, may_end_with=_MISSING).get("candidates", [])
    for version in candidates:
        if allowed.fullmatch(version):
            break
        print(f"next_version.py: NEXT_VERSION_PATTERN does not allow {version}", file=sys.stderr)
    else:
        return
    written = _upgrade(folder, "--to", version, "--write")
    if not written["edits"]:
        return
    to = sorted({policy["to"] for policy in written["policies"] if policy["to"]})
    print(f"Move {folder} to {' and '.join(to)}")
    for line in _text(written):
        print(line)


def _pattern() -> re.Pattern[str]:
    try:
        return re.compile(os.environ.get("NEXT_VERSION_PATTERN") or RELEASES)
    except re.error as error:
        _fail(f"NEXT_VERSION_PATTERN is not a regular expression: {error}")


def _upgrade(folder: str, *flags: str, may_end_with: int = 0) -> dict[str, Any]:
    """Run the command, and return its document."""
    run = subprocess.run(
        ["gitops-doca", "upgrade", *flags, "-o", "json", "--", folder],
        stdout=subprocess.PIPE,
        check=False,
    )
    if run.returncode not in {0, may_end_with}:
        sys.exit(run.returncode)
    document: dict[str, Any] = json.loads(run.stdout)
    return document


def _text(written: dict[str, Any]) -> Iterator[str]:
    """Yield what stands below the title: what nodes have to boot, and what comes after."""
    yield "Each pool, and the kernel that its nodes boot for it:"
    for pool in written["pools"]:
        system, kernel, arch = pool["pool"].split("/")
        count = len(pool["nodes"])
        nodes = f"{count} node{'s' if count > 1 else ''}" if count else "planned"
        to = pool["to"]
        if "keeps" in pool:
            moves = f"{kernel} stays, with {pool['keeps']} until that is removed from fallbackVersions"
        elif pool["compiles"]:
            moves = f"{kernel} stays, and compiles {to['version']} at its next restart"
        elif to["kernel"] == kernel:
            moves = f"{kernel} stays, with {to['version']}"
        else:
            moves = f"{kernel} -> {to['kernel']}, with {to['version']}"
        yield f"{system}/{arch} ({nodes}): {moves}"
    yield "When all nodes have: gitops-doca upgrade --finish --write"


def _fail(message: str) -> NoReturn:
    print(f"next_version.py: {message}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
