"""The `__main__` of gitops-doca.pyz: has shiv unpack it where no other user can write."""

import os
import stat
import sys
from typing import NoReturn

_IO = 74


def _folder() -> str:
    """Return a folder of this user alone below the temporary one; there may be no home to write to."""
    path = os.path.join(os.environ.get("TMPDIR") or "/tmp", f"gitops-doca-{os.getuid()}")  # noqa: PTH118, S108
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)  # noqa: PTH103 (start-up counts)
    except OSError as error:
        _fail(path, os.strerror(error.errno or 0))
    status = os.lstat(path)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o022:
        # A user who can write there could have put other code into it.
        _fail(path, "is not a folder that only its owner, who runs this, can write")
    return path


def _fail(path: str, why: str) -> NoReturn:
    sys.stderr.write(f"error[io]: {path}: {why}\n  help: set SHIV_ROOT, or TMPDIR, to a folder of your own\n")
    sys.exit(_IO)


if __name__ == "__main__":
    if not os.environ.get("SHIV_ROOT"):
        os.environ["SHIV_ROOT"] = _folder()
    from _bootstrap import bootstrap

    bootstrap()
