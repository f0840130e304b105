"""What was decided for each pool as JSON: the report, and `check -o json`."""

from collections.abc import Iterable, Sequence
from typing import Any, assert_never

from gitops_doca.core.diagnostics import Diagnostic
from gitops_doca.core.fleet import ClusterResult
from gitops_doca.core.model import SkippedNode
from gitops_doca.core.resolve.decide import CompileOnNode, Decision, NoImage, UseDigest, UsePrecompiled
from gitops_doca.core.resolve.lookup import TagMissing, TagUnknown
from gitops_doca.emit.image_build import build_entry
from gitops_doca.emit.json_document import document_text, policy_entry

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
        "skipped": [
            skipped_entry(skipped, result.cluster)
            for result in results
            for skipped in result.grouping.skipped
        ],
        "obsoletePlans": [
            {"cluster": result.cluster, "pool": str(plan)}
            for result in results
            for plan in result.grouping.obsolete_plans
        ],
    }
    return document_text(KIND, diagnostics, report)


def skipped_entry(skipped: SkippedNode, cluster: str) -> dict[str, Any]:
    """Return why a node is in no pool."""
    policy = policy_entry(skipped.policy_kind, skipped.policy)
    return {"cluster": cluster, "node": skipped.node, **policy, "reason": skipped.reason}


def decision_entry(decision: Decision) -> dict[str, Any]:
    """Return what is known of one pool, in words for a reader outside."""
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
