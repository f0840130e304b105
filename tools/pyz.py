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
_ASYNC = frozenset({"aiohttp", "aiohttp-retry"})
_ASYNC_CLIENT = "kubernetes/aio/"
"""The half of the kubernetes client that nothing here uses, and what only that needs."""


def main() -> None:
    """Build the file that the first argument names."""
    target = Path(sys.argv[1]).resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site"
        for package in _needed(_own(Path(folder), site), set()):
            _copy(package, site)
        _make_readable(site)
        _compile(site)
        built = Path(folder) / "built.pyz"
        _shiv(site, built)
        part = target.with_name(f".{target.name}.part")
        _finish(built, site, part)
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
        if wanted.name in _ASYNC:
            continue
        if wanted.marker is None or any(map(wanted.marker.evaluate, environments)):
            found = distribution(wanted.name)
            yield found
            yield from _needed(found, wanted.extras)


def _copy(package: Distribution, site: Path) -> None:
    for file in package.files or ():
        # Scripts stand outside; what pip notes says where and how it was installed.
        if ".." in file.parts or file.suffix == ".pyc" or file.name in {"RECORD", "INSTALLER", "REQUESTED"}:
            continue
        if str(file).startswith(_ASYNC_CLIENT):
            continue
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(str(file.locate()), site / file)


def _make_readable(site: Path) -> None:
    """Give all files one mode, whatever the umask: modes are part of the bytes."""
    for path in site.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _compile(site: Path) -> None:
    """Write bytecode that needs no check: a first run that compiled all would take many seconds.

    Not that of the kubernetes client, which few runs import and which is larger than all else.
    """
    options = ["-q", "--invalidation-mode", "unchecked-hash", "-s", str(site), "-x", "/kubernetes/"]
    # The order of sets may be part of bytecode.
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    subprocess.run([sys.executable, "-m", "compileall", *options, str(site)], check=True, env=environment)


def _shiv(site: Path, target: Path) -> None:
    interpreter = f"/usr/bin/env python{sys.version_info.major}.{sys.version_info.minor}"
    options = ["--reproducible", "-p", interpreter, "-e", "gitops_doca.cli:main"]
    command = [sys.executable, "-m", "shiv", "--site-packages", str(site), *options, "-o", str(target)]
    subprocess.run(command, check=True, env={**os.environ, "SOURCE_DATE_EPOCH": _EPOCH})


def _finish(built: Path, site: Path, target: Path) -> None:
    """Copy the file, with the bytecode that shiv omits, and our `__main__` instead of shiv's."""
    start = (ROOT / "tools" / "pyz_start.py").read_bytes()
    with zipfile.ZipFile(built) as old, target.open("wb") as stream:
        stream.write(built.read_bytes().partition(b"\n")[0] + b"\n")
        with zipfile.ZipFile(stream, "w") as new:
            for entry in old.infolist():
                _add(new, entry.filename, start if entry.filename == "__main__.py" else old.read(entry))
            for path in sorted(site.rglob("*.pyc")):
                _add(new, f"site-packages/{path.relative_to(site)}", path.read_bytes())
    target.chmod(0o755)


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name)
    entry.external_attr = 0o100644 << 16
    archive.writestr(entry, data, compress_type=zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    main()
