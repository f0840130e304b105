"""Format the matrix of pools and driver versions as JSON."""

from collections.abc import Iterable, Sequence
from typing import Any

from gitops_doca.core.diagnostics import Diagnostic
from gitops_doca.core.matrix.rows import Availability, PlatformRow
from gitops_doca.core.matrix.survey import (
    KIND,
    LatestVersion,
    VersionColumn,
    VersionMatrix,
    VersionSurvey,
    blocking_rows,
    newest_first,
)
from gitops_doca.core.model import Policy
from gitops_doca.emit.json_document import document_text, policy_entry
from gitops_doca.emit.matrix.phrases import policies


def json_matrix(survey: VersionSurvey, versions: int, cluster: str, diagnostics: Iterable[Diagnostic]) -> str:
    """Return a `DriverMatrix` as JSON text; see schemas/matrix.schema.json.

    `cluster` is the cluster of pools that do not name theirs.
    """
    repositories = [
        _repository(matrix, newest_first(matrix, versions), cluster) for matrix in survey.matrices
    ]
    passed_over = [
        {**_owner(policy, cluster), "version": str(policy.driver.digest), "why": "its version is a digest"}
        for policy in survey.passed_over
    ]
    found = {**_latest(survey.newest), "repositories": repositories, "passedOver": passed_over}
    return document_text(KIND, diagnostics, found)


def _repository(matrix: VersionMatrix, shown: Sequence[VersionColumn], cluster: str) -> dict[str, Any]:
    whole, *others = matrix.latest
    own = {latest.policy.key: latest for latest in others if latest.policy}
    state = "complete" if matrix.listed.complete else "incomplete" if matrix.usable else "unusable"
    return {
        "repository": str(matrix.repository),
        "tagList": state,
        **_latest(whole),
        "policies": [
            {**_policy(policy, cluster), **_latest(own.get(policy.key, whole))}
            for policy in policies(matrix.rows)
        ],
        "versions": [_version(matrix, column) for column in shown],
        "versionsNotShown": len(matrix.versions) - len(shown),
        "pools": [
            _pool(row, index, shown, cluster) | _fallbacks(matrix, row)
            for index, row in enumerate(matrix.rows)
        ],
    }


def _latest(latest: LatestVersion) -> dict[str, Any]:
    if latest.doubtful:
        return {"newest": None, "doubtful": {"version": latest.doubtful, "reason": latest.reason}}
    return {"newest": latest.version or None}


def _policy(policy: Policy, cluster: str) -> dict[str, Any]:
    return {**_owner(policy, cluster), "version": policy.driver.version}


def _owner(policy: Policy, cluster: str) -> dict[str, Any]:
    return {"cluster": policy.cluster or cluster, **policy_entry(policy.kind, policy.name)}


def _version(matrix: VersionMatrix, column: VersionColumn) -> dict[str, Any]:
    return {
        "version": column.version,
        "current": column.current,
        "complete": column.complete,
        "precompiled": column.availability.count(Availability.PRECOMPILED),
        "served": column.served.count(True),
        "blockingPools": [str(row.platform) for row in blocking_rows(matrix, column)],
    }


def _pool(row: PlatformRow, index: int, shown: Sequence[VersionColumn], cluster: str) -> dict[str, Any]:
    nearest = {column.version: column.nearest[index] for column in shown if column.nearest[index]}
    return {
        "pool": str(row.platform),
        "policies": [_owner(policy, cluster) for policy in policies([row])],
        "nodes": list(row.node_names),
        **({"compiles": True} if row.compiles else {}),
        "images": {column.version: column.availability[index].value for column in shown},
        **({"nearest": nearest} if nearest else {}),
    }


def _fallbacks(matrix: VersionMatrix, row: PlatformRow) -> dict[str, Any]:
    versions = matrix.fallbacks(row)
    return {"fallbacks": list(versions)} if versions else {}
