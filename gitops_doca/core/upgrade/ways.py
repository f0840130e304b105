"""Find the kernel with which a pool can run another driver version."""

from bisect import bisect_left
from collections.abc import Callable, Iterator

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.model import Pool
from gitops_doca.core.phrases import list_nodes
from gitops_doca.core.reference import ImageReference
from gitops_doca.core.resolve.companions import (
    CompanionExists,
    CompanionMissing,
    CompanionState,
    CompanionUnknown,
)
from gitops_doca.core.resolve.lookup import LISTED_WITHOUT_MANIFEST, Cause, TagUnknown
from gitops_doca.core.tags import compile_tag, flavour_of, precompiled_tag, split_kernel
from gitops_doca.core.upgrade.published import Published, Release
from gitops_doca.core.upgrade.running import Driver, Running

Companions = Callable[[Pool, str], tuple[CompanionState, ...] | None]
"""The companions that a pool would need with a kernel; None if they were not looked up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A listed image of which it is unknown whether it can be pulled."""

    image: ImageReference
    lookup: TagUnknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """The kernel that a pool needs for a driver version, or why there is none."""

    running: Running
    version: str = ""
    """The version, with its container revision; empty when the pool cannot use it."""
    kernel: str = ""
    compiles: bool = False
    """Whether its nodes compile the driver."""
    why: str = ""
    """Why the pool cannot use it, or why that is unknown; empty when it can."""
    nearest: str = ""
    """The nearest kernel of the version, when the pool cannot use it."""
    companions: tuple[CompanionState, ...] = ()
    """What else the kernel needs; those of the kernel that failed when the pool cannot use it."""
    doubt: Doubt | None = None
    """The image that the pool would get, if it is unknown whether it exists; then there is no version."""

    @property
    def exists(self) -> bool:
        """Whether there is a way."""
        return bool(self.version)

    @property
    def moves(self) -> bool:
        """Whether nodes have to boot another kernel."""
        return self.exists and self.kernel != self.running.kernel

    @property
    def is_unknown(self) -> bool:
        """Whether a registry gave no answer about image or companion, so that there may be a way."""
        kinds = set(map(type, self.companions))
        without_answer = CompanionUnknown in kinds and CompanionMissing not in kinds
        return not self.exists and (self.doubt is not None or without_answer)

    @property
    def unanswered(self) -> TagUnknown | None:
        """The look-up because of which it is unknown whether there is a way."""
        if not self.is_unknown:
            return None
        companions = (one.lookup for one in self.companions if isinstance(one, CompanionUnknown))
        return self.doubt.lookup if self.doubt else next(companions)

    @property
    def gives_up(self) -> bool:
        """Whether the pool has a precompiled image today, and would compile."""
        return self.compiles and self.running.driver is Driver.PRECOMPILED

    @property
    def is_older(self) -> bool:
        """Whether nodes have to boot an older kernel than theirs."""
        return self.exists and is_older(self.kernel, self.running.kernel)

    @property
    def is_ahead(self) -> bool:
        """Whether the nodes only need an older kernel than theirs, which the version has."""
        # What lacks a companion is no kernel to boot.
        is_lacking = self.exists or self.is_unknown or self.companions or not self.running.pool.nodes
        kernel = "" if is_lacking else self.nearest
        return bool(kernel) and is_older(kernel, self.running.kernel)

    @property
    def rank(self) -> int:
        """0 for the best that a pool can get, more for less: a pool that compiles keeps its kernel.

        What is unknown comes before an image that compiles: no precompiled one is given up because
        a registry is away.
        """
        if not self.exists:
            return 2 if self.is_unknown else 4
        if self.gives_up:
            return 3
        kept = not self.moves if self.running.driver is Driver.COMPILED else not self.compiles
        return 0 if kept else 1


def is_older(kernel: str, other: str) -> bool:
    """Say whether a kernel is older than another one of its flavour."""
    return split_kernel(kernel)[0] < split_kernel(other)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a way may do."""

    may_compile: bool = False
    """Give up precompiled images where the policy allows the image that compiles."""
    may_go_back: bool = False
    """Boot older kernels."""


def kernels_for(running: Running, version: str, published: Published, rules: Rules) -> tuple[str, ...]:
    """Return the kernels that a pool may boot for a version, newest first."""
    return _allowed(running, published.release(version), rules)


def _allowed(running: Running, release: Release, rules: Rules) -> tuple[str, ...]:
    kernels = release.kernels.get(flavour_of(running.pool.platform), ())
    if rules.may_go_back or not running.pool.nodes:
        return kernels
    return kernels[: bisect_left(kernels, True, key=lambda kernel: is_older(kernel, running.kernel))]


def find_way(
    running: Running, version: str, published: Published, companions: Companions, rules: Rules
) -> Way:
    """Return a pool's way to a version.

    That is the newest kernel that has a precompiled image and all companions, and is not older than
    the nodes'. A pool that compiles keeps its kernel.
    """
    return next(_ways(running, version, published, companions, rules))


def _ways(
    running: Running, version: str, published: Published, companions: Companions, rules: Rules
) -> Iterator[Way]:
    kernels = kernels_for(running, version, published, rules)
    compiling = Way(running=running, version=version, kernel=running.kernel, compiles=True)
    compiles_today = running.driver is Driver.COMPILED
    can_compile = running.may_compile and published.release(version).compiles(running.pool.platform)
    if compiles_today and running.kernel in kernels:
        yield Way(running=running, version=version, kernel=running.kernel)
    if compiles_today and can_compile:
        yield compiling
    refused: Way | None = None
    for kernel in kernels:
        # What the nodes run already needs no permission.
        stays = kernel == running.kernel and bool(running.pool.nodes)
        needed = () if stays else companions(running.pool, kernel)
        if needed is None:
            continue
        bad = [one for one in needed if not isinstance(one, CompanionExists)]
        if not bad:
            yield Way(running=running, version=version, kernel=kernel, companions=needed)
            continue
        worst = next((one for one in bad if isinstance(one, CompanionMissing)), bad[0])
        why = _lacking(worst, kernel)
        lacking = Way(running=running, why=why, nearest=kernel, companions=needed)
        if isinstance(worst, CompanionUnknown):
            # No older kernel must be chosen because a registry is away, and no image that compiles.
            yield lacking
            return
        refused = refused or lacking
    # These may be what the pool would have instead of compiling.
    gone = published.gone_from(version)
    lost = [
        _in_doubt(Way(running=running, version=version, kernel=kernel))
        for kernel in _allowed(running, gone, rules)
    ]
    if running.driver is Driver.PRECOMPILED:
        yield from lost
    wants_to_compile = running.may_compile and (rules.may_compile or running.driver is not Driver.PRECOMPILED)
    if wants_to_compile and can_compile:
        yield compiling
    yield from lost
    if wants_to_compile and gone.compiles(running.pool.platform):
        yield _in_doubt(compiling)
    yield refused or _no_image(running, version, published, wants_to_compile=wants_to_compile)


_GONE = TagUnknown(Cause.INCONSISTENT, LISTED_WITHOUT_MANIFEST)


def _in_doubt(way: Way) -> Way:
    return doubted(way, _GONE)


def doubted(way: Way, lookup: TagUnknown) -> Way:
    """Return what is known of a pool's way if its image has no answer."""
    image = image_of(way)
    return Way(
        running=way.running,
        why=f"cannot tell whether {image.tag} exists: {lookup.reason}",
        nearest="" if way.compiles else way.kernel,
        doubt=Doubt(image=image, lookup=lookup),
    )


def _lacking(state: CompanionState, kernel: str) -> str:
    """Say why a kernel is of no use, by a companion that does not exist."""
    companion = f"companion {state.required.companion.name}"
    if isinstance(state, CompanionUnknown):
        return f"cannot tell whether {companion} exists for {kernel}: {state.lookup.reason}"
    return f"{companion} is missing for {kernel}: {state.required.image.tag}"


def _no_image(running: Running, version: str, published: Published, *, wants_to_compile: bool) -> Way:
    platform = running.pool.platform
    same = flavour_of(platform)
    all_kernels = published.release(version).kernels.get(same, ())
    nearest = all_kernels[0] if all_kernels else ""
    if nearest:
        nodes = running.pool.nodes
        runs = "runs" if len(nodes) == 1 else "run"
        why = f"{list_nodes(nodes)} {runs} a newer kernel than {nearest}, the newest that it has"
    else:
        flavour = same.kernel.removeprefix("-") or "plain"
        why = f"it has no precompiled image for {flavour} kernels of {platform.os} {platform.arch}"
    reasons = [why]
    if wants_to_compile:
        compiling = f"it has no image that compiles on {platform.os} {platform.arch}"
        # A pool that compiles today lacks that first, and may have no precompiled image at all.
        lacks_that_alone = running.driver is Driver.COMPILED and not nearest
        reasons = [compiling] if lacks_that_alone else [why, compiling]
    return Way(running=running, why=", and ".join(reasons), nearest=nearest)


def image_of(way: Way) -> ImageReference:
    """Return the image that a pool gets by its way, which must exist."""
    driver = way.running.pool.policy.driver
    platform = way.running.pool.platform
    if way.compiles:
        return driver.repository.tag(compile_tag(way.version, platform))
    return driver.repository.tag(precompiled_tag(way.version, platform._replace(kernel=way.kernel)))
