"""The limits of a run whose inputs are not trusted."""

import time
from collections.abc import Mapping

from gitops_doca.core.dataclass import dataclass
from gitops_doca.sources.file_root import FileRoot

_SHARE = 0.9
_LEAST = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class UntrustedLimits:
    """One folder for files, one deadline, and only public addresses for unlisted registries."""

    file_root: FileRoot
    environ: Mapping[str, str]
    """The sidecar's own environment, which alone sets credentials, proxies and CA certificates."""
    seconds: float
    """The seconds of the whole run."""
    ends_at: float
    """Its end by the monotonic clock."""

    @property
    def seconds_for_lookups(self) -> float:
        """Seconds from now for all look-ups; the run ends later, so that it can say why."""
        left = self.ends_at - time.monotonic() - (1 - _SHARE) * self.seconds
        return max(_LEAST, round(left, 1) if left > 1 else left)
