"""Writes requirements.txt: what runs and what builds the program, each file of each package by its hash.

The versions are those of requirements-dev.txt. pip chooses the files, for each Python and platform below,
from its index, which gives their hashes; it builds and installs nothing.
"""

import json
import subprocess
import sys
import tomllib
from collections import defaultdict
from itertools import product
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "requirements.txt"
_PYTHONS = ("3.11", "3.12", "3.13", "3.14")
_LINUX = ("manylinux2014", "manylinux_2_17", "manylinux_2_28")
_MACOS = tuple(f"macosx_{release}" for release in ("10_9", "10_13", "11_0", "12_0", "13_0", "14_0"))
_PLATFORMS = (
    *(tuple(f"{system}_{processor}" for system in _LINUX) for processor in ("x86_64", "aarch64")),
    *(
        tuple(f"{system}_{kind}" for system in _MACOS for kind in (processor, "universal2"))
        for processor in ("x86_64", "arm64")
    ),
)
"""The tags that the wheels of each platform may have."""
_HEAD = """\
# What runs and what builds gitops-doca, for Linux (glibc) and macOS, Intel's and ARM's processors, and
# Python 3.11 to 3.14.
# Made from requirements-dev.txt by tools/hash_requirements.py.
"""


def main() -> None:
    """Write the file."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    hashes: dict[str, set[str]] = defaultdict(set)
    portable: set[str] = set()
    for python, platform in product(_PYTHONS, _PLATFORMS):
        # The first time all that they need; then the same, but for what is one file everywhere.
        names = ["--no-deps", *sorted(hashes.keys() - portable)] if hashes else wanted
        for item in _chosen(python, platform, names):
            name = f"{item['metadata']['name']}=={item['metadata']['version']}"
            hashes[name].add(item["download_info"]["archive_info"]["hashes"]["sha256"])
            if item["download_info"]["url"].endswith("-none-any.whl"):
                portable.add(name)
    TARGET.write_text(_HEAD + "".join(_entry(name, hashes[name]) for name in sorted(hashes, key=str.lower)))


def _chosen(python: str, platform: tuple[str, ...], names: list[str]) -> list[dict[str, Any]]:
    """Return the files that pip would install there, as its installation report has them."""
    options = [
        "--disable-pip-version-check",
        "--quiet",
        "--dry-run",
        "--ignore-installed",
        "--only-binary=:all:",
        f"--python-version={python}",
        *(f"--platform={tag}" for tag in platform),
        # Of another Python pip installs only into a folder; in a dry run it makes none.
        "--target=unused",
        f"--constraint={ROOT / 'requirements-dev.txt'}",
        "--report=-",
    ]
    command = [sys.executable, "-m", "pip", "install", *options, *names]
    report = subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=ROOT).stdout
    found: list[dict[str, Any]] = json.loads(report)["install"]
    return found


def _entry(name: str, hashes: set[str]) -> str:
    return " \\\n    ".join([name, *(f"--hash=sha256:{value}" for value in sorted(hashes))]) + "\n"


if __name__ == "__main__":
    main()
