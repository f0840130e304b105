"""Format the decisions for all pools as JSON: the report, and `check -o json`."""

from collections.abc import Iterable, Sequence
from typing import Any, assert_never

from gitops_doca.core.diagnostics import Diagnostic
from gitops_doca.core.fleet import ClusterResult
from gitops_doca.core.model import SkippedNode
from gitops_doca.core.resolve.companions import (
    CompanionExists,
    CompanionMissing,
    CompanionState,
    CompanionUnknown,
)
from gitops_doca.core.resolve.decide import CompileOnNode, Decision, NoImage, UseDigest, UsePrecompiled
from gitops_doca.core.resolve.lookup import TagMissing, TagUnknown
from gitops_doca.core.resolve.progress import Progress, done_plans, find_progress
from gitops_doca.emit.image_build import build_entry
from gitops_doca.emit.json_document import document_text, policy_entry, pool_entry

KIND = "DriverReport"


def json_report(results: Sequence[ClusterResult], diagnostics: Iterable[Diagnostic]) -> str:
    """Return a `DriverReport` as JSON text; see schemas/report.schema.json."""
    report = {
        "clusters": [{"cluster": result.cluster, "exitCode": result.exit_code} for result in results],
        "pools": [
            {"cluster": result.cluster, **decision_entry(decision)}
            for result in results
            for decision in result.decisions
        ],
        "companions": [
            companion_entry(companion, result.cluster)
            for result in results
            for companion in result.companions
        ],
        "progress": [
            progress_entry(progress, result.cluster)
            for result in results
            for progress in find_progress(result.decisions)
        ],
        "unusedFallbacks": [
            {"cluster": result.cluster, "version": version}
            for result in results
            for version in result.unused_fallbacks
        ],
        "unusedCompanions": [
            {"cluster": result.cluster, "name": name}
            for result in results
            for name in result.unused_companions
        ],
        "skipped": [
            skipped_entry(skipped, result.cluster)
            for result in results
            for skipped in result.grouping.skipped
        ],
        "obsoletePlans": [
            {"cluster": result.cluster, "pool": str(plan)}
            for result in results
            for plan in done_plans(result.grouping, result.decisions)
        ],
    }
    return document_text(KIND, diagnostics, report)


def skipped_entry(skipped: SkippedNode, cluster: str) -> dict[str, Any]:
    """Return a skipped node with its reason."""
    policy = policy_entry(skipped.policy_kind, skipped.policy)
    return {"cluster": cluster, "node": skipped.node, **policy, "reason": skipped.reason}


def progress_entry(progress: Progress, cluster: str) -> dict[str, Any]:
    """Return how many nodes of a policy have moved to its version."""
    policy = progress.policy
    return {
        "cluster": cluster,
        **policy_entry(policy.kind, policy.name),
        "version": progress.version,
        "nodes": progress.nodes,
        "moved": progress.moved,
    }


def companion_entry(companion: CompanionState, cluster: str) -> dict[str, Any]:
    """Return whether a companion of a pool exists."""
    required = companion.required
    pool = required.pool
    entry = {
        **pool_entry(cluster, str(pool.platform), f"{pool.policy.kind}/{pool.policy.name}"),
        "name": required.companion.name,
        "image": str(required.image),
    }
    match companion:
        case CompanionExists(digest=digest):
            return entry | {"state": "exists", "digest": digest}
        case CompanionMissing(reason=reason):
            return entry | {"state": "missing", **({"reason": reason} if reason else {})}
        case CompanionUnknown(lookup=lookup):
            return entry | {"state": "unknown", "reason": lookup.reason}
        case never:
            assert_never(never)


def decision_entry(decision: Decision) -> dict[str, Any]:
    """Return the fields of a pool in the report."""
    pool = decision.pool
    return {
        "pool": str(pool.platform),
        **policy_entry(pool.policy.kind, pool.policy.name),
        "daemonSet": pool.daemon_set,
        "nodes": list(pool.node_names),
        **({"planned": True} if pool.plan else {}),
        **_outcome(decision),
    }


def _outcome(decision: Decision) -> dict[str, Any]:
    image = decision.image
    match decision:
        case UsePrecompiled(fallback=fallback):
            return _with_image("precompiled", decision) | ({"fallback": True} if fallback else {})
        case CompileOnNode():
            return _with_image("compiled", decision)
        case UseDigest():
            return {"state": "digest", "image": str(image), "digest": image.digest}
        case NoImage():
            return {"tag": image.tag, **_lookup(decision)}
        case never:
            assert_never(never)


def _with_image(state: str, decision: UsePrecompiled | CompileOnNode) -> dict[str, Any]:
    return {
        "tag": decision.image.tag,
        "state": state,
        "version": decision.version,
        "image": str(decision.image),
        "digest": decision.digest,
    }


def _lookup(decision: NoImage) -> dict[str, Any]:
    match decision.lookup:
        case TagMissing():
            return {"state": "missing", **build_entry(decision.pool)}
        case TagUnknown(_, reason, _):
            return {"state": "unknown", "reason": reason}
        case never:
            assert_never(never)
