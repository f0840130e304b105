"""The matrix of pools and driver versions as JSON, for scripts."""

from collections.abc import Sequence
from typing import Any

from gitops_doca.core.compare.matrix import (
    KIND,
    Availability,
    LatestVersion,
    PlatformRow,
    VersionColumn,
    VersionMatrix,
    blocking_rows,
    newest_first,
)
from gitops_doca.core.model import API_VERSION, Policy
from gitops_doca.emit.escape import json_text
from gitops_doca.emit.matrix.phrases import kind_and_name, policies


def json_matrix(matrices: Sequence[VersionMatrix], versions: int) -> str:
    """Return a `DriverMatrix` as JSON text; see schemas/matrix.schema.json."""
    document = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "repositories": [_repository(matrix, newest_first(matrix, versions)) for matrix in matrices],
    }
    return json_text(document)


def _repository(matrix: VersionMatrix, shown: Sequence[VersionColumn]) -> dict[str, Any]:
    whole, *others = matrix.latest
    own = {latest.policy.key: latest for latest in others if latest.policy}
    state = "complete" if matrix.listed.complete else "incomplete" if matrix.usable else "unusable"
    return {
        "repository": str(matrix.repository),
        "tagList": state,
        **_latest(whole),
        "policies": [
            {**_policy(policy), **_latest(own.get(policy.key, whole))} for policy in policies(matrix.rows)
        ],
        "versions": [_version(matrix, column) for column in shown],
        "versionsLeftOut": len(matrix.versions) - len(shown),
        "pools": [_pool(row, index, shown) for index, row in enumerate(matrix.rows)],
    }


def _latest(latest: LatestVersion) -> dict[str, Any]:
    if latest.doubtful:
        return {"newest": None, "doubtful": {"version": latest.doubtful, "reason": latest.reason}}
    return {"newest": latest.version or None}


def _policy(policy: Policy) -> dict[str, str]:
    driver = policy.driver
    whose = {"cluster": policy.cluster} if policy.cluster else {}
    return {**whose, "kind": policy.kind, "name": policy.name, "version": driver.digest or driver.version}


def _version(matrix: VersionMatrix, column: VersionColumn) -> dict[str, Any]:
    return {
        "version": column.version,
        "current": column.current,
        "complete": column.complete,
        "precompiled": column.availability.count(Availability.PRECOMPILED),
        "inTheWay": [str(row.platform) for row in blocking_rows(matrix, column)],
    }


def _pool(row: PlatformRow, index: int, shown: Sequence[VersionColumn]) -> dict[str, Any]:
    return {
        "pool": str(row.platform),
        **({"clusters": list(row.clusters)} if row.clusters else {}),
        "policies": list(dict.fromkeys(map(kind_and_name, policies([row])))),
        "nodes": list(row.node_names),
        "images": {column.version: column.availability[index].value for column in shown},
    }
