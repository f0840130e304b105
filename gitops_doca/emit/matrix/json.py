"""The matrix of pools and driver versions as JSON, for scripts."""

from collections.abc import Sequence
from typing import Any

from gitops_doca.core.compare.matrix import KIND, Cell, Column, Newest, Row, Table, in_the_way, newest_first
from gitops_doca.core.model import API_VERSION, Policy
from gitops_doca.emit.escape import json_text
from gitops_doca.emit.matrix.phrases import kind_and_name, policies


def json_matrix(tables: Sequence[Table], versions: int) -> str:
    """Return a `DriverMatrix` as JSON text; see schemas/matrix.schema.json."""
    document = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "repositories": [_repository(table, newest_first(table, versions)) for table in tables],
    }
    return json_text(document)


def _repository(table: Table, shown: Sequence[Column]) -> dict[str, Any]:
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


def _newest(newest: Newest) -> dict[str, Any]:
    if newest.doubtful:
        return {"newest": None, "doubtful": {"version": newest.doubtful, "reason": newest.reason}}
    return {"newest": newest.version or None}


def _policy(policy: Policy) -> dict[str, str]:
    driver = policy.driver
    whose = {"cluster": policy.cluster} if policy.cluster else {}
    return {**whose, "kind": policy.kind, "name": policy.name, "version": driver.digest or driver.version}


def _version(table: Table, column: Column) -> dict[str, Any]:
    return {
        "version": column.version,
        "current": column.current,
        "complete": column.complete,
        "precompiled": column.cells.count(Cell.PRECOMPILED),
        "inTheWay": [str(row.platform) for row in in_the_way(table, column)],
    }


def _pool(row: Row, index: int, shown: Sequence[Column]) -> dict[str, Any]:
    return {
        "pool": str(row.platform),
        **({"clusters": list(row.clusters)} if row.clusters else {}),
        "policies": list(dict.fromkeys(map(kind_and_name, policies([row])))),
        "nodes": list(row.node_names),
        "images": {column.version: column.cells[index].value for column in shown},
    }
