"""The comparison of one cluster, as the documents of `diff` need it."""

from gitops_doca.core.compare.changes import Comparison
from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.diagnostics import Category
from gitops_doca.emit.diff.phrases import Base

NO_BASE = Base(name="")
"""The class of error of a cluster that could not be compared."""


@dataclass(frozen=True, kw_only=True)
class ClusterDiff:
    """The comparison of one cluster."""

    cluster: str
    """Its folder, as the command line names it; `.` for the working directory."""
    base: Base = NO_BASE
    comparison: Comparison | None = None
    """None when the cluster could not be compared."""
    failure: Category | None = None

    @property
    def exit_code(self) -> int:
        """Exit status of a run for this cluster alone."""
        if self.failure:
            return self.failure.exit_code
        return int(self.comparison is not None and not self.comparison.is_same)
