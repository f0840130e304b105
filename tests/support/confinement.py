"""Runs programs as in the side car: a user without a name or a home, a read-only file system, no network."""

import os
import pwd
import shutil
import subprocess
from itertools import count

from support.require import require

_SHELL = (
    "mount -o remount,ro,bind / || exit 99; ! touch . 2> /dev/null || exit 98; "
    'exec setpriv --reuid {uid} --regid {uid} --clear-groups --no-new-privs "$@"'
)


def confined(interpreter: str) -> tuple[str, ...]:
    """Return the words to put before a command for it to run so; what it runs must be open to all users."""
    require(os.geteuid() == 0, "only root can become another user on a read-only file system")
    require(
        shutil.which("unshare") and shutil.which("setpriv"), "unshare and setpriv of util-linux are not here"
    )
    uid = _stranger()
    reachable = subprocess.run(["setpriv", f"--reuid={uid}", interpreter, "-c", ""], check=False)
    require(reachable.returncode == 0, f"{interpreter} is not for all users")
    return ("unshare", "--mount", "--net", "sh", "-c", _SHELL.format(uid=uid), "sh")


def _stranger() -> int:
    """Return the first user ID from 999 on that has no name here."""
    for uid in count(999):
        try:
            pwd.getpwuid(uid)
        except KeyError:
            return uid
    raise AssertionError
