"""Runs the product without what Python has on Linux alone: what is left is what macOS has too."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from support.cli import Result, clean_environment

_SECONDS = 120
# By CPython's documentation of each module ("Availability") and its source for macOS. They are gone before
# anything else is imported, as is /proc. `_scproxy` is the module of macOS that the standard library wants;
# what Python was built with has to be read while the platform has its own name.
_PRELUDE = r"""
import importlib, os, posix, sys, sysconfig, types

sysconfig.get_config_vars()

LINUX = {
    "select": "epoll EPOLL*",
    "os": (
        "O_PATH O_TMPFILE O_DIRECT O_NOATIME O_LARGEFILE O_RSYNC O_ACCMODE CLONE_* EFD_* eventfd* GRND_* "
        "getrandom getxattr listxattr removexattr setxattr XATTR_* memfd_create MFD_* pidfd_open P_PIDFD "
        "PIDFD_* pipe2 posix_fadvise posix_fallocate POSIX_FADV_* copy_file_range splice SPLICE_* "
        "sched_getaffinity sched_setaffinity sched_getparam sched_getscheduler sched_setparam "
        "sched_rr_get_interval sched_setscheduler SCHED_BATCH SCHED_IDLE SCHED_RESET_ON_FORK getresuid "
        "getresgid setresuid setresgid setns unshare fdatasync process_cpu_count RTLD_DEEPBIND RWF_DSYNC "
        "RWF_HIPRI RWF_NOWAIT RWF_SYNC RWF_APPEND timerfd_* TFD_*"
    ),
    "fcntl": (
        "DN_* F_ADD_SEALS F_GET_SEALS F_SEAL_* F_GETPIPE_SZ F_SETPIPE_SZ F_GETSIG F_SETSIG F_GETLEASE "
        "F_SETLEASE F_NOTIFY F_OFD_* F_EXLCK F_SHLCK F_GETLK64 F_SETLK64 F_SETLKW64 LOCK_MAND LOCK_READ "
        "LOCK_RW LOCK_WRITE FICLONE FICLONERANGE"
    ),
    "resource": (
        "prlimit RLIMIT_MSGQUEUE RLIMIT_NICE RLIMIT_OFILE RLIMIT_RTPRIO RLIMIT_RTTIME RLIMIT_SIGPENDING "
        "RUSAGE_THREAD"
    ),
    "signal": "SIGCLD SIGPOLL SIGPWR SIGRTMAX SIGRTMIN SIGSTKFLT sigtimedwait sigwaitinfo pidfd_send_signal",
    "socket": (
        "AF_ALG AF_CAN AF_NETLINK AF_PACKET AF_QIPCRTR AF_RDS AF_TIPC AF_VSOCK ALG_* CAN* HCI_* IOCTL_VM* "
        "NETLINK_* PACKET_* PF_CAN PF_PACKET PF_RDS SOCK_CLOEXEC SOCK_NONBLOCK SOL_ALG SOL_CAN* SOL_RDS "
        "SOL_TIPC SO_BINDTODEVICE SO_DOMAIN SO_INCOMING_CPU SO_MARK SO_PASSCRED SO_PASSSEC SO_PEERCRED "
        "SO_PEERSEC SO_PRIORITY SO_PROTOCOL SO_VM* TCP_CONGESTION TCP_CORK TCP_DEFER_ACCEPT TCP_INFO "
        "TCP_LINGER2 TCP_QUICKACK TCP_SYNCNT TCP_USER_TIMEOUT TCP_WINDOW_CLAMP TIPC_* VMADDR_* "
        "MSG_CMSG_CLOEXEC MSG_CONFIRM MSG_ERRQUEUE MSG_FASTOPEN MSG_MORE"
    ),
    "time": "CLOCK_BOOTTIME CLOCK_TAI pthread_getcpuclockid clock_settime",
    "errno": "EBADFD ECHRNG ECOMM ELNRNG EREMOTEIO ESTRPIPE EUNATCH EUCLEAN EXFULL ENOTUNIQ EREMCHG EISNAM",
}
def matches(name, words):
    return any(name == word or word[-1] == "*" and name.startswith(word[:-1]) for word in words)

def remove(module, words):
    for name in [name for name in dir(module) if matches(name, words)]:
        delattr(module, name)

remove(posix, LINUX["os"].split())
# `select` before `socket`, which imports what chooses by it.
for name, words in LINUX.items():
    remove(importlib.import_module(name), words.split())

def no_proc(event, arguments):
    if event == "open" and str(arguments[0]).startswith("/proc"):
        raise FileNotFoundError(2, "No such file or directory", arguments[0])

sys.addaudithook(no_proc)
sys.platform = "darwin"
scproxy = types.ModuleType("_scproxy")
scproxy._get_proxy_settings = scproxy._get_proxies = dict
sys.modules["_scproxy"] = scproxy

from gitops_doca.cli import main
main()
"""


def run_as_on_macos(
    *args: str | Path, cwd: Path, env: Mapping[str, str] | None = None, stdin: bytes = b""
) -> Result:
    """Run `gitops-doca` with these arguments, in a process that has nothing of Linux alone."""
    run = subprocess.run(
        [sys.executable, "-c", _PRELUDE, *map(str, args)],
        cwd=cwd,
        env=clean_environment() | dict(env or {}),
        input=stdin,
        capture_output=True,
        timeout=_SECONDS,
        check=False,
    )
    return Result(exit_code=run.returncode, stdout=run.stdout, stderr=run.stderr.decode("utf-8", "replace"))
