#!/usr/bin/env python3
"""REFRESH_CHANGE for refresh.sh: move a folder's policy to the newest driver version for all of its pools.

usage: next_version.py FOLDER

`gitops-doca matrix` names the newest version whose images are all there, as their manifests confirm:
precompiled ones, and for pools that compile today those that compile. If it is newer than the policy's, the
one line of FOLDER that has the policy's version is changed, and title and text of a proposal are printed;
else nothing is printed. Needs gitops-doca on PATH, and no more than Python's standard library.

exit: 0 done, or nothing to do; 2 called wrongly; 3 the version is not one line of one policy, and nothing was
changed; else the code of gitops-doca.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

_LOCK = "gitops-doca.lock.yaml"
_UNUSABLE = 3


def main() -> None:
    """Change the policy of the folder that the command line names."""
    if len(sys.argv) != 2 or not sys.argv[1]:  # noqa: PLR2004 (the program and its argument)
        _fail("usage: next_version.py FOLDER", 2)
    folder = sys.argv[1]
    repository, current = _survey(folder)
    file, number = _find_line(folder, current)
    newest = repository["newest"]
    order = [version["version"] for version in repository["versions"]]
    if newest is None or order.index(newest) >= order.index(current):
        return
    before = file.read_bytes()
    lines = before.splitlines(keepends=True)
    lines[number] = lines[number].replace(current.encode(), newest.encode(), 1)
    file.write_bytes(b"".join(lines))
    if _survey(folder)[1] != newest:
        file.write_bytes(before)
        _fail(f"{file} has the version, but {folder} does not take it from there: change it by hand")
    print(f"Move {folder} to {newest}")
    print(f"The policy has {current}. {newest} has an image for every pool.")


def _survey(folder: str) -> tuple[dict[str, Any], str]:
    """Return what the registry has for the folder's one policy, and the policy's version."""
    run = subprocess.run(
        ["gitops-doca", "matrix", "-o", "json", "--", folder], stdout=subprocess.PIPE, check=False
    )
    if run.returncode:
        sys.exit(run.returncode)
    found = json.loads(run.stdout)["repositories"]
    policies = [policy for repository in found for policy in repository["policies"]]
    if len(policies) != 1:
        names = ", ".join("{kind}/{name}".format_map(policy["policy"]) for policy in policies) or "none"
        _fail(f"{folder} has not one policy with pools ({names}): change the version by hand")
    version = policies[0]["version"]
    if version.startswith("sha256:"):
        _fail(f"the policy of {folder} names its image by digest: change it by hand")
    return found[0], version


def _find_line(folder: str, version: str) -> tuple[Path, int]:
    """Return the file and the index of the one line that gives a driver this version."""
    pattern = re.compile(rf"""\s+version:\s+(["']?){re.escape(version)}\1\s*(#.*)?""")
    found = []
    for file in _yaml_files(folder):
        lines = [line.decode("utf-8", "replace") for line in file.read_bytes().splitlines()]
        found += [
            (file, at) for at, line in enumerate(lines) if pattern.fullmatch(line) and _is_driver(lines, at)
        ]
    if len(found) != 1:
        places = "".join(f"\n  {file}:{at + 1}" for file, at in found)
        _fail(f"{folder} has {len(found)} lines of an ofedDriver with the version {version}, not one{places}")
    return found[0]


def _yaml_files(folder: str) -> list[Path]:
    """Return the folder's own files: a link may lead to a policy of other folders."""
    files = [Path(parent, name) for parent, _, names in os.walk(folder) for name in names]
    return sorted(
        file
        for file in files
        if file.suffix in {".yaml", ".yml"} and file.name != _LOCK and not file.is_symlink()
    )


def _is_driver(lines: list[str], at: int) -> bool:
    """Tell whether the line stands directly in `ofedDriver`: one in `global` is not the driver's alone."""
    depth = _depth(lines[at])
    for line in reversed(lines[:at]):
        if line.strip() and not line.lstrip().startswith("#") and _depth(line) < depth:
            return re.fullmatch(r"\s*ofedDriver:\s*(#.*)?", line) is not None
    return False


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def _fail(message: str, code: int = _UNUSABLE) -> NoReturn:
    print(f"next_version.py: {message}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
