"""Look up the tags that pools need in rounds, and check misses with the tag lists."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache

from gitops_doca.core.compare.lock import RENDERING
from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.diagnostics import Problems
from gitops_doca.core.model import Pool
from gitops_doca.core.reference import ImageReference, Repository
from gitops_doca.core.resolve.companions import CompanionAnswer
from gitops_doca.core.resolve.decide import required_images
from gitops_doca.core.resolve.lookup import (
    Inspection,
    Inspector,
    TagExists,
    TagList,
    TagLookup,
    TagMissing,
    TagSource,
    cross_check,
)
from gitops_doca.usecases.load import SPLIT

MAX_LOOKUPS = 2000
"""The most references that a run looks up; more means a mistake in the inputs."""


class RegistryTags:
    """A `TagSource` that asks the registries."""

    is_online = True
    rendering = RENDERING
    recorded = ""

    def __init__(self, resolver: Callable[[], Inspector], *, split: str = SPLIT) -> None:
        """Keep `resolver` for the first look-up; `split` says how to need fewer of them."""
        self._resolver = cache(resolver)
        self._split = split

    def check(
        self,
        pools: Sequence[Pool],
        companions: Collection[ImageReference],
        problems: Problems,
        *,
        lists_wanted: bool,
    ) -> None:
        """Report nothing: registries can answer for any pool."""

    def check_count(self, needed: int, problems: Problems) -> None:
        """Report more than `MAX_LOOKUPS` references."""
        if needed > MAX_LOOKUPS:
            message = f"{needed:,} tags are needed, and a run looks up {MAX_LOOKUPS:,} at most"
            problems.error(message, help=self._split)

    def check_rendering(self, problems: Problems, *, strict: bool) -> None:
        """Report nothing: new answers were not reviewed with another rendering."""

    def resolve(self, images: Collection[ImageReference]) -> Mapping[ImageReference, TagLookup]:
        """Return one answer for each image."""
        return self._resolver().resolve(images)

    def list_tags(self, repositories: Collection[Repository]) -> Mapping[Repository, TagList]:
        """Return the known tags of each repository."""
        return self._resolver().list_tags(repositories)

    def inspect(self, images: Collection[ImageReference]) -> Mapping[ImageReference, Inspection]:
        """Return digest and platforms of each image."""
        return self._resolver().inspect(images)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """The answers of a source for a run."""

    lookups: Mapping[ImageReference, TagLookup]
    """The answer for each image that the decisions depend on."""
    companions: Mapping[ImageReference, CompanionAnswer]
    lists: Mapping[Repository, TagList]


def look_up(
    pools: Sequence[Pool],
    source: TagSource,
    problems: Problems,
    *,
    companions: Collection[ImageReference] = (),
    lists_wanted: bool = False,
) -> Answers:
    """Return an answer for each image that the decisions depend on, and for each companion.

    Tags are listed after misses, and with `lists_wanted` in every repository of the pools. Raises
    `GenerationError` for a source that cannot answer, and for too many references.
    """
    source.check(pools, companions, problems, lists_wanted=lists_wanted)
    problems.raise_errors()
    lookups: dict[ImageReference, TagLookup] = {}
    while required := required_images(pools, lookups):
        source.check_count(len({*lookups, *required, *companions}), problems)
        problems.raise_errors()
        lookups |= _ask(required, lookups, source)
    # After the answers, so that a list that is slow or fails does not affect them.
    drivers, lists = _weigh(lookups, lookups, {}, source, wanted=lookups if lists_wanted else ())
    # Last, since a companion may be missing where no driver may: its registry takes no time from the drivers.
    beside = [image for image in companions if image not in lookups]
    source.check_count(len(lookups) + len(beside), problems)
    problems.raise_errors()
    lookups |= _ask(beside, lookups, source)
    answers, lists = _weigh(beside, lookups, lists, source)
    answers |= drivers
    return Answers(
        lookups=drivers,
        companions=_inspect({image: answers[image] for image in companions}, source),
        lists=lists,
    )


def _ask(
    images: Collection[ImageReference], known: Mapping[ImageReference, TagLookup], source: TagSource
) -> dict[ImageReference, TagLookup]:
    """Return an answer for each image, in view of what is known of others."""
    if not images:
        return {}
    weighed = cross_check({**known, **source.resolve(sorted(images))}, {})
    # Only these: an earlier answer that became a miss now would start the rounds again.
    return {image: weighed[image] for image in images}


def _weigh(
    images: Collection[ImageReference],
    known: Mapping[ImageReference, TagLookup],
    lists: Mapping[Repository, TagList],
    source: TagSource,
    *,
    wanted: Collection[ImageReference] = (),
) -> tuple[dict[ImageReference, TagLookup], Mapping[Repository, TagList]]:
    """Return the answers of these images, weighed against the tag lists, and with the others these lists.

    Tags are listed in the repositories of misses and of those that are `wanted`, each once.
    """
    misses = [image for image in images if isinstance(known[image], TagMissing)]
    repositories = {image.repository for image in (*misses, *wanted)} - lists.keys()
    if repositories:
        lists = {**lists, **source.list_tags(sorted(repositories))}
    weighed = cross_check(known, lists)
    return {image: weighed[image] if image in misses else known[image] for image in images}, lists


def _inspect(
    companions: Mapping[ImageReference, TagLookup], source: TagSource
) -> Mapping[ImageReference, CompanionAnswer]:
    """Return the answer for each companion, with the platforms of existing ones."""
    existing = [image for image, lookup in companions.items() if isinstance(lookup, TagExists)]
    inspections = source.inspect(existing) if existing else {}
    return {
        image: inspections[image] if isinstance(lookup, TagExists) else lookup
        for image, lookup in companions.items()
    }
