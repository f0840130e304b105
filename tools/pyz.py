"""Builds gitops-doca.pyz: the program and all that it needs in one file, from what is installed here.

It holds compiled libraries, and so is for this platform and this minor version of Python. The same
checkout and packages give the same bytes.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, PathDistribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
_EPOCH = "315532800"
"""1980-01-01, the oldest time that a zip file can hold."""


def main() -> None:
    """Build the file that the first argument names."""
    target = Path(sys.argv[1]).resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site"
        for package in _needed(_own(Path(folder), site), set()):
            _copy(package, site)
        _make_readable(site)
        built = Path(folder) / "built.pyz"
        _shiv(site, built)
        part = target.with_name(f".{target.name}.part")
        _replace_start(built, part)
        part.replace(target)


def _own(folder: Path, site: Path) -> Distribution:
    """Unpack this checkout's wheel: an editable installation has no files to copy."""
    options = ["--no-index", "--no-deps", "--no-build-isolation", "--quiet", "-w", str(folder)]
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", *options, str(ROOT)]
    subprocess.run(command, check=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    (metadata,) = site.glob("*.dist-info")
    return PathDistribution(metadata)


def _needed(package: Distribution, extras: set[str]) -> Iterator[Distribution]:
    for text in package.requires or ():
        wanted = Requirement(text)
        environments = [{"extra": extra} for extra in {"", *extras}]
        if wanted.marker is None or any(map(wanted.marker.evaluate, environments)):
            found = distribution(wanted.name)
            yield found
            yield from _needed(found, wanted.extras)


def _copy(package: Distribution, site: Path) -> None:
    for file in package.files or ():
        # Scripts stand outside, and bytecode is made where the file is unpacked.
        if ".." in file.parts or file.suffix == ".pyc" or file.name in {"RECORD", "INSTALLER", "REQUESTED"}:
            continue
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(str(file.locate()), site / file)


def _make_readable(site: Path) -> None:
    """Give all files one mode, whatever the umask: modes are part of the bytes."""
    for path in site.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _shiv(site: Path, target: Path) -> None:
    interpreter = f"/usr/bin/env python{sys.version_info.major}.{sys.version_info.minor}"
    options = ["--reproducible", "--compile-pyc", "-p", interpreter, "-e", "gitops_doca.cli:main"]
    command = [sys.executable, "-m", "shiv", "--site-packages", str(site), *options, "-o", str(target)]
    subprocess.run(command, check=True, env={**os.environ, "SOURCE_DATE_EPOCH": _EPOCH})


def _replace_start(built: Path, target: Path) -> None:
    """Copy the file, with our `__main__` in the place of shiv's, and one mode for all of shiv's files."""
    start = (ROOT / "tools" / "pyz_start.py").read_bytes()
    with zipfile.ZipFile(built) as old, target.open("wb") as stream:
        stream.write(built.read_bytes().partition(b"\n")[0] + b"\n")
        with zipfile.ZipFile(stream, "w") as new:
            for entry in old.infolist():
                data = start if entry.filename == "__main__.py" else old.read(entry)
                entry.external_attr = (0o100644) << 16
                new.writestr(entry, data, compress_type=zipfile.ZIP_DEFLATED)
    target.chmod(0o755)


if __name__ == "__main__":
    main()
