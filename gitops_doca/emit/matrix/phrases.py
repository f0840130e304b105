"""What the matrix says in words, whatever its form."""

from collections.abc import Iterator, Sequence

from gitops_doca.core.compare.matrix import (
    Availability,
    LatestVersion,
    PlatformRow,
    VersionColumn,
    VersionMatrix,
    blocking_rows,
)
from gitops_doca.core.model import Policy

WORDS = {
    Availability.PRECOMPILED: "yes",
    Availability.COMPILED: "compiles",
    Availability.MISSING: "no",
    Availability.UNKNOWN: "?",
}
MEANINGS = {
    Availability.PRECOMPILED: "precompiled image",
    Availability.COMPILED: "no precompiled image, and one that compiles on the node",
    Availability.MISSING: "no image",
    Availability.UNKNOWN: "not known",
}
_NAMED = 3
"""Clusters that one cell names."""
NO_POOLS = "no pool, so there is nothing to hold versions against"


def findings(table: VersionMatrix) -> Iterator[str]:
    """Yield one sentence for the whole table, then one for each policy where there are several."""
    for newest in table.newest:
        yield f"{_whose(newest.policy)}: {_finding(table, newest)}"
    for policy in policies(table.rows):
        if policy.driver.digest is not None:
            yield f"{name(policy)} names a digest, so none of its versions is current"
    if not table.listed.complete:
        yield "the tag list is not complete: ? stands where it says nothing"


def _whose(policy: Policy | None) -> str:
    return f"newest version for every pool of {name(policy)}" if policy else "newest version for every pool"


def _finding(table: VersionMatrix, newest: LatestVersion) -> str:
    if newest.doubtful:
        return f"not known; {newest.doubtful} is listed, and could not be confirmed: {newest.reason}"
    if not newest.version:
        return "none" if table.listed.complete else "none is known"
    current = table.is_current(newest.version)
    # A list that broke off may have kept a newer one to itself.
    more = "" if table.listed.complete else ", or a newer one"
    return f"{newest.version}{' (current)' if current else ''}{more}"


def name(policy: Policy) -> str:
    """Return a policy as `<kind>/<name>`, in a fleet with its cluster."""
    return f"{kind_and_name(policy)} in {policy.cluster}" if policy.cluster else kind_and_name(policy)


def kind_and_name(policy: Policy) -> str:
    """Return a policy as `<kind>/<name>`."""
    return f"{policy.kind}/{policy.name}"


def policies(rows: Sequence[PlatformRow]) -> tuple[Policy, ...]:
    """Return the policies of these rows, sorted, each once."""
    found = {name(pool.policy): pool.policy for row in rows for pool in row.pools}
    return tuple(policy for _, policy in sorted(found.items()))


def count(table: VersionMatrix, column: VersionColumn) -> str:
    """Say for how many pools a version has a precompiled image."""
    return f"{len(table.rows) - len(blocking_rows(table, column))} of {len(table.rows)}"


def obstacles(table: VersionMatrix, column: VersionColumn) -> str:
    """Name the pools that stand in a version's way: the first, and how many more."""
    rows = blocking_rows(table, column)
    if len(rows) == len(table.rows) > 1:
        return "every pool"
    more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
    return f"{rows[0].platform}{more}" if rows else ""


def marks(table: VersionMatrix, column: VersionColumn) -> tuple[str, ...]:
    """Return what sets a version apart from the others."""
    newest = [mark.policy for mark in table.newest if mark.version == column.version]
    own = () if None in newest else _newest_for([policy for policy in newest if policy])
    return (*(["current"] if column.current else []), *(["newest"] if None in newest else own))


def _newest_for(found: Sequence[Policy]) -> tuple[str, ...]:
    clusters = {policy.cluster for policy in found} - {""}
    if len(clusters) > _NAMED:
        return (f"newest for {len(clusters)} clusters",)
    return tuple(f"newest for {name(policy)}" for policy in found)


def policy_heads(table: VersionMatrix) -> tuple[str, ...]:
    """Return the heads of what `policy_cells` returns."""
    clusters = ("clusters",) if any(row.clusters for row in table.rows) else ()
    several = len({kind_and_name(policy) for policy in policies(table.rows)}) > 1
    return (*clusters, *(("policy",) if several else ()))


def policy_cells(table: VersionMatrix, row: PlatformRow) -> tuple[str, ...]:
    """Return the clusters of a row in one cell, and the names of its policies in another.

    The first is there in a fleet only, the second where the table has several policies.
    """
    cells = {
        "clusters": _first(row.clusters),
        "policy": ", ".join(dict.fromkeys(policy.name for policy in policies([row]))),
    }
    return tuple(cells[head] for head in policy_heads(table))


def _first(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def nodes(row: PlatformRow) -> str:
    """Return how many nodes wait for the image, or that it is planned."""
    return str(len(row.node_names)) if row.node_names else "planned"


def skipped(table: VersionMatrix, shown: Sequence[VersionColumn]) -> str:
    """Say how many versions are not shown; empty when all are."""
    missing = len(table.versions) - len(shown)
    plural = "" if missing == 1 else "s"
    return (
        f"{missing} more version{plural} left out; --versions {len(table.versions)} shows all"
        if missing
        else ""
    )
