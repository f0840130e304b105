"""The report of a run as JSON, for scripts and dashboards."""

from collections.abc import Iterable
from typing import Any, assert_never

from gitops_doca.core.diagnostics import Diagnostic, spell
from gitops_doca.core.fleet import ClusterResult
from gitops_doca.core.model import API_VERSION, SkippedNode
from gitops_doca.core.resolve.decide import CompileOnNode, Decision, NoImage, UseDigest, UsePrecompiled
from gitops_doca.core.resolve.lookup import TagMissing, TagUnknown
from gitops_doca.emit.escape import json_text
from gitops_doca.emit.image_build import build_entry

KIND = "DriverReport"


def dump_report(
    decisions: Iterable[Decision],
    skipped: Iterable[SkippedNode],
    diagnostics: Iterable[Diagnostic],
    clusters: Iterable[ClusterResult] = (),
) -> str:
    """Return a `DriverReport` as JSON text; see schemas/report.schema.json.

    `clusters` are those of a fleet; the decisions and left-out nodes are still all of them.
    """
    report = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        **cluster_entries(clusters),
        "pools": [pool_entry(decision) for decision in decisions],
        "leftOut": list(map(skipped_entry, skipped)),
        "diagnostics": [_diagnostic(diagnostic) for diagnostic in diagnostics],
    }
    return json_text(report)


def cluster_entries(clusters: Iterable[ClusterResult]) -> dict[str, Any]:
    """Return how each cluster of a fleet fares; nothing where there is none."""
    entries = [{"cluster": result.cluster, "exitCode": result.exit_code} for result in clusters]
    return {"clusters": entries} if entries else {}


def skipped_entry(left: SkippedNode) -> dict[str, str]:
    """Return why a node is in no pool."""
    return _cluster(left.cluster) | {"node": left.node, "policy": left.policy, "reason": left.reason}


def pool_entry(decision: Decision) -> dict[str, Any]:
    """Return what is known of one pool, in words for a reader outside."""
    pool = decision.pool
    return {
        **_cluster(pool.policy.cluster),
        "pool": str(pool.platform),
        "policy": {"kind": pool.policy.kind, "name": pool.policy.name},
        "daemonSet": pool.daemon_set,
        "nodes": list(pool.node_names),
        **({"planned": True} if pool.plan else {}),
        **_outcome(decision),
    }


def _cluster(cluster: str) -> dict[str, str]:
    return {"cluster": cluster} if cluster else {}


def _outcome(decision: Decision) -> dict[str, Any]:
    image = decision.image
    match decision:
        case UsePrecompiled():
            return _with_image("precompiled", decision) | {"digest": decision.digest}
        case CompileOnNode():
            return _with_image("compiled", decision) | {"digest": decision.digest}
        case UseDigest():
            return {"state": "digest", "image": str(image), "digest": image.digest}
        case NoImage():
            return {"tag": image.tag, **_lookup(decision)}
        case never:
            assert_never(never)


def _with_image(state: str, decision: UsePrecompiled | CompileOnNode) -> dict[str, str]:
    return {"tag": decision.image.tag, "state": state, "image": str(decision.image)}


def _lookup(decision: NoImage) -> dict[str, Any]:
    match decision.lookup:
        case TagMissing():
            return {"state": "missing", **build_entry(decision.pool)}
        case TagUnknown(_, reason, _):
            return {"state": "unknown", "reason": reason}
        case never:
            assert_never(never)


def _diagnostic(diagnostic: Diagnostic) -> dict[str, Any]:
    place = diagnostic.place
    fields: dict[str, Any] = {
        "severity": "warning" if diagnostic.category is None else "error",
        "class": diagnostic.category.value if diagnostic.category else "",
        "message": diagnostic.message,
        "file": place.file,
        "line": place.line,
        "field": place.field,
        "details": list(diagnostic.details),
        "remedy": spell(diagnostic.remedy),
    }
    return {name: value for name, value in fields.items() if value}
