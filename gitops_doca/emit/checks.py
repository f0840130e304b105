"""Format the results of `--check` and `verify` as JSON."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gitops_doca.core.compare.lock import LockedPool
from gitops_doca.core.compare.lock_changes import Change
from gitops_doca.core.compare.verify import Difference
from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.diagnostics import Diagnostic
from gitops_doca.core.fleet import ClusterResult
from gitops_doca.emit.json_document import document_text, pool_entry

LOCK_KIND = "DriverLockCheck"
STREAM_KIND = "DriverVerification"
INVENTORY_KIND = "NodeInventoryCheck"


@dataclass(frozen=True, slots=True, kw_only=True)
class LockCheck:
    """The differences between the lock of a cluster and a new one."""

    result: ClusterResult
    file: str = ""
    """Empty when the config could not be read."""
    changes: Sequence[Change] | None = None
    """None when they are unknown."""


def json_lock_check(checks: Iterable[LockCheck], diagnostics: Iterable[Diagnostic]) -> str:
    """Return a `DriverLockCheck` as JSON text; see schemas/lock-check.schema.json."""
    return document_text(LOCK_KIND, diagnostics, {"locks": list(map(_lock, checks))})


def json_verification(
    stream: str, differences: Sequence[Difference], cluster: str, diagnostics: Iterable[Diagnostic]
) -> str:
    """Return a `DriverVerification` as JSON text; see schemas/verification.schema.json."""
    result = {
        "stream": stream,
        "matches": not differences,
        "differences": [_difference(one, cluster) for one in differences],
    }
    return document_text(STREAM_KIND, diagnostics, result)


def json_inventory_check(
    file: str, differences: Sequence[str], cluster: str, diagnostics: Iterable[Diagnostic]
) -> str:
    """Return a `NodeInventoryCheck` as JSON text; see schemas/inventory-check.schema.json."""
    result = {
        "cluster": cluster,
        "file": file,
        "matches": not differences,
        "differences": list(differences),
    }
    return document_text(INVENTORY_KIND, diagnostics, result)


def _lock(check: LockCheck) -> Mapping[str, Any]:
    cluster = check.result.cluster
    file = {"file": check.file} if check.file else {}
    entry = {"cluster": cluster, "exitCode": check.result.exit_code, **file}
    if check.changes is None:
        return entry
    return {
        **entry,
        "matches": not check.changes,
        "differences": [_difference(change, cluster) for change in check.changes],
    }


def _difference(one: Change | Difference, cluster: str) -> dict[str, Any]:
    """Return a difference, with its pool or its subject."""
    about: dict[str, Any] = {"subject": str(one.subject)}
    if isinstance(one.subject, LockedPool):
        about = pool_entry(cluster, one.subject.pool, one.subject.policy)
    return {"difference": one.kind.value, **about, **({"detail": one.detail} if one.detail else {})}
