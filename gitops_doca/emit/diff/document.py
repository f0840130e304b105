"""A comparison as JSON, for scripts."""

from typing import Any

from gitops_doca.core.changes import Comparison, ObjectChange, PoolChange
from gitops_doca.core.model import API_VERSION
from gitops_doca.core.rendered import RenderedPool
from gitops_doca.emit.diff.unified import unified_lines
from gitops_doca.emit.diff.words import Base
from gitops_doca.emit.escape import json_text

KIND = "DriverDiff"


def json_document(comparison: Comparison, base: Base) -> str:
    """Return a `DriverDiff` as JSON text; see schemas/diff.schema.json."""
    document = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "base": {
            "name": base.name,
            **({"commit": base.commit} if base.commit else {}),
            "notes": list(base.notes),
        },
        "same": comparison.is_same,
        "pools": [_pool(change) for change in comparison.pools],
        "versions": [
            {
                "before": move.before,
                "after": move.after,
                "pools": move.pools,
                **({} if move.nodes is None else {"nodes": move.nodes}),
            }
            for move in comparison.versions
        ],
        "moves": [
            {"from": move.source, "to": move.target, "nodes": list(move.nodes)} for move in comparison.moves
        ],
        "objects": [_object(change, base) for change in comparison.objects],
    }
    return json_text(document)


def _pool(change: PoolChange) -> dict[str, Any]:
    sides = {"before": change.before, "after": change.after}
    return {
        "pool": change.current.pool,
        "change": change.kind,
        "reload": change.reload.value,
        "differs": [part.value for part in change.parts],
        **{name: _side(pool) for name, pool in sides.items() if pool},
    }


def _side(pool: RenderedPool) -> dict[str, Any]:
    known: dict[str, Any] = {} if pool.nodes is None else {"nodes": list(pool.nodes)}
    return {
        "daemonSet": pool.daemon_set,
        "namespace": pool.namespace,
        "policy": pool.policy,
        "image": pool.image,
        "source": pool.source,
        "version": pool.version,
        **known,
        **({"planned": True} if pool.is_planned else {}),
    }


def _object(change: ObjectChange, base: Base) -> dict[str, str]:
    kind, namespace, name = change.key
    return {
        "kind": kind,
        "namespace": namespace,
        "name": name,
        "change": change.kind,
        "diff": "".join(f"{line}\n" for line in unified_lines(change, base.name)),
    }
