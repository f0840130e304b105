"""Print a JSON document also when a run ends before it has a result."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gitops_doca.cli.output.streams import write_stdout
from gitops_doca.core.diagnostics import Diagnostic, GenerationError

FailureDump = Callable[[tuple[Diagnostic, ...]], str]
"""Makes the document of a run that failed with these diagnostics."""


@contextmanager
def documented(dump: FailureDump | None) -> Iterator[None]:
    """Print a document also when the run fails here; None: print nothing."""
    try:
        yield
    except GenerationError as error:
        if dump is not None:
            write_stdout(dump(error.diagnostics))
        raise
