"""Format a comparison as JSON."""

from collections.abc import Iterable, Sequence
from typing import Any, assert_never

from gitops_doca.core.compare.changes import NodeMove, ObjectChange, PoolChange, VersionMove
from gitops_doca.core.compare.compiling import Compiling
from gitops_doca.core.compare.departures import (
    Departure,
    GoneFromInventory,
    InNoPool,
    InPool,
    Location,
    NodesNotKnown,
    NotListed,
    ToNoPool,
    ToOtherPool,
)
from gitops_doca.core.compare.rendered import RenderedPool
from gitops_doca.core.diagnostics import Diagnostic
from gitops_doca.emit.diff.cluster import ClusterDiff
from gitops_doca.emit.diff.phrases import Base
from gitops_doca.emit.diff.unified import unified_lines
from gitops_doca.emit.json_document import document_text, policy_of, pool_entry

KIND = "DriverDiff"


def json_diff(
    diffs: Sequence[ClusterDiff], diagnostics: Iterable[Diagnostic], *, manifests: bool = True
) -> str:
    """Return a `DriverDiff` as JSON text; see schemas/diff.schema.json.

    Without `manifests`, objects are listed without their unified diff.
    """
    compared = [(diff.cluster, diff.base, diff.comparison) for diff in diffs if diff.comparison]
    result: dict[str, Any] = {
        "clusters": list(map(_cluster, diffs)),
        "same": len(compared) == len(diffs) and all(found.is_same for _, _, found in compared),
        "compiling": [],
        "pools": [],
        "versions": [],
        "stays": [],
        "moves": [],
        "objects": [],
    }
    for cluster, base, comparison in compared:
        result["compiling"] += [_compiling(one, cluster) for one in comparison.compiling]
        result["pools"] += [_pool(change, cluster) for change in comparison.pools]
        result["versions"] += [_version(move, cluster) for move in comparison.versions]
        result["stays"] += [
            {"cluster": cluster, "version": stay.version, "pools": stay.pools} for stay in comparison.stays
        ]
        result["moves"] += [_move(move, cluster) for move in comparison.moves]
        result["objects"] += [
            _object(change, cluster) | (_difference(change, base) if manifests else {})
            for change in comparison.objects
        ]
    return document_text(KIND, diagnostics, result)


def _cluster(diff: ClusterDiff) -> dict[str, Any]:
    entry: dict[str, Any] = {"cluster": diff.cluster, "exitCode": diff.exit_code}
    if diff.comparison is None:
        return entry
    commit = {"commit": diff.base.commit} if diff.base.commit else {}
    return {**entry, "base": {"name": diff.base.name, **commit, "notes": list(diff.base.notes)}}


def _version(move: VersionMove, cluster: str) -> dict[str, Any]:
    nodes = {} if move.nodes is None else {"nodes": move.nodes}
    return {
        "cluster": cluster,
        "before": move.before,
        "after": move.after,
        "pools": move.pools,
        **nodes,
    }


def _compiling(compiling: Compiling[RenderedPool], cluster: str) -> dict[str, Any]:
    pool = compiling.pool
    return {
        **pool_entry(cluster, pool.pool, pool.policy),
        "why": compiling.why.value,
        "nodes": list(compiling.nodes),
    }


def _move(move: NodeMove, cluster: str) -> dict[str, Any]:
    ends = _end(move.source, "from") | _end(move.target, "to")
    return {"cluster": cluster, **ends, **_now(move.target), "nodes": list(move.nodes)}


def _end(location: Location, side: str) -> dict[str, Any]:
    if isinstance(location, InPool):
        return {side: {"pool": location.pool, **policy_of(location.policy)}}
    return {}


def _now(location: Location) -> dict[str, str]:
    match location:
        case InPool():
            return {"case": "in-another-pool"}
        case InNoPool(reason=reason):
            return {"case": "in-no-pool", "reason": reason}
        case NotListed():
            return {"case": "not-in-inventory"}
        case never:
            assert_never(never)


def _departure(departure: Departure) -> dict[str, Any]:
    match departure:
        case ToOtherPool(to=to, nodes=nodes, has_pod=has_pod):
            where = {"pool": to.pool, **policy_of(to.policy)}
            return {"case": "in-another-pool", "nodes": list(nodes), "hasPod": has_pod, **where}
        case ToNoPool(reason=reason, nodes=nodes, has_pod=has_pod):
            return {"case": "in-no-pool", "nodes": list(nodes), "hasPod": has_pod, "reason": reason}
        case GoneFromInventory(nodes=nodes):
            return {"case": "not-in-inventory", "nodes": list(nodes)}
        case NodesNotKnown():
            return {"case": "not-known"}
        case never:
            assert_never(never)


def _pool(change: PoolChange, cluster: str) -> dict[str, Any]:
    sides = {"before": change.before, "after": change.after}
    return {
        **pool_entry(cluster, change.current.pool, change.current.policy),
        "change": change.kind,
        "reload": change.reload.value,
        "build": change.build.value,
        **({"fallsBack": True} if change.falls_back else {}),
        "differs": [part.value for part in change.parts],
        **({} if change.after else {"departures": list(map(_departure, change.departures))}),
        **{name: _side(pool) for name, pool in sides.items() if pool},
    }


def _side(pool: RenderedPool) -> dict[str, Any]:
    known: dict[str, Any] = {} if pool.nodes is None else {"nodes": list(pool.nodes)}
    return {
        "daemonSet": pool.daemon_set,
        "namespace": pool.namespace,
        **policy_of(pool.policy),
        "image": pool.image,
        "source": pool.source,
        "version": pool.version,
        **({"fallback": True} if pool.is_fallback else {}),
        **known,
        **({"planned": True} if pool.is_planned else {}),
    }


def _object(change: ObjectChange, cluster: str) -> dict[str, str]:
    kind, namespace, name = change.key
    return {"cluster": cluster, "kind": kind, "namespace": namespace, "name": name, "change": change.kind}


def _difference(change: ObjectChange, base: Base) -> dict[str, str]:
    return {"diff": "".join(f"{line}\n" for line in unified_lines(change, base.name))}
