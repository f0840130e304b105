"""The phrases of an upgrade, shared by text and Markdown."""

from collections import Counter
from collections.abc import Iterator, Sequence

from gitops_doca.core.distributions import kernel_package
from gitops_doca.core.upgrade.result import Outcome, Upgrade, UpgradeReport
from gitops_doca.core.upgrade.targets import Target
from gitops_doca.core.upgrade.ways import Way

HEADS = ("cluster", "policy", "pool", "nodes", "runs", "kernel", "gets", "new kernel")
_MOST_NEWER = 5
NOT_POSSIBLE, UNKNOWN = "not possible", "unknown"
NOTHING = "no file needs a change"
_META_PACKAGES = "'?installed?name(^linux-image-[a-z])'"
"""The installed packages that bring newer kernels, as a pattern of apt.

Their names do not follow from a kernel: one of 6.8 may come from linux-image-generic,
linux-image-generic-hwe-22.04, linux-image-virtual or linux-image-azure-lts-24.04. apt-mark fails at
a name that it does not know; a pattern beside a package may match nothing.
"""


def ordered(ways: Sequence[Way]) -> tuple[Way, ...]:
    """Return the ways in the order of a report: what needs a decision comes first."""
    return tuple(sorted(ways, key=_urgency))


def _urgency(way: Way) -> tuple[bool, ...]:
    return way.exists, way.is_unknown, not way.gives_up, not way.is_older


def rows_of(upgrade: Upgrade) -> Iterator[tuple[str, ...]]:
    """Yield the cells of each pool, below `HEADS`."""
    for way in ordered(upgrade.target.ways) if upgrade.target else ():
        yield _row(way, upgrade.kept_version(way))


def _row(way: Way, kept: str) -> tuple[str, ...]:
    pool, running = way.running.pool, way.running
    inferred = " (inferred)" if running.inferred else ""
    return (
        pool.policy.cluster,
        pool.policy.name,
        f"{pool.platform.os}/{pool.platform.arch}",
        str(len(pool.nodes)) if pool.nodes else "planned",
        f"{running.version}{inferred}" if running.version else "none",
        running.kernel,
        kept or way.version or "-",
        "same" if kept else _new_kernel(way),
    )


def _new_kernel(way: Way) -> str:
    if not way.exists:
        return UNKNOWN if way.is_unknown else NOT_POSSIBLE
    if way.moves:
        return f"{way.kernel} (older)" if way.is_older else way.kernel
    if way.gives_up:
        return "same, would compile"
    return "same, compiles" if way.compiles else "same"


def headline(upgrade: Upgrade) -> str:
    """Return what the result is about in one sentence."""
    target = upgrade.target
    if target is None:
        return _headline_without_target(upgrade)
    version = _version(target)
    if not upgrade.is_possible:
        return _obstacles(target, version)
    if target.is_reached:
        return f"every pool runs {version} already"
    if target.wanted.is_explicit:
        return f"{version} has an image for every pool"
    return f"{version} is the newest version with an image for every pool"


def _headline_without_target(upgrade: Upgrade) -> str:
    if upgrade.outcome is Outcome.POSSIBLE:
        return "no pool whose policy names a version, so there is nothing to do"
    if upgrade.outcome is Outcome.NOT_POSSIBLE:
        return "no driver version to go to"
    if upgrade.asked:
        return f"unknown whether {upgrade.asked} has an image for every pool"
    return "unknown which driver version to go to"


def _obstacles(target: Target, version: str) -> str:
    """Count the pools that cannot use a version, and those of which that is unknown."""
    unknown = sum(way.is_unknown for way in target.blocked)
    missing, pools = len(target.blocked) - unknown, len(target.ways)
    if not missing:
        return f"unknown whether {version} can be used by {unknown} of {pools} pools"
    more = f", and it is unknown for {unknown}" if unknown else ""
    return f"{version} cannot be used by {missing} of {pools} pools{more}"


def _version(target: Target) -> str:
    """Return the version of a target, with its revision if it is the same for all pools."""
    if target.is_reached:
        versions = {way.running.version for way in target.ways}
    else:
        versions = {choice.version for choice in target.choices}
        versions |= {way.version for way in target.ways if way.exists}
    return versions.pop() if len(versions) == 1 and "" not in versions else target.wanted.version


def notes(upgrade: Upgrade) -> Iterator[str]:
    """Yield what else there is to know about the versions."""
    for newer in upgrade.newer[:_MOST_NEWER]:
        missing = [way for way in newer.blocked if not way.is_unknown]
        some = missing or newer.blocked
        pools = f"{len(some)} pool{'s' if len(some) > 1 else ''}"
        first = f"{some[0].running.pool.platform}: {some[0].why}"
        what = f"{pools} cannot use it" if missing else f"it is unknown whether {pools} can use it"
        yield f"{_version(newer)} is newer, but {what} ({first})"
    if (more := len(upgrade.newer) - _MOST_NEWER) > 0:
        yield f"{more} more newer version{'s' if more > 1 else ''} cannot be used by every pool"
    for older in upgrade.older:
        yield f"{_version(older)} has an image for every pool too"
    for one in upgrade.passed_over:
        where = "" if one.cluster == "." else f" in {one.cluster}"
        yield f"{one.policy.kind} {one.policy.name}{where} stays as it is: {one.why}"
    target = upgrade.target
    if target is None:
        return
    for version, count in sorted(Counter(filter(None, map(upgrade.kept_version, target.ways))).items()):
        keep, compiles = (
            ("1 pool keeps", "it compiles") if count == 1 else (f"{count} pools keep", "they compile")
        )
        yield f"{keep} {version} until that is removed from fallbackVersions; then {compiles} the new version"
    for choice in target.choices:
        for version in choice.revisions:
            count = sum(way.version == version for way in choice.ways)
            verb, them = ("gets", "it") if count == 1 else ("get", "them")
            yield (
                f"{choice.group.policies[0].kind} {choice.group.policies[0].name}: {count} of its pools "
                f"{verb} {version} as a fallback version, since {choice.version} has no image for {them}"
            )


def packages(upgrade: Upgrade) -> Iterator[str]:
    """Yield how the kernels get to the nodes."""
    if upgrade.target is None or not upgrade.is_possible:
        return
    moves = [way for way in upgrade.target.ways if way.moves and way.running.pool.nodes]
    systems: dict[str, dict[str, None]] = {}
    for way in moves:
        platform = way.running.pool.platform
        if package := kernel_package(platform.os_id, way.kernel):
            systems.setdefault(package, {})[f"{platform.os}/{platform.arch}"] = None
    for package, names in sorted(systems.items()):
        yield f"{', '.join(names)}: apt-get install {package}"
        yield f"  apt-mark hold {package} {_META_PACKAGES}"
    if systems:
        yield 'to keep newer kernels away, in apt.conf: Unattended-Upgrade::Package-Blacklist { "linux-"; };'
    if any(not way.compiles for way in moves):
        yield "Secure Boot: the modules in NVIDIA's precompiled images are not signed"


def edit_lines(report: UpgradeReport) -> Iterator[str]:
    """Yield each change of a file."""
    for edit in report.edits:
        place = f"{edit.file}:{edit.line}"
        old, new = edit.old.splitlines(), edit.new.splitlines()
        if len(old) == len(new) == 1:
            yield f"{place}: {old[0].strip()} -> {new[0].strip()}"
            continue
        yield f"{place}:"
        yield from (f"- {line}" for line in old)
        yield from (f"+ {line}" for line in new)


def finish_lines(report: UpgradeReport) -> Iterator[str]:
    """Yield what can be removed from the configs, and what stays."""
    for cluster, finish in report.finishes.items():
        where = "" if cluster == "." else f"{cluster}: "
        done = "removed" if report.is_written else "can be removed"
        for plan in finish.plans:
            yield f"{where}plan {plan} {done}: its nodes run it"
        for version in finish.fallbacks:
            yield f"{where}fallback version {version} {done}: no pool runs it"
        for left in finish.stay:
            yield f"{where}{left.what} stays: {left.why}"
        if not (finish.plans or finish.fallbacks or finish.stay):
            yield f"{where}no plan and no fallback version to remove"


def blocked_lines(upgrade: Upgrade) -> Iterator[str]:
    """Yield why pools cannot use the version."""
    target = upgrade.target
    if target is None:
        return
    for one in target.unlisted:
        version = target.wanted.version
        yield f"{one.repository} has no image of {version}; {one.near(version)}"
    for way in target.unserved:
        pool = way.running.pool
        where = f"{pool.policy.cluster}: " if pool.policy.cluster else ""
        yield f"{where}{pool.platform}: {way.why}"


def superseded_lines(upgrade: Upgrade) -> Iterator[str]:
    """Yield the plans that another one takes the place of."""
    for cluster, plan in upgrade.plans.items():
        where = "" if cluster == "." else f"{cluster}: "
        for one in plan.removed:
            yield f"{where}plan {one} is superseded: no node runs it, and it is for another version"
