"""A resolver in memory: it answers what a test says, and remembers what it was asked."""

from collections.abc import Collection, Mapping

from fakes.cluster import DIGEST
from gitops_doca.core.reference import ImageReference, Repository
from gitops_doca.core.resolve.lookup import (
    ImagePlatforms,
    Inspection,
    TagExists,
    TagList,
    TagLookup,
    TagMissing,
)


class FakeResolver:
    """Holds tags of every repository alike; `faults` and `inspections` are answers to single tags instead."""

    def __init__(
        self,
        tags: Collection[str] = (),
        *,
        faults: Mapping[str, TagLookup] | None = None,
        lists: TagList | None = None,
        inspections: Mapping[str, Inspection] | None = None,
    ) -> None:
        self._tags = frozenset(tags)
        self._faults = faults or {}
        self._inspections = inspections or {}
        self._list = TagList(self._tags, complete=True) if lists is None else lists
        self.asked: list[tuple[str, ...]] = []
        """Tags of each round of look-ups."""
        self.listed: list[tuple[Repository, ...]] = []
        """Repositories of each round of tag lists."""

    def __call__(self, *_options: object) -> "FakeResolver":
        """Stand in for what makes a resolver, too."""
        return self

    def resolve(self, images: Collection[ImageReference]) -> Mapping[ImageReference, TagLookup]:
        """Answer each image."""
        self.asked.append(tuple(image.tag for image in images))
        return {image: self._answer(image.tag) for image in images}

    def list_tags(self, repositories: Collection[Repository]) -> Mapping[Repository, TagList]:
        """List each repository."""
        self.listed.append(tuple(repositories))
        return dict.fromkeys(repositories, self._list)

    def inspect(self, images: Collection[ImageReference]) -> Mapping[ImageReference, Inspection]:
        """Say of each image that it is for the platform in its tag."""
        return {image: self._inspections.get(image.tag, _as_tagged(image.tag)) for image in images}

    def credentials_used(self, _repository: Repository) -> str | None:
        """No registry wanted any."""
        return ""

    def _answer(self, tag: str) -> TagLookup:
        if tag in self._faults:
            return self._faults[tag]
        return TagExists(DIGEST) if tag in self._tags else TagMissing()


def _as_tagged(tag: str) -> Inspection:
    return ImagePlatforms(DIGEST, frozenset({f"linux/{tag.rpartition('-')[2]}"}))
