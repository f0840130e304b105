"""Choose for each pool the image of its DaemonSet, by the registry's answers."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, assert_never

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.diagnostics import Category, Diagnostic, Flag, Place, Problems
from gitops_doca.core.model import Platform, Pool
from gitops_doca.core.phrases import PLANNED, name_nodes
from gitops_doca.core.reference import Digest, ImageReference, Repository
from gitops_doca.core.resolve.lookup import Cause, TagExists, TagList, TagLookup, TagMissing, TagUnknown
from gitops_doca.core.tags import compile_tag, precompiled_tag


@dataclass(frozen=True, slots=True, kw_only=True)
class UsePrecompiled:
    """The registry has the image with the modules for this kernel."""

    pool: Pool
    image: ImageReference
    digest: Digest
    fallback: str = ""
    """Its version of `fallbackVersions`; empty for the policy's own."""

    @property
    def version(self) -> str:
        """The driver's version."""
        return self.fallback or self.pool.policy.driver.version


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileOnNode:
    """There is no precompiled image, and the policy allows compiling."""

    pool: Pool
    image: ImageReference
    digest: Digest

    @property
    def version(self) -> str:
        """The driver's version."""
        return self.pool.policy.driver.version


@dataclass(frozen=True, slots=True, kw_only=True)
class UseDigest:
    """The policy names a digest: one image for all nodes, without a look-up."""

    pool: Pool
    image: ImageReference


@dataclass(frozen=True, slots=True, kw_only=True)
class NoImage:
    """No image: a required one is missing, or a look-up gave no answer."""

    pool: Pool
    image: ImageReference
    """The image whose look-up decided."""
    lookup: TagMissing | TagUnknown


_HINTED = 20
"""The most misses with hints: more would not be read, and a registry may have very many tags."""

Decision = UsePrecompiled | CompileOnNode | UseDigest | NoImage
Chosen = UsePrecompiled | CompileOnNode | UseDigest


def precompiled_image(pool: Pool) -> ImageReference:
    """Return the precompiled image of the policy's own version, which must not be a digest."""
    driver = pool.policy.driver
    return driver.repository.tag(precompiled_tag(driver.version, pool.platform))


def compile_image(pool: Pool) -> ImageReference:
    """Return the reference of the image that compiles on the pool's nodes."""
    driver = pool.policy.driver
    return driver.repository.tag(compile_tag(driver.version, pool.platform))


def required_images(
    pools: Iterable[Pool], lookups: Mapping[ImageReference, TagLookup]
) -> tuple[ImageReference, ...]:
    """Return the images of the next round of look-ups, sorted; empty when all is decided.

    The rounds: the policy's own version, then each fallback, then the image that compiles on the
    node; each only for the pools whose images before it are missing.
    """
    return tuple(sorted({image for pool in pools if (image := _next_image(pool, lookups))}))


def _next_image(pool: Pool, lookups: Mapping[ImageReference, TagLookup]) -> ImageReference | None:
    for candidate in _candidates(pool):
        lookup = lookups.get(candidate.image)
        if lookup is None:
            return candidate.image
        if not isinstance(lookup, TagMissing):
            return None
    return None


def decide(pool: Pool, lookups: Mapping[ImageReference, TagLookup]) -> Decision:
    """Choose the first image of a pool that exists; an unknown one ends the search without one."""
    driver = pool.policy.driver
    if driver.digest is not None:
        return UseDigest(pool=pool, image=driver.repository.digest(driver.digest))
    for candidate in _candidates(pool):
        image = candidate.image
        match lookups[image]:
            case TagExists(digest) if candidate.compiles:
                return CompileOnNode(pool=pool, image=image, digest=digest)
            case TagExists(digest):
                return UsePrecompiled(pool=pool, image=image, digest=digest, fallback=candidate.fallback)
            case TagUnknown() as unknown:
                return NoImage(pool=pool, image=image, lookup=unknown)
            case TagMissing():
                pass
            case never:
                assert_never(never)
    image = precompiled_image(pool) if driver.force_precompiled else compile_image(pool)
    return NoImage(pool=pool, image=image, lookup=TagMissing())


def is_unknown(decision: Decision) -> bool:
    """Say whether a pool has no image because a look-up gave no answer."""
    return isinstance(decision, NoImage) and isinstance(decision.lookup, TagUnknown)


class _Candidate(NamedTuple):
    """An image that a pool may run."""

    image: ImageReference
    fallback: str = ""
    compiles: bool = False


def _candidates(pool: Pool) -> Iterator[_Candidate]:
    """Yield the images that a pool may run, in the order of preference; none for a digest."""
    driver = pool.policy.driver
    if driver.digest is not None:
        return
    yield _Candidate(precompiled_image(pool))
    for version in driver.fallbacks:
        tag = precompiled_tag(version, pool.platform)
        yield _Candidate(driver.repository.tag(tag), fallback=version)
    if not driver.force_precompiled:
        yield _Candidate(compile_image(pool), compiles=True)


def pinned(decision: Chosen) -> ImageReference:
    """Return the image with tag and digest, `repo/image:tag@sha256:...`."""
    match decision:
        case UsePrecompiled() | CompileOnNode():
            return ImageReference(decision.image.repository, decision.image.tag, decision.digest)
        case UseDigest():
            return decision.image
        case never:
            assert_never(never)


def report(
    decisions: Sequence[Decision],
    lists: Mapping[Repository, TagList],
    problems: Problems,
    *,
    recorded: str = "",
) -> None:
    """Report every pool without an image: missing with the nearest tags, unknown with the reason.

    `recorded` names the lock that a miss is from, and how to update it; empty if the registry was
    asked.
    """
    missing: dict[ImageReference, list[Pool]] = defaultdict(list)
    unknown: dict[tuple[Repository, TagUnknown], dict[ImageReference, list[Pool]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for decision in decisions:
        if not isinstance(decision, NoImage):
            continue
        match decision.lookup:
            case TagMissing():
                missing[decision.image].append(decision.pool)
            case TagUnknown() as lookup:
                unknown[decision.image.repository, lookup][decision.image].append(decision.pool)
            case never:
                assert_never(never)
    for number, (image, pools) in enumerate(missing.items()):
        listed = lists.get(image.repository, TagList()) if number < _HINTED else None
        problems.add(_missing(image, pools, listed, recorded))
    for (repository, lookup), images in unknown.items():
        problems.add(_unknown(repository, lookup, images))


def report_unknown(decisions: Iterable[Decision], problems: Problems) -> None:
    """Report only the pools whose image is unknown."""
    report(list(filter(is_unknown, decisions)), {}, problems)


def _missing(image: ImageReference, pools: list[Pool], listed: TagList | None, recorded: str) -> Diagnostic:
    # Start-up counts, and most runs miss nothing.
    from gitops_doca.core.resolve.hints import nearest_tags

    first = pools[0]
    version, platform = first.policy.driver.version, first.platform
    # A policy that forces and one that does not may share a version, and so a tag.
    forced = image == precompiled_image(first)
    if forced:
        message = (
            f"ForcePrecompiled is enabled and precompiled tag was not found: {image.tag} "
            f"in {image.repository}{_tried(first)}"
        )
        help = (
            "publish or mirror this tag, keep the nodes on a kernel that has one, "
            "choose a driver version that has it, or set forcePrecompiled: false"
        )
    else:
        message = (
            f"neither the precompiled tag nor the image that compiles on the node was found: {image.tag} "
            f"in {image.repository}{_tried(first)}"
        )
        platform = Platform(platform.os_id, platform.os_version, "", platform.arch)
        help = "publish or mirror one of them, or correct repository, image and version in the policy"
    hints = nearest_tags(version, platform, listed.tags) if listed else ()
    details = []
    for platform_pools in _by_platform(pools):
        details.append(_who(platform_pools))
        if not forced:
            details.append(f"precompiled tag: {precompiled_image(platform_pools[0]).tag}")
    if recorded:
        details.append(recorded)
    elif hints:
        details.append("published near it: " + "; ".join(hints))
    elif listed is not None and not listed.tags:
        details.append("the repository's tag list gave nothing to compare with")
    return Diagnostic(
        category=Category.MISSING,
        message=message,
        place=place_of(pools),
        details=tuple(details),
        help=help,
    )


def _tried(pool: Pool) -> str:
    versions = pool.policy.driver.fallbacks
    if not versions:
        return ""
    plural = "s" if len(versions) > 1 else ""
    return f", nor one of the fallback version{plural} {', '.join(versions)}"


def _unknown(
    repository: Repository, lookup: TagUnknown, images: Mapping[ImageReference, list[Pool]]
) -> Diagnostic:
    tags = sorted(images)
    others = len(tags) - 1
    more = f" and {others} more tag{'s' if others > 1 else ''}" if others else ""
    exist = "exist" if more else "exists"
    where = "" if str(repository).startswith(repository.registry) else f" (registry {repository.registry})"
    return Diagnostic(
        category=Category.UNKNOWN,
        message=(f"cannot tell whether {tags[0].tag}{more} {exist} in {repository}{where}: {lookup.reason}"),
        place=place_of([pool for pools in images.values() for pool in pools]),
        details=tuple(f"{tag.tag}: {_who(pools)}" for tag in tags for pools in _by_platform(images[tag])),
        help=(*HELP_BY_CAUSE[lookup.cause], ", then run again; no image is chosen on a guess"),
    )


HELP_BY_CAUSE: Mapping[Cause, tuple[str | Flag, ...]] = {
    Cause.AUTH: ("give credentials for this repository with ", Flag("--registry-config")),
    Cause.LOGIN: ("correct the login there: it needs access to this repository",),
    Cause.NOT_SENT: (
        "if the token server may have the credentials, name its host with ",
        Flag("--trusted-realm-host"),
    ),
    Cause.NO_CHALLENGE: ("check the registry's address, or ask its owner for access",),
    Cause.CREDENTIALS: ("correct that file, or name another one with ", Flag("--registry-config")),
    Cause.HELPER: ("install or repair the helper, or remove it from that file",),
    Cause.TRANSIENT: ("wait until the registry answers",),
    Cause.TLS: ("name the registry's CA with ", Flag("--ca-file")),
    Cause.CA_FILE: ("correct that file, or name another one with ", Flag("--ca-file")),
    Cause.CERTIFICATE_NAME: ("use the host name that is in the registry's certificate",),
    Cause.CERTIFICATE_TIME: (
        "ask the registry's owner for a new certificate, or correct this machine's clock",
    ),
    Cause.DNS: ("correct the registry's name, or the name server",),
    Cause.PROXY: ("correct HTTPS_PROXY or NO_PROXY",),
    Cause.NOT_ALLOWED: ("if it may be asked, add it with ", Flag("--allowed-registry")),
    Cause.PRIVATE: ("if this address may be used, name its host with ", Flag("--trusted-realm-host")),
    Cause.POLICY: ("use a registry without this redirect or token server",),
    Cause.REPOSITORY: (
        "correct the repository, or give credentials with ",
        Flag("--registry-config"),
    ),
    Cause.INCONSISTENT: ("ask the registry's owner to fix it",),
    Cause.PROTOCOL: ("check that the registry itself is at this address, and not a login page",),
    Cause.DEADLINE: ("give more time with ", Flag("--deadline")),
}
"""What to do about a look-up without an answer; more of the sentence follows."""


def _by_platform(pools: Sequence[Pool]) -> list[list[Pool]]:
    """Group the pools by platform: each policy has its own pool."""
    groups: dict[Platform, list[Pool]] = defaultdict(list)
    for pool in pools:
        groups[pool.platform].append(pool)
    return [group for _, group in sorted(groups.items())]


def place_of(pools: Sequence[Pool]) -> Place:
    """Return the policy's place, or the plan's if only planned pools need the image."""
    first = pools[0]
    return first.plan.place if first.plan and not any(pool.nodes for pool in pools) else first.policy.place


def describe_pools(pools: Sequence[Pool]) -> tuple[str, ...]:
    """Return a line for each platform, with its nodes."""
    return tuple(map(_who, _by_platform(pools)))


def _who(pools: Sequence[Pool]) -> str:
    names = sorted({name for pool in pools for name in pool.node_names})
    if not names:
        return f"pool {pools[0].platform}: {PLANNED}"
    count = f"{len(names)} node{'s' if len(names) > 1 else ''}"
    return f"pool {pools[0].platform}, {count}: {name_nodes(names)}"
