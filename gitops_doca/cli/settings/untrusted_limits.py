"""The limits of a run whose inputs are not trusted, beside the operator's own settings."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from gitops_doca.sources.file_root import FileRoot

_SHARE = 0.9
_LEAST = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class UntrustedLimits:
    """Files inside one folder, registries on public addresses unless they are listed, and one deadline."""

    file_root: FileRoot
    environ: Mapping[str, str]
    """The operator's part of the environment: credentials, proxies and CA certificates come from it alone."""
    seconds: float
    """Of the whole run."""
    ends_at: float
    """The same as a moment of the monotonic clock."""

    @property
    def seconds_for_lookups(self) -> float:
        """Seconds from now for all look-ups: they end before the run does, so that it can say why."""
        left = self.ends_at - time.monotonic() - (1 - _SHARE) * self.seconds
        return max(_LEAST, round(left, 1) if left > 1 else left)
