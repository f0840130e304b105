"""Format an upgrade as JSON."""

from collections.abc import Iterable
from typing import Any

from gitops_doca.core.diagnostics import Diagnostic
from gitops_doca.core.distributions import kernel_package
from gitops_doca.core.resolve.companions import CompanionState
from gitops_doca.core.upgrade.result import KIND, Outcome, Upgrade, UpgradeReport
from gitops_doca.core.upgrade.running import Driver
from gitops_doca.core.upgrade.targets import Target
from gitops_doca.core.upgrade.ways import Way
from gitops_doca.emit.json_document import document_text, policy_entry
from gitops_doca.emit.report import companion_entry
from gitops_doca.emit.upgrade.phrases import ordered

_POSSIBLE = {Outcome.POSSIBLE: True, Outcome.NOT_POSSIBLE: False, Outcome.UNKNOWN: None}


def json_upgrade(report: UpgradeReport, cluster: str, diagnostics: Iterable[Diagnostic]) -> str:
    """Return a `DriverUpgrade` as JSON text; see schemas/upgrade.schema.json.

    `cluster` is the cluster of pools that do not name theirs.
    """
    result: dict[str, Any] = {}
    if report.upgrade:
        result |= _upgrade(report.upgrade, cluster)
    if report.finishes:
        result["finish"] = _finish(report)
    if result:
        result["edits"] = [
            {"file": edit.file, "line": edit.line, "old": edit.old, "new": edit.new} for edit in report.edits
        ]
        result["written"] = report.is_written
        if report.refused:
            result["refused"] = list(report.refused)
        if report.by_hand:
            result["byHand"] = list(report.by_hand)
        result["next"] = list(report.commands)
    return document_text(KIND, diagnostics, result)


def _upgrade(upgrade: Upgrade, cluster: str) -> dict[str, Any]:
    target = upgrade.target
    return {
        "to": target.wanted.version if target else upgrade.asked or None,
        "possible": _POSSIBLE[upgrade.outcome],
        "candidates": [one.wanted.version for one in (target, *upgrade.older) if one and not one.blocked],
        "policies": [
            *(_policies(target, cluster) if target else ()),
            *(
                {
                    "cluster": one.cluster,
                    **policy_entry(one.policy.kind, one.policy.name),
                    "from": one.policy.driver.digest or one.policy.driver.version,
                    "to": None,
                    "why": one.why,
                }
                for one in upgrade.passed_over
            ),
        ],
        "pools": [_pool(upgrade, way, cluster) for way in ordered(target.ways)] if target else [],
        "superseded": [
            {"cluster": name, "pool": str(one)}
            for name, plan in upgrade.plans.items()
            for one in plan.removed
        ],
    }


def _policies(target: Target, cluster: str) -> Iterable[dict[str, Any]]:
    for choice in target.choices:
        for policy in choice.group.policies:
            yield {
                "cluster": policy.cluster or cluster,
                **policy_entry(policy.kind, policy.name),
                "from": policy.driver.version,
                "to": choice.version or None,
            }


def _pool(upgrade: Upgrade, way: Way, cluster: str) -> dict[str, Any]:
    running = way.running
    pool, name = running.pool, running.pool.policy.cluster or cluster
    package = kernel_package(pool.platform.os_id, way.kernel) if way.moves else ""
    return {
        "cluster": name,
        "pool": str(pool.platform),
        **policy_entry(pool.policy.kind, pool.policy.name),
        "nodes": list(pool.node_names),
        **({"planned": True} if pool.plan else {}),
        "from": {
            "version": running.version or None,
            "kernel": running.kernel,
            **({"compiles": True} if running.driver is Driver.COMPILED else {}),
            **({"inferred": True} if running.inferred else {}),
        },
        "to": {"version": way.version, "kernel": way.kernel} if way.exists else None,
        **({"unknown": True} if way.is_unknown else {}),
        "compiles": way.compiles,
        **({"keeps": kept} if (kept := upgrade.kept_version(way)) else {}),
        **({"why": way.why} if way.why else {}),
        **({"package": package} if package else {}),
        **({"nearest": way.nearest} if way.nearest else {}),
        "companions": [_companion(one, name) for one in way.companions],
    }


def _companion(state: CompanionState, cluster: str) -> dict[str, Any]:
    entry = companion_entry(state, cluster)
    return {name: entry[name] for name in ("name", "image", "state", "reason") if name in entry}


def _finish(report: UpgradeReport) -> list[dict[str, Any]]:
    return [
        {
            "cluster": name,
            "plans": [str(plan) for plan in finish.plans],
            "fallbackVersions": list(finish.fallbacks),
            "stay": [{"what": left.what, "why": left.why} for left in finish.stay],
        }
        for name, finish in report.finishes.items()
    ]
