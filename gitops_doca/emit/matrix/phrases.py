"""The phrases of the matrix, shared by text, Markdown and HTML."""

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
"""The most clusters that a cell names."""
NO_POOLS = "no pool, so there is nothing to compare versions with"


def findings(matrix: VersionMatrix) -> Iterator[str]:
    """Yield a sentence for the whole matrix, then one for each policy if there are several."""
    for latest in matrix.latest:
        yield f"{_whose(latest.policy)}: {_finding(matrix, latest)}"
    for policy in policies(matrix.rows):
        if policy.driver.digest is not None:
            yield f"{name(policy)} names a digest, so none of its versions is current"
    for row in matrix.rows:
        if running := matrix.fallbacks(row):
            yield f"{row.platform} runs the fallback version {' or '.join(running)}"
    if not matrix.listed.complete:
        yield "the tag list is incomplete: ? means unknown"


def _whose(policy: Policy | None) -> str:
    return f"newest version for every pool of {name(policy)}" if policy else "newest version for every pool"


def _finding(matrix: VersionMatrix, latest: LatestVersion) -> str:
    if latest.doubtful:
        return f"not known; {latest.doubtful} is listed, and could not be confirmed: {latest.reason}"
    if not latest.version:
        return "none" if matrix.listed.complete else "none is known"
    current = matrix.is_current(latest.version)
    # The part that an incomplete list lacks may have a newer one.
    more = "" if matrix.listed.complete else ", or a newer one"
    return f"{latest.version}{' (current)' if current else ''}{more}"


def name(policy: Policy) -> str:
    """Return a policy as `<kind>/<name>`, in a fleet with its cluster."""
    return f"{kind_and_name(policy)} in {policy.cluster}" if policy.cluster else kind_and_name(policy)


def kind_and_name(policy: Policy) -> str:
    """Return a policy as `<kind>/<name>`."""
    return f"{policy.kind}/{policy.name}"


def policies(rows: Sequence[PlatformRow]) -> tuple[Policy, ...]:
    """Return the policies of these rows, sorted, each once."""
    by_name = {name(pool.policy): pool.policy for row in rows for pool in row.pools}
    return tuple(policy for _, policy in sorted(by_name.items()))


def count(matrix: VersionMatrix, column: VersionColumn) -> str:
    """Count the pools for which a version has a precompiled image."""
    return f"{len(matrix.rows) - len(blocking_rows(matrix, column))} of {len(matrix.rows)}"


def obstacles(matrix: VersionMatrix, column: VersionColumn) -> str:
    """Name the first pool that blocks a version, and count the others."""
    rows = blocking_rows(matrix, column)
    if len(rows) == len(matrix.rows) > 1:
        return "every pool"
    more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
    return f"{rows[0].platform}{more}" if rows else ""


def marks(matrix: VersionMatrix, column: VersionColumn) -> tuple[str, ...]:
    """Return the marks of a version: current, newest."""
    owners = [latest.policy for latest in matrix.latest if latest.version == column.version]
    own = () if None in owners else _newest_for([policy for policy in owners if policy])
    return (*(["current"] if column.current else []), *(["newest"] if None in owners else own))


def _newest_for(owners: Sequence[Policy]) -> tuple[str, ...]:
    clusters = {policy.cluster for policy in owners} - {""}
    if len(clusters) > _NAMED:
        return (f"newest for {len(clusters)} clusters",)
    return tuple(f"newest for {name(policy)}" for policy in owners)


def policy_heads(matrix: VersionMatrix) -> tuple[str, ...]:
    """Return the heads of the cells that `policy_cells` returns."""
    clusters = ("clusters",) if any(row.clusters for row in matrix.rows) else ()
    several = len({kind_and_name(policy) for policy in policies(matrix.rows)}) > 1
    return (*clusters, *(("policy",) if several else ()))


def policy_cells(matrix: VersionMatrix, row: PlatformRow) -> tuple[str, ...]:
    """Return the clusters of a row in one cell, and the names of its policies in another.

    The first exists only in a fleet, the second only if the matrix has several policies.
    """
    cells = {
        "clusters": _first(row.clusters),
        "policy": ", ".join(dict.fromkeys(policy.name for policy in policies([row]))),
    }
    return tuple(cells[head] for head in policy_heads(matrix))


def _first(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def nodes(row: PlatformRow) -> str:
    """Return the number of nodes that need the image, or that it is planned."""
    return str(len(row.node_names)) if row.node_names else "planned"


def skipped(matrix: VersionMatrix, shown: Sequence[VersionColumn]) -> str:
    """Say how many versions are not shown; empty if all are."""
    missing = len(matrix.versions) - len(shown)
    plural = "" if missing == 1 else "s"
    return (
        f"{missing} more version{plural} not shown; --versions {len(matrix.versions)} shows all"
        if missing
        else ""
    )
