"""The error text of a failed run, written for Argo CD, which shows it as one line."""

import re
import resource
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

from gitops_doca import __version__
from gitops_doca.cli.process.memory import out_of_memory
from gitops_doca.cli.settings.flags import variable
from gitops_doca.cli.settings.untrusted_limits import UntrustedLimits
from gitops_doca.core.diagnostics import Category, Diagnostic, Flag, GenerationError, spell

MEMORY = 384 << 20
"""Bytes of memory for a run. The sidecar has more: exceeding its limit would end all runs in it."""
_APP = re.compile(r"(?:(?P<namespace>[a-z0-9-]{1,63})_)?(?P<name>[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)")


@contextmanager
def time_limit(untrusted: UntrustedLimits) -> Iterator[None]:
    """Raise `GenerationError` of class `unknown` here when the time of the whole run is over."""

    def over(_signal: int, _frame: FrameType | None) -> None:
        raise GenerationError(
            (
                Diagnostic(
                    category=Category.UNKNOWN,
                    message=f"there is no result within the {untrusted.seconds:g} s that a run has",
                    help=(
                        "give more time with ",
                        Flag("--deadline"),
                        ", and to Argo CD's repo-server time-outs",
                    ),
                ),
            )
        )

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, max(0.001, untrusted.ends_at - time.monotonic()))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def memory_limit() -> Iterator[None]:
    """Raise `GenerationError` here when the run takes more than `MEMORY`.

    It is of class `unknown` when the answers of a registry or an API server do, else of class
    `input`. There is no limit where the system does not say how much is in use.
    """
    try:
        pages = int(Path("/proc/self/statm").read_bytes().split()[5])
    except OSError:
        yield
        return
    before, hook = resource.getrlimit(resource.RLIMIT_DATA), sys.unraisablehook
    own_limit = pages * resource.getpagesize() + MEMORY
    limits = (limit for limit in (own_limit, *before) if limit != resource.RLIM_INFINITY)
    resource.setrlimit(resource.RLIMIT_DATA, (min(limits), before[1]))
    # Without memory closing a generator may fail too, and its message would come first.
    sys.unraisablehook = lambda _: None
    try:
        yield
    except Exception as error:
        # Reporting it takes memory too.
        resource.setrlimit(resource.RLIMIT_DATA, before)
        if lacking := out_of_memory(error, f"the {MEMORY >> 20} MiB that a run has"):
            raise GenerationError((lacking,)) from None
        raise
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)
        sys.unraisablehook = hook


def for_argocd(
    diagnostics: tuple[Diagnostic, ...], environ: Mapping[str, str], *, online: bool
) -> tuple[Diagnostic, ...]:
    """Return the problem with variables instead of flags, and how to refresh a cached error.

    `online`: missing images were looked up in a registry, and may exist the next time.
    """
    told = list(map(name_variables, sorted(diagnostics, key=lambda d: d.sort_key)))
    for number, problem in enumerate(told):
        if problem.category is Category.UNKNOWN or (online and problem.category is Category.MISSING):
            refresh = f"argocd app get {_app(environ)} --hard-refresh"
            help = f"{spell(problem.help)}; Argo CD caches this error, so after that run: {refresh}"
            told[number] = replace(problem, help=help)
            break
    return tuple(told)


def name_variables(diagnostic: Diagnostic) -> Diagnostic:
    """Return the problem with the sidecar's variables in place of the flags in its help."""
    return replace(diagnostic, help=spell(diagnostic.help, variable))


def describe_bug(error: Exception) -> str:
    """Return the message for a bug: where it is, and nothing that could come from an input."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else "start"
    return (
        f"error[bug]: gitops-doca {__version__} failed in a way that it should not: "
        f"{type(error).__name__} in {where} (Python {sys.version_info[0]}.{sys.version_info[1]})\n"
        "  help: run gitops-doca generate in a checkout, which shows more, and report it"
    )


def _app(environ: Mapping[str, str]) -> str:
    """Return the application's name for the argocd command; Argo CD gives `namespace_name`."""
    app = _APP.fullmatch(environ.get("ARGOCD_APP_NAME", ""))
    if app is None:
        return "APP"
    return f"{app['namespace']}/{app['name']}" if app["namespace"] else app["name"]
