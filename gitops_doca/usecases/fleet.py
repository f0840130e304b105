"""Share look-ups between the clusters of a fleet."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from gitops_doca.core.diagnostics import Problems
from gitops_doca.core.fleet import ClusterResult
from gitops_doca.core.reference import ImageReference, Repository
from gitops_doca.core.resolve.companions import companion_images
from gitops_doca.core.resolve.decide import required_images
from gitops_doca.core.resolve.fallbacks import unused_fallbacks
from gitops_doca.core.resolve.lookup import Inspection, Inspector, TagExists, TagList, TagLookup
from gitops_doca.usecases.generate import Generation
from gitops_doca.usecases.load import Inputs
from gitops_doca.usecases.look_up import RegistryTags, look_up

if TYPE_CHECKING:
    from gitops_doca.usecases.lock import Locking

_K = TypeVar("_K")
_V = TypeVar("_V")
_SPLIT = "take fewer clusters at a time, or check those that have locks without --online"


def cluster_result(made: "Generation | Locking", cluster: str) -> ClusterResult:
    """Return what was made for a cluster, as a run without errors and differences."""
    return ClusterResult(
        cluster=cluster,
        decisions=made.decisions,
        grouping=made.inputs.grouping,
        companions=made.companions,
        unused_fallbacks=unused_fallbacks(made.decisions, made.inputs.fallback_versions),
        unused_companions=made.inputs.unused_companions,
        images=made.images if isinstance(made, Generation) else (),
    )


class CachingResolver:
    """An `Inspector` that caches the answers of another one, which is made on first use.

    Answers are cached unchanged: each cluster checks its misses by itself.
    """

    def __init__(self, inspector: Callable[[], Inspector]) -> None:
        self._made = cache(inspector)
        self._lookups: dict[ImageReference, TagLookup] = {}
        self._lists: dict[Repository, TagList] = {}
        self._inspections: dict[ImageReference, Inspection] = {}

    def resolve(self, images: Collection[ImageReference]) -> Mapping[ImageReference, TagLookup]:
        """Return one answer for each image, in their order."""
        return _known(images, self._lookups, lambda absent: self._made().resolve(absent))

    def list_tags(self, repositories: Collection[Repository]) -> Mapping[Repository, TagList]:
        """Return the known tags of each repository, in their order."""
        return _known(repositories, self._lists, lambda absent: self._made().list_tags(absent))

    def inspect(self, images: Collection[ImageReference]) -> Mapping[ImageReference, Inspection]:
        """Return digest and platforms of each image, in their order."""
        return _known(images, self._inspections, lambda absent: self._made().inspect(absent))


def _known(
    keys: Collection[_K], known: dict[_K, _V], ask: Callable[[Collection[_K]], Mapping[_K, _V]]
) -> dict[_K, _V]:
    absent = [key for key in dict.fromkeys(keys) if key not in known]
    if absent:
        known.update(ask(absent))
    return {key: known[key] for key in keys}


def prefetch(
    fleet: Sequence[Inputs], answers: CachingResolver, problems: Problems, *, inspect: bool = False
) -> None:
    """Look up all that these clusters need, before each of them resolves.

    With `inspect` the images themselves are read too. Raises `GenerationError` for more than
    `MAX_LOOKUPS` tags, and if no registry client can be made.
    """
    pools = tuple(pool for inputs in fleet for pool in inputs.grouping.pools)
    companions = companion_images(one for inputs in fleet for one in inputs.companions)
    source = RegistryTags(lambda: answers, split=_SPLIT)
    lookups = look_up(pools, source, problems, companions=companions).lookups
    listing = [pool for inputs in fleet if inputs.emits_policies for pool in inputs.grouping.pools]
    if repositories := {image.repository for image in required_images(listing, {})}:
        answers.list_tags(sorted(repositories))
    if inspect and (existing := [i for i, lookup in lookups.items() if isinstance(lookup, TagExists)]):
        answers.inspect(existing)
