"""The phrases of the matrix, shared by text, Markdown and HTML."""

from collections.abc import Iterator, Sequence

from gitops_doca.core.matrix.rows import Availability, PlatformRow
from gitops_doca.core.matrix.survey import (
    LatestVersion,
    VersionColumn,
    VersionMatrix,
    VersionSurvey,
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
    Availability.COMPILED: "an image that compiles on the node; serves pools that compile today",
    Availability.MISSING: "no image",
    Availability.UNKNOWN: "unknown",
}
NEAREST = "nearest kernel of the flavour with a precompiled image"
_NAMED = 3
"""The most clusters or policies that a cell or a sentence names."""
NO_POOLS = "no pool whose policy names a version, so there is nothing to compare"


def headline(survey: VersionSurvey) -> str:
    """Return the sentence about all pools of all repositories."""
    return f"newest version for every pool: {_finding(survey.matrices, survey.newest)}"


def opening(survey: VersionSurvey) -> Iterator[str]:
    """Yield the sentences about all repositories."""
    yield headline(survey) if survey.matrices else NO_POOLS
    names = [name(policy) for policy in survey.passed_over]
    if len(names) == 1:
        yield f"{names[0]} is passed over: its version is a digest"
    elif names:
        yield f"{_first(names)} are passed over: their versions are digests"


def findings(survey: VersionSurvey, matrix: VersionMatrix) -> Iterator[str]:
    """Yield a sentence for the repository if there are several, and for the policies if there are several."""
    whole, *others = matrix.latest
    if len(survey.matrices) > 1:
        yield f"newest version for every pool of this repository: {_finding([matrix], whole)}"
    alike: dict[tuple[str, str], list[str]] = {}
    for latest in others:
        if policy := latest.policy:
            alike.setdefault((policy.driver.version, _finding([matrix], latest)), []).append(name(policy))
    for (own, found), names in alike.items():
        have, whose = ("has", "its pools") if len(names) == 1 else ("have", "the pools of each")
        yield f"{_first(names)} {have} {own}; newest version for {whose}: {found}"
    yield from _fallbacks(matrix)
    if not matrix.listed.complete:
        yield "the tag list is incomplete: ? means unknown"


def _fallbacks(matrix: VersionMatrix) -> Iterator[str]:
    on_fallback: dict[tuple[str, ...], list[str]] = {}
    for row in matrix.rows:
        on_fallback.setdefault(matrix.fallbacks(row), []).append(str(row.platform))
    for running, pools in on_fallback.items():
        if running:
            run = "runs" if len(pools) == 1 else "run"
            yield f"{_first(pools)} {run} the fallback version {' or '.join(running)}"


def _finding(matrices: Sequence[VersionMatrix], latest: LatestVersion) -> str:
    complete = all(matrix.listed.complete for matrix in matrices)
    if latest.doubtful:
        return f"unknown; {latest.doubtful} is listed, and could not be confirmed: {latest.reason}"
    if not latest.version:
        return "none" if complete else "none is known"
    owners = [latest.policy] if latest.policy else [p for matrix in matrices for p in policies(matrix.rows)]
    current = {policy.driver.version for policy in owners} == {latest.version}
    # The part that an incomplete list lacks may have a newer one.
    more = "" if complete else ", or a newer one"
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
    """Count the pools that a version serves."""
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


def policy_heads(matrix: VersionMatrix, *, wide: bool = False) -> tuple[str, ...]:
    """Return the heads of the cells that `policy_cells` returns."""
    clusters = ("clusters",) if any(row.clusters for row in matrix.rows) else ()
    several = len({kind_and_name(policy) for policy in policies(matrix.rows)}) > 1
    return (*clusters, *(("policy",) if several or wide else ()))


def policy_cells(matrix: VersionMatrix, row: PlatformRow, *, wide: bool = False) -> tuple[str, ...]:
    """Return the clusters of a row in one cell, and the names of its policies in another.

    The first exists only in a fleet, the second only if the matrix has several policies, or if it is `wide`:
    then all clusters are named.
    """
    cells = {
        "clusters": ", ".join(row.clusters) if wide else _first(row.clusters),
        "policy": ", ".join(dict.fromkeys(policy.name for policy in policies([row]))),
    }
    return tuple(cells[head] for head in policy_heads(matrix, wide=wide))


def _first(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def nodes(row: PlatformRow) -> str:
    """Return the number of nodes that need the image, or that it is planned."""
    return str(len(row.node_names)) if row.node_names else "planned"


def has_nearest(shown: Sequence[VersionColumn]) -> bool:
    """Say whether a nearest kernel is shown."""
    return any(kernel for column in shown for kernel in column.nearest)


def skipped(matrix: VersionMatrix, shown: Sequence[VersionColumn]) -> str:
    """Say how many versions are not shown; empty if all are."""
    missing = len(matrix.versions) - len(shown)
    plural = "" if missing == 1 else "s"
    return (
        f"{missing} more version{plural} not shown; --versions {len(matrix.versions)} shows all"
        if missing
        else ""
    )
