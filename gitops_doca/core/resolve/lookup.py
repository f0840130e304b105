"""What a registry says of a tag, and where answers come from."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from gitops_doca.core.diagnostics import Problems
from gitops_doca.core.model import Pool
from gitops_doca.core.reference import Digest, ImageReference, Repository


class Cause(Enum):
    """Why a look-up ended without an answer."""

    AUTH = "auth"
    """401, 403, a token server that refuses, credentials that cannot be read."""
    TRANSIENT = "transient"
    """Timeouts, resets, refused connections, 408, 429 and 5xx, after the retries."""
    TLS = "tls"
    CERTIFICATE_NAME = "certificate name"
    """The certificate is for another host; its CA is known."""
    CERTIFICATE_TIME = "certificate time"
    """The certificate is not valid at this time; its CA is known."""
    DNS = "dns"
    PROXY = "proxy"
    POLICY = "policy"
    """A redirect or token realm that leads where credentials must not go."""
    REPOSITORY = "repository"
    """The registry does not show the repository: wrong path, or no access."""
    INCONSISTENT = "inconsistent"
    """The tag list holds the tag, the manifest is said not to exist."""
    PROTOCOL = "protocol"
    """An answer against the protocol of registries: HTML, a bare 404, a broken manifest."""
    DEADLINE = "deadline"


@dataclass(frozen=True, slots=True)
class TagExists:
    """The registry has the manifest."""

    digest: Digest


@dataclass(frozen=True, slots=True)
class TagMissing:
    """The registry itself said that it has no such manifest."""


@dataclass(frozen=True, slots=True)
class TagUnknown:
    """Nothing settles the question; never to be taken for missing."""

    cause: Cause
    reason: str
    """What happened, without secrets and without text from the server's body."""
    repository_hidden: bool = False
    """The registry said NAME_UNKNOWN to a client that had shown credentials."""


TagLookup = TagExists | TagMissing | TagUnknown


@dataclass(frozen=True, slots=True)
class ImagePlatforms:
    """What an image says of itself."""

    digest: Digest
    """Of the manifest that the tag names, computed from its bytes."""
    platforms: frozenset[str]
    """`<os>/<architecture>` by the index or by the configuration; empty when neither states one."""


@dataclass(frozen=True, slots=True)
class NotAnImage:
    """The tag is there, and no node can pull an image by it."""

    digest: Digest
    """Of the manifest that the tag names, computed from its bytes."""
    instead: str
    """What the tag names, for messages."""


Inspection = ImagePlatforms | NotAnImage | TagUnknown


@dataclass(frozen=True, slots=True)
class TagList:
    """Tags of a repository: evidence for hints, never by itself for a tag's absence."""

    tags: frozenset[str] = frozenset()
    complete: bool = False
    unlinked: frozenset[str] = frozenset()
    """Those of `tags` that no `Link` leads to: only a client that goes on by itself sees them."""
    repository_unknown: bool = False
    """The registry says that it has no such repository."""
    reason: str = field(default="", compare=False)
    """Why it is not complete, without secrets and without text from the server's body."""


class Resolver(Protocol):
    """The source of answers: the registries, or a lock.

    Whatever a registry does gives answers. What may be raised is `AnswersTooLargeError`.
    """

    def resolve(self, images: Collection[ImageReference]) -> Mapping[ImageReference, TagLookup]:
        """Return one answer for each image."""

    def list_tags(self, repositories: Collection[Repository]) -> Mapping[Repository, TagList]:
        """Return what can be learned of each repository's tags."""


class Inspector(Resolver, Protocol):
    """A resolver that can also look into images."""

    def inspect(self, images: Collection[ImageReference]) -> Mapping[ImageReference, Inspection]:
        """Return digest and platforms of each image, by its manifest and its configuration; each exists."""


class TagSource(Inspector, Protocol):
    """Where a run learns which tags exist, and what depends on where that is."""

    @property
    def is_online(self) -> bool:
        """Whether registries are asked."""

    @property
    def rendering(self) -> int:
        """The rendering that the answers were reviewed with; the program's own when they are new."""

    @property
    def recorded(self) -> str:
        """What the message about a miss says of where it is recorded; empty when the registry was asked."""

    def check(
        self,
        pools: Sequence[Pool],
        companions: Collection[ImageReference],
        problems: Problems,
        *,
        lists_wanted: bool,
    ) -> None:
        """Report what keeps this source from answering for these pools and companions, before it is asked."""

    def check_count(self, needed: int, problems: Problems) -> None:
        """Report more references than this source may be asked for in one run."""

    def check_rendering(self, problems: Problems, *, strict: bool) -> None:
        """Report answers that were reviewed with another rendering."""


def cross_check(
    lookups: Mapping[ImageReference, TagLookup], lists: Mapping[Repository, TagList]
) -> dict[ImageReference, TagLookup]:
    """Weigh misses against the tag lists, and turn into unknown what they contradict.

    N. B. a list can make a miss doubtful; it can never make one: a mirror lists only what it has cached.
    """
    seen = {image.repository for image, lookup in lookups.items() if isinstance(lookup, TagExists)}
    return {image: _weigh(image, lookup, lists, seen) for image, lookup in lookups.items()}


def _weigh(
    image: ImageReference,
    lookup: TagLookup,
    lists: Mapping[Repository, TagList],
    seen: Collection[Repository],
) -> TagLookup:
    if isinstance(lookup, TagUnknown) and lookup.repository_hidden and image.repository in seen:
        # The repository is there for other tags, so the registry meant this one.
        lookup = TagMissing()
    if not isinstance(lookup, TagMissing):
        return lookup
    listed = lists.get(image.repository, TagList())
    if image.tag in listed.tags:
        return TagUnknown(
            Cause.INCONSISTENT, "the tag list holds this tag, but its manifest is said not to exist"
        )
    if listed.repository_unknown and image.repository not in seen:
        return TagUnknown(Cause.REPOSITORY, REPOSITORY_NOT_VISIBLE)
    return lookup


REPOSITORY_NOT_VISIBLE = (
    "the registry does not show this repository: its path is wrong, or it needs credentials"
)
