"""Write a lock as YAML that reads well in a diff."""

from operator import itemgetter
from typing import Any, assert_never

from gitops_doca.core.compare.lock import (
    KIND,
    CompanionEntry,
    ImageLock,
    LockedCompanion,
    LockedImage,
    LockedMiss,
    LockedPool,
    LockEntry,
)
from gitops_doca.core.model import API_VERSION
from gitops_doca.core.names import PROGRAM
from gitops_doca.core.reference import ImageReference
from gitops_doca.emit.local import local_metadata
from gitops_doca.emit.yaml import dump_document

_HEADER = "# What the registry had when this was written. To update it: gitops-doca lock\n"


def dump_lock(lock: ImageLock, name: str = PROGRAM) -> str:
    """Return the lock's text: sorted, without a time, reproducible."""
    companions = [
        _companion(image, entry) for image, entry in sorted(lock.companions.items(), key=itemgetter(0))
    ]
    document = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": local_metadata(name),
        "rendering": lock.rendering,
        "pools": [_pool(pool, lock) for pool in lock.pools],
        "repositories": [
            {
                "repository": str(repository),
                "tags": [
                    _entry(image, entry)
                    for image, entry in sorted(lock.entries.items(), key=itemgetter(0))
                    if image.repository == repository
                ],
            }
            for repository in lock.repositories
        ],
        **({"companions": companions} if companions else {}),
    }
    return _HEADER + dump_document(document)


def _pool(pool: LockedPool, lock: ImageLock) -> dict[str, str]:
    chosen = lock.chosen.get(pool)
    return {
        "pool": pool.pool,
        "policy": pool.policy,
        **({"image": str(chosen)} if chosen else {}),
    }


def _entry(image: ImageReference, entry: LockEntry) -> dict[str, Any]:
    match entry:
        case LockedImage(digest, platform, listed):
            optional = {"platform": platform or None, "listed": listed}
            return {
                "tag": image.tag,
                "digest": str(digest),
                **{name: value for name, value in optional.items() if value is not None},
            }
        case LockedMiss():
            return {"tag": image.tag, "missing": True}
        case never:
            assert_never(never)


def _companion(image: ImageReference, entry: CompanionEntry) -> dict[str, Any]:
    match entry:
        case LockedCompanion(digest, platforms):
            return {
                "image": str(image),
                "digest": str(digest),
                **({"platforms": list(platforms)} if platforms else {}),
            }
        case LockedMiss():
            return {"image": str(image), "missing": True}
        case never:
            assert_never(never)
