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


def json_matrix(tables: Sequence[VersionMatrix], versions: int) -> str:
    """Return a `DriverMatrix` as JSON text; see schemas/matrix.schema.json."""
    document = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "repositories": [_repository(table, newest_first(table, versions)) for table in tables],
    }
    return json_text(document)


def _repository(table: VersionMatrix, shown: Sequence[VersionColumn]) -> dict[str, Any]:
    whole, *others = table.newest
    own = {newest.policy.key: newest for newest in others if newest.policy}
    state = "complete" if table.listed.complete else "incomplete" if table.usable else "unusable"
    return {
        "repository": str(table.repository),
        "tagList": state,
        **_newest(whole),
        "policies": [
            {**_policy(policy), **_newest(own.get(policy.key, whole))} for policy in policies(table.rows)
        ],
        "versions": [_version(table, column) for column in shown],
        "versionsLeftOut": len(table.versions) - len(shown),
        "pools": [_pool(row, index, shown) for index, row in enumerate(table.rows)],
    }


def _newest(newest: LatestVersion) -> dict[str, Any]:
    if newest.doubtful:
        return {"newest": None, "doubtful": {"version": newest.doubtful, "reason": newest.reason}}
    return {"newest": newest.version or None}


def _policy(policy: Policy) -> dict[str, str]:
    driver = policy.driver
    whose = {"cluster": policy.cluster} if policy.cluster else {}
    return {**whose, "kind": policy.kind, "name": policy.name, "version": driver.digest or driver.version}


def _version(table: VersionMatrix, column: VersionColumn) -> dict[str, Any]:
    return {
        "version": column.version,
        "current": column.current,
        "complete": column.complete,
        "precompiled": column.cells.count(Availability.PRECOMPILED),
        "inTheWay": [str(row.platform) for row in blocking_rows(table, column)],
    }


def _pool(row: PlatformRow, index: int, shown: Sequence[VersionColumn]) -> dict[str, Any]:
    return {
        "pool": str(row.platform),
        **({"clusters": list(row.clusters)} if row.clusters else {}),
        "policies": list(dict.fromkeys(map(kind_and_name, policies([row])))),
        "nodes": list(row.node_names),
        "images": {column.version: column.cells[index].value for column in shown},
    }
